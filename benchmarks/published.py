"""Published figures against the physical model: what fits, what does not, and why.

    python benchmarks/published.py [--output validation.csv]

Machines and networks are the package's own (edgeint8/data), Eyeriss apart, which has a closed form
of its own; nothing is fitted. Published figures: Jouppi et al., ISCA 2017 (TPU v1); NVDLA's
performance sheet, itself a model; Chen et al., JSSC 2017 (Eyeriss); MLPerf Tiny v1.0 (GAP9);
SCALE-Sim v3 paper.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml
from published_blind import blind
from published_check import HARDWARE, Check
from published_chips import nvdla, nvdla_like_for_like, nvdla_second_memory, tpu_v1
from published_eyeriss import eyeriss
from published_tools import one_layer, scale_sim_v3, vela

from edgeint8.arch.machine.hardware import PORTS, load_preset
from edgeint8.files import write_csv


def checks() -> list[Check]:
    return [
        *bandwidths(),
        *tpu_v1(),
        *nvdla(),
        *nvdla_second_memory(),
        *nvdla_like_for_like(),
        *eyeriss(),
        *blind(),
        *scale_sim_v3(),
        *one_layer(),
        *vela(),
    ]


def validation_rows() -> list[dict[str, str | float]]:
    """Rows of ``validation.csv``."""
    return [
        {
            "source": check.source,
            "quantity": check.quantity,
            "unit": check.unit,
            "conditions": check.conditions,
            "published": check.published,
            "ours": check.ours,
            "error": check.error,
            "why": check.why,
            "kind": check.kind,
            "ours_low": check.low,
            "ours_high": check.high,
            "predicted": check.predicted,
        }
        for check in checks()
    ]


def bandwidths() -> list[Check]:
    """What SCALE-Sim gets of each preset's DRAM bandwidth: whole bytes a cycle and port."""
    found = []
    for path in sorted(HARDWARE.glob("*.yaml")):
        hardware = load_preset(path)
        given = yaml.safe_load(path.read_text(encoding="utf-8"))["dram_gb_per_s"]
        if given is None:
            continue
        ours = (hardware.bandwidth_bpc or 0) * PORTS * hardware.clock_hz / 1e9
        exact = given * 1e9 / hardware.clock_hz
        found.append(
            Check(
                f"preset {path.stem}",
                "DRAM bandwidth",
                "GB/s",
                f"{hardware.clock_hz / 1e6:g} MHz, {PORTS} ports",
                given,
                ours,
                f"whole bytes a cycle and port, at least one: {hardware.bandwidth_bpc} for "
                f"{exact / PORTS:.2f}",
                "arithmetic",
            )
        )
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", type=Path, help="write the rows to this CSV file")
    options = parser.parse_args(arguments)
    rows = validation_rows()
    for row in rows:
        print(
            f"{row['source']:<24} {row['quantity']:<44} {row['published']:>10.4g} "
            f"{row['ours']:>10.4g} {row['error']:>+8.1%}  {row['unit']}"
        )
        print(f"{'':<24} {row['why']}")
    if options.output is not None:
        write_csv(options.output, rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
