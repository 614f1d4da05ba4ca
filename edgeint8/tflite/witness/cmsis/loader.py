"""A library of the user's as a runtime of a child process."""

import os
from collections.abc import Mapping

import numpy as np

from edgeint8.conventions import Array
from edgeint8.errors import ModelError
from edgeint8.tflite.file.model import Operator, TFLiteModel
from edgeint8.tflite.file.reader import read_tflite
from edgeint8.tflite.witness.cmsis.checks import check, roundings
from edgeint8.tflite.witness.cmsis.library import VARIABLE, Library
from edgeint8.tflite.witness.cmsis.operators import CALLS, lacks
from edgeint8.tflite.witness.loaded import Loaded

RUNTIMES = {1: "cmsis_single", 2: "cmsis_double"}
"""By how often the library rounds."""


def load_cmsis(data: bytes) -> Loaded:
    """The library that the environment names, on a file; checked before it is trusted."""
    library = Library(os.environ[VARIABLE])
    rounded = roundings(library)
    check(library)
    source = read_tflite(data)
    reasons = {op.outputs: lacks(library, source, op) for op in source.operators}
    constants = {t.index: t.data for t in source.tensors if t.data is not None}

    def run(feeds: Mapping[int, Array]) -> dict[int, Array]:
        given = {~key: value for key, value in feeds.items() if key < 0}
        inputs = {index: feeds[k] for k, index in enumerate(source.inputs)}
        values = {**constants, **inputs, **given}
        made = {}
        for operator in source.operators:
            if not reasons[operator.outputs]:
                codes = _called(library, source, operator, values)
                made[operator.outputs[0]] = values[operator.outputs[0]] = codes
        return made

    missing = {index: reason for outputs, reason in reasons.items() if reason for index in outputs}
    return Loaded(run, library.name(rounded), RUNTIMES[rounded], missing)


def _called(
    library: Library, source: TFLiteModel, operator: Operator, values: Mapping[int, Array]
) -> Array:
    """The codes of one operator; an error names it."""
    try:
        return np.ascontiguousarray(CALLS[operator.kind](library, source, operator, values))
    except ModelError as error:
        raise ModelError(error.what, where=operator.place) from None
