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
from edgeint8.arch.machine.hardware import Hardware
from edgeint8.arch.network.layers import Layer
from edgeint8.arch.questions.advice import changes

_HEADER = ("layer", "operator", "MACs", "DRAM bytes", "MAC/B", "cycles", "share", "util", "bound")


@dataclass(frozen=True)
class Totals:
    """One inference. Energy is a (low, mid, high) band at 45 nm."""

    cycles: int
    milliseconds: float
    frames_per_second: float
    macs: int
    dram_bytes: int
    utilization: float
    energy_mj: tuple[float, float, float]
    area_mm2: float
    peak_activation_bytes: int


def network_totals(costs: Sequence[LayerCost], hardware: Hardware) -> Totals:
    """`peak_activation_bytes`: the largest input and output that one layer has at a time."""
    cycles = total_cycles(costs)
    seconds = cycles / hardware.clock_hz
    macs = sum(cost.layer.macs for cost in costs)
    energy = energy_band_pj(costs, hardware)
    peak = max((cost.layer.ifmap_bytes + cost.layer.ofmap_bytes for cost in costs), default=0)
    return Totals(
        cycles,
        seconds * 1e3,
        1 / seconds if seconds else 0.0,
        macs,
        total_dram_bytes(costs),
        macs / (cycles * hardware.processing_elements) if cycles else 0.0,
        (energy["low"] * 1e-9, energy["mid"] * 1e-9, energy["high"] * 1e-9),
        area_mm2(hardware),
        peak,
    )


def summary(layers: Sequence[Layer], hardware: Hardware, options: Options) -> str:
    """The whole text."""
    costs = network_cost(layers, hardware, options)
    parts = [
        _machine(hardware, options),
        _layer_table(costs, hardware),
        _left_out(layers, costs),
        _bounds(costs),
        _totals(network_totals(costs, hardware), _scheduled(layers, hardware, options)),
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
    for cost in costs:
        point = roofline_point(cost, hardware)
        rows.append(
            (
                cost.layer.name[-40:],
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
    off = [cost.layer for cost in costs if cost.layer.shape is None]
    remarks += [f"{layer.name}: {layer.reason}; its traffic is counted" for layer in off]
    return "\n".join(remarks)


def _bounds(costs: Sequence[LayerCost]) -> str:
    shares = sorted(bound_shares(costs).items(), key=lambda item: -item[1])
    return "time by cause: " + ", ".join(f"{name} {share:.1%}" for name, share in shares)


def _scheduled(layers: Sequence[Layer], hardware: Hardware, options: Options) -> str:
    """The upper end of the bracket; not known for tensors that stay on chip."""
    if options.on_chip:
        return ""
    return f" (tile by tile {sum(scheduled_cycles(layers, hardware, options)):,})"


def _totals(totals: Totals, scheduled: str) -> str:
    low, mid, high = totals.energy_mj
    return "\n".join(
        (
            f"cycles                 {totals.cycles:,}{scheduled}",
            f"latency                {totals.milliseconds:.4g} ms, "
            f"{totals.frames_per_second:,.1f} fps",
            f"MACs                   {totals.macs:,}, utilisation {totals.utilization:.1%}",
            f"DRAM traffic           {totals.dram_bytes:,} bytes an inference",
            f"energy                 {mid:.4g} mJ an inference at 45 nm ({low:.4g} to {high:.4g})",
            f"area                   {totals.area_mm2:.4g} mm2 at 45 nm, MACs and SRAM",
            f"peak activation SRAM   {totals.peak_activation_bytes:,} bytes "
            "(largest input and output of one layer)",
        )
    )


def _advice(layers: Sequence[Layer], hardware: Hardware, options: Options) -> str:
    found = changes(layers, hardware, options)
    if not found:
        return "advice: no single change saves 2 % of the cycles or bytes"
    return "advice, each change alone:\n" + "\n".join(f"  {change.sentence}" for change in found)
