"""Resize, moves, ConvTranspose and sums against ONNX Runtime: any shape, any attribute we have."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from messy_networks import node, weights, with_head
from one_node import F32, array, both, close, model_of

from edgeint8.errors import ModelError
from edgeint8.fixed_point.compare import compare_model
from edgeint8.fixed_point.executor import Executor, float_nodes
from edgeint8.quant.ort.reference import batches
from edgeint8.quant.ptq import Strategy, calibrate, prepare_model, quantize

CODES_AND_FLOATS = (np.uint8, np.int8, F32)
COORDINATES = ("asymmetric", "half_pixel", "pytorch_half_pixel", "align_corners")
NEAREST = ("floor", "ceil", "round_prefer_floor", "round_prefer_ceil")
LAYOUTS = {  # leading axes, number of spatial axes, trailing axes
    "hw": ((), 2, ()),
    "nchw": ((2, 3), 2, ()),
    "nhwc": ((2,), 2, (3,)),
    "ncw": ((2, 3), 1, ()),
    "ncdhw": ((1, 2), 3, ()),
}
sides = st.integers(1, 7)
seeds = st.integers(0, 2**32 - 1)


@st.composite
def resizes(draw):
    """An array, and scales or sizes for all its axes, at least one element each."""
    leading, count, trailing = LAYOUTS[draw(st.sampled_from(sorted(LAYOUTS)))]
    image = draw(st.lists(sides, min_size=count, max_size=count))
    x = array(draw(seeds), (*leading, *image, *trailing), draw(st.sampled_from(CODES_AND_FLOATS)))
    if draw(st.booleans()):
        sizes = draw(st.lists(st.integers(1, 15), min_size=count, max_size=count))
        return x, "sizes", np.array([*leading, *sizes, *trailing], np.int64)
    ratio = st.sampled_from([0.5, 1.0, 2.0, 3.0, 4.0]) | st.floats(0.25, 3, width=32)
    scales = [max(draw(ratio), 1.01 / size) for size in image]
    ones = [1.0] * len(leading), [1.0] * len(trailing)
    return x, "scales", np.array([*ones[0], *scales, *ones[1]], F32)


def resize_model(x, kind, values, **attributes):
    inputs = ["x", "", kind] if kind == "scales" else ["x", "", "", kind]
    return model_of("Resize", {"x": x}, {kind: values}, inputs=inputs, **attributes)


ALMOST_HALF = array(0, (1, 7), np.uint8), "sizes", np.array([1, 2])  # 1 / (2/7) is below 3.5


@example(ALMOST_HALF, "asymmetric", "round_prefer_ceil")
@given(resizes(), st.sampled_from(COORDINATES), st.sampled_from(NEAREST))
@settings(max_examples=300, deadline=None)
def test_nearest_resize_equals_ort(case, coordinates, rounding):
    model = resize_model(
        *case,
        mode="nearest",
        coordinate_transformation_mode=coordinates,
        nearest_mode=rounding,
    )
    np.testing.assert_array_equal(*both(model, {"x": case[0]}))


@given(resizes(), st.sampled_from(COORDINATES))
@settings(max_examples=300, deadline=None)
def test_linear_resize_equals_ort_in_every_bit(case, coordinates):
    """Codes as well: truncated, and in fixed point where channels come last."""
    model = resize_model(*case, mode="linear", coordinate_transformation_mode=coordinates)
    np.testing.assert_array_equal(*both(model, {"x": case[0]}))


@given(resizes().filter(lambda case: case[1] == "scales"), st.sampled_from(["nearest", "linear"]))
@settings(max_examples=100, deadline=None)
def test_resize_of_opset_10_equals_ort(case, mode):
    """Scales are its second input, its coordinates asymmetric; it rounds by its direction."""
    x, _, scales = case
    model = model_of("Resize", {"x": x}, {"scales": scales}, opset=10, mode=mode)
    np.testing.assert_array_equal(*both(model, {"x": x}))


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"coordinate_transformation_mode": "half_pixel_symmetric"}, "half_pixel_symmetric"),
        ({"nearest_mode": "sideways"}, "nearest_mode sideways"),
        ({"mode": "linear", "antialias": 1}, "antialias 1"),
        ({"keep_aspect_ratio_policy": "not_larger"}, "keep_aspect_ratio_policy not_larger"),
    ],
)
def test_another_resize_is_refused_by_name(attributes, words):
    x = array(0, (1, 1, 4, 4))
    model = resize_model(x, "sizes", np.array([1, 1, 8, 8]), **attributes)
    with pytest.raises(ModelError, match=f"Resize.*({words}).*node Resize"):
        Executor(model).run({"x": x})


@given(seeds, st.integers(1, 3), sides, sides, sides, st.sampled_from(CODES_AND_FLOATS))
@settings(max_examples=60, deadline=None)
@pytest.mark.parametrize("op_type", ["DCR", "CRD", "SpaceToDepth"])
def test_blocks_and_channels_equal_ort(op_type, seed, block, channels, height, width, dtype):
    if op_type == "SpaceToDepth":
        x = array(seed, (2, channels, height * block, width * block), dtype)
        model = model_of(op_type, {"x": x}, blocksize=block)
    else:
        x = array(seed, (2, channels * block**2, height, width), dtype)
        model = model_of("DepthToSpace", {"x": x}, blocksize=block, mode=op_type)
    np.testing.assert_array_equal(*both(model, {"x": x}))


@st.composite
def transposed_convolutions(draw):
    """Feeds and attributes of a ConvTranspose with an output of at least one element."""
    axes = draw(st.integers(1, 2))

    def each(low, high):
        return draw(st.lists(st.integers(low, high), min_size=axes, max_size=axes))

    groups, depth, width = (draw(st.integers(1, 3)) for _ in range(3))
    kernel, strides, dilations, image = each(1, 4), each(1, 3), each(1, 2), each(1, 6)
    attributes = {"group": groups, "strides": strides, "dilations": dilations}
    extent = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    how = draw(st.sampled_from(["pads", "SAME_UPPER", "SAME_LOWER", "VALID", "output_shape"]))
    if how == "pads":
        begin, end = ([draw(st.integers(0, (e - 1) // 2)) for e in extent] for _ in range(2))
        attributes["pads"] = begin + end
        attributes["output_padding"] = [draw(st.integers(0, s - 1)) for s in strides]
    elif how == "output_shape":
        attributes[how] = [
            s * (n - 1) + e - draw(st.integers(0, e - 1))
            for s, n, e in zip(strides, image, extent, strict=True)
        ]
    else:
        attributes["auto_pad"] = how
    feeds = {
        "x": array(draw(seeds), (2, groups * depth, *image)),
        "w": array(draw(seeds), (groups * depth, width, *kernel)),
    }
    if draw(st.booleans()):
        feeds["b"] = array(draw(seeds), (groups * width,))
    return feeds, attributes


@given(transposed_convolutions())
@settings(max_examples=300, deadline=None)
def test_conv_transpose_agrees_with_ort(case):
    feeds, attributes = case
    close(*both(model_of("ConvTranspose", feeds, **attributes), feeds))


def test_conv_transpose_refuses_channels_that_do_not_fit():
    feeds = {"x": array(0, (1, 4, 3, 3)), "w": array(1, (2, 3, 2, 2))}
    with pytest.raises(ModelError, match=r"x \(1, 4, 3, 3\) with w \(2, 3, 2, 2\)"):
        Executor(model_of("ConvTranspose", feeds)).run(feeds)


@given(
    seeds,
    st.lists(sides, min_size=1, max_size=4),
    st.data(),
    st.booleans(),
    st.sampled_from(["ReduceSum", "ReduceMean"]),
    st.sampled_from([11, 18]),
)
@settings(max_examples=200, deadline=None)
def test_sums_and_means_agree_with_ort(seed, shape, data, keepdims, op_type, opset):
    """Axes by attribute and by input, negative ones, none; ReduceSum of int32 too."""
    axes = data.draw(st.lists(st.integers(0, len(shape) - 1), unique=True))
    signed = [axis - len(shape) if data.draw(st.booleans()) else axis for axis in axes]
    x = array(seed, shape)
    if op_type == "ReduceSum" and data.draw(st.booleans()):
        x = (x * 100).astype(np.int32)
    constants, attributes = {}, {"keepdims": int(keepdims)}
    if opset == 18:
        constants["axes"] = np.array(signed, np.int64)
        attributes["noop_with_empty_axes"] = data.draw(st.integers(0, 1))
    elif signed:
        attributes["axes"] = signed
    got, want = both(model_of(op_type, {"x": x}, constants, opset, **attributes), {"x": x})
    close(got, want, largest=np.abs(x).max())  # terms may cancel


UPSCALE = np.array([1, 1, 1.7, 2.5], F32)
BODIES = {
    "linear": node("Resize", ["a", "", "scales"], ["b"], mode="linear"),
    "nearest": node("Resize", ["a", "", "scales"], ["b"], nearest_mode="floor"),
    "depth_to_space": node("DepthToSpace", ["a"], ["b"], blocksize=2),
    "space_to_depth": node("SpaceToDepth", ["a"], ["b"], blocksize=2),
    "conv_transpose": node("ConvTranspose", ["a", "t"], ["b"], strides=[2, 2], group=2),
}
CHANNELS = {"depth_to_space": 2, "space_to_depth": 32}
IN_FLOAT = {  # what ONNX Runtime leaves in float arithmetic
    ("linear", "qdq"): {"Resize"},
    ("conv_transpose", "qoperator"): {"ConvTranspose"},
    ("conv_transpose", "qdq"): {"ConvTranspose"},
}
ON_CODES = {  # what it runs without a float tensor between
    *((name, "qoperator") for name in ("linear", "nearest")),
    *((name, "qdq") for name in ("nearest", "depth_to_space")),
}


@pytest.mark.parametrize("form", ["qoperator", "qdq"])
@pytest.mark.parametrize("symmetric", [False, True], ids=["asymmetric", "symmetric"])
@pytest.mark.parametrize("name", BODIES)
def test_a_quantised_network_equals_ort(name, symmetric, form):
    """Between two convolutions: what works on codes is exact."""
    stored = weights(1, w=(8, 3, 3, 3), t=(8, 4, 3, 3), v=(6, CHANNELS.get(name, 8), 2, 2))
    body = [
        node("Conv", ["input", "w"], ["a"], pads=[1, 1, 1, 1]),
        BODIES[name],
        node("Conv", ["b", "v"], ["features"]),
    ]
    network = prepare_model(with_head(body, {**stored, "scales": UPSCALE}, 6))
    feeds = {"input": array(2, (9, 3, 8, 8))}
    strategy = Strategy("s", symmetric=symmetric, format=form)
    model = quantize(network, calibrate(network, feeds, "minmax"), strategy).executable
    compared = compare_model(model, batches(model, feeds))
    assert (compared.images, compared.mismatches) == (9, 0)
    kinds = {n.name: n.op_type for n in model.graph.node}
    left = {kinds[key] for key in float_nodes(model)}
    assert left == IN_FLOAT.get((name, form), set())
    assert ("DequantizeLinear" not in list(kinds.values())[:-1]) == ((name, form) in ON_CODES)
