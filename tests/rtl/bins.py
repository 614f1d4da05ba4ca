"""Functional coverage of random layers: which corners of the machine a run has met."""

from collections.abc import Iterator

import numpy as np

from edgeint8.arch.cost.machine.walk import C, Engine, folds_of
from edgeint8.fixed_point.arithmetic.requantize import code_range
from edgeint8.rtl.image import Image
from edgeint8.rtl.layer import RtlLayer

BINS = (
    *("a tie", "clamped below", "clamped above", "a negative sum", "a positive sum"),
    *("signed codes", "unsigned codes", "the lowest input zero-point", "the highest"),
    *("the lowest output zero-point", "the highest of the output", "-128 x -128 in range"),
    *("padding", "a stride", "a dilation", "groups"),
    *("one fold", "first and last of several folds", "several folds in filters"),
    *("several tiles in K", "sums spilled and reloaded", "sums kept from tile to tile"),
    *("serial folds", "pipelined folds", "unlimited bus", "one byte a cycle", "latency", "bursts"),
)


def bins_of(
    layer: RtlLayer, image: Image, engine: Engine, scale: np.ndarray, acc: np.ndarray
) -> set[str]:
    """The bins of `BINS` that one run hits; `acc` (H, W, M), `scale` (M,)."""
    met = {name for name, hit in _of_numbers(layer, scale, acc) if hit}
    return met | {name for name, hit in _of_the_run(layer, image, engine) if hit}


def _of_numbers(layer: RtlLayer, scale: np.ndarray, acc: np.ndarray) -> Iterator[tuple[str, bool]]:
    low, high = code_range(layer.dtype)
    value = acc * scale.astype(np.float64)
    yield "a tie", bool((np.abs(value - np.trunc(value)) == 0.5).any())
    yield "clamped below", bool((np.rint(value) + layer.zero_out < low).any())
    yield "clamped above", bool((np.rint(value) + layer.zero_out > high).any())
    yield "a negative sum", bool((acc < 0).any())
    yield "a positive sum", bool((acc > 0).any())
    yield "signed codes", low < 0
    yield "unsigned codes", low == 0
    yield "the lowest input zero-point", layer.zero_in == low
    yield "the highest", layer.zero_in == high
    yield "the lowest output zero-point", layer.zero_out == low
    yield "the highest of the output", layer.zero_out == high
    assert layer.weights is not None
    yield "-128 x -128 in range", bool((layer.weights == -128).any()) and layer.zero_in == low + 128


def _of_the_run(layer: RtlLayer, image: Image, engine: Engine) -> Iterator[tuple[str, bool]]:
    loops, program = layer.loops, image.runs[0].program
    reach_h = (loops.output_h - 1) * loops.stride_h + loops.reach_h
    reach_w = (loops.output_w - 1) * loops.stride_w + loops.reach_w
    below = reach_h > loops.pad_top + loops.input_h or reach_w > loops.pad_left + loops.input_w
    yield "padding", bool(loops.pad_top or loops.pad_left or below)
    yield "a stride", loops.stride_h * loops.stride_w > 1
    yield "a dilation", loops.dilation_h * loops.dilation_w > 1
    yield "groups", layer.groups > 1
    folds = [folds_of(tile, engine)[0] for tile in program.tiles]
    yield "one fold", folds == [1]
    yield "first and last of several folds", max(folds) > 1
    yield "several folds in filters", loops.filters > engine.cols
    cut = bool(program.tiles[:, C].any())
    yield "several tiles in K", cut
    yield "sums spilled and reloaded", program.spilled_bytes > 0
    yield "sums kept from tile to tile", cut and program.spilled_bytes == 0
    yield "serial folds", not engine.pipelined
    yield "pipelined folds", engine.pipelined
    yield "unlimited bus", engine.bus == 0
    yield "one byte a cycle", engine.bus == 1
    yield "latency", engine.latency > 0
    yield "bursts", engine.burst > 1
