"""The rows of ``crosscheck.csv``: what SCALE-Sim says beside what the replica says."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from edgeint8.arch.machine.hardware import Hardware
from edgeint8.arch.network.layers import Layer
from edgeint8.errors import SimulationError
from edgeint8.scale_sim.replica.replica import predict
from edgeint8.scale_sim.simulator.adapter import SimulationResult
from edgeint8.scale_sim.simulator.reports import LayerReports

RATIO_TOLERANCE = 1e-9
"""Relative difference below which two ratios are the same: SCALE-Sim averages over folds."""


@dataclass(frozen=True)
class CrosscheckRow:
    """One quantity of one layer on one machine; the caller adds the workload."""

    layer: str
    hardware: str
    mode: str
    quantity: str
    simulated: int | float
    predicted: int | float
    difference: int | float


def crosscheck_rows(
    layer: Layer, hardware: Hardware, simulated: SimulationResult
) -> tuple[CrosscheckRow, ...]:
    """Compare all reported quantities; no rows when the simulation stopped at its limit.

    `difference` is simulated minus predicted; a ratio within `RATIO_TOLERANCE` differs by 0.
    """
    if layer.shape is None:
        raise SimulationError(f"layer {layer.name} is not on the array: {layer.reason}")
    if simulated.reports is None:
        return ()
    return tuple(_rows(layer.name, hardware, simulated.reports, predict(layer.shape, hardware)))


def _rows(
    layer: str, hardware: Hardware, simulated: LayerReports, predicted: LayerReports
) -> Iterator[CrosscheckRow]:
    reported = simulated.quantities()
    for quantity, expected in predicted.quantities().items():
        yield CrosscheckRow(
            layer,
            hardware.id,
            hardware.mode,
            quantity,
            reported[quantity],
            expected,
            difference(reported[quantity], expected),
        )


def difference(simulated: int | float, predicted: int | float) -> int | float:
    """Simulated minus predicted: exact for counts, 0 for ratios that agree to the tolerance."""
    if isinstance(simulated, float) and math.isclose(
        simulated, predicted, rel_tol=RATIO_TOLERANCE, abs_tol=0.0
    ):
        return 0.0
    return simulated - predicted
