"""Whether the first axis of every tensor of a file counts images, so that many can run at once."""

from edgeint8.tflite.file.model import Operator, Tensor, TFLiteModel

PAIRS = frozenset({"ADD", "SUB", "MUL", "MAXIMUM", "MINIMUM"})


def keeps_images_apart(source: TFLiteModel) -> bool:
    """Whether every computed tensor begins with an axis of one image that no operator mixes."""
    computed = {*source.inputs, *(k for op in source.operators for k in op.outputs if k >= 0)}
    if any(source.tensors[index].shape[:1] != (1,) for index in computed):
        return False
    return not any(_mixes_images(source, operator) for operator in source.operators)


def _mixes_images(source: TFLiteModel, operator: Operator) -> bool:
    """Whether an operator moves, joins or averages along the first axis."""
    tensors = [source.tensors[index] for index in operator.inputs if index >= 0]
    if not tensors:
        return True
    rank = len(tensors[0].shape)
    if operator.kind in ("CONCATENATION", "PACK"):
        axes = rank + (operator.kind == "PACK")
        return int(operator.options["axis"]) % max(axes, 1) == 0
    if operator.kind == "SOFTMAX":
        return rank < 2
    if operator.kind in PAIRS:
        ranks = {len(tensor.shape) for tensor in tensors if tensor.data is None}
        return len(ranks) > 1
    if operator.kind == "STRIDED_SLICE":  # one image is taken whole, or its axis is taken away
        return bool(int(operator.options["shrink_axis_mask"]) & 1)
    return _constant_mixes(operator.kind, tensors)


def _constant_mixes(kind: str, tensors: list[Tensor]) -> bool:
    """Whether a constant input names the first axis."""
    if kind == "SPLIT" and len(tensors) > 1:
        tensors = tensors[::-1]
    rank = len(tensors[0].shape)
    data = tensors[1].data if len(tensors) > 1 else None
    if data is None or data.size == 0 or rank == 0:
        return False
    if kind == "TRANSPOSE":
        return int(data.reshape(-1)[0]) != 0
    if kind in ("MEAN", "SPLIT"):
        return any(int(axis) % rank == 0 for axis in data.reshape(-1))
    if kind in ("PAD", "PADV2"):
        return bool(data.reshape(-1)[:2].any())
    return False
