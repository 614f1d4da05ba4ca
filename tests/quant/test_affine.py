"""The affine map against hand-derived numbers, ONNX Runtime's quantiser and properties."""

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from onnx import TensorProto, helper
from onnxruntime.quantization.quant_utils import compute_scale_zp, get_qmin_qmax_for_qType

from edgeint8.errors import ConfigError, DataError
from edgeint8.quant import affine
from edgeint8.quant.affine import AffineParameters, IntegerGrid

SIGNED = IntegerGrid(8, signed=True)
RESTRICTED = IntegerGrid(8, signed=True, restricted=True)
UNSIGNED = IntegerGrid(8, signed=False)
FINITE = st.floats(-1e6, 1e6, width=32)


@pytest.mark.parametrize(
    ("grid", "qmin", "qmax", "dtype"),
    [
        (IntegerGrid(8), -128, 127, "int8"),
        (RESTRICTED, -127, 127, "int8"),
        (UNSIGNED, 0, 255, "uint8"),
        (IntegerGrid(2), -2, 1, "int8"),
        (IntegerGrid(2, restricted=True), -1, 1, "int8"),
        (IntegerGrid(9), -256, 255, "int16"),
        (IntegerGrid(16, signed=False), 0, 65535, "uint16"),
    ],
)
def test_grid_levels(grid: IntegerGrid, qmin: int, qmax: int, dtype: str) -> None:
    assert (grid.qmin, grid.qmax, grid.dtype) == (qmin, qmax, np.dtype(dtype))


@pytest.mark.parametrize("bits", [1, 0, 17, -8])
def test_grid_refuses_widths_outside_2_to_16(bits: int) -> None:
    with pytest.raises(ConfigError, match="2 to 16"):
        IntegerGrid(bits)


def test_grid_refuses_unsigned_restricted() -> None:
    with pytest.raises(ConfigError, match="restricted signed"):
        IntegerGrid(8, signed=False, restricted=True)


def test_hand_derived_parameters() -> None:
    # [-1, 3] on uint8: s = 4/255, z = 255/4 = 63.75 -> 64
    asymmetric = affine.parameters_from_range(-1.0, 3.0, UNSIGNED, symmetric=False)
    assert asymmetric.scale == np.float32(4 / 255)
    assert asymmetric.zero_point == 64
    # [-1, 2.54] on restricted int8: a = 2.54, s = 5.08/254 = 0.02
    symmetric = affine.parameters_from_range(-1.0, 2.54, RESTRICTED, symmetric=True)
    assert symmetric.scale == np.float32(0.02)
    assert symmetric.zero_point == 0
    # the same on the full grid has 255 steps, and on uint8 the zero-point 128
    assert affine.parameters_from_range(-1, 2.54, SIGNED, symmetric=True).scale == np.float32(
        5.08 / 255
    )
    assert affine.parameters_from_range(-1, 2.54, UNSIGNED, symmetric=True).zero_point == 128


def test_hand_derived_levels_round_half_to_even() -> None:
    parameters = AffineParameters(np.float32(0.5), np.int32(3), UNSIGNED)
    values = [0.25, 0.75, 1.25, -0.25, -0.75, -1.5, -2.0, 126.0, 200.0]
    #      steps 0.5->0 1.5->2 2.5->2 -0.5->0 -1.5->-2 -3 -4 252 400
    assert affine.quantize(values, parameters).tolist() == [3, 5, 5, 3, 1, 0, 0, 255, 255]
    assert affine.dequantize([0, 3, 255], parameters).tolist() == [-1.5, 0.0, 126.0]


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("kind", ["INT8", "UINT8", "INT16", "UINT16"])
@given(low=FINITE, width=st.floats(0, 1e6, width=32))
def test_parameters_equal_onnx_runtime(
    kind: int, symmetric: bool, low: float, width: float
) -> None:
    high = float(np.float32(low + width))
    qmin, qmax = get_qmin_qmax_for_qType(getattr(TensorProto, kind), symmetric=symmetric)
    zero, scale = compute_scale_zp(np.float32(low), np.float32(high), qmin, qmax, symmetric)
    signed = int(qmin) < 0
    grid = IntegerGrid(16 if int(qmax) > 255 else 8, signed=signed, restricted=signed and symmetric)
    assert (grid.qmin, grid.qmax) == (int(qmin), int(qmax))
    ours = affine.parameters_from_range(low, high, grid, symmetric=symmetric)
    assert ours.scale == np.float32(scale)
    assert ours.zero_point == int(zero)


@pytest.mark.parametrize("axis", [None, 0, 1])
@given(data=st.data())
def test_levels_equal_onnx_reference(axis: int | None, data: st.DataObject) -> None:
    values = data.draw(arrays(np.float32, (3, 4), elements=FINITE))
    parameters = affine.parameters_from_data(values, UNSIGNED, symmetric=False, axis=axis)
    attributes = {} if axis is None else {"axis": axis}
    names = ["x", "s", "z"]
    graph = helper.make_graph(
        [
            helper.make_node("QuantizeLinear", names, ["q"], **attributes),
            helper.make_node("DequantizeLinear", ["q", "s", "z"], ["y"], **attributes),
        ],
        "both",
        [helper.make_tensor_value_info(n, TensorProto.UNDEFINED, None) for n in names],
        [helper.make_tensor_value_info(n, TensorProto.UNDEFINED, None) for n in ("q", "y")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)])
    feeds = {"x": values, "s": parameters.scale, "z": parameters.zero_point.astype(np.uint8)}
    levels, restored = onnx.reference.ReferenceEvaluator(model).run(None, feeds)
    assert np.array_equal(affine.quantize(values, parameters), levels)
    assert np.array_equal(affine.dequantize(levels, parameters), restored)


@given(
    values=arrays(np.float32, st.integers(1, 40), elements=FINITE),
    bits=st.integers(2, 16),
    signed=st.booleans(),
    symmetric=st.booleans(),
)
def test_error_is_at_most_one_step(
    values: np.ndarray, bits: int, signed: bool, symmetric: bool
) -> None:
    grid = IntegerGrid(bits, signed=signed)
    parameters = affine.parameters_from_data(values, grid, symmetric=symmetric)
    restored = affine.fake_quantize(values, parameters)
    rounding = float(np.abs(values).max()) * 2.0**-22
    assert affine.max_abs_error(values, restored) <= float(parameters.scale) + rounding
    again = affine.fake_quantize(restored, parameters)
    assert np.array_equal(affine.quantize(again, parameters), affine.quantize(values, parameters))


@given(values=arrays(np.float32, st.integers(1, 40), elements=FINITE), symmetric=st.booleans())
def test_zero_is_exact(values: np.ndarray, symmetric: bool) -> None:
    parameters = affine.parameters_from_data(values, UNSIGNED, symmetric=symmetric)
    assert affine.fake_quantize(np.zeros(3), parameters).tolist() == [0.0, 0.0, 0.0]


@given(
    value=st.floats(2.0**-100, 2.0**100, width=32), negative=st.booleans(), bits=st.integers(2, 16)
)
def test_constant_tensor_is_exact_up_to_rounding(value: float, negative: bool, bits: int) -> None:
    constant = np.full(5, -value if negative else value, np.float32)
    for grid in (IntegerGrid(bits, signed=False), IntegerGrid(bits, restricted=True)):
        parameters = affine.parameters_from_data(constant, grid, symmetric=grid.signed)
        restored = affine.fake_quantize(constant, parameters)
        np.testing.assert_allclose(restored, constant, rtol=2e-7)


def test_degenerate_ranges() -> None:
    for low, high in [(0.0, 0.0), (-1e-40, 1e-40)]:
        for grid in (SIGNED, RESTRICTED, UNSIGNED):
            parameters = affine.parameters_from_range(low, high, grid, symmetric=True)
            assert (parameters.scale, parameters.zero_point) == (1.0, 0)
    empty = affine.parameters_from_data(np.empty((0,)), UNSIGNED, symmetric=False)
    assert (empty.scale, empty.zero_point) == (1.0, 0)


def test_values_that_are_not_finite() -> None:
    parameters = affine.parameters_from_range(-1.0, 3.0, UNSIGNED, symmetric=False)
    assert affine.quantize([np.inf, -np.inf, np.nan], parameters).tolist() == [255, 0, 64]
    tiny = AffineParameters(np.float32(1e-38), np.int32(0), SIGNED)
    assert affine.quantize([3e38, -3e38], tiny).tolist() == [127, -128]
    for bad in ([np.nan, 1.0], [np.inf]):
        with pytest.raises(DataError, match="NaN or infinity"):
            affine.parameters_from_data(bad, SIGNED, symmetric=True)
    with pytest.raises(DataError, match="finite"):
        affine.parameters_from_range(0.0, np.inf, SIGNED, symmetric=True)
    with pytest.raises(DataError, match="low <= high"):
        affine.parameters_from_range(2.0, 1.0, SIGNED, symmetric=True)


@pytest.mark.parametrize(
    ("scale", "zero", "axis", "message"),
    [
        (np.float32(0), np.int32(0), None, "positive finite"),
        (np.float32(np.nan), np.int32(0), None, "positive finite"),
        (np.float32(1), np.int32(128), None, "-128 to 127"),
        (np.ones(2, np.float32), np.zeros(3, np.int32), 0, "zero-point"),
        (np.ones(2, np.float32), np.zeros(2, np.int32), None, "axis None"),
    ],
)
def test_parameters_refuse(scale: object, zero: object, axis: int | None, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        AffineParameters(np.asarray(scale), np.asarray(zero), SIGNED, axis)


def test_per_axis_equals_each_slice_alone() -> None:
    values = np.random.default_rng(0).standard_normal((5, 3, 4)).astype(np.float32)
    for axis in (0, 1, 2, -1):
        whole = affine.parameters_from_data(values, RESTRICTED, symmetric=True, axis=axis)
        levels = affine.quantize(values, whole)
        for index in range(values.shape[axis]):
            part = values.take(index, axis)
            alone = affine.parameters_from_data(part, RESTRICTED, symmetric=True)
            assert whole.scale[index] == alone.scale
            assert np.array_equal(levels.take(index, axis), affine.quantize(part, alone))
    with pytest.raises(ConfigError, match="axis 3"):
        affine.parameters_from_data(values, RESTRICTED, symmetric=True, axis=3)


def test_uniform_noise_has_a_twelfth_of_a_step_squared() -> None:
    values = np.random.default_rng(1).uniform(-1, 1, 200_000).astype(np.float32)
    for bits in (4, 8, 12):
        parameters = affine.parameters_from_range(
            -1, 1, IntegerGrid(bits, signed=False), symmetric=False
        )
        error = affine.mse(values, affine.fake_quantize(values, parameters))
        assert error == pytest.approx(float(parameters.scale) ** 2 / 12, rel=0.02)


def test_error_measures_by_hand() -> None:
    x, y = [3.0, 4.0], [3.0, 5.0]
    assert affine.mse(x, y) == 0.5
    assert affine.max_abs_error(x, y) == 1.0
    assert affine.sqnr_db(x, y) == pytest.approx(10 * np.log10(25))
    assert affine.cosine_similarity([1, 0], [0, 2]) == 0.0
    assert affine.cosine_similarity([1, 1], [2, 2]) == pytest.approx(1.0)
    assert affine.sqnr_db(x, x) == float("inf")
    assert affine.sqnr_db([0.0], [1.0]) == float("-inf")
    assert affine.cosine_similarity([0.0], [0.0]) == 1.0
    assert affine.cosine_similarity([0.0], [1.0]) == 0.0
    with pytest.raises(DataError, match="equal shapes"):
        affine.mse([1.0], [1.0, 2.0])


def test_demo_prints_eight_bits_between_40_and_50_db(capsys: pytest.CaptureFixture[str]) -> None:
    affine.main()
    row = next(line for line in capsys.readouterr().out.splitlines() if line.split()[0] == "8")
    assert all(40 < float(cell) < 50 for cell in row.split()[1:])
