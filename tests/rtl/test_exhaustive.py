"""Requantisers on every accumulator inside the exact bound: RTL = C = NumPy."""

import importlib
import subprocess
from pathlib import Path

import numpy as np
import pytest
from c_reference import REFERENCE, SCHEMES, build
from random_layers import scales_of
from test_network import needs_verilator, network

from edgeint8.fixed_point.arithmetic.requantize import Scheme, code_range, requantize
from edgeint8.quant.affine import sum_reach, with_bias
from edgeint8.rtl.layer import SCHEMES as IN_RTL
from edgeint8.rtl.layer import RtlLayer
from edgeint8.rtl.network import rtl_layers
from edgeint8.rtl.simulator import RULES, SOURCES

HERE = Path(__file__).parent
CHUNK = 1 << 22
UNITS = {0: "requant_ort", 1: "requant_gemmlowp"}


def driver(folder: Path, scheme: Scheme) -> Path:
    """The requantiser of a scheme and the C99 reference in one program."""
    flags = ["-std=c99", "-O2", "-ffp-contract=off", "-c"]
    sources = [str(REFERENCE / f"{name}.c") for name in ("requantize", "products")]
    subprocess.run(["cc", *flags, *sources], cwd=folder, check=True)
    rule = RULES[scheme]
    unit = UNITS.get(rule, "requant_shift")
    command = [
        *("verilator", "--cc", "--exe", "--build", "-O3", "-Wno-fatal", "-Wno-lint"),
        *("--prefix", "Vunit", "--top-module", unit, "--Mdir", str(folder / "build")),
        *([] if rule in UNITS else [f"-GRULE={rule}"]),
        *("-CFLAGS", f"-O2 -I{REFERENCE} {'-DFLOAT_SCALE' if rule == 0 else ''}"),
        *(str(SOURCES / f"{unit}.sv"), str(HERE / "exhaustive.cpp")),
        *(str(folder / f"{name}.o") for name in ("requantize", "products")),
    ]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "build/Vunit"


def ranges(layers: tuple[RtlLayer, ...], scheme: Scheme):
    """Every channel's bound, scale, stored constants, zero-point and type."""
    for layer in layers:
        if layer.weights is None:
            continue
        low, high = code_range(layer.dtype)
        span = low - layer.zero_in, high - layer.zero_in
        reach = with_bias(sum_reach(layer.weights.astype(np.int64), span), layer.bias)
        for m, scale in enumerate(scales_of(layer, scheme)):
            constants = int(layer.rescale.factor[m]), int(layer.rescale.shift[m])
            yield int(reach.low[m]), int(reach.high[m]), scale, constants, layer


def hold(folder: Path, layers: tuple[RtlLayer, ...], scheme: Scheme) -> int:
    """RTL against C in one program, C against NumPy here; how many accumulators."""
    found = list(ranges(layers, scheme))
    lines = "".join(
        f"{low} {high} {float(scale).hex()} {factor} {shift} {layer.zero_out} "
        f"{code_range(layer.dtype)[0]} {code_range(layer.dtype)[1]}\n"
        for low, high, scale, (factor, shift), layer in found
    )
    command = [str(driver(folder, scheme)), str(SCHEMES.index(scheme))]
    said = subprocess.run(command, input=lines, capture_output=True, text=True, check=True).stdout
    words = sum(high - low + 1 for low, high, *_ in found)
    assert f"{words} words, 0 mismatches" in said, said
    lib = build(folder)
    for low, high, scale, _, layer in found:
        for start in range(low, high + 1, CHUNK):
            acc = np.arange(start, min(start + CHUNK, high + 1), dtype=np.int64)
            real = np.asarray(scale, np.float32 if scheme is Scheme.ORT_FLOAT32 else np.float64)
            ours = requantize(acc, real, layer.zero_out, layer.dtype, scheme)
            assert np.array_equal(in_c(lib, acc, scale, layer, scheme), ours)
    return words


def in_c(lib, acc: np.ndarray, scale: float, layer: RtlLayer, scheme: Scheme) -> np.ndarray:
    from c_reference import INT32, INT64, Range, c_double

    low, high = code_range(layer.dtype)
    codes = np.empty(acc.shape, np.int32)
    lib.e8_requantize_all(
        *(acc.ctypes.data_as(INT64), 1, 1, acc.size, (c_double * 1)(scale)),
        *(SCHEMES.index(scheme), Range(low, high, layer.zero_out), codes.ctypes.data_as(INT32)),
    )
    return codes.astype(layer.dtype)


@needs_verilator
@pytest.mark.slow
@pytest.mark.parametrize("scheme", IN_RTL, ids=lambda scheme: scheme.value)
def test_every_accumulator_of_a_small_network(scheme: Scheme, tmp_path: Path) -> None:
    layers, _ = rtl_layers(network(), {"x": np.zeros((1, 3, 7, 8), np.float32)}, scheme)
    assert hold(tmp_path, layers, scheme) > 5_000_000


@needs_verilator
@pytest.mark.slow
@pytest.mark.parametrize("scheme", IN_RTL, ids=lambda scheme: scheme.value)
@pytest.mark.parametrize("name", ["signal_cnn_1d", "tiny_cnn_2d", "mobile_cnn_2d"])
def test_every_accumulator_of_a_built_in_network(
    name: str, scheme: Scheme, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(HERE.parents[1] / "benchmarks"))
    model, images = importlib.import_module("four_counts").quantized(name)
    layers, _ = rtl_layers(model, {model.graph.input[0].name: images[:1]}, scheme)
    assert hold(tmp_path, layers, scheme) > 10_000_000
