"""Our arithmetic of a runtime beside the real one, on files of a few operators."""

import functools

import numpy as np

from edgeint8.errors import ModelError
from edgeint8.fixed_point.executor import ALL_TENSORS, Executor
from edgeint8.fixed_point.runtimes.known import runtime_named
from edgeint8.quant.ort import reference
from edgeint8.tflite.convert.convert import convert
from edgeint8.tflite.file.reader import read_tflite
from edgeint8.tflite.witness.witness import Witness

NAMES = ("litert_ref", "litert_xnnpack", "tflm")


class Witnesses:
    """The real runtimes, each in one child for all the files of a test."""

    def __init__(self, names=NAMES):
        self.real = {name: Witness(name) for name in names}

    def close(self):
        for witness in self.real.values():
            witness.close()

    def answer(self, name, data, feeds):
        """Every tensor of the real runtime, or None where it refuses the file."""
        try:
            self.real[name].load(data)
        except ModelError:
            return None
        return self.real[name].run(feeds)

    def mismatches(self, name, data, feeds, ours=None):
        """Elements of all tensors that differ, or None where the real runtime refuses the file.

        ours : the runtime whose arithmetic runs, `name` itself by default
        """
        want = self.answer(name, data, feeds)
        if want is None:
            return None
        got = tensors(data, feeds, ours or name)
        return sum(int(np.count_nonzero(got[k] != want[k])) for k in got if k in want)


@functools.lru_cache(maxsize=4)
def converted_file(data):
    """The graph of a file."""
    return convert(read_tflite(data))


def tensors(data, feeds, name):
    """What our arithmetic of a runtime computes, by index of the file's tensor."""
    converted = converted_file(data)
    values = Executor(converted.model, runtime=runtime_named(name)).run(
        named(converted, feeds), keep=ALL_TENSORS
    )
    return {k: view.as_file(values[view.name]) for k, view in converted.views.items()}


def named(converted, feeds):
    """Inputs by name."""
    return dict(zip([i.name for i in converted.model.graph.input], feeds, strict=True))


def onnx_mismatches(data, feeds):
    """Elements that differ between our arithmetic of ONNX Runtime and ONNX Runtime itself."""
    converted = converted_file(data)
    inputs = named(converted, feeds)
    want = reference.all_tensors(converted.model, inputs)
    got = Executor(converted.model).run(inputs, keep=ALL_TENSORS)
    return sum(int(np.count_nonzero(got[name] != want[name])) for name in want)
