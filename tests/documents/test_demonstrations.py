"""Each part runs by itself and prints its sanity numbers."""

import re
import subprocess
import sys

import pytest

NETWORKS = "edgeint8.models.networks"
DEMONSTRATIONS = {
    f"{NETWORKS}.tiny_cnn_2d": r"\(4, 3, 32, 32\) -> output \(4, 10\)[\s\S]*94,762 parameters",
    f"{NETWORKS}.signal_cnn_1d": r"\(4, 1, 128\) -> output \(4, 5\)[\s\S]*24,805 parameters",
    "edgeint8.quant.affine": r"\n +8 +4\d\.\d\d +4\d\.\d\d",
    "edgeint8.fixed_point.arithmetic.kernels": r"differ in +0 elements[\s\S]*100\.0%",
    "edgeint8.fixed_point.studies.bit_growth": r"4608\D+29\D+28\D+28\D+29",
    "edgeint8.arch.cost.systolic": r"9,?629",
}


@pytest.mark.parametrize(("module", "expected"), DEMONSTRATIONS.items())
def test_a_part_runs_by_itself(module, expected):
    command = [sys.executable, "-W", "error::RuntimeWarning", "-m", module]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert re.search(expected, result.stdout), result.stdout
