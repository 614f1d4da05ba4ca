"""A model of one node, and what the executor and ONNX Runtime make of it."""

import numpy as np
import onnx
from messy_networks import node
from onnx import helper, numpy_helper

from edgeint8.fixed_point.executor import Executor
from edgeint8.quant.session import make_session

F32 = np.float32


def array(seed, shape, dtype=F32):
    """Normal floats, or codes of the whole range."""
    rng = np.random.default_rng(seed)
    if dtype == F32:
        return rng.standard_normal(shape).astype(F32)
    return rng.integers(0, 256, shape).astype(np.uint8).view(dtype)


def model_of(op_type, feeds, constants=(), opset=18, inputs=None, **attributes):
    """A model of one node; inputs in the order of `inputs`, or feeds before constants."""
    constants = dict(constants)
    names = [*feeds, *constants] if inputs is None else inputs
    graph = helper.make_graph(
        [node(op_type, names, ["y"], op_type, **attributes)],
        "one",
        [
            helper.make_tensor_value_info(
                name, helper.np_dtype_to_tensor_dtype(value.dtype), [None] * value.ndim
            )
            for name, value in feeds.items()
        ],
        [onnx.ValueInfoProto(name="y")],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)],
        ir_version=min(9, opset),
    )


def both(model, feeds):
    """What the executor and what ONNX Runtime compute; shapes and types are equal."""
    got = Executor(model).run(feeds)["y"]
    (want,) = make_session(model, optimization="extended").run(None, feeds)
    assert (got.dtype, got.shape) == (want.dtype, want.shape)
    return got, want


def close(got, want, largest=1e-6):
    """The tolerance of `compare`: 1e-5 of the largest value, or of what was summed up to it."""
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-5 * np.abs(want).max(initial=largest))
