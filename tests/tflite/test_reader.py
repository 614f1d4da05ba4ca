"""The reader against the schema's own classes, and what it says of files that are not whole."""

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as official
from tflite_models import KINDS, Op, T, options, random_model, small_network, write

from edgeint8.errors import EdgeInt8Error, ModelError
from edgeint8.fixed_point.executor import Executor
from edgeint8.tflite.convert.convert import convert
from edgeint8.tflite.file import schema
from edgeint8.tflite.file.model import LARGEST_TENSOR
from edgeint8.tflite.file.reader import load_tflite, read_tflite


def official_graph(data):
    model = official.ModelT.InitFromObj(official.Model.GetRootAsModel(data, 0))
    return model, model.subgraphs[0]


def camel(name):
    """An option's name in the schema's own classes."""
    spelt = {"activation": "fused_activation_function", "dilation_w": "dilation_w_factor",
             "dilation_h": "dilation_h_factor", "filter_w": "filter_width",
             "filter_h": "filter_height", "dims": "squeeze_dims"}.get(name, name)  # fmt: skip
    head, *tail = spelt.split("_")
    return head + "".join(word.title() for word in tail)


@pytest.mark.parametrize("kind", KINDS)
def test_files_read_as_the_schema_reads_them(kind):
    data, _ = random_model(kind, 3)
    found, (model, graph) = read_tflite(data), official_graph(data)
    assert found.inputs == tuple(graph.inputs) and found.outputs == tuple(graph.outputs)
    for tensor, entry in zip(found.tensors, graph.tensors, strict=True):
        assert tensor.name == entry.name.decode() and tensor.shape == tuple(entry.shape)
        assert tensor.type_code == entry.type
        if tensor.data is not None:
            raw = np.asarray(model.buffers[entry.buffer].data, np.uint8).tobytes()
            assert tensor.data.tobytes() == raw
        if tensor.quantization is not None:
            np.testing.assert_array_equal(tensor.quantization.scale, entry.quantization.scale)
            zero = entry.quantization.zeroPoint
            np.testing.assert_array_equal(tensor.quantization.zero_point, zero)
            assert tensor.quantization.axis == entry.quantization.quantizedDimension
    (operator,), (entry,) = found.operators, graph.operators
    assert operator.kind == kind
    assert operator.inputs == tuple(entry.inputs) and operator.outputs == tuple(entry.outputs)
    for name, value in operator.options.items():
        if entry.builtinOptions is not None:
            theirs = getattr(entry.builtinOptions, camel(name))
            assert np.array_equal(value, () if theirs is None else theirs), name


def test_numbers_of_operators_and_options_are_the_schema_s():
    for name, code in schema.OPERATORS.items():
        assert getattr(official.BuiltinOperator, name) == code
    tables = {"CONV_2D": "Conv2D", "DEPTHWISE_CONV_2D": "DepthwiseConv2D", "MEAN": "Reducer",
              "AVERAGE_POOL_2D": "Pool2D", "MAX_POOL_2D": "Pool2D", "PADV2": "PadV2",
              "MAXIMUM": "MaximumMinimum", "MINIMUM": "MaximumMinimum"}  # fmt: skip
    for name, entry in schema.OPTIONS.items():
        table = tables.get(name, "".join(word.title() for word in name.split("_")))
        assert getattr(official.BuiltinOptions, f"{table}Options") == entry.number, name
    for code, name in enumerate(schema.TYPE_NAMES):
        assert getattr(official.TensorType, name) == code


def run_all(data):
    """Read, convert, run."""
    converted = convert(read_tflite(data))
    tensor = converted.source.tensors[converted.source.inputs[0]]
    Executor(converted.model).run(
        {converted.model.graph.input[0].name: np.zeros(tensor.shape, tensor.dtype)}
    )


def spoilt(data, rng):
    """The file with a few bytes changed, or cut off."""
    if rng.random() < 0.3:
        return data[: int(rng.integers(0, len(data)))]
    altered = bytearray(data)
    for place in rng.integers(0, len(data), int(rng.integers(1, 5))):
        altered[place] = int(rng.choice([0, 1, 127, 128, 255, rng.integers(0, 256)]))
    return bytes(altered)


@pytest.mark.parametrize("batch", range(4))
def test_altered_files_run_or_end_in_one_line(batch):
    data, refused = small_network(), 0
    for seed in range(150):
        rng = np.random.default_rng([batch, seed])
        try:
            with np.errstate(all="ignore"):
                run_all(spoilt(data, rng))
        except EdgeInt8Error as error:
            assert "\n" not in str(error) and str(error)
            refused += 1
    assert 50 < refused < 150


def test_the_whole_file_runs():
    run_all(small_network())


def test_no_file_and_no_tflite_file_are_one_line(tmp_path):
    with pytest.raises(ModelError, match="No such file"):
        load_tflite(tmp_path / "none.tflite")
    (tmp_path / "other.tflite").write_bytes(b"not a network at all")
    with pytest.raises(ModelError, match=r"TFL3.*other\.tflite"):
        load_tflite(tmp_path / "other.tflite")


def test_a_huge_tensor_is_refused_before_it_is_made():
    data = write(
        [T((1, 1 << 16, 1 << 15), scale=1.0), T((1, 1 << 16, 1 << 15), scale=1.0)],
        [Op("RELU", [0], [1])], [0], [1],
    )  # fmt: skip
    with pytest.raises(ModelError, match=f"at most {LARGEST_TENSOR} elements"):
        read_tflite(data)


@pytest.mark.parametrize(
    ("op", "dtype", "words"),
    [
        (Op("SIN", [0], [1]), np.int8, "SIN is not supported @ operator 0"),
        (Op("TANH", [0], [1]), np.int8, "output scale 0.1.*allowed: 1/128 and 0"),
        (Op("LEAKY_RELU", [0], [1], options("LeakyRelu", alpha=-1.0)), np.int8, "alpha -1.0"),
        (Op("ADD", [0, 0], [1], options("Add")), np.uint8, "codes of type UINT8"),
        (Op("ADD", [0, 0], [1], options("Add", fusedActivationFunction=4)), np.int8, "TANH"),
        (Op("SOFTMAX", [0], [1], options("Softmax", beta=0.5)), np.int8, "output scale"),
    ],
)
def test_what_is_not_supported_is_named_with_its_place(op, dtype, words):
    parts = [T((1, 4), dtype, scale=0.1), T((1, 4), dtype, scale=0.1)]
    with pytest.raises(ModelError, match=words) as caught:
        convert(read_tflite(write(parts, [op], [0], [1])))
    assert "operator 0" in str(caught.value)


def test_names_are_kept_and_made_unique():
    parts = [T((1, 4), scale=0.1, name=n) for n in ("in", "same", "same")]
    table = options("Add")
    operators = [Op("ADD", [0, 0], [1], table), Op("ADD", [1, 1], [2], table)]
    converted = convert(read_tflite(write(parts, operators, [0], [2])))
    assert converted.model.graph.input[0].name == "in"
    assert [converted.views[k].name for k in (1, 2)] == ["same#1", "same#2"]
