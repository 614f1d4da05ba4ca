"""Replays accumulators of exported vectors in cocotb on Icarus: `python examples/replay_cocotb.py`.

VECTORS names a folder written with `rounding: gemmlowp`, LAYER the layer's place in its manifest,
RTL the folder of the unit under test. Needs `pip install cocotb==1.9.2 numpy` and `iverilog`.
"""

import json
import os
import shutil
from pathlib import Path

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.runner import get_results, get_runner
from cocotb.triggers import ClockCycles, FallingEdge

FOLDER = Path(os.environ.get("VECTORS", "vectors")).resolve()
RTL = Path(os.environ.get("RTL", "rtl")).resolve()


@cocotb.test()
async def replay(dut):
    layer = json.loads((FOLDER / "manifest.json").read_text())["layers"]
    layer = layer[int(os.environ.get("LAYER", "0"))]
    array = {k: np.load(FOLDER / v["npy"]) for k, v in layer["constants"].items()}
    array |= {k: np.load(FOLDER / v["npy"]) for k, v in layer["sets"]["image"].items()}
    limits = np.iinfo(array["ofm"].dtype)
    dut.zero.value, dut.low.value, dut.high.value = layer["y_zero_point"], limits.min, limits.max
    cocotb.start_soon(Clock(dut.clk, 2, "ns").start())
    for (index, acc), want in zip(np.ndenumerate(array["acc"]), array["ofm"].flat, strict=True):
        dut.acc.value = int(acc)
        dut.multiplier.value = int(array["multiplier"][index[1]])
        dut.shift.value = int(array["shift"][index[1]])
        await ClockCycles(dut.clk, 3)
        await FallingEdge(dut.clk)
        got = int(dut.code.value)
        assert got == int(want) % 256, f"index {index}: expected {int(want) % 256}, got {got}"


if __name__ == "__main__":
    runner, place = get_runner("icarus"), Path("sim_build").resolve()
    shutil.rmtree(place, ignore_errors=True)
    unit = "requant_gemmlowp"
    times = ("1ns", "1ns")
    given = {"sources": [RTL / f"{unit}.sv"], "includes": [RTL]}
    runner.build(**given, hdl_toplevel=unit, build_dir=place, timescale=times)
    os.environ["VECTORS"] = str(FOLDER)  # the simulator runs in a folder of its own
    results = runner.test(hdl_toplevel=unit, test_module=Path(__file__).stem, build_dir=place)
    tests, failed = get_results(results)
    print(f"{tests} test, {failed} failed")
    raise SystemExit(failed or tests != 1)
