"""The text of the quick way in: layers, bounds, totals and advice for one network and machine."""

from collections.abc import Sequence
from dataclasses import dataclass

from edgeint8.arch.cost.energy import area_mm2, energy_band_pj
from edgeint8.arch.cost.physical import (
    LayerCost,
    Options,
    dram_bytes_per_cycle,
    network_cost,
    total_cycles,
    total_dram_bytes,
)
from edgeint8.arch.cost.roofline import bound_shares, roofline_point
from edgeint8.arch.cost.schedule import scheduled_cycles
from edgeint8.arch.machine.constants import LEVELS
from edgeint8.arch.machine.hardware import Hardware
from edgeint8.arch.network.labels import labels
from edgeint8.arch.network.layers import Layer
from edgeint8.arch.network.memory import Memory, memory
from edgeint8.arch.network.totals import batch_of_layers, mac_count, per_image
from edgeint8.arch.questions.advice import changes

_HEADER = ("layer", "operator", "MACs", "DRAM bytes", "MAC/B", "cycles", "share", "util", "bound")


@dataclass(frozen=True)
class Totals:
    """One inference: a run of the network over the images of its batch.

    Energy is a (low, mid, high) band at 45 nm. `incomplete` says what the numbers lack.
    """

    cycles: int | float
    milliseconds: float
    frames_per_second: float
    macs: int | float
    dram_bytes: int | float
    utilization: float
    energy_mj: tuple[float, float, float]
    area_mm2: float
    peak_activation_bytes: int
    batch: int = 1
    incomplete: str = ""


def network_totals(costs: Sequence[LayerCost], hardware: Hardware) -> Totals:
    """`peak_activation_bytes`: the largest input and output that one layer has at a time."""
    layers = [cost.layer for cost in costs]
    batch, count = batch_of_layers(layers), mac_count(layers)
    cycles = total_cycles(costs)
    seconds = cycles / hardware.clock_hz / batch
    energy = energy_band_pj(costs, hardware)
    peak = max((layer.ifmap_bytes + layer.ofmap_bytes for layer in layers), default=0)
    low, mid, high = (energy[level] * 1e-9 / batch for level in LEVELS)
    return Totals(
        per_image(cycles, batch),
        seconds * 1e3,
        1 / seconds if seconds else 0.0,
        per_image(count.counted, batch),
        per_image(total_dram_bytes(costs), batch),
        count.mapped / (cycles * hardware.processing_elements) if cycles else 0.0,
        (low, mid, high),
        area_mm2(hardware),
        peak,
        batch,
        count.warning,
    )


def summary(
    layers: Sequence[Layer],
    hardware: Hardware,
    options: Options,
    waiting: Sequence[LayerCost] | None = None,
    needed: Memory | None = None,
) -> str:
    """The whole text: layers by the bound, totals by the costs on the machine, if given.

    `needed` is what a microcontroller needs, where a file says more of it than its layers do.
    """
    costs = network_cost(layers, hardware, options)
    totals = network_totals(costs if waiting is None else waiting, hardware)
    bracket = _bracket(layers, hardware, options, costs, None if waiting is None else totals.cycles)
    parts = [
        _machine(hardware, options),
        _layer_table(costs, hardware),
        _left_out(layers, costs),
        _bounds(costs),
        _totals(totals, bracket),
        _memory(layers, needed),
        _advice(layers, hardware, options),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _machine(hardware: Hardware, options: Options) -> str:
    bandwidth = dram_bytes_per_cycle(hardware)
    dram = "unlimited DRAM bandwidth"
    if hardware.bandwidth_bpc is not None:
        ports = "on one bus" if hardware.shared_bus else "over three ports"
        dram = f"DRAM {bandwidth:g} bytes a cycle {ports}"
    folds = "pipelined" if hardware.pipelined_folds else "serial"
    used = [name for name in ("fused", "on_chip") if getattr(options, name)]
    ifmap_kb, filter_kb, ofmap_kb = hardware.sram_kb
    return (
        f"{hardware.id}: {hardware.dataflow}, {hardware.rows}x{hardware.cols} MACs, "
        f"SRAM {ifmap_kb}/{filter_kb}/{ofmap_kb} KiB, {dram}, {hardware.clock_hz / 1e6:g} MHz, "
        f"{folds} folds" + (f"; {' and '.join(used)}" if used else "")
    )


def _layer_table(costs: Sequence[LayerCost], hardware: Hardware) -> str:
    total = max(1, total_cycles(costs))
    rows = [_HEADER]
    for cost, label in zip(costs, labels([cost.layer.name for cost in costs]), strict=True):
        point = roofline_point(cost, hardware)
        rows.append(
            (
                label,
                cost.layer.operator,
                f"{point.macs:,}",
                f"{point.dram_bytes:,}",
                f"{point.intensity:.1f}",
                f"{cost.cycles:,}",
                f"{cost.cycles / total:.1%}",
                f"{point.achieved / point.peak:.1%}",
                cost.bound,
            )
        )
    return _aligned(rows)


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    """Columns two blanks apart; the first two and the last to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    left = {0, 1, len(widths) - 1}
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if place in left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _left_out(layers: Sequence[Layer], costs: Sequence[LayerCost]) -> str:
    """Layers that are not on the array, with the reason, and what a mapping leaves out."""
    remarks = [f"{layer.name}: {layer.note}" for layer in layers if layer.note]
    for layer in (cost.layer for cost in costs if cost.layer.shape is None):
        work = f"{layer.unmapped_macs:,} MACs and " if layer.unmapped_macs else ""
        remarks.append(f"{layer.name}: {layer.reason}; {work}its traffic is counted")
    listed = {cost.layer.name for cost in costs}
    unsized = [layer for layer in layers if layer.reason.startswith("unknown shape")]
    remarks += [
        f"{layer.name}: {layer.reason}; nothing of it is counted"
        for layer in unsized
        if layer.name not in listed
    ]
    return "\n".join(remarks)


def _bounds(costs: Sequence[LayerCost]) -> str:
    shares = sorted(bound_shares(costs).items(), key=lambda item: -item[1])
    return "time by cause: " + ", ".join(f"{name} {share:.1%}" for name, share in shares)


def _bracket(
    layers: Sequence[Layer],
    hardware: Hardware,
    options: Options,
    costs: Sequence[LayerCost],
    waiting: int | float | None,
) -> str:
    """The bound, and above it a schedule and the machine: not known where tensors stay on chip."""
    batch = batch_of_layers(layers)
    bound = _number(per_image(total_cycles(costs), batch))
    if options.on_chip:
        return bound
    cycles = per_image(sum(scheduled_cycles(layers, hardware, options)), batch)
    machine = "" if waiting is None else f", waiting for tiles {_number(waiting)}"
    return f"{bound} (tile by tile {_number(cycles)}{machine})"


def _totals(totals: Totals, cycles: str) -> str:
    low, mid, high = totals.energy_mj
    less = " (incomplete)" if totals.incomplete else ""
    lines = [
        f"cycles                 {cycles}{less}",
        f"latency                {totals.milliseconds:.4g} ms, "
        f"{totals.frames_per_second:,.1f} fps{less}",
        f"MACs                   {_number(totals.macs)}, "
        f"utilisation {totals.utilization:.1%}{less}",
        f"DRAM traffic           {_number(totals.dram_bytes)} bytes an inference{less}",
        f"energy                 {mid:.4g} mJ an inference at 45 nm "
        f"({low:.4g} to {high:.4g}){less}",
        f"area                   {totals.area_mm2:.4g} mm2 at 45 nm, MACs and SRAM",
        f"peak activation SRAM   {totals.peak_activation_bytes:,} bytes "
        "(largest input and output of one layer)",
    ]
    if totals.batch > 1:
        lines.insert(
            0, f"batch {totals.batch}: an inference is one image, 1/{totals.batch} of a run"
        )
    return "\n".join([*filter(None, [totals.incomplete]), *lines])


def _number(value: int | float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"


def _memory(layers: Sequence[Layer], needed: Memory | None) -> str:
    """What a microcontroller needs, operator by operator; nothing where edges are not known."""
    if not any(layer.reads for layer in layers):
        return ""
    found = needed or memory(layers)
    return (
        f"INT8 arena             {found.arena_bytes:,} bytes, {found.live_bytes:,} live at once\n"
        f"INT8 flash             {found.flash_bytes:,} bytes of weights, biases and scales"
    )


def _advice(layers: Sequence[Layer], hardware: Hardware, options: Options) -> str:
    if not mac_count(layers).complete:
        return "advice: none, the totals are incomplete"
    found = changes(layers, hardware, options)
    if not found:
        return "advice: no single change saves 2 % of the cycles or bytes"
    return "advice, each change alone:\n" + "\n".join(f"  {change.sentence}" for change in found)
