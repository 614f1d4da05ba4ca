"""Every tensor of a network in one run on zeros.

Exporters compute sizes in the graph (Shape, Gather, Concat, Reshape) wherever the batch is free,
and ONNX's shape inference loses the thread there. A run does not.
"""

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

Dims = tuple[int, ...]
Values = dict[str, NDArray[Any]]


def run_on(model: onnx.ModelProto, feeds: Values) -> Values:
    """All tensors by name for these inputs; none where ONNX Runtime cannot run the model."""
    import onnxruntime  # a quarter of a second: only for those who need it

    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    known = {output.name for output in watched.graph.output}
    names = [name for node in watched.graph.node for name in node.output if name]
    watched.graph.output.extend(onnx.ValueInfoProto(name=n) for n in names if n not in known)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = onnxruntime.InferenceSession(
            watched.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        found = session.run(None, feeds)
    except Exception:  # ONNX Runtime raises types of its own; each layer then says what it lacks
        return {}
    given = [output.name for output in session.get_outputs()]
    return {
        name: array
        for name, array in zip(given, found, strict=True)
        if isinstance(array, np.ndarray)
    }
