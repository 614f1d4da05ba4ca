"""A network on one machine by the replica, and held against SCALE-Sim itself on request."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from edgeint8.arch.machine.hardware import Hardware
from edgeint8.arch.network.layers import Layer
from edgeint8.conventions import Row
from edgeint8.errors import SimulationError
from edgeint8.scale_sim.crosscheck import crosscheck_rows
from edgeint8.scale_sim.replica.replica import predict
from edgeint8.scale_sim.simulator.cache import simulate_cached


def predicted_rows(layers: Sequence[Layer], hardware: Hardware) -> list[Row]:
    """One row a layer on the array; `scalesim_cycles` is for all repeats, the others for one.

    SCALE-Sim shares nothing between groups, images, planes of a 3-D convolution and time steps:
    each is a repeat.
    """
    rows: list[Row] = []
    for layer in layers:
        if layer.shape is not None:
            reports = predict(layer.shape, hardware)
            rows.append(
                {
                    "layer": layer.name,
                    "hardware": hardware.id,
                    "repeats": layer.separate_runs,
                    "scalesim_cycles": layer.separate_runs * reports.compute.total_cycles,
                    **reports.quantities(),
                }
            )
    return rows


def check_rows(layers: Sequence[Layer], hardware: Hardware, cache: str | Path) -> list[Row]:
    """SCALE-Sim run on every layer: a row a quantity, as in ``crosscheck.csv``."""
    rows: list[Row] = []
    for layer in layers:
        if layer.shape is not None:
            result = simulate_cached(layer.shape, hardware, cache)
            if result.reports is None:
                raise SimulationError(
                    f"SCALE-Sim gave no report: {result.reason}",
                    where=f"layer {layer.name}",
                    allowed="a layer that it runs within its limits; predict without check",
                )
            rows += [asdict(row) for row in crosscheck_rows(layer, hardware, result)]
    return rows
