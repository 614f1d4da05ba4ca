"""Runs that reach as much of the RTL as they can, each held against the executor."""

import numpy as np
import onnx
import test_additions
import test_averages
import test_network
import test_width
from onnx import numpy_helper
from test_network import IS, MACHINES, WS

from edgeint8.arch.machine.hardware import Hardware
from edgeint8.errors import ModelError
from edgeint8.fixed_point.arithmetic.requantize import Scheme
from edgeint8.fixed_point.runtimes.known import ORT, TFLM
from edgeint8.fixed_point.runtimes.runtime import Runtime
from edgeint8.rtl.compare import run_network

EXPONENTS = -16, 6


def reach() -> None:
    """All runs; a mismatch fails."""
    for machine in MACHINES:
        test_network.test_a_network_runs_from_codes_to_codes(*machine)
        test_network.test_a_mean_over_the_image_runs_in_the_machine(*machine)
        hardware, scheme, runtime = machine
        test_network.hold_random_layers(30, 3, hardware, scheme, runtime)
    test_network.hold_random_layers(20, 4, WS, Scheme.INT32_HALF_EVEN)
    for policy in test_width.POLICIES:
        test_width.test_the_vertex_passes_at_its_width_and_fails_one_bit_below(policy)
    rng = np.random.default_rng(12)
    for hardware, runtime in ((WS, ORT), (IS, TFLM)):
        for dtype in (np.int8, np.uint8):
            test_averages.test_averages_run_from_codes_to_codes(hardware, runtime, dtype)
        for _ in range(20):
            hold_extreme_scales(rng, hardware, runtime)


def hold_extreme_scales(rng: np.random.Generator, hardware: Hardware, runtime: Runtime) -> None:
    """An addition and a mean whose scales lie anywhere in what the units hold."""
    kind = "int8" if runtime is TFLM else str(rng.choice(["int8", "uint8"]))
    model = test_additions.residual(kind)
    for name in ("qs", "cs", "ss", "ms"):
        _replace(model, name, np.float32(2.0 ** rng.uniform(*EXPONENTS)))
    inputs = rng.normal(0, 2.0 ** rng.uniform(*EXPONENTS), (1, 5, 6, 7)).astype(np.float32)
    try:
        checks = run_network(model, inputs, hardware, runtime=runtime)
    except ModelError:  # scales whose ratio they do not hold
        return
    for check in checks:
        assert check.mismatches == 0, check.first


def _replace(model: onnx.ModelProto, name: str, value: np.float32) -> None:
    """Another constant in place of one."""
    for tensor in model.graph.initializer:
        if tensor.name == name:
            tensor.CopyFrom(numpy_helper.from_array(np.asarray(value), name))
