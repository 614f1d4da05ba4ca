"""A workload with strategies and machines of its own, beside one that has the study's."""

from pathlib import Path

import pytest
import yaml
from test_scale import workflow_cost  # noqa: F401  (a fixture)

ROOT = Path(__file__).parents[2]
OWN = {
    "strategies": ["sym_tensor_minmax", "w5_tensor_minmax"],
    "hardware": ["ws_8x8_32kB_4Bpc", "gemmini", "os_8x8_32kB_4Bpc"],
}


@pytest.mark.parametrize(
    ("strategies", "points", "counts"),
    [
        # signal_cnn_1d has the study's: one strategy in detail; tiny_cnn_2d its own, one of them
        (["asym_channel_minmax", "sym_tensor_minmax"], ["ws_4x4_8kB_4Bpc"],
         {"quantize_strategy": 4, "golden_compare": 4, "bit_growth": 4, "simulate": 4,
          "overflow_study": 2, "recommend": 2, "codesign": 2, "machine_tables": 2}),
        # the study selects none: what has no choice and no machine is left out for it alone
        ([], [], {"quantize_strategy": 2, "golden_compare": 2, "bit_growth": 2, "simulate": 3,
                  "overflow_study": 0, "recommend": 1, "codesign": 1, "machine_tables": 1}),
    ],
    ids=["some", "none"],
)  # fmt: skip
def test_jobs_of_each_workload_are_its_own(tmp_path, workflow_cost, strategies, points, counts):  # noqa: F811
    overlay = yaml.safe_load((ROOT / "config/test.yaml").read_text())
    overlay["run"] |= {
        "strategies": strategies,
        "detail_strategies": strategies[1:],
    }
    overlay["hardware"] = {"arrays": [], "points": points}
    overlay["workloads"]["tiny_cnn_2d"] |= OWN
    planned, _ = workflow_cost.plan(tmp_path, overlay)
    assert {rule: planned.get(rule, 0) for rule in counts} == counts
