"""Float nodes that a hold-out chooses: on networks whose one bad node is built in."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from float_networks import NetworkBuilder, images
from onnx import numpy_helper

from edgeint8.errors import ConfigError
from edgeint8.quant import auto_exclude
from edgeint8.quant.affine import sqnr_db
from edgeint8.quant.auto_exclude import ENOUGH_DB, MOST, candidates, settled
from edgeint8.quant.calibrate.calibration import calibrate
from edgeint8.quant.evidence.draw_study import draw_rows
from edgeint8.quant.evidence.evaluation import evaluate
from edgeint8.quant.evidence.metrics import metric
from edgeint8.quant.evidence.table_rows import quantization_facts
from edgeint8.quant.prepare.prepare import prepare_model
from edgeint8.quant.ptq import quantize
from edgeint8.quant.strategy import Choice, Strategy

CHOOSING = Strategy("s", per_channel=False, auto_exclude=True, calibration_samples=32)
LAYERS = ("first", "second", "third")


def chain(bad=()):
    """Three convolutions with Relu. Channel 7 of a bad one has weights of -1000 and is always 0.

    Its input is positive (the images too), so no output value depends on these weights; but one
    scale per tensor is 1000 / 127, and all weights of ordinary size are below half of it.
    """
    net, inputs = NetworkBuilder(2), 3
    for name in LAYERS:
        weights = np.abs(net.rng.standard_normal((8, inputs, 3, 3)))
        weights[7] = -1000.0 if name in bad else -1.0
        net.conv(inputs, 8, weights=weights, bias=np.zeros(8), name=name)
        net.add("Relu", name=f"{name}_relu")
        inputs = 8
    return prepare_model(net.model(rank=4))


def positive(count, seed):
    return {"input": np.abs(images(count, seed)["input"])}


def chosen(model, strategy=CHOOSING, judged=None, yardstick=None):
    calibration = calibrate(model, positive(32, 1), "minmax")
    judged = judged or (positive(40, 2), None)
    return calibration, settled(model, calibration, strategy, judged, yardstick)


def worst_channel(model, graph, inputs, axis=1):
    """SQNR of the worst of the channels that are not always 0, written anew."""
    both = (next(iter(evaluate(g, inputs).values())) for g in (model, graph))
    want, found = (np.swapaxes(outputs, 1, axis) for outputs in both)
    live = [c for c in range(want.shape[1]) if want[:, c].any()]
    return min(sqnr_db(want[:, c], found[:, c]) for c in live)


@pytest.mark.parametrize("form", ["qoperator", "qdq"])
@pytest.mark.parametrize("bad", LAYERS)
def test_the_one_bad_node_is_found(bad, form):
    model = chain([bad])
    calibration, strategy = chosen(model, replace(CHOOSING, format=form))
    assert strategy.choice.nodes == (bad, f"{bad}_relu")
    quantized = quantize(model, calibration, strategy)
    assert set(quantized.float_nodes) & set(LAYERS) == {bad}
    assert f"with {bad} in float, which is enough (20 dB)" in quantized.note
    assert "40 samples of the hold-out" in quantized.note
    plain = quantize(model, calibration, replace(strategy, auto_exclude=False, choice=None))
    test = positive(40, 3)
    before, after = (worst_channel(model, q.executable, test) for q in (plain, quantized))
    assert before < 10 < ENOUGH_DB < after


def test_a_healthy_network_excludes_nothing():
    calibration, strategy = chosen(chain())
    assert strategy.choice.nodes == () and "which is enough" in strategy.choice.why
    plain = replace(strategy, auto_exclude=False, choice=None)
    graphs = [quantize(chain(), calibration, s).executable for s in (strategy, plain)]
    assert graphs[0] == graphs[1]


def test_two_bad_nodes_are_both_found():
    """Float alone neither wins anything: the other one loses all."""
    model = chain(["first", "third"])
    _, strategy = chosen(model)
    layers = [name for name in strategy.choice.nodes if name in LAYERS]
    assert sorted(layers) == ["first", "third"]
    assert chosen(model)[1] == strategy, "deterministic"


def test_no_more_nodes_than_the_most_and_none_that_wins_nothing(monkeypatch):
    monkeypatch.setattr(auto_exclude, "MOST", 1)
    _, strategy = chosen(chain(["first", "third"]))
    assert strategy.choice.nodes == () and "not enough (20 dB)" in strategy.choice.why
    monkeypatch.setattr(auto_exclude, "ENOUGH_DB", 1000.0)
    _, strategy = chosen(chain(["second"]))
    assert strategy.choice.nodes == ("second", "second_relu") and MOST == 8
    monkeypatch.setattr(auto_exclude, "LOSS_DB", 1000.0)
    assert chosen(chain(["second"]))[1].choice.nodes == ()


def test_a_metric_is_the_criterion_where_there_is_one(tmp_path):
    """One score that is always the same, and one that every lost channel changes."""
    path = tmp_path / "mine.py"
    path.write_text(
        "def any_score(outputs, inputs, labels):\n"
        "    return 0 * outputs.mean(axis=(1, 2, 3))\n"
        "def energy(outputs, inputs, labels):\n"
        "    return -abs(outputs.mean(axis=(1, 2, 3)) - labels)\n"
    )
    model, inputs = chain(["second"]), positive(40, 2)
    truth = next(iter(evaluate(model, inputs).values())).mean(axis=(1, 2, 3))
    content = chosen(model, judged=(inputs, truth), yardstick=metric(f"{path}:any_score"))[1]
    assert content.choice.nodes == () and "any_score within 0.01 of FP32" in content.choice.why
    strict = chosen(model, judged=(inputs, truth), yardstick=metric(f"{path}:energy"))[1]
    assert strict.choice.nodes[0] == "second" and "energy within" in strict.choice.why
    fidelity = chosen(model, judged=(inputs, truth), yardstick=metric("cosine"))[1]
    assert fidelity == chosen(model)[1], "a metric against FP32 has nothing to lose"


def test_only_what_calculates_is_a_candidate():
    net = NetworkBuilder(4)
    net.conv(3, 8, name="conv")
    net.add("Relu", name="relu")
    net.add("MaxPool", name="pool", kernel_shape=[2, 2])
    net.add("Sigmoid", name="gate")
    net.add("GlobalAveragePool", name="average")
    model = prepare_model(net.model(rank=4))
    found = candidates(model, Strategy("s", exclude=("gate",)))
    assert found == {"conv": ("conv", "relu"), "average": ("average",)}


def test_nothing_is_quantised_before_the_choice_and_what_was_chosen_stays():
    model = chain(["second"])
    calibration, strategy = chosen(model)
    with pytest.raises(ConfigError, match=r"no hold-out to choose by @ \$\.strategies\.s\.auto_ex"):
        quantize(model, calibration, CHOOSING)
    facts = quantization_facts(quantize(model, calibration, strategy), calibration)
    assert CHOOSING.as_chosen(facts) == strategy
    assert facts["auto_exclude"] and facts["auto_excluded"] == ["second", "second_relu"]
    plain = replace(CHOOSING, auto_exclude=False)
    assert plain.as_chosen({}) == plain == settled(model, calibration, plain, ({}, None))


def test_draws_keep_the_choice(monkeypatch):
    """They say what other images do to the network that was chosen; nothing is chosen anew."""
    model = chain(["second"])
    _, strategy = chosen(model)
    inputs, train = positive(40, 3), positive(96, 1)
    rows = draw_rows(model, train, (inputs, None), [strategy], 0, 3)
    assert len(rows) == 3 and min(row["sqnr_db"] for row in rows) > ENOUGH_DB
    none = replace(strategy, choice=Choice((), "nothing"))
    rows = draw_rows(model, train, (inputs, None), [none], 0, 3)
    assert max(row["sqnr_db"] for row in rows) < ENOUGH_DB


def test_learned_codes_are_chosen_for_by_the_nearest_ones():
    model = chain(["second"])
    learning = replace(CHOOSING, rounding="learned", accumulator_bits=24, learning_samples=8)
    calibration, strategy = chosen(model, learning)
    assert strategy.choice == chosen(model)[1].choice and strategy.rounding == "learned"
    quantized = quantize(model, calibration, strategy, images=positive(32, 1))
    assert {layer.name for layer in quantized.learned.layers} == {"first", "third"}


def test_dynamic_strategies_choose_nothing():
    with pytest.raises(ConfigError, match="auto_exclude"):
        Strategy("d", dynamic=True, auto_exclude=True)


def test_weights_that_no_value_depends_on():
    """The premise of `chain`: channel 7 is 0 for every image, whatever its weights."""
    outputs = [next(iter(evaluate(chain(bad), positive(20, 5)).values())) for bad in ((), LAYERS)]
    assert np.array_equal(*outputs) and not outputs[0][:, 7].any()
    stored = {t.name: numpy_helper.to_array(t) for t in chain(["first"]).graph.initializer}
    assert isinstance(chain(), onnx.ModelProto) and stored["first_w"].min() == -1000
