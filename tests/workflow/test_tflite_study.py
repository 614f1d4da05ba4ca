"""A network that came as a .tflite file through the study, and one that is cut off beside it."""

import numpy as np
import pandas as pd
import yaml
from tflite_models import small_network

from edgeint8.fixed_point.vectors.vectors import read_vectors

STUDY = {
    "run": {"workloads": ["kws", "cut"], "strategies": [], "detail_strategies": []},
    "workloads": {
        "kws": {"tflite": "kws.tflite", "data": "kws.npz"},
        "cut": {"tflite": "cut.tflite"},
    },
    "hardware": {"arrays": [], "points": ["ws_4x4_4kB_8Bpc"]},
    "golden": {"images": 12},
}


def test_a_tflite_file_has_its_runtimes_as_witnesses(project):
    folder = project.run_dir
    data = small_network()
    (folder / "kws.tflite").write_bytes(data)
    (folder / "cut.tflite").write_bytes(data[: len(data) // 2])
    codes = np.random.default_rng(0).integers(-128, 128, (20, 6, 6, 2)).astype(np.int8)
    np.savez(folder / "kws.npz", inputs=codes, labels=np.arange(20) % 10)
    (folder / "my.yaml").write_text(yaml.safe_dump(STUDY))
    names = ("golden", "runtimes", "accumulator", "overflow", "runtime_rules")
    targets = [f"results/tables/{name}.csv" for name in names]
    targets += ["results/kws/given/vectors", "results/cut/status.json"]
    targets += ["results/kws/given/runtime_vectors"]
    targets += ["results/kws/hw/ws_4x4_4kB_8Bpc.csv"]
    project.snakemake(*targets, "--configfile", "my.yaml")
    golden, runtimes, accumulator, overflow, rules = (
        pd.read_csv(folder / f"results/tables/{name}.csv") for name in names
    )
    assert list(golden["witness"]) == ["ort", "litert_ref", "litert_xnnpack", "tflm"]
    assert set(golden["workload"]) == {"kws"} and (golden["mismatches"] == 0).all()
    assert (golden["images"] == 12).all() and (golden["elements"] > 1000).all()
    assert len(runtimes) == 10 and (runtimes["images"] == 12).all()
    apart = runtimes["elements_differing"] > 0
    assert apart.equals(runtimes["parts_operator"].notna()) and (runtimes["elements"] > 1000).all()
    assert list(accumulator["workload"]) == ["kws"]
    assert read_vectors(folder / "results/kws/given/vectors").check_all() > 0
    assert set(overflow["workload"]) == {"kws"} and overflow["accuracy"].notna().all()
    assert {"CONV_2D", "ADD", "SOFTMAX"} <= set(rules["operator"])
    for name in ("litert_ref", "litert_xnnpack", "tflm"):
        vectors = read_vectors(folder / "results/kws/given/runtime_vectors" / name)
        assert vectors.manifest["runtime"].startswith(name) and vectors.check_all() > 0
    reason = (folder / "results/cut/status.json").read_text()
    assert "cut.tflite" in reason and "\n" not in reason.split('"reason": "')[1].split('"')[0]
