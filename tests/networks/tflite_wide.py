"""Random files of one operator with int16 activations and int8 weights."""

import numpy as np
from tflite_models import KINDS, options, write

WIDE_KINDS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "ADD")
LARGE_BIAS = 1000


def random_wide(kind, seed):
    """Bytes of a file, and inputs with both ends among them."""
    rng = np.random.default_rng([seed, 16, sum(kind.encode())])
    tensors, op = KINDS[kind](rng)
    inputs = [k for k in op.inputs if tensors[k].data is None]
    for k in (*inputs, *op.outputs):
        tensors[k].dtype, tensors[k].zero = np.int16, 0
    if kind == "ADD":
        activation = op.options.fusedActivationFunction
        op.options = options("Add", fusedActivationFunction=activation, potScaleInt16=False)
    else:
        tensors[3].dtype, tensors[3].data = np.int64, np.asarray(tensors[3].data) * LARGE_BIAS
    feeds = []
    for k in inputs:
        codes = rng.integers(-(1 << 15), 1 << 15, tensors[k].shape)
        codes.flat[0], codes.flat[-1] = -(1 << 15), (1 << 15) - 1
        feeds.append(codes.astype(np.int16))
    return write(tensors, [op], inputs, op.outputs), feeds
