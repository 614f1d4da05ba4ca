"""Learned codes in whole networks: ONNX Runtime's are ours, widths hold, images are all it sees."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from float_networks import classifier, images
from onnx import numpy_helper
from varied_networks import one_dimensional, varied

import edgeint8 as e8
from edgeint8.errors import ConfigError, DataError, ModelError
from edgeint8.fixed_point.arithmetic.kernels import accumulate
from edgeint8.fixed_point.compare import compare_model
from edgeint8.fixed_point.executor import Executor
from edgeint8.fixed_point.studies.bit_growth import Observer, layer_width, vertex_input
from edgeint8.quant.affine import signed_width, sqnr_db, sum_reach, with_bias
from edgeint8.quant.calibrate.draws import calibration_draws
from edgeint8.quant.evidence.draw_study import draw_rows
from edgeint8.quant.graph import initializer_values, weight_layers
from edgeint8.quant.learn.codes import load_codes, save_codes
from edgeint8.quant.learn.guarantee import refuse_wider
from edgeint8.quant.learn.integer_nodes import integer_nodes
from edgeint8.quant.learn.moments import moments_of
from edgeint8.quant.learn.windows import (
    convolution_rows,
    weight_matrix,
    weight_tensor,
    window_of,
)
from edgeint8.quant.ort.reference import batches
from edgeint8.quant.ptq import Strategy, calibrate_for, prepare_model, quantize, run_onnx
from edgeint8.quant.strategy import Strategy as StrategyType

NETWORKS = {"varied": (varied, (3, 12, 12)), "1-D": (one_dimensional, (2, 40))}
OPTIONS = {
    "channel": {},
    "tensor": {"per_channel": False},
    "symmetric": {"symmetric": True},
    "qdq": {"format": "qdq"},
    "symmetric qdq": {"symmetric": True, "format": "qdq", "per_channel": False},
    "power of two": {"power_of_two": True},
    "equalised": {"per_channel": False, "equalize": True},
    "narrow biases": {"bias_bits": 16},
    "bounded": {"weight_bits": 8, "accumulator_bits": 15, "tile_rows": 4, "tile_bits": 14},
    "bounded tensor": {"weight_bits": 8, "accumulator_bits": 14, "per_channel": False},
}


def prepared(name, learned_from=48):
    build, shape = NETWORKS[name]
    seen, fresh = images(learned_from, shape=shape), images(64, seed=9, shape=shape)
    return prepare_model(build()), seen, fresh


def learned_by(model, inputs, **options):
    strategy = Strategy("s", **{"weight_bits": 4, "rounding": "learned", **options})
    calibration = calibrate_for(model, inputs, strategy)
    return quantize(model, calibration, strategy, images=inputs)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("network", NETWORKS)
def test_runtime_and_executor_agree_on_learned_codes(network, options):
    """`quantize` itself refuses codes that ONNX Runtime does not return; here it is looked at."""
    model, inputs, fresh = prepared(network)
    quantized = learned_by(model, inputs, **options)
    values, nodes = initializer_values(quantized.executable), integer_nodes(quantized.executable)
    assert {layer.weight_name for layer in quantized.learned.layers} == set(nodes)
    for layer in quantized.learned.layers:
        node = nodes[layer.weight_name]
        assert (values[node.weights] == layer.codes).all()
        assert (values[node.weight_scale] == layer.scale).all()
        assert layer.bias is None or (values[node.bias] == layer.bias).all()
    compared = compare_model(quantized.executable, batches(quantized.executable, fresh))
    assert compared.elements and compared.mismatches == 0


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("options", [{}, {"per_channel": False}, {"power_of_two": True}])
def test_learned_codes_are_nearer_to_the_float_network_than_the_nearest(network, options):
    """From many images: the last layer sees one window an image, and learns few by heart."""
    model, inputs, fresh = prepared(network, learned_from=256)
    name = model.graph.output[0].name
    wanted = run_onnx(model, fresh)[name]
    found = {}
    for rounding in ("nearest", "learned"):
        executable = learned_by(model, inputs, rounding=rounding, **options).executable
        found[rounding] = run_onnx(executable, fresh)
    gained = sqnr_db(wanted, found["learned"][name]) - sqnr_db(wanted, found["nearest"][name])
    assert gained > 2  # dB


@pytest.mark.parametrize("network", NETWORKS)
def test_the_vertex_overflows_one_bit_less_and_never_the_width_that_is_stated(network):
    model, inputs, fresh = prepared(network)
    bits = 14
    quantized = learned_by(
        model, inputs, weight_bits=8, accumulator_bits=bits, tile_rows=4, tile_bits=13
    )
    observer = Observer()
    Executor(quantized.executable, accumulate=observer).run({"input": fresh["input"][:2]})
    facts = {layer.name: layer for layer in quantized.learned.layers}
    widest = 0
    for node, operands in observer.operands.items():
        name = node.removesuffix("_quant")
        reach = with_bias(sum_reach(operands.weight_matrix(), operands.x_range), operands.bias)
        highest = signed_width(0, int(reach.high.max())) >= signed_width(int(reach.low.min()), 0)
        channel = int(reach.high.argmax() if highest else reach.low.argmin())
        codes, where = vertex_input(operands, channel, highest)
        total = int(accumulate(replace(operands, x=codes))[where])
        stated = facts[name].bits_guaranteed
        row = layer_width(name, operands, (0, 1), 4)
        assert signed_width(min(total, 0), max(total, 0)) == stated == row.bits_exact_with_bias
        assert facts[name].bits_tile == row.bits_tile <= 13
        widest = max(widest, stated)
    assert widest == bits


def test_a_graph_that_is_wider_than_its_strategy_says_is_refused():
    model, inputs, _ = prepared("varied")
    executable = learned_by(model, inputs, weight_bits=8).executable
    with pytest.raises(ModelError, match=r"sums of .* can need \d+ bits"):
        refuse_wider(executable, Strategy("s", rounding="learned", accumulator_bits=12))
    tiles = Strategy("s", rounding="learned", tile_rows=4, tile_bits=10)
    with pytest.raises(ModelError, match=r"tiles of .* can need \d+ bits"):
        refuse_wider(executable, tiles)


def test_codes_that_the_runtime_does_not_return_are_refused():
    model, inputs, _ = prepared("1-D")
    quantized = learned_by(model, inputs)
    first, *others = quantized.learned.layers
    changed = replace(first, codes=first.codes + (first.codes == 0).astype(np.int8))
    with pytest.raises(ModelError, match="differ from those learned"):
        replace(quantized.learned, layers=(changed, *others)).check(quantized.executable)


def test_codes_come_back_from_their_file_and_need_no_images(tmp_path):
    model, inputs, _ = prepared("varied")
    quantized = learned_by(model, inputs)
    save_codes(tmp_path / "codes.npz", quantized.learned)
    codes = load_codes(tmp_path / "codes.npz")
    calibration = calibrate_for(model, inputs, quantized.strategy)
    again = quantize(model, calibration, quantized.strategy, codes=codes)
    assert again.model == quantized.model
    assert [layer.row() for layer in codes.layers] == [
        layer.row() for layer in quantized.learned.layers
    ]
    only = quantize(model, calibration, quantized.strategy, codes=codes, nodes=["strided"])
    assert [layer.name for layer in only.learned.layers] == ["strided"]
    assert (initializer_values(only.model)["stem_w"] == initializer_values(model)["stem_w"]).all()
    with pytest.raises(DataError, match="no learned codes"):
        load_codes(tmp_path / "none.npz")


def test_other_images_give_other_codes_and_the_same_images_the_same():
    model, inputs, fresh = prepared("1-D")
    first, same, other = (learned_by(model, x) for x in (inputs, inputs, fresh))
    assert first.model == same.model
    assert first.model != other.model


def test_a_layer_whose_weights_are_shared_keeps_the_nearest_codes():
    model = onnx.ModelProto()
    model.CopyFrom(one_dimensional())
    twice = next(node for node in model.graph.node if node.name == "first")
    more = onnx.NodeProto()
    more.CopyFrom(twice)
    more.name, more.output[0] = "again", "again_out"
    strides = next(entry for entry in more.attribute if entry.name == "strides")
    strides.ints[:] = [1]  # another stride, or the two would become one
    model.graph.node.append(more)
    model.graph.output.append(onnx.ValueInfoProto(name="again_out"))
    inputs = images(32, shape=(2, 40))
    quantized = learned_by(prepare_model(model), inputs)
    assert "read by another node" in quantized.note
    assert "first" not in {layer.name for layer in quantized.learned.layers}


def test_a_layer_with_few_windows_a_weight_is_named():
    """The 1-D network's last layer has 35 weights an output, and a window an image."""
    model, _, _ = prepared("1-D")
    shape = NETWORKS["1-D"][1]
    few, enough = (learned_by(model, images(n, shape=shape)).note for n in (69, 70))
    assert "less than 2 windows a weight to learn from" in few and "windows" not in enough


def test_without_images_nothing_is_learned():
    model, inputs, _ = prepared("1-D")
    strategy = Strategy("s", rounding="learned")
    calibration = calibrate_for(model, inputs, strategy)
    with pytest.raises(ModelError, match="no images to learn codes from"):
        quantize(model, calibration, strategy)
    with pytest.raises(DataError, match="no images to learn from"):
        quantize(model, calibration, strategy, images={"input": inputs["input"][:0]})


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"rounding": "stochastic"}, "rounding"),
        ({"accumulator_bits": 16}, "accumulator_bits"),
        ({"rounding": "learned", "accumulator_bits": 7}, "accumulator_bits"),
        ({"rounding": "learned", "tile_rows": 4}, "tile_bits"),
        ({"learning_samples": 5}, "learning_samples"),
        ({"rounding": "learned", "dynamic": True}, "dynamic"),
        ({"equalize": True, "dynamic": True}, "dynamic"),
        ({"equalize": 1}, "equalize"),
    ],
)
def test_options_that_mean_nothing_are_refused(options, field):
    with pytest.raises(ConfigError, match=rf"\$\.strategies\.s\.{field}"):
        StrategyType("s", **options)


@pytest.mark.parametrize("network", NETWORKS)
def test_rows_times_weights_are_the_layer(network):
    """Windows and weight matrices against ONNX Runtime's own convolution, all positions."""
    model, _, _ = prepared(network)
    nodes = {node.name: node for node in model.graph.node}
    rng = np.random.default_rng(0)
    for layer in weight_layers(model):
        node = nodes[layer.name]
        matrix_of = weight_matrix(layer.weights, layer.axis, 1)
        if node.op_type != "Conv":
            assert (
                weight_tensor(matrix_of, layer.weights.shape, layer.axis) == layer.weights
            ).all()
            continue
        window = window_of(node, layer.weights)
        matrix = weight_matrix(layer.weights, layer.axis, window.groups)
        shape = layer.weights.shape
        assert (weight_tensor(matrix, shape, layer.axis) == layer.weights).all()
        spatial = (9, 11)[: layer.weights.ndim - 2]
        codes = rng.integers(-9, 9, (3, layer.weights.shape[1] * window.groups, *spatial))
        real = onnx.helper.make_graph(
            [node], "one",
            [onnx.helper.make_tensor_value_info(node.input[0], 1, codes.shape)],
            [onnx.ValueInfoProto(name=node.output[0])],
            [numpy_helper.from_array(v, k) for k, v in initializer_values(model).items()],
        )  # fmt: skip
        single = onnx.helper.make_model(real, opset_imports=model.opset_import, ir_version=8)
        found = run_onnx(single, {node.input[0]: codes.astype(np.float32)})[node.output[0]]
        rows, outputs = convolution_rows(codes, found, window, 10_000, rng)
        bias = 0 if layer.bias is None else layer.bias.reshape(window.groups, -1)
        assert outputs.size == found.size
        assert np.allclose(np.einsum("rgk,gmk->rgm", rows, matrix) + bias, outputs, atol=1e-3)


def test_moments_are_exact_and_do_not_depend_on_the_cut():
    rng = np.random.default_rng(0)
    rows, outputs = rng.integers(-255, 256, (300, 2, 7)), rng.normal(size=(300, 2, 3))
    whole = moments_of(rows, outputs)
    cut = moments_of(rows[:101], outputs[:101]) + moments_of(rows[101:], outputs[101:])
    assert (whole.gram == np.einsum("rgk,rgl->gkl", rows, rows)).all()
    assert (whole.gram == cut.gram).all() and (whole.inputs == cut.inputs).all()
    assert np.allclose(whole.cross, cut.cross)


def test_7_bit_weights_stay_in_their_container():
    """Where products would saturate 16 bits, learned codes keep to the reduced range too."""
    model, inputs = prepare_model(classifier()), images(48)
    strategy = Strategy("s", rounding="learned")
    calibration = calibrate_for(model, inputs, strategy)
    found = quantize(model, calibration, strategy, images=inputs, exact_u8s8=False)
    assert max(np.abs(layer.codes).max() for layer in found.learned.layers) <= 64
    wide = quantize(model, calibration, strategy, images=inputs, exact_u8s8=True)
    assert max(np.abs(layer.codes).max() for layer in wide.learned.layers) > 64


def test_draws_learn_anew():
    """Every draw gives the row of a network that was learned from that draw's images alone."""
    model, train, judged = prepared("1-D")
    strategy = Strategy("s", weight_bits=3, rounding="learned", calibration_samples=12)
    rows = draw_rows(model, train, (judged, None), [strategy], seed=0, draws=3)
    name = model.graph.output[0].name
    for draw, chosen in enumerate(calibration_draws(48, 12, seed=0, draws=3)):
        inputs = {"input": train["input"][chosen]}
        found = quantize(
            model, calibrate_for(model, inputs, strategy), strategy, images=inputs
        ).executable
        wanted = sqnr_db(run_onnx(model, judged)[name], run_onnx(found, judged)[name])
        assert rows[draw]["sqnr_db"] == wanted


def test_the_public_call_learns_codes_too(tmp_path):
    model, inputs, _ = prepared("1-D")
    onnx.save(one_dimensional(), tmp_path / "net.onnx")
    options = {"name": "s", "weight_bits": 4, "rounding": "learned", "accumulator_bits": 14}
    found = e8.quantize(tmp_path / "net.onnx", calibration=inputs, strategy=Strategy(**options))
    wanted = learned_by(model, inputs, accumulator_bits=14)
    assert found.quantized.model == wanted.model
