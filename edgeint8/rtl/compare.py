"""A quantised network on the machine in RTL, held against the executor and the recurrence.

Rows of ``rtl.csv``: words and mismatches of every layer, cycles of RTL, machine and bound with what
lies between them, DRAM bytes of both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx

from edgeint8.arch.cost.machine.program import IDEAL_DRAM, TERMS, Dram, account
from edgeint8.arch.cost.physical import layer_cost
from edgeint8.arch.machine.hardware import Hardware
from edgeint8.arch.network.layers import Layer, LayerShape
from edgeint8.conventions import Array, Row
from edgeint8.errors import HardwareError, ModelError
from edgeint8.fixed_point.arithmetic.requantize import Scheme
from edgeint8.fixed_point.executor import Images, as_feeds, pieces
from edgeint8.rtl.image import Image, image_of, tiling
from edgeint8.rtl.network import RtlLayer, as_nhwc, rtl_layers
from edgeint8.rtl.simulator import Simulated, build, outputs, simulate

POLICY = "wrap"


@dataclass(frozen=True)
class LayerCheck:
    """One layer over all images; `first` names the first mismatch: image, index, expected, got."""

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
        run = simulated[0]
        checks.append(
            LayerCheck(
                layer,
                words,
                mismatches,
                first,
                run.cycles[position],
                sum(run.bytes_moved[position]),
                images[0],
                position,
            )
        )
    return tuple(checks)


def run_network(
    model: onnx.ModelProto,
    inputs: Images,
    hardware: Hardware,
    scheme: Scheme = Scheme.ORT_FLOAT32,
    dram: Dram = IDEAL_DRAM,
) -> tuple[LayerCheck, ...]:
    """Whole images, one after the other, through RTL: from quantised input to quantised output.

    Raises `ModelError` where the graph is not integers only, `HardwareError` without a simulator.
    """
    built = build(hardware, scheme)
    tensors, images, runs = [], [], []
    layers: tuple[RtlLayer, ...] = ()
    tilings = None
    for feeds in pieces(as_feeds(model, inputs), 1):
        layers, known = rtl_layers(model, feeds, scheme)
        tilings = tilings or [tiling(layer, hardware, scheme, dram) for layer in layers]
        image = image_of(layers, known[layers[0].source][0], hardware, scheme, dram, tilings)
        tensors.append(known)
        images.append(image)
        runs.append(simulate(built, image, dram))
    return check_layers(layers, tensors, images, runs)


def as_arch_layer(layer: RtlLayer) -> Layer:
    """The layer as the cost model knows it."""
    loops, groups = layer.loops, layer.groups
    moved = (loops.ifmap_elements * groups, 0, loops.ofmap_elements * groups)
    if layer.is_pool:
        return Layer(layer.name, "pool", None, 1, *moved, layer.name, "a pool")
    shape = LayerShape.from_output(
        (loops.output_h, loops.output_w),
        (loops.filter_h, loops.filter_w),
        loops.channels,
        loops.filters,
        (loops.stride_h, loops.stride_w),
    )
    sizes = (moved[0], loops.filter_elements * groups, moved[2])
    return Layer(
        layer.name, "conv" if groups == 1 else "grouped", shape, groups, *sizes, layer.name
    )


def rtl_rows(
    workload: str, strategy: str, hardware: Hardware, scheme: Scheme, checks: Sequence[LayerCheck]
) -> list[Row]:
    """Rows of ``rtl.csv``."""
    rows = []
    for check in checks:
        run = check.image.runs[check.position]
        bound = layer_cost(as_arch_layer(check.layer), hardware)
        terms = account(run, bound.compute.total)
        rows.append(
            {
                "workload": workload,
                "strategy": strategy,
                "layer": check.layer.name,
                "hardware": hardware.id,
                "scheme": scheme.value,
                "policy": POLICY,
                "words": check.words,
                "mismatches": check.mismatches,
                "rtl_cycles": check.rtl_cycles,
                "machine_cycles": run.cycles,
                "bound_cycles": bound.cycles,
                **{f"{term}_cycles": terms[term] for term in TERMS},
                "rtl_dram_bytes": check.rtl_dram_bytes,
                "dram_bytes": run.program.dram_bytes,
                "first_mismatch": check.first,
            }
        )
    return rows


def network_rows(
    key: Mapping[str, str], model: onnx.ModelProto, inputs: Images, hardware: Hardware
) -> list[Row]:
    """Rows of a network on one machine; one row with a note where it cannot run there.

    `key` has the workload and the strategy. Rounding is ONNX Runtime's.
    """
    scheme = Scheme.ORT_FLOAT32
    try:
        checks = run_network(model, inputs, hardware, scheme)
    except (ModelError, HardwareError) as error:
        return [empty_row(key, hardware, scheme) | {"note": str(error)}]
    rows = rtl_rows(key["workload"], key["strategy"], hardware, scheme, checks)
    images = len(next(iter(as_feeds(model, inputs).values())))
    return [row | {"images": images} for row in rows]


def empty_row(key: Mapping[str, str], hardware: Hardware, scheme: Scheme) -> Row:
    """A row of what did not run: all numbers empty."""
    numbers = (
        *("words", "mismatches", "rtl_cycles", "machine_cycles", "bound_cycles"),
        *(f"{term}_cycles" for term in TERMS),
        *("rtl_dram_bytes", "dram_bytes"),
    )
    head = {**key, "layer": None, "hardware": hardware.id}
    return head | {"scheme": scheme.value, "policy": POLICY} | dict.fromkeys(numbers)
