import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeint8.arch.network.layers import (
    Layer,
    LayerShape,
    layers_from_json,
    layers_to_json,
    parse_shape_id,
)
from edgeint8.errors import DataError, ModelError

small = st.integers(1, 9)
shapes = st.builds(
    LayerShape.from_output,
    st.tuples(small, small),
    st.tuples(small, small),
    small,
    small,
    st.tuples(small, small),
)


@given(shapes)
def test_shape_id_reads_back(shape: LayerShape) -> None:
    assert parse_shape_id(shape.id) == shape


@given(shapes)
def test_no_window_overhangs(shape: LayerShape) -> None:
    last_row = (shape.output_h - 1) * shape.stride_h + shape.filter_h
    last_col = (shape.output_w - 1) * shape.stride_w + shape.filter_w
    assert (last_row, last_col) == (shape.ifmap_h, shape.ifmap_w)


def test_a_row_may_overhang() -> None:
    """SCALE-Sim rounds up: 14 inputs under 1x1 windows two apart have 8 outputs, not 7."""
    row = LayerShape(14, 14, 1, 1, 1024, 2, 2, 2)
    assert (row.output_h, row.overhangs) == (8, True)
    assert not LayerShape(15, 15, 1, 1, 1024, 2, 2, 2).overhangs


def test_published_macs() -> None:
    """AlexNet conv1: 105,415,200 MACs; its 224 input is 227 for 55 outputs."""
    conv1 = LayerShape.from_output((55, 55), (11, 11), 3, 96, (4, 4))
    assert (conv1.ifmap_h, conv1.macs) == (227, 105_415_200)


def test_gemm_dimensions() -> None:
    shape = LayerShape.from_gemm(m=7, n=5, k=3)
    assert (shape.output_pixels, shape.filters, shape.window) == (7, 5, 3)


@pytest.mark.parametrize(
    "bad", [(33, 34, 3, 3, 16, 16, 0, 2), (2, 34, 3, 3, 1, 1, 1, 1), (3, 3, 3, 3, 0, 1, 1, 1)]
)
def test_bad_shapes_are_refused(bad: tuple[int, ...]) -> None:
    with pytest.raises(ModelError, match="allowed"):
        LayerShape(*bad)


@pytest.mark.parametrize("text", ["", "h1w1", "h03w3_r3s3_c1_m1_u1v1", "h3w3_r3s3_c1_m1_u1v1x"])
def test_bad_ids_are_refused(text: str) -> None:
    with pytest.raises(ModelError):
        parse_shape_id(text)


def test_layers_read_back_from_json() -> None:
    shape = LayerShape.from_output((4, 4), (3, 3), 2, 5)
    layers = (
        Layer("a", "grouped", shape, 2, 16, 90, 80, "Conv a", note="x"),
        Layer("b", "pool", None, 1, 80, 0, 20, "MaxPool b", "MaxPool is not a product"),
        Layer("c", "conv", shape, 1, 16, 90, 80, "Conv c"),
    )
    assert layers_from_json(layers_to_json(layers)) == layers
    assert [layer.macs for layer in layers] == [2 * shape.macs, 0, shape.macs]


def test_broken_json_is_refused() -> None:
    with pytest.raises(DataError, match="layer 0 is malformed"):
        layers_from_json([{"name": "a"}])


def test_a_layer_is_mapped_or_says_why() -> None:
    with pytest.raises(ModelError, match="shape or a reason"):
        Layer("a", "pool", None, 1, 1, 1, 1, "MaxPool a")
