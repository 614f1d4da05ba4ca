"""First calls of a library, whose answers are known: is its C interface the one that we speak?

All scales are 1 and sums stay small, so that the answers follow by hand whatever the rounding.
Other orders of fields or arguments give other answers; `roundings` tells how the library rounds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgeint8.errors import ConfigError, ModelError
from edgeint8.tflite.file.model import Operator, Quantization, Tensor, TFLiteModel
from edgeint8.tflite.file.schema import SAME, VALID
from edgeint8.tflite.witness.cmsis.library import VARIABLE, Library
from edgeint8.tflite.witness.cmsis.operators import CALLS, function_of

Codes = tuple[tuple[int, ...], int, Any]
"""Shape, zero-point, and codes: None where they are computed, a number for 0, 1, 2 ... times it."""
RELU6 = {"activation": 3}
PLAIN = {"activation": 0}


@dataclass(frozen=True)
class Case:
    """One operator: its inputs, its output, and the codes that must come out."""

    kind: str
    inputs: Sequence[Codes]
    output: Codes
    expected: Sequence[int]
    options: Mapping[str, Any]


_ONE_PACE = {"stride_h": 1, "stride_w": 1, "dilation_h": 1, "dilation_w": 1}
CASES = (
    Case(
        "CONV_2D",
        [((1, 3, 5, 1), 2, 1), ((1, 2, 3, 1), 0, [1, 0, -1, 2, -2, 1])],
        ((1, 3, 3, 1), -4, None),
        [-4, -2, -4, -4, 2, 0, -4, -4, 2],
        {**RELU6, "padding": SAME, **_ONE_PACE, "stride_w": 2},
    ),
    Case(
        "DEPTHWISE_CONV_2D",
        [((1, 3, 3, 2), 1, 1), ((1, 1, 2, 4), 0, [1, 2, 3, -1, 1, 1, -2, 1])],
        ((1, 2, 2, 4), 5, None),
        [5, 4, 1, 7, 9, 10, 3, 7, 29, 40, 13, 7, 33, 46, 15, 7],
        {**PLAIN, "padding": VALID, **_ONE_PACE, "stride_h": 2},
    ),
    Case(
        "FULLY_CONNECTED",
        [((2, 3), 3, 2), ((2, 3), 0, [1, 2, 3, -1, 0, 1])],
        ((2, 2), 7, None),
        [5, 11, 41, 11],
        PLAIN,
    ),
    Case("ADD", [((1, 3), 1, 4), ((1, 3), -2, 3)], ((1, 3), 5, None), [6, 13, 20], PLAIN),
    Case("MUL", [((1, 3), 1, 2), ((1, 3), -2, 3)], ((1, 3), 5, None), [5, 10, 11], RELU6),
    Case(
        "AVERAGE_POOL_2D",
        [((1, 2, 5, 1), 0, 1)],
        ((1, 2, 3, 1), 0, None),
        [1, 2, 4, 6, 6, 6],
        {**RELU6, "padding": SAME, "stride_h": 1, "stride_w": 2, "filter_h": 1, "filter_w": 3},
    ),
    Case(
        "MAX_POOL_2D",
        [((1, 2, 5, 1), 0, 1)],
        ((1, 2, 3, 1), 0, None),
        [1, 3, 4, 6, 6, 6],
        {**RELU6, "padding": SAME, "stride_h": 1, "stride_w": 2, "filter_h": 1, "filter_w": 3},
    ),
    Case("MAXIMUM", [((1, 3), 0, 2), ((1, 3), 0, [1, 1, 1])], ((1, 3), 0, None), [1, 2, 4], {}),
    Case("MINIMUM", [((1, 3), 0, 2), ((1, 3), 0, [1, 1, 1])], ((1, 3), 0, None), [0, 1, 1], {}),
    Case(
        "SOFTMAX",
        [((1, 4), 0, [5, 5, -100, 5])],
        ((1, 4), -128, None),
        [-43, -43, -128, -43],
        {},
    ),
)
GROUPS = Case(
    "CONV_2D",
    [((1, 1, 3, 2), 0, 1), ((2, 1, 2, 1), 0, [1, 2, 3, -1])],
    ((1, 1, 2, 2), 0, None),
    [4, 0, 10, 4],
    {**PLAIN, "padding": VALID, **_ONE_PACE},
)
TIES = Case("FULLY_CONNECTED", [((1, 1), 0, [1]), ((3, 1), 0, [-2, 2, -6])],
            ((1, 3), 0, None), [], PLAIN)  # fmt: skip
"""Products of which a quarter is taken: -1/2, 1/2, -3/2."""
ROUNDED = {(0, 1, -1): 1, (-1, 1, -2): 2}
"""The ties upwards in one rounding; away from zero in the second of two."""


def check(library: Library) -> None:
    """Raise `ConfigError` with the first function that answers otherwise than it must.

    Also finds out whether the library convolves in groups.
    """
    for case in CASES:
        source = _network(case, 1.0)
        name = function_of(source, source.operators[0])
        if library.has(name):
            found = _answer(library, source, case)
            if list(found) != list(case.expected):
                raise ConfigError(
                    f"{name} answers {list(found)} for {list(case.expected)}",
                    where=VARIABLE,
                    allowed="CMSIS-NN from version 4.0 on",
                )
    library.groups = _convolves_in_groups(library)


def _convolves_in_groups(library: Library) -> bool:
    source = _network(GROUPS, 1.0)
    if not library.has(function_of(source, source.operators[0])):
        return False
    try:
        return list(_answer(library, source, GROUPS)) == list(GROUPS.expected)
    except ConfigError:
        return False


def roundings(library: Library) -> int:
    """1 where the library was built with CMSIS_NN_USE_SINGLE_ROUNDING, 2 where not."""
    source = _network(TIES, 4.0)
    name = function_of(source, source.operators[0])
    if not library.has(name):
        raise ConfigError(f"{name} is not in it", where=VARIABLE, allowed="a library of CMSIS-NN")
    found = _answer(library, source, TIES)
    if found not in ROUNDED:
        raise ConfigError(
            f"{name} rounds -0.5, 0.5 and -1.5 to {list(found)}",
            where=VARIABLE,
            allowed=" or ".join(str(list(known)) for known in ROUNDED),
        )
    return ROUNDED[found]


def _answer(library: Library, source: TFLiteModel, case: Case) -> tuple[int, ...]:
    values = {k: _codes(given) for k, given in enumerate(case.inputs)}
    try:
        made = CALLS[case.kind](library, source, source.operators[0], values)
    except ModelError as error:
        raise ConfigError(error.what, where=error.where) from None
    return tuple(int(code) for code in made.ravel())


def _codes(given: Codes) -> np.ndarray[Any, Any]:
    shape, _, codes = given
    steps = codes * np.arange(np.prod(shape)) if isinstance(codes, int) else np.array(codes)
    return steps.reshape(shape).astype(np.int8)


def _network(case: Case, out_scale: float) -> TFLiteModel:
    """A file of one operator, without biases."""
    ends = [*case.inputs, case.output]
    tensors = tuple(
        Tensor(
            index=k,
            name=f"t{k}",
            shape=shape,
            type_code=9,
            dtype=np.dtype(np.int8),
            quantization=Quantization(
                np.array([out_scale if k == len(case.inputs) else 1.0], np.float32),
                np.array([zero]),
            ),
        )
        for k, (shape, zero, _) in enumerate(ends)
    )
    inputs = tuple(range(len(case.inputs)))
    operator = Operator(0, case.kind, inputs, (len(inputs),), case.options)
    return TFLiteModel(tensors, (operator,), inputs, (len(inputs),))
