"""A quantised network on the machine in RTL, held against the executor and the recurrence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx

from edgeint8.arch.cost.machine.program import IDEAL_DRAM, Dram
from edgeint8.arch.machine.hardware import Hardware
from edgeint8.conventions import Array
from edgeint8.fixed_point.arithmetic.requantize import Scheme
from edgeint8.fixed_point.executor import Images, as_feeds, pieces
from edgeint8.fixed_point.runtimes.known import ORT
from edgeint8.fixed_point.runtimes.runtime import Runtime
from edgeint8.rtl.image import Image, image_of, with_input
from edgeint8.rtl.layer import RtlLayer, as_nhwc
from edgeint8.rtl.network import rtl_layers
from edgeint8.rtl.simulator import Simulated, build, outputs, simulate


@dataclass(frozen=True)
class LayerCheck:
    """One layer over all images; `first` names the first mismatch: image, index, expected, got.

    Cycles and bytes are those of the image that is furthest from the recurrence's.
    """

    layer: RtlLayer
    words: int
    mismatches: int
    first: str
    rtl_cycles: int
    rtl_dram_bytes: int
    image: Image
    position: int


def first_mismatch(image: int, got: Array, want: Array) -> str:
    """Where two tensors (H, W, C) differ first, in the order of DRAM; empty where they do not."""
    places = np.argwhere(got != want)
    if not len(places):
        return ""
    at = tuple(int(i) for i in places[0])
    return f"image {image}, index {at}: expected {int(want[at])}, got {int(got[at])}"


def check_layers(
    layers: Sequence[RtlLayer],
    tensors: Sequence[Mapping[str, Array]],
    images: Sequence[Image],
    simulated: Sequence[Simulated],
) -> tuple[LayerCheck, ...]:
    """Every layer's outputs against `tensors`, the executor's, one map an image."""
    dtypes = [layer.dtype for layer in layers]
    found = [outputs(image, run, dtypes) for image, run in zip(images, simulated, strict=True)]
    checks = []
    for position, layer in enumerate(layers):
        words = mismatches = 0
        first = ""
        for number, (made, known) in enumerate(zip(found, tensors, strict=True)):
            want = as_nhwc(known[layer.result][0])
            words, mismatches = words + want.size, mismatches + int((made[position] != want).sum())
            first = first or first_mismatch(number, made[position], want)
        timed = images[0].runs[position]
        cycles = _furthest(timed.cycles, [run.cycles[position] for run in simulated])
        moved = [sum(run.bytes_moved[position]) for run in simulated]
        transferred = _furthest(timed.program.dram_bytes, moved)
        found_here = words, mismatches, first, cycles, transferred
        checks.append(LayerCheck(layer, *found_here, images[0], position))
    return tuple(checks)


def _furthest(wanted: int, counted: Sequence[int]) -> int:
    return max(counted, key=lambda count: abs(count - wanted))


def run_network(
    model: onnx.ModelProto,
    inputs: Images,
    hardware: Hardware,
    scheme: Scheme | None = None,
    dram: Dram = IDEAL_DRAM,
    runtime: Runtime = ORT,
) -> tuple[LayerCheck, ...]:
    """Whole images, one after the other, through RTL: from quantised input to quantised output.

    Additions and means are `runtime`'s, and so is the rounding of sums unless `scheme` says
    another. Raises `ModelError` where the graph is not integers only, `HardwareError` without a
    simulator.
    """
    scheme = scheme or runtime.scheme
    built = build(hardware, scheme, runtime=runtime.name)
    tensors, runs = [], []
    images: list[Image] = []
    layers: tuple[RtlLayer, ...] = ()
    for feeds in pieces(as_feeds(model, inputs), 1):
        layers, known = rtl_layers(model, feeds, scheme, runtime)
        codes = known[layers[0].source][0]
        same = with_input(images[0], codes) if images else None
        images.append(same or image_of(layers, codes, hardware, scheme, dram))
        tensors.append(known)
        runs.append(simulate(built, images[-1], dram))
    return check_layers(layers, tensors, images, runs)
