"""Our streamed calibrators against ONNX Runtime's own, on the same model, images and bins."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader
from onnxruntime.quantization.calibrate import (
    CalibrationMethod,
    HistogramCollector,
    create_calibrator,
)

from edgeint8.quant.calibrate.calibration import calibrate, entropy_range, percentile_range
from edgeint8.quant.calibrate.histogram import TensorHistogram, count
from edgeint8.quant.prepare.prepare import prepare_model

IMAGES, BATCH = 96, 32
RANGES = dict[str, tuple[float, float]]


@pytest.fixture(scope="module")
def model() -> onnx.ModelProto:
    """Conv, Relu, Conv, GlobalAveragePool, Sigmoid: two-sided, one-sided and narrow tensors."""
    rng = np.random.default_rng(0)
    weights = [
        numpy_helper.from_array(rng.standard_normal(shape).astype(np.float32), name)
        for name, shape in {"w": (6, 3, 3, 3), "b": (6,), "v": (5, 6, 3, 3)}.items()
    ]
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"], name="conv", pads=[1] * 4),
        helper.make_node("Relu", ["c"], ["r"], name="relu"),
        helper.make_node("Conv", ["r", "v"], ["d"], name="conv2", pads=[1] * 4),
        helper.make_node("GlobalAveragePool", ["d"], ["g"], name="average"),
        helper.make_node("Sigmoid", ["g"], ["y"], name="sigmoid"),
    ]
    graph = helper.make_graph(
        nodes,
        "calibrated",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 10, 10])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 5, 1, 1])],
        weights,
    )
    return prepare_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]))


@pytest.fixture(scope="module")
def inputs() -> dict[str, NDArray[np.float32]]:
    """Heavy-tailed images, so that clipping has something to clip."""
    draws = np.random.default_rng(1).standard_t(4, (IMAGES, 3, 10, 10))
    return {"x": draws.astype(np.float32)}


class Reader(CalibrationDataReader):
    """Feeds the images in batches, as ONNX Runtime's calibrators expect."""

    def __init__(self, inputs: dict[str, NDArray[np.float32]]) -> None:
        self.pieces: Iterator[dict[str, NDArray[np.float32]]] = iter(
            {"x": inputs["x"][start : start + BATCH]} for start in range(0, IMAGES, BATCH)
        )

    def get_next(self) -> dict[str, NDArray[np.float32]]:
        return next(self.pieces, {})


def ort_ranges(
    model: onnx.ModelProto,
    inputs: dict[str, NDArray[np.float32]],
    method: CalibrationMethod,
    folder: Path,
    **options: object,
) -> RANGES:
    onnx.save(model, folder / "model.onnx")
    calibrator = create_calibrator(
        folder / "model.onnx",
        [],
        augmented_model_path=str(folder / "augmented.onnx"),
        calibrate_method=method,
        extra_options=options,
    )
    calibrator.collect_data(Reader(inputs))
    data = calibrator.compute_data()
    return {n: tuple(float(np.squeeze(v)) for v in entry.range_value) for n, entry in data.items()}


def our_ranges(
    model: onnx.ModelProto, inputs: dict[str, NDArray[np.float32]], method: str, **options: object
) -> RANGES:
    calibration = calibrate(model, inputs, method, batch=BATCH, **options)
    return {name: (entry.low, entry.high) for name, entry in calibration.ranges.items()}


def test_minmax_is_equal(
    model: onnx.ModelProto, inputs: dict[str, NDArray[np.float32]], tmp_path: Path
) -> None:
    theirs = ort_ranges(model, inputs, CalibrationMethod.MinMax, tmp_path)
    assert our_ranges(model, inputs, "minmax") == theirs
    assert len(theirs) == 6


@pytest.mark.parametrize("percentile", [99.0, 99.9, 99.99])
@pytest.mark.parametrize("bins", [256, 2048])
def test_percentile_is_equal_for_equal_bins(
    model: onnx.ModelProto,
    inputs: dict[str, NDArray[np.float32]],
    tmp_path: Path,
    bins: int,
    percentile: float,
) -> None:
    theirs = ort_ranges(
        model,
        inputs,
        CalibrationMethod.Percentile,
        tmp_path,
        num_bins=bins,
        percentile=percentile,
        symmetric=False,
    )
    assert our_ranges(model, inputs, "percentile", bins=bins, percentile=percentile) == theirs


@pytest.mark.parametrize(("bins", "quantized_bins"), [(256, 128), (512, 128), (512, 256)])
def test_entropy_is_equal_for_equal_bins(
    model: onnx.ModelProto,
    inputs: dict[str, NDArray[np.float32]],
    tmp_path: Path,
    bins: int,
    quantized_bins: int,
) -> None:
    theirs = ort_ranges(
        model,
        inputs,
        CalibrationMethod.Entropy,
        tmp_path,
        num_bins=bins,
        num_quantized_bins=quantized_bins,
    )
    ours = our_ranges(model, inputs, "entropy", bins=bins, quantized_bins=quantized_bins)
    assert ours == theirs


def test_default_entropy_of_onnx_runtime_is_minmax_and_ours_is_not(
    model: onnx.ModelProto, inputs: dict[str, NDArray[np.float32]], tmp_path: Path
) -> None:
    minmax = ort_ranges(model, inputs, CalibrationMethod.MinMax, tmp_path)
    assert ort_ranges(model, inputs, CalibrationMethod.Entropy, tmp_path) == minmax
    ours = our_ranges(model, inputs, "entropy")
    assert sum(ours[name] != minmax[name] for name in minmax) >= 4


@pytest.mark.parametrize("seed", range(8))
def test_thresholds_of_random_histograms_are_equal(seed: int) -> None:
    rng = np.random.default_rng(seed)
    samples = [rng.standard_t(3, 4000), np.maximum(rng.normal(size=4000), 0), rng.gamma(2, 1, 4000)]
    values = samples[seed % 3].astype(np.float32)
    collector = HistogramCollector("entropy", False, 512, 128, 99.5, "same")
    collector.collect_value({"t": values})
    low, high = collector.compute_entropy()["t"][:2]
    limit = float(np.abs(values).max())
    histogram = TensorHistogram(float(values.min()), float(values.max()), count(values, limit, 512))
    ours = entropy_range(histogram, 128)
    assert (ours.low, ours.high) == (float(low), float(high))
    low, high = collector.compute_percentile()["t"][:2]
    ours = percentile_range(histogram, 99.5)
    assert (ours.low, ours.high) == (float(low), float(high))
