"""Which operators work on what a layer leaves, before it is written.

`fold` takes what every INT8 compiler folds into the layer before: limits (ReLU, Clip) become the
requantiser's, a factor and a sum a channel (BatchNormalization) its weights and bias. `fuse` adds
pools, other element-wise operators and additions, whose second operand is read once.

Both follow edges: an operator joins the layer that wrote its input if nothing else reads that
input and the network does not give it out, and if everything else that it reads is there by then.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from edgeint8.arch.network.layers import Layer, Tensor, TensorRole
from edgeint8.arch.network.operators.kinds import FOLDED

Joins = Callable[[Layer], bool]


def fold(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """The layers that an INT8 compiler leaves."""
    return _join(layers, _folds)


def fuse(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """Pools, element-wise operators and additions move into the layer before them as well."""
    return _join(layers, lambda layer: layer.operator in ("pool", "elementwise"))


def _folds(layer: Layer) -> bool:
    """A layer's reason is ``<operator> is not a product``."""
    return layer.reason.split(" ")[0] in FOLDED and layer.operator == "elementwise"


def readers(layers: Sequence[Layer]) -> Counter[str]:
    """How often each tensor is read; a layer that reads it twice counts twice."""
    return Counter(tensor.name for layer in layers for tensor in layer.reads)


def _join(layers: Sequence[Layer], joins: Joins) -> tuple[Layer, ...]:
    read = readers(layers)
    kept: list[Layer] = []
    writer: dict[str, int] = {}
    for layer in layers:
        place = _host(layer, kept, writer, read) if joins(layer) else None
        if place is None:
            place = len(kept)
            kept.append(layer)
        else:
            kept[place] = _joined(kept[place], layer)
        writer |= {tensor.name: place for tensor in layer.writes}
    return tuple(kept)


def _host(
    layer: Layer, kept: Sequence[Layer], writer: dict[str, int], read: Counter[str]
) -> int | None:
    """Place of the layer that `layer` can join: the last that wrote one of its inputs."""
    places = {writer.get(tensor.name, -1) for tensor in layer.reads}
    if not places or len(layer.writes) != 1:
        return None
    place = max(places)
    if place < 0 or kept[place].shape is None:
        return None
    own = [tensor for tensor in layer.reads if writer.get(tensor.name, -1) == place]
    host = kept[place]
    alone = len(own) == len(host.writes) == 1 and own[0].name == host.writes[-1].name
    if not alone or own[0].role == "output" or read[own[0].name] > 1:
        return None
    full = own[0].bytes == max(tensor.bytes for tensor in layer.reads)
    grows = layer.writes[0].bytes > own[0].bytes
    return place if full and not grows else None


def _joined(host: Layer, layer: Layer) -> Layer:
    """`host` leaves what `layer` leaves, and reads what else `layer` reads."""
    taken = host.writes[-1].name
    added = tuple(tensor for tensor in layer.reads if tensor.name != taken)
    return replace(
        host,
        name=f"{host.name}+{layer.name}",
        ofmap_bytes=layer.ofmap_bytes,
        reads=host.reads + added,
        writes=layer.writes,
        added_bytes=host.added_bytes + sum(tensor.bytes for tensor in added),
        stored_bytes=host.stored_bytes + layer.stored_bytes,
    )


def main_input(layer: Layer) -> Tensor | None:
    """The tensor that streams in as the ifmap, where it is one whole tensor read once."""
    if not layer.reads:
        return None
    first = layer.reads[0]
    once = sum(tensor.name == first.name for tensor in layer.reads) == 1
    whole = layer.shape is None or first.bytes == layer.ifmap_bytes
    return first if once and whole else None


def chained(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """Layers that are known to follow each other, with the edges that say so.

    A list of layers (a topology file) has no edges. Each layer reads what the one before wrote,
    where the two sizes agree; elsewhere something is left out of the list and the chain breaks.
    """
    linked: list[Layer] = []
    before: Tensor | None = None
    for place, layer in enumerate(layers):
        own = Tensor(f"input of {layer.name}", layer.ifmap_bytes, "input")
        read = before if before is not None and before.bytes == layer.ifmap_bytes else own
        role: TensorRole = "output" if place == len(layers) - 1 else "inner"
        before = Tensor(f"output of {layer.name}", layer.ofmap_bytes, role)
        linked.append(replace(layer, reads=(read,), writes=(before,)))
    return tuple(linked)
