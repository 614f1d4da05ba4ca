"""Lines and toggles of the RTL that the runs of `tests/rtl/coverage_runs.py` reach.

    python benchmarks/rtl_coverage.py [--output rtl_coverage.csv]

Every run is also held against the executor and the recurrence. Needs Verilator; some minutes.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from keep import circumstances, keep

from edgeint8.rtl.coverage import all_points, judge, read_waivers, share
from edgeint8.rtl.simulator import SOURCES

TESTS = SOURCES.parent / "tests"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", type=Path, help="write the rows to this CSV file")
    options = parser.parse_args(arguments)
    found = circumstances("counts, the same on any computer")
    sys.path[:0] = [str(TESTS / folder) for folder in ("rtl", "networks")]
    from coverage_runs import reach

    with tempfile.TemporaryDirectory() as folder:
        os.environ["EDGEINT8_RTL_COVERAGE"] = folder
        reach()
        rows, missing = judge(
            all_points(Path(folder)), read_waivers(SOURCES / "coverage/waivers.yaml"), SOURCES
        )
    for point in missing:
        print("not reached:", *point)
    for row in rows:
        print(*row.values())
    print(f"lines {share(rows, 'line'):.2%}, toggles {share(rows, 'toggle'):.2%}")
    if options.output is not None:
        keep(options.output, rows, found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
