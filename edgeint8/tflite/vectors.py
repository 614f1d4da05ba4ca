"""Test vectors of a .tflite network for hardware that shall equal a runtime.

<folder>/tflm/manifest.json ...       as `fixed_point.vectors` writes them, a folder a runtime
<folder>/refused.json                 the runtimes that do not take the network, and why
"""

from pathlib import Path

from edgeint8.errors import ModelError
from edgeint8.files import write_json
from edgeint8.fixed_point.runtimes.known import ALIKE, RUNTIMES
from edgeint8.fixed_point.vectors.design import Design
from edgeint8.fixed_point.vectors.vectors import write_vectors
from edgeint8.tflite.convert.convert import convert
from edgeint8.tflite.feeds import Inputs, feeds_of
from edgeint8.tflite.file.reader import load_tflite


def write_runtime_vectors(path: str | Path, inputs: Inputs, folder: str | Path) -> dict[str, str]:
    """Vectors of a few images (n, ...) in the arithmetic of each runtime; gives the refusals.

    Raises `ModelError` where no runtime takes the network.
    """
    converted = convert(load_tflite(path))
    feeds = feeds_of(converted, inputs)
    names = [name for name in RUNTIMES if name not in ALIKE]
    refused = {}
    for name in names:
        try:
            converted.refuse(RUNTIMES[name])
            write_vectors(converted.model, feeds, Path(folder) / name, Design.of(RUNTIMES[name]))
        except ModelError as error:
            refused[name] = str(error)
    if len(refused) == len(names):
        raise ModelError(f"no runtime takes it: {refused[names[0]]}", where=str(path))
    write_json(Path(folder) / "refused.json", refused)
    return refused
