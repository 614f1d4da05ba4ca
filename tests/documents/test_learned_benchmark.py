"""The float network that a benchmark reads out of an INT8 file; the quote of what was measured."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from quantized_networks import network

from edgeint8.errors import ModelError
from edgeint8.models.networks.registry import MODELS
from edgeint8.quant.affine import sqnr_db
from edgeint8.quant.session import run_onnx
from edgeint8.tflite.export.export import export_tflite
from tools.docs.learned_quotes import (
    learned_codes,
    learned_codes_witness,
    learned_targets,
    learning_time,
)

ROOT = Path(__file__).parents[2]
ROW = {"network": "net", "setting": "w4", "accuracy_fp32": 0.9, "time_cpu_s": 5.0}
ROW |= {"mismatches": 0, "compared_elements": 1000, "bits_guaranteed": 19, "bits_vertex": 19}
ROWS = pd.DataFrame(
    ROW
    | {"rounding": r, "accuracy_delta": d, "delta_low": d - 0.004, "non_inferior": n, "sqnr_db": s}
    for r, d, n, s in (
        ("nearest", -0.3, False, 8.0),
        ("learned", -0.005, True, 24.0),
        ("learned", -0.007, False, 23.5),
    )
)


@pytest.fixture(scope="module")
def dequantized():
    sys.path.insert(0, str(ROOT / "benchmarks"))
    return importlib.import_module("dequantized")


def test_the_float_network_is_the_one_that_was_quantised(dequantized):
    """ResNet-8 quantised by ONNX Runtime, as a .tflite file, and back: borders, strides, sums."""
    quantized, _ = network(MODELS["resnet8"], (3, 32, 32), "sym_channel")
    back = dequantized.float_network(export_tflite(quantized).model)
    images = np.random.default_rng(3).standard_normal((16, 3, 32, 32), dtype=np.float32)
    name = quantized.graph.output[0].name
    integers = run_onnx(quantized, {"input": images}, batch=1)[name]
    floats = run_onnx(back, {"input": images}, batch=1)[back.graph.output[0].name]
    assert sqnr_db(floats, integers) > 20


def test_what_it_does_not_know_is_refused(dequantized):
    quantized, _ = network(MODELS["tiny_cnn_2d"], (3, 32, 32), "sym_channel")
    with pytest.raises(ModelError, match="MAX_POOL_2D; allowed: CONV_2D, ADD"):
        dequantized.float_network(export_tflite(quantized).model)


def test_a_line_has_the_least_and_the_most_over_the_draws():
    (line,) = learned_codes({"benchmark_learned_codes": ROWS}).splitlines()[2:]
    wanted = "| net | 90.00 % | w4 | -30.00 | -0.70 to -0.50 | -1.10 | 2 | 1 | 8.0 | 23.5 to 24.0 |"
    assert line == f"{wanted} 19 | 5.0 |"


def test_what_differs_is_said():
    said = learned_codes_witness({"benchmark_learned_codes": ROWS})
    assert "In 3 networks the executor computed 3,000 elements" in said and "none differs" in said
    wrong = ROWS.assign(mismatches=[0, 2, 0], bits_vertex=[19, 18, 19])
    said = learned_codes_witness({"benchmark_learned_codes": wrong})
    assert ": 2 differ. In 2 of them the input" in said


def test_what_was_asked_is_held_against_the_worst_draw():
    """Asked of W3: no draw below -2; of W4: non-inferior in every draw. Nearest codes count not."""
    three = ROWS.assign(network="tiny_cnn_2d", setting="w3_channel")
    five = pd.concat([three, three.iloc[[1, 1, 2]]])
    four = three.assign(setting="w4_channel")
    missed = three.assign(accuracy_delta=[0.0, -0.0201, 0.0])
    for rows, wanted in (
        (three, "w3_channel | no draw below -2.0 | worst of 2 -0.70 | so far |"),
        (five, "w3_channel | no draw below -2.0 | worst of 5 -0.70 | yes |"),
        (five.assign(accuracy_delta=-0.02), "worst of 5 -2.00 | yes |"),  # exactly at it
        (missed, "worst of 2 -2.01 | **no** |"),
        (four, "every draw non-inferior at 1 point | 1 of 2 | **no** |"),
        (four.assign(non_inferior=True), "2 of 2 | so far |"),
    ):
        (line,) = learned_targets({"benchmark_learned_codes": rows}).splitlines()[2:]
        assert line.endswith(wanted)


def test_times_stand_beside_what_they_were_needed_for():
    row = {"network": "net", "setting": "w4", "layers": 3, "weights": 12345}
    rows = pd.DataFrame([row | {"bits_guaranteed": 19, "time_cpu_s": 7.26}])
    (line,) = learning_time({"benchmark_learning_time": rows}).splitlines()[2:]
    assert line == "| net | 3 | 12,345 | w4 | 19 | 7.3 |"
