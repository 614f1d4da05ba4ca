"""A real runtime in a process of its own: ``python -m edgeint8.tflite.witness.child <runtime>``.

A runtime that meets an altered file may end its process, so the caller keeps it out of its own. It
reads messages of `frames` from standard input: ``load`` with a file's bytes, then ``run`` with the
inputs by position; the answer holds every tensor of the network that can be read, by index.
"""

import importlib.metadata
import os
import sys
import warnings
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

import numpy as np

from edgeint8.conventions import Array
from edgeint8.tflite.witness.frames import receive, send
from edgeint8.tflite.witness.loaded import Loaded

RESOLVERS = {"litert_ref": "BUILTIN_REF", "litert_xnnpack": "AUTO"}


def load_litert(name: str, data: bytes, request: Mapping[str, Any]) -> Loaded:
    """LiteRT on one thread, with every tensor kept."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_content=data,
        experimental_op_resolver_type=OpResolverType[RESOLVERS[name]],
        experimental_preserve_all_tensors=True,
        num_threads=1,
    )
    interpreter.allocate_tensors()
    places = [entry["index"] for entry in interpreter.get_input_details()]

    def run(feeds: Mapping[int, Array]) -> dict[int, Array]:
        for position, place in enumerate(places):
            interpreter.set_tensor(place, feeds[position])
        interpreter.invoke()
        found = {}
        for index in request["tensors"]:
            try:
                found[index] = interpreter.get_tensor(index)
            except ValueError:  # a tensor inside the delegate that nobody keeps
                continue
        return found

    return Loaded(run, _version("ai-edge-litert"), name)


def load_tflm(name: str, data: bytes, request: Mapping[str, Any]) -> Loaded:
    """tflite-micro's reference kernels, with every tensor kept."""
    from tflite_micro.python.tflite_micro import runtime

    interpreter = runtime.Interpreter.from_bytes(
        data,
        arena_size=request["arena_bytes"],
        intrepreter_config=runtime.InterpreterConfig.kPreserveAllTensors,
    )

    def run(feeds: Mapping[int, Array]) -> dict[int, Array]:
        for position, value in feeds.items():
            interpreter.set_input(value, position)
        interpreter.invoke()
        return {
            index: np.array(interpreter.GetTensor(index, 0)["tensor_data"])
            for index in request["tensors"]
        }

    return Loaded(run, _version("tflite-micro"), name)


def load_cmsis(name: str, data: bytes, request: Mapping[str, Any]) -> Loaded:
    """The user's CMSIS-NN library; where it has no function, it is given what comes out."""
    from edgeint8.tflite.witness.cmsis.loader import load_cmsis

    return load_cmsis(data)


def _version(package: str) -> str:
    return f"{package} {importlib.metadata.version(package)}"


LOADERS: Mapping[str, Callable[[str, bytes, Mapping[str, Any]], Loaded]] = {
    "litert_ref": load_litert,
    "litert_xnnpack": load_litert,
    "tflm": load_tflm,
    "cmsis": load_cmsis,
}


def serve(name: str, source: BinaryIO, target: BinaryIO) -> None:
    """Answer messages until the source ends; what a runtime refuses is answered with its words."""
    loaded: Loaded | None = None
    while True:
        try:
            request, arrays = receive(source)
        except EOFError:
            return
        try:
            if request["do"] == "load":
                loaded = None
                loaded = LOADERS[name](name, arrays[0].tobytes(), request)
                answer: dict[int, Array] = {}
            elif loaded is None:
                raise ValueError("no network is loaded")
            else:
                answer = loaded.run(arrays)
        except Exception as error:  # the runtimes raise their own types
            send(target, {"error": " ".join(str(error).split()) or type(error).__name__}, {})
            continue
        header = {"version": loaded.version, "runtime": loaded.runtime}
        send(target, {**header, "missing": list(loaded.missing.items())}, answer)


def main() -> None:
    """Keep standard output for messages: the runtimes write to it."""
    warnings.simplefilter("ignore")
    target = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve(sys.argv[1], sys.stdin.buffer, target)


if __name__ == "__main__":
    main()
