"""Rows of ``rtl.csv``: SCALE-Sim, bound, machine and RTL of the same layers, and what lies between.

Three accounts of a row add up with no remainder (docs/rtl.md):

    rtl = machine = compute + tiling + first_tile + waits + array_drain_pipeline + last_store
    bound = compute + bound_ends + bound_dram
    scalesim = bound + all terms of docs/cost_model_account.md
"""

from collections.abc import Mapping, Sequence

import onnx

from edgeint8.arch.cost.machine.program import TERMS, account
from edgeint8.arch.cost.physical import LayerCost, layer_cost
from edgeint8.arch.machine.hardware import Hardware
from edgeint8.arch.network.layers import Layer, LayerShape
from edgeint8.conventions import Row
from edgeint8.errors import HardwareError, ModelError
from edgeint8.fixed_point.arithmetic.requantize import Scheme
from edgeint8.fixed_point.executor import Images, as_feeds
from edgeint8.rtl.compare import LayerCheck, run_network
from edgeint8.rtl.layer import RtlLayer, Unit
from edgeint8.scale_sim.account.account import layer_accounts
from edgeint8.scale_sim.account.account_cycles import CYCLE_TERMS

POLICY = "wrap"
REPLICA = "replica"
"""Who says SCALE-Sim's cycles: the replica, which `crosscheck.csv` holds against SCALE-Sim."""
MACHINE = tuple(f"{term}_cycles" for term in TERMS)
BOUND = ("bound_ends_cycles", "bound_dram_cycles")
SCALESIM = tuple(f"scalesim_{term}_cycles" for term in CYCLE_TERMS)


def as_arch_layer(layer: RtlLayer) -> Layer:
    """The layer as the cost model knows it."""
    loops, groups = layer.loops, layer.groups
    moved = (loops.ifmap_elements * groups, 0, loops.ofmap_elements * groups)
    if layer.unit is Unit.ADDITION:
        both = (2 * moved[0], *moved[1:])
        return Layer(layer.name, "elementwise", None, 1, *both, layer.name, "an addition")
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
    # Zeros below and right of the image: as many rows and columns as the last window reaches.
    bottom = (loops.output_h - 1) * loops.stride_h + loops.reach_h - loops.pad_top - loops.input_h
    right = (loops.output_w - 1) * loops.stride_w + loops.reach_w - loops.pad_left - loops.input_w
    return Layer(
        layer.name,
        "conv" if groups == 1 else "grouped",
        shape,
        groups,
        *sizes,
        layer.name,
        input_hw=(loops.input_h, loops.input_w),
        pads=(loops.pad_top, loops.pad_left, max(0, bottom), max(0, right)),
        dilation=(loops.dilation_h, loops.dilation_w),
    )


def rtl_rows(
    workload: str, strategy: str, hardware: Hardware, scheme: Scheme, checks: Sequence[LayerCheck]
) -> list[Row]:
    """Rows of ``rtl.csv``."""
    rows = []
    for check in checks:
        run = check.image.runs[check.position]
        layer = as_arch_layer(check.layer)
        bound = layer_cost(layer, hardware)
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
                **below_the_machine(layer, bound, hardware),
                "first_mismatch": check.first,
            }
        )
    return rows


def below_the_machine(layer: Layer, bound: LayerCost, hardware: Hardware) -> Row:
    """From computing to the bound, and from the bound to SCALE-Sim, which has no pools."""
    hidden = bound.compute.total + bound.exposed_cycles
    row: Row = {
        "bound_ends_cycles": bound.exposed_cycles,
        "bound_dram_cycles": bound.cycles - hidden,
    }
    if layer.shape is None:
        return row | dict.fromkeys(("scalesim_cycles", "scalesim_by", *SCALESIM))
    cycles = layer_accounts(layer, hardware)[0]
    row |= {"scalesim_cycles": cycles.scalesim, "scalesim_by": REPLICA}
    return row | {f"scalesim_{term}_cycles": cycles.terms.get(term, 0) for term in CYCLE_TERMS}


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
        *MACHINE,
        *("rtl_dram_bytes", "dram_bytes"),
        *(*BOUND, "scalesim_cycles", "scalesim_by", *SCALESIM),
    )
    head = {**key, "layer": None, "hardware": hardware.id}
    return head | {"scheme": scheme.value, "policy": POLICY} | dict.fromkeys(numbers)
