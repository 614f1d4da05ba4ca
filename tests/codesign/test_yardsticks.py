"""Who judges a network of other arithmetic: by the tests and metrics that strategies have."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from float_networks import classifier, images

from edgeint8.codesign.yardsticks import judge_of
from edgeint8.conventions import ACCURACY_MARGIN
from edgeint8.fixed_point.arithmetic.requantize import Scheme
from edgeint8.fixed_point.executor import Executor
from edgeint8.fixed_point.studies.judging import outputs_of
from edgeint8.fixed_point.studies.overflow import Policy, breaking_points, overflow_rows
from edgeint8.fixed_point.studies.rounding_study import requantize_rows
from edgeint8.quant.evidence.channels import worst_entry_db
from edgeint8.quant.evidence.evaluation import split_outputs
from edgeint8.quant.evidence.statistics import tango_interval
from edgeint8.quant.ptq import Strategy, calibrate, prepare_model, quantize

COSINE = {"name": "cosine", "margin": 0.02}


@dataclass(frozen=True)
class Seen:
    """Images as scripts have them."""

    inputs: dict
    labels: np.ndarray | None = None
    is_random: bool = False

    @property
    def truth(self):
        return self.labels

    def __len__(self):
        return len(next(iter(self.inputs.values())))


@pytest.fixture(scope="module")
def network():
    """A float network, its integer graph, and FP32's outputs for 60 images."""
    prepared, inputs = prepare_model(classifier()), images(60, seed=5)
    calibration = calibrate(prepared, images(32), "minmax")
    graph = quantize(prepared, calibration, Strategy("s")).executable
    return graph, Seen(inputs), split_outputs(prepared, inputs)


def flipped(outputs, count):
    """The first output with another decision in its first `count` rows."""
    name, scores = next(iter(outputs.items()))
    changed = scores.copy()
    changed[:count] = -changed[:count]
    return {name: changed}


def test_accuracy_is_paired_with_exact_sums(network):
    graph, seen, fp32 = network
    exact = outputs_of(Executor(graph), graph, seen.inputs, 20)
    labels = next(iter(exact.values())).argmax(axis=1)
    labels[50:] = (labels[50:] + 1) % 10
    judge = judge_of(graph, replace(seen, labels=labels), None, fp32, 20)
    assert judge.name is None and judge.margin == ACCURACY_MARGIN
    difference, low = judge.difference(flipped(exact, 3), exact)
    assert difference == -3 / 60 and low == pytest.approx(tango_interval(0, 3, 60)[0])
    assert judge.value(exact) == 50 / 60
    unlabelled = judge_of(graph, seen, None, fp32, 20)
    assert unlabelled.difference(flipped(exact, 3), exact) == (difference, low)
    assert judge.columns(exact) == {"judged_by": None, "value": None}


def test_few_images_show_no_narrow_width_and_leave_the_proven_one(network):
    """60 images without one difference: the interval reaches to -6 %, so nothing is shown."""
    graph, seen, fp32 = network
    judge = judge_of(graph, seen, None, fp32, 20)
    rows = overflow_rows(graph, seen.inputs, None, range(16, 24), (Policy.WRAP,), judge=judge)
    proven = rows[-1].sufficient_bits
    equal = [row for row in rows if row.agreement == 1.0]
    assert len(equal) > 24 - proven and all(row.difference_low < -0.05 for row in equal)
    assert breaking_points(rows, ACCURACY_MARGIN) == {"wrap": proven}
    assert breaking_points(rows, 0.07)["wrap"] == min(row.accumulator_bits for row in equal)


def test_a_metric_judges_roundings_too(network):
    """Cosine against FP32, an image at a time, by hand; exact sums where FP32 is unknown."""
    graph, seen, fp32 = network
    judge = judge_of(graph, seen, COSINE, fp32, 20)
    rows = {
        (row.scheme, row.fed): row
        for row in requantize_rows(graph, seen.inputs, batch=20, judge=judge)
    }
    want = next(iter(fp32.values()))
    for scheme in (Scheme.ORT_FLOAT32, Scheme.POWER_OF_TWO):
        outputs = outputs_of(Executor(graph, scheme), graph, seen.inputs, 60)
        got = next(iter(outputs.values())).reshape(want.shape)
        cosines = (want * got).sum(1) / np.linalg.norm(want, axis=1) / np.linalg.norm(got, axis=1)
        row = rows[scheme.value, "own"]
        assert row.value == pytest.approx(cosines.mean()) and row.judged_by == "cosine"
    assert rows["ort_float32", "own"].value > rows["power_of_two", "own"].value
    alone = judge_of(graph, seen, COSINE, None, 20)
    assert alone.value(outputs_of(Executor(graph), graph, seen.inputs, 60)) == pytest.approx(1.0)
    difference, low = judge.difference(flipped(fp32, 30), fp32)
    assert difference == pytest.approx(-1.0) and -1.4 < low < -1.1


def test_without_classes_the_worst_entry_judges_and_has_no_interval(network):
    graph, seen, _ = network
    rng = np.random.default_rng(3)
    fp32 = {"y": rng.standard_normal((60, 4, 5)).astype(np.float32)}
    found = {"y": fp32["y"] + 0.1 * rng.standard_normal((60, 4, 5)).astype(np.float32)}
    exact = {"y": fp32["y"] + 0.01 * rng.standard_normal((60, 4, 5)).astype(np.float32)}
    judge = judge_of(graph, seen, None, fp32, 20)
    assert (judge.name, judge.margin) == ("worst channel", 1.0)
    worst = [worst_entry_db(fp32["y"], outputs["y"]) for outputs in (found, exact)]
    assert judge.difference(found, exact) == (worst[0] - worst[1], worst[0] - worst[1])
    random = judge_of(graph, replace(seen, is_random=True), COSINE, fp32, 20)
    assert random.name == "worst channel"


def test_roundings_without_a_judge_say_nothing_of_one(network):
    graph, seen, _ = network
    rows = requantize_rows(graph, seen.inputs, [Scheme.ORT_FLOAT32], batch=20)
    assert {(row.judged_by, row.value) for row in rows} == {(None, None)}
