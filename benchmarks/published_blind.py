"""Figures of chips that were predicted first: ours were committed before these were looked up.

    python benchmarks/published_blind.py [--output docs/data/benchmarks/predicted.csv]

VGG-16 on Eyeriss, layer by layer, by the closed form that AlexNet had been held against; and the
four networks of MLPerf Tiny on GAP9 at two voltages, by the physical model of an array with the
multipliers of its NE16 and the memories of its cluster. What was published stands below each.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

from published_check import Check, milliseconds, network
from published_eyeriss import (
    CONDITIONS,
    SOURCE,
    VGG16,
    VGG_BATCH,
    energy_check,
    milliseconds_of,
)
from published_row_stationary import best

from edgeint8.arch.cost.energy import network_energy_fj
from edgeint8.arch.cost.physical import LayerCost, network_cost, total_cycles
from edgeint8.arch.machine.constants import (
    DRAM_PER_BYTE,
    LEVELS,
    Band,
    Level,
    leakage_fj_per_cycle,
    sram_fj_per_byte,
)
from edgeint8.arch.machine.hardware import Hardware
from edgeint8.arch.machine.technology import Technology, using
from edgeint8.files import write_csv

# NE16 (github.com/pulp-platform/ne16, ne16_package.sv): 9 columns of 9 blocks of 16 multipliers of
# 1 x 8 bits, 162 products of 8 x 8 bits a cycle, 9 output pixels at a time, which stay. Memories by
# MLPerf Tiny v1.0's description of the system: 128 KB of L1, 1.5 MB of L2. 22 nm.
L2_KB, NODE_NM = 1536, 22
POINTS = {"0.8 V": (0.8, 370e6), "0.65 V": (0.65, 240e6)}
TASKS = {
    "keyword spotting": "ds_cnn",
    "image classification": "resnet8",
    "visual wake words": "mobilenet_v1_025",
    "anomaly detection": "autoencoder",
}
GAP9 = "GAP9 (MLPerf Tiny v1.0)"
_GAP9_WHY = (
    "an os array of 9 x 18 stands in for NE16 and its cluster; cores, instructions, the first "
    "input and the last output, and what the regulator loses are not in it"
)


# JSSC 2017, table VI, batch 3, as github.com/cucapra/fodlam has transcribed it: (processing ms,
# global buffer MB, mW on the chip). There conv2-2 has 1110.3 ms, more than in all; the table's own
# total leaves 810.7.
_VGG = {
    "conv1-1": (38.0, 112.5, 247),
    "conv1-2": (810.6, 2402.8, 218),
    "conv2-1": (405.3, 1201.4, 242),
    "conv2-2": (810.7, 2402.3, 231),
    "conv3-1": (204.0, 607.4, 254),
    "conv3-2": (408.1, 1214.8, 235),
    "conv3-3": (408.1, 1214.8, 233),
    "conv4-1": (105.1, 321.3, 278),
    "conv4-2": (210.0, 643.7, 261),
    "conv4-3": (210.0, 643.7, 240),
    "conv5-1": (48.3, 90.0, 258),
    "conv5-2": (48.5, 90.0, 236),
    "conv5-3": (48.5, 90.0, 230),
}
_VGG_WHY = (
    "the mapping of VGG-16 is not published: by its own figures the chip moves 9 to 15 bytes a "
    "cycle through the buffer, which its PEs wait for; the mapping found here moves fewer"
)
# github.com/mlcommons/tiny_results_v1.0, closed/greenwaves-technologies/results: (median inferences
# a second, median microjoules an inference).
_TINY = {
    ("keyword spotting", "0.8 V"): (2103.206, 26.659),
    ("image classification", "0.8 V"): (1622.799, 40.356),
    ("visual wake words", "0.8 V"): (889.048, 58.356),
    ("anomaly detection", "0.8 V"): (5691.597, 7.294),
    ("keyword spotting", "0.65 V"): (1365.785, 18.561),
    ("image classification", "0.65 V"): (1053.364, 27.711),
    ("visual wake words", "0.65 V"): (577.028, 40.801),
    ("anomaly detection", "0.65 V"): (3689.707, 5.252),
}


def blind() -> list[Check]:
    """All figures that were predicted first."""
    return [*_eyeriss_vgg(), *_gap9()]


def _eyeriss_vgg() -> Iterator[Check]:
    conditions = CONDITIONS.format("VGG-16", VGG_BATCH)
    for name, layer in VGG16.items():
        ours, (time_ms, buffer_mb, mw) = best(layer, VGG_BATCH), _VGG[name]
        for quantity, unit, published, value in (
            ("time", "ms", time_ms, milliseconds_of(ours)),
            ("global buffer traffic", "MB", buffer_mb, ours.buffer_bytes / 1e6),
        ):
            head = (SOURCE, f"{name} {quantity}", unit, conditions)
            yield Check(*head, published, value, _VGG_WHY, "silicon", predicted=True)
        yield energy_check(name, conditions, mw * time_ms / 1e3, ours, predicted=True)


def _gap9() -> Iterator[Check]:
    for point, (volt, clock_hz) in POINTS.items():
        hardware = Hardware(
            *("os", 9, 18, 42, 42, 42, 2, clock_hz),
            name="gap9_like",
            dram_bytes_per_cycle=Fraction(8),
        )
        for task, name in TASKS.items():
            costs = network_cost(network(name), hardware)
            conditions = f"{name}, {point}, {clock_hz / 1e6:g} MHz"
            rate, microjoules = _TINY[task, point]
            head = (GAP9, f"{task} time", "ms", conditions, 1e3 / rate)
            time = milliseconds(costs, hardware)
            yield Check(*head, time, _GAP9_WHY, "silicon", predicted=True)
            low, mid, high = (_gap9_uj(costs, hardware, volt, level) for level in LEVELS)
            head = (GAP9, f"{task} energy", "uJ", conditions, microjoules)
            yield Check(*head, mid, _GAP9_WHY, "silicon", low, high, predicted=True)


def _gap9_uj(costs: Sequence[LayerCost], hardware: Hardware, volt: float, level: Level) -> float:
    """Microjoules of an inference: L2 in the place of DRAM, through 64 bits; all SRAM leaks."""
    prices = (sram_fj_per_byte(L2_KB, 8, end) for end in LEVELS)
    l2 = Band(DRAM_PER_BYTE.key, "L2", "fJ per byte", *prices, "SRAM of 1.5 MB")
    with using(Technology("l2", {l2.key: l2})):
        parts = network_energy_fj(costs, hardware, level)
    parts["sram_leakage"] += total_cycles(costs) * leakage_fj_per_cycle(
        L2_KB, hardware.clock_hz, level
    )
    leakage = parts.pop("sram_leakage")
    return (sum(parts.values()) * NODE_NM / 45 * volt**2 + leakage) * 1e-9


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", type=Path, help="write the predictions to this CSV file")
    options = parser.parse_args(arguments)
    rows = [
        {
            "source": check.source,
            "quantity": check.quantity,
            "unit": check.unit,
            "conditions": check.conditions,
            "ours_low": check.low,
            "ours": check.ours,
            "ours_high": check.high,
        }
        for check in blind()
    ]
    for row in rows:
        print(f"{row['source']:<24} {row['quantity']:<34} {row['ours']:>10.4g} {row['unit']}")
    if options.output is not None:
        write_csv(options.output, rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
