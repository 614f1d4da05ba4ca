"""Weights of INT4: read, written, exported; LiteRT's reference and tflite-micro run them."""

import numpy as np
import onnx
import pytest
from float_networks import classifier, images
from test_arena import allocated
from tflite_files import packed_int4
from tflite_models import KINDS, Op, T, feeds, options, write
from tflite_witnesses import Witnesses, tensors

import edgeint8 as e8
from edgeint8.errors import ModelError
from edgeint8.inputs import tflite_memory
from edgeint8.tflite.convert.convert import INT4_KINDS, convert
from edgeint8.tflite.export.export import export_tflite
from edgeint8.tflite.file.reader import read_tflite
from edgeint8.tflite.file.schema import INT4
from edgeint8.tflite.file.writer import write_tflite
from edgeint8.tflite.verify import verify_tflite
from edgeint8.tflite.witness.witness import Witness

BOTH = ("litert_ref", "tflm")


def random_int4(kind, seed):
    """Bytes of a file whose weights have all codes of four bits, and inputs for it."""
    rng = np.random.default_rng([seed, 4, sum(kind.encode())])
    parts, op = KINDS[kind](rng)
    inputs = [op.inputs[0]]
    w, out = parts[op.inputs[1]], parts[op.outputs[0]]
    w.int4, w.data = True, rng.integers(-8, 8, w.shape)
    out.scale = np.float32(out.scale) / 16
    parts[3].data = np.asarray(parts[3].data) // 16
    return write(parts, [op], inputs, op.outputs), feeds(kind, [parts[k] for k in inputs], out, rng)


@pytest.fixture(scope="module")
def witnesses():
    found = Witnesses(BOTH)
    yield found
    found.close()


def check(witnesses, kind, seeds):
    took = dict.fromkeys(BOTH, 0)
    for seed in seeds:
        data, x = random_int4(kind, seed)
        for name in BOTH:
            wrong = witnesses.mismatches(name, data, x)
            assert not wrong, f"{kind} {seed} {name}: {wrong} elements"
            took[name] += wrong is not None
    # LiteRT refuses a convolution without a bias, tflite-micro a product of several scales
    assert min(took.values()) > 0.3 * len(seeds), took


@pytest.mark.parametrize("kind", INT4_KINDS)
def test_twenty_random_operators_equal_both_runtimes(witnesses, kind):
    check(witnesses, kind, range(20))


@pytest.mark.parametrize("kind", INT4_KINDS)
def test_the_arena_holds_the_unpacked_weights(kind, capfd, tmp_path):
    path, took = tmp_path / "one.tflite", 0
    for seed in range(6):
        data, _ = random_int4(kind, seed)
        path.write_bytes(data)
        several = read_tflite(data).tensors[1].quantization.per_channel
        if kind != "FULLY_CONNECTED" or not several:  # tflite-micro refuses those
            assert tflite_memory(path).arena_bytes == allocated(data, capfd), seed
            took += 1
    assert took > 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", INT4_KINDS)
def test_five_hundred_random_operators_equal_both_runtimes(witnesses, kind):
    check(witnesses, kind, range(100, 600))


@pytest.mark.parametrize("count", [6, 7])
def test_codes_are_packed_the_lower_half_first(count):
    codes = np.array([-8, 7, -1, 0, 1, -7, 5])[:count].reshape(count, 1)
    parts = [
        T((1, 1), scale=0.1), T(codes.shape, scale=0.1, data=codes, int4=True),
        T((1, count), scale=0.1),
    ]  # fmt: skip
    op = Op("FULLY_CONNECTED", [0, 1], [2], options("FullyConnected"))
    data = write(parts, [op], [0], [2])
    assert bytes([0x78, 0x0F, 0x91]) in data
    source = read_tflite(data)
    (weights,) = [t for t in source.tensors if t.packed]
    np.testing.assert_array_equal(weights.data, codes)
    assert weights.size_bytes == (count + 1) // 2 and weights.type_code == INT4
    again = read_tflite(write_tflite(source)).tensors[1]
    np.testing.assert_array_equal(again.data, codes)
    assert again.packed


def test_a_buffer_of_another_length_is_one_line():
    parts = [T((1, 4), scale=0.1), T((4, 4), scale=0.1, data=np.ones((4, 4)), int4=True)]
    parts += [T((1, 4), scale=0.1)]
    op = Op("FULLY_CONNECTED", [0, 1], [2], options("FullyConnected"))
    data = write(parts, [op], [0], [2], pack=lambda codes: packed_int4(codes)[:-1])
    with pytest.raises(ModelError, match=r"7 bytes @ tensor 1; allowed: 8, for 16 of INT4"):
        read_tflite(data)


def test_what_has_no_weights_of_four_bits_is_refused():
    parts = [T((1, 4), scale=0.1), T((1, 4), scale=0.1, data=np.ones((1, 4)), int4=True)]
    parts += [T((1, 4), scale=0.1)]
    data = write(parts, [Op("ADD", [0, 1], [2], options("Add"))], [0], [2])
    with pytest.raises(ModelError, match=r"codes of INT4 @ operator 0 ADD; allowed: weights of"):
        convert(read_tflite(data))


@pytest.fixture(scope="module")
def narrow(tmp_path_factory):
    """A network with weights of four bits a tensor, and its file."""
    folder = tmp_path_factory.mktemp("int4")
    onnx.save(classifier(), folder / "net.onnx")
    strategy = {"per_channel": False, "weight_bits": 4}
    model = e8.quantize(folder / "net.onnx", images(32)["input"], strategy).model
    exported = export_tflite(model)
    (folder / "net.tflite").write_bytes(write_tflite(exported.model))
    return folder / "net.tflite", model, exported


def test_a_network_of_four_bits_equals_both_runtimes(narrow):
    path, model, exported = narrow
    source = exported.model
    packed = [t for t in source.tensors if t.packed]
    layers = [op for op in source.operators if op.kind in INT4_KINDS]
    assert len(packed) == len(layers) >= 2
    assert len([n for n in exported.notes if "INT4" in n]) == len(packed)
    shape = source.tensors[source.inputs[0]].shape[1:]
    x = np.random.default_rng(0).integers(-128, 128, (3, *shape)).astype(np.int8)
    report = verify_tflite(path, x)
    found = {r.runtime.name: r for r in report.runtimes}
    for name in ("ort", *BOTH):
        assert not found[name].refused and found[name].mismatches == 0, name
        assert found[name].row()["elements"] > 100
    assert found["litert_xnnpack"].refused.startswith("litert_xnnpack does not take INT4 weights")
    wide = export_tflite(model, int4=False).model
    assert not any(t.packed for t in wide.tensors)
    for mine, theirs in zip(source.tensors, wide.tensors, strict=True):
        np.testing.assert_array_equal(mine.data, theirs.data)
    assert len(write_tflite(source)) < len(write_tflite(wide))


def test_litert_s_default_rounds_int4_in_its_own_way():
    """Why it is refused: neither XNNPACK's arithmetic nor the reference's."""
    apart = dict.fromkeys(("litert_ref", "litert_xnnpack"), 0)
    with Witness("litert_xnnpack") as witness:
        for seed in range(12):
            data, x = random_int4("DEPTHWISE_CONV_2D", seed)
            witness.load(data)
            want = witness.run(x)
            for name in apart:
                got = tensors(data, x, name)
                apart[name] += sum(int(np.count_nonzero(got[k] != want[k])) for k in got)
    assert min(apart.values()) > 0


def test_a_product_of_several_scales_stays_of_eight_bits(tmp_path):
    onnx.save(classifier(), tmp_path / "net.onnx")
    strategy = {"per_channel": True, "weight_bits": 4}
    exported = export_tflite(
        e8.quantize(tmp_path / "net.onnx", images(32)["input"], strategy).model
    )
    for op in exported.model.operators:
        if op.kind in INT4_KINDS:
            weights = exported.model.tensors[op.inputs[1]]
            several = weights.quantization.per_channel
            assert weights.packed == (op.kind != "FULLY_CONNECTED" or not several)
    assert any("custom silicon only" in note for note in exported.notes)


def test_vectors_of_a_runtime_that_refuses_are_refused(narrow, tmp_path):
    with pytest.raises(ModelError, match="litert_xnnpack does not take INT4 weights"):
        e8.vectors(narrow[0], tmp_path / "v", runtime="litert_xnnpack")
    assert e8.vectors(narrow[0], tmp_path / "v", runtime="tflm").manifest["layers"]
