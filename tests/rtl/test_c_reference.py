"""The C99 reference against the executor: random graphs, every scheme, every policy."""

import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from c_reference import POLICIES, REFERENCE, SCHEMES, Range, Reference, build
from random_graphs import random_graph

from edgeint8.fixed_point.arithmetic.geometry import ConvGeometry
from edgeint8.fixed_point.arithmetic.kernels import accumulate
from edgeint8.fixed_point.arithmetic.operands import Operands
from edgeint8.fixed_point.arithmetic.requantize import Scheme, requantize
from edgeint8.fixed_point.executor import ALL_TENSORS, Executor
from edgeint8.fixed_point.runtimes.sums import add_fixed_point
from edgeint8.fixed_point.studies.bit_growth import vertex_input
from edgeint8.fixed_point.studies.overflow import Limits, Policy, sufficient_bits

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
GRAPHS = range(100)
MORE_GRAPHS = range(100, 2_000)


@pytest.fixture(scope="module")
def lib(tmp_path_factory):
    return build(tmp_path_factory.mktemp("reference"))


def compare(lib, seed: int) -> dict[str, int]:
    """Nodes of a random graph that were compared, by operator; every element must be equal."""
    model, feeds = random_graph(seed)
    scheme = SCHEMES[seed % len(SCHEMES)]
    executor, reference = Executor(model, scheme), Reference(lib, scheme)
    if scheme is Scheme.GEMMLOWP:
        executor.operators["QLinearAdd"] = add_fixed_point(1)
        if model.graph.output[0].type.tensor_type.elem_type == 2:  # TFLite's ADD has no uint8 here
            del reference.operators["QLinearAdd"]
            executor.operators["QLinearAdd"] = Executor(model).operators["QLinearAdd"]
    tensors = {**executor.graph.constants, **feeds, **executor.run(feeds, keep=ALL_TENSORS)}
    seen: dict[str, int] = {}
    for node in executor.graph.nodes:
        got = reference.run(node, [tensors[name] if name else None for name in node.inputs])
        if got is not None:
            want = tensors[node.outputs[0]]
            assert got.dtype == want.dtype
            np.testing.assert_array_equal(got, want, err_msg=f"seed {seed}, node {node.name}")
            seen[node.op_type] = seen.get(node.op_type, 0) + 1
    return seen


def counted(lib, seeds) -> dict[str, int]:
    total: dict[str, int] = {}
    for seed in seeds:
        for name, count in compare(lib, seed).items():
            total[name] = total.get(name, 0) + count
    return total


def test_random_graphs_are_equal_node_by_node(lib):
    total = counted(lib, GRAPHS)
    assert len(total) == 9 and min(total.values()) >= 5, total


@pytest.mark.slow
def test_two_thousand_random_graphs(lib):
    total = counted(lib, MORE_GRAPHS)
    print(total)
    assert sum(total.values()) > 8_000


@pytest.mark.parametrize("scheme", SCHEMES)
def test_requantisers_on_ties_corners_and_large_sums(lib, scheme):
    rng = np.random.default_rng(SCHEMES.index(scheme))
    scales = [0.25, 0.5, 2.0**-9, 1.0, 3.0, 2.0**-40, *np.exp(rng.uniform(-14, 1, 30)).tolist()]
    ends = [-(2**31), 2**31 - 1, 0, 1, -1, 2**24 + 1]
    for real in scales:
        scale = float(np.float32(real))
        ties = np.rint((rng.integers(-300, 300, 40) + 0.5) / max(scale, 1e-6))
        acc = np.concatenate(
            [np.clip(ties, -(2**31), 2**31 - 1), rng.integers(-(2**26), 2**26, 40), ends]
        )
        for dtype, zero in ((np.int8, 0), (np.int8, -128), (np.uint8, 77), (np.int16, 3)):
            kind = np.float32 if scheme is Scheme.ORT_FLOAT32 else np.float64
            want = requantize(acc.astype(np.int64), np.asarray(scale, kind), zero, dtype, scheme)
            info = np.iinfo(dtype)
            codes = Range(info.min, info.max, zero)
            index = SCHEMES.index(scheme)
            got = [lib.e8_requantize(int(a), scale, index, codes) for a in acc]
            np.testing.assert_array_equal(got, want, err_msg=f"{scheme}, scale {scale}")


def random_operands(rng) -> Operands:
    """A small grouped, strided, padded convolution with a bias."""
    groups, per_group = int(rng.choice([1, 2, 3])), int(rng.integers(1, 4))
    kernel = tuple(int(k) for k in rng.integers(1, 4, 2))
    geometry = ConvGeometry(
        kernel, tuple(rng.integers(1, 3, 2).tolist()), (1, 1),
        *(tuple(int(rng.integers(0, k)) for k in kernel) for _ in range(2)), groups,
    )  # fmt: skip
    x = rng.integers(0, 256, (1, groups * per_group, 6, 5)).astype(np.uint8)
    w = rng.integers(-128, 128, (groups * 2, per_group, *kernel)).astype(np.int8)
    bias = rng.integers(-4000, 4000, groups * 2)
    return Operands(x, w, int(rng.integers(0, 256)), np.zeros((), np.int8), bias, geometry)


def sums(reference: Reference, operands: Operands):
    """The accumulators of the reference, (N, M, *O)."""
    return reference.conv_sums(
        operands.x, np.asarray(operands.x_zero_point), operands.w, operands.w_zero_point,
        operands.bias, operands.geometry,
    )  # fmt: skip


@pytest.mark.parametrize("policy", POLICIES[1:])
def test_narrow_accumulators_are_the_overflow_studys(lib, policy):
    rng = np.random.default_rng(POLICIES.index(policy))
    differs = 0
    for _ in range(20):
        operands = random_operands(rng)
        bits = max(sufficient_bits(operands) - int(rng.integers(0, 6)), 8)
        limits = Limits(bits, Policy(policy), tile_rows=int(rng.integers(1, 9)))
        exact = accumulate(operands).astype(np.int64)
        want = limits.apply(operands, exact)
        got = sums(Reference(lib, policy=policy, bits=bits, tile_rows=limits.tile_rows), operands)
        np.testing.assert_array_equal(got, np.moveaxis(want, -1, 1))
        differs += int((want != exact).sum())
    assert differs > 100, "no accumulator was too narrow"


@pytest.mark.parametrize("policy", ["wrap", "saturate_tile"])
def test_the_vertex_passes_at_the_exact_width_and_fails_one_bit_below(lib, policy):
    rng = np.random.default_rng(5)
    for channel in range(6):
        operands = replace(random_operands(rng), bias=None)
        channel %= operands.channels
        for highest in (True, False):
            image, (_, *position, _) = vertex_input(operands, channel, highest)
            at_vertex = replace(operands, x=image)
            exact = int(sums(Reference(lib), at_vertex)[(0, channel, *position)])
            bits = (exact if exact >= 0 else ~exact).bit_length() + 1
            assert bits > 8
            for width, passes in ((bits, True), (bits - 1, False)):
                narrow = Reference(lib, policy=policy, bits=width, tile_rows=4)
                got = sums(narrow, at_vertex)[(0, channel, *position)]
                assert (got == exact) == passes, (bits, width, exact, got)


BENCH = """`include "edgeint8_dpi.svh"
module bench;
  initial begin
    $display("%0d", e8_dpi_requantize(10, 0.25, {half_up}, -128, 127, 0));
    $display("%0d", e8_dpi_requantize(-10, 0.25, {gemmlowp}, -128, 127, 0));
    $display("%0d", e8_dpi_requantize(1000, e8_dpi_scale({ort}, 0.5, 0.5, 1.0), {ort}, 0, 255, 77));
    $display("%0d", e8_dpi_limited(128, {wrap}, 8));
    $finish;
  end
endmodule
"""
MAIN = """#include "Vbench.h"
int main() { VerilatedContext context; Vbench bench{&context}; bench.eval(); return 0; }
"""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("verilator") is None, reason="no Verilator")
def test_a_scoreboard_calls_it_through_dpi(tmp_path):
    schemes = {"half_up": "INT32_HALF_UP", "gemmlowp": "GEMMLOWP", "ort": "ORT_FLOAT32"}
    numbers = {name: SCHEMES.index(Scheme[scheme]) for name, scheme in schemes.items()}
    text = BENCH.format(**numbers, wrap=POLICIES.index("wrap"))
    (tmp_path / "bench.sv").write_text(text)
    (tmp_path / "main.cpp").write_text(MAIN)
    build(tmp_path)  # as a library: Verilator would compile C as C++
    link = ["-LDFLAGS", f"{tmp_path}/libedgeint8.so -Wl,-rpath,{tmp_path}"]
    command = ["verilator", "--cc", "--exe", "--build", "-Wall", "-Wno-DECLFILENAME"]
    command += ["--top-module", "bench", f"+incdir+{REFERENCE}", "bench.sv", "main.cpp", *link]
    built = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    said = subprocess.run([tmp_path / "obj_dir/Vbench"], capture_output=True, text=True, check=True)
    assert said.stdout.split()[:4] == ["3", "-3", "255", "-128"]
