"""Statistics against published values, SciPy's independent routines and brute force."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import binom, binomtest, false_discovery_control

from edgeint8.errors import DataError
from edgeint8.quant.evidence.statistics import (
    accuracy,
    agreement,
    correct_answers,
    holm,
    mcnemar,
    non_inferiority,
    tango_interval,
    wilson,
)


def answers(both: int, first: int, second: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    """Paired answers with the given four counts."""
    one = np.repeat([True, True, False, False], [both, first, second, neither])
    two = np.repeat([True, False, True, False], [both, first, second, neither])
    return one, two


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [  # Newcombe (1998), Statistics in Medicine 17, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_published(successes: int, trials: int, low: float, high: float) -> None:
    interval = wilson(successes, trials)
    assert (round(interval.low, 4), round(interval.high, 4)) == (low, high)


@given(successes=st.integers(0, 200), extra=st.integers(0, 200))
def test_wilson_ends_solve_the_score_equation(successes: int, extra: int) -> None:
    trials = successes + extra + 1
    interval = wilson(successes, trials)
    for end in (interval.low, interval.high):
        if 0 < end < 1:
            distance = abs(successes / trials - end)
            assert distance == pytest.approx(1.959964 * np.sqrt(end * (1 - end) / trials), rel=1e-5)


def test_accuracy_and_agreement_by_hand() -> None:
    logits = np.asarray([[1, 2, 0], [5, 1, 1], [0, 0, 0], [1, 1, 3]])
    assert correct_answers(logits, [1, 0, 0, 1]).tolist() == [True, True, True, False]
    assert accuracy(correct_answers(logits, [1, 0, 0, 1])).value == 0.75
    others = logits.copy()
    others[0] = [9, 0, 0]
    assert agreement(logits, others) == 0.75
    assert agreement(logits, logits) == 1.0


@given(first=st.integers(0, 60), second=st.integers(0, 60), rest=st.integers(0, 20))
def test_mcnemar_equals_the_binomial_sum(first: int, second: int, rest: int) -> None:
    test = mcnemar(*answers(rest, first, second, 1))
    assert (test.only_first, test.only_second) == (first, second)
    n, k = first + second, min(first, second)
    tail = sum(binom.pmf(i, n, 0.5) for i in range(k + 1))
    assert test.p_exact == pytest.approx(min(1.0, 2 * tail))
    assert test.p_mid == pytest.approx(min(1.0, 2 * tail - binom.pmf(k, n, 0.5)))
    assert test.p_mid <= test.p_exact <= 1
    mirrored = mcnemar(*reversed(answers(rest, first, second, 1)))
    assert mirrored.p_mid == test.p_mid


def test_mcnemar_published() -> None:
    # Fagerland, Lydersen and Laake (2013), BMC Med. Res. Methodol. 13:91, table 2: airway
    # hyper-responsiveness, b = 1, c = 7: exact p = 0.070, mid-p = 0.039
    test = mcnemar(*answers(1, 1, 7, 12))
    assert (round(test.p_exact, 3), round(test.p_mid, 3)) == (0.070, 0.039)


def test_holm_by_hand() -> None:
    # 0.005*4, 0.01*3, 0.03*2 and 0.04*1 raised to the one before
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []
    assert holm([0.8, 0.9]) == [1.0, 1.0]


@given(values=st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_equals_the_closed_test(values: list[float]) -> None:
    # Holm is the closure of Bonferroni: p_i adjusted is the largest Bonferroni p of any
    # subfamily that contains i
    adjusted = holm(values)
    for index in range(len(values)):
        others = [i for i in range(len(values)) if i != index]
        families = itertools.chain.from_iterable(
            itertools.combinations(others, size) for size in range(len(values))
        )
        largest = max(
            min(values[i] for i in (*family, index)) * (len(family) + 1) for family in families
        )
        assert adjusted[index] == pytest.approx(min(1.0, largest))
    assert all(
        a >= f - 1e-12 for a, f in zip(adjusted, false_discovery_control(values), strict=True)
    )


def brute_force_score(gains: int, losses: int, n: int, difference: float) -> float:
    """The score statistic with the constrained likelihood maximised numerically."""

    def likelihood(q: float) -> float:  # q: probability of a loss, q + difference of a gain
        p_gain, rest = q + difference, 1 - 2 * q - difference
        terms = [(gains, p_gain), (losses, q), (n - gains - losses, rest)]
        return -sum(count * np.log(max(p, 1e-300)) for count, p in terms if count)

    low, high = max(0.0, -difference), (1 - difference) / 2
    q = minimize_scalar(
        likelihood, bounds=(low, high), method="bounded", options={"xatol": 1e-12}
    ).x
    variance = n * (2 * q + difference - difference**2)
    return (gains - losses - n * difference) / np.sqrt(variance)


@pytest.mark.parametrize(
    ("gains", "losses", "n"), [(7, 1, 21), (3, 12, 60), (10, 4, 1000), (40, 45, 500), (1, 2, 9)]
)
def test_tango_ends_solve_the_score_equation(gains: int, losses: int, n: int) -> None:
    low, high = tango_interval(gains, losses, n)
    assert brute_force_score(gains, losses, n, low) == pytest.approx(1.959964, abs=2e-3)
    assert brute_force_score(gains, losses, n, high) == pytest.approx(-1.959964, abs=2e-3)


def test_tango_published() -> None:
    # R's PropCIs 0.3-0: scoreci.mp(b = 25, c = 28, n = 618, conf.level = 0.9), for (c - b) / n
    low, high = tango_interval(28, 25, 618, confidence=0.9)
    assert (round(low, 4), round(high, 4)) == (-0.0148, 0.0247)
    # Fagerland, Lydersen and Laake (2014), Statistics in Medicine 33: airway data, 1 and 7 of 21
    low, high = tango_interval(1, 7, 21)
    assert (round(low, 3), round(high, 3)) == (-0.517, -0.026)


def test_tango_without_discordant_pairs_has_a_width() -> None:
    low, high = tango_interval(0, 0, 100)
    assert high == pytest.approx(1.959964**2 / (100 + 1.959964**2))
    assert low == pytest.approx(-high)


@given(gains=st.integers(0, 50), losses=st.integers(0, 50), rest=st.integers(0, 200))
def test_tango_holds_the_difference_and_mirrors(gains: int, losses: int, rest: int) -> None:
    n = gains + losses + rest
    if n == 0:
        return
    low, high = tango_interval(gains, losses, n)
    assert -1 <= low <= (gains - losses) / n <= high <= 1
    mirrored = tango_interval(losses, gains, n)
    assert mirrored == pytest.approx((-high, -low), abs=1e-9)


def test_tango_covers_at_its_nominal_rate() -> None:
    rng = np.random.default_rng(0)
    draws = rng.multinomial(400, [0.04, 0.06, 0.9], size=3000)
    covered = 0
    cache: dict[tuple[int, int], tuple[float, float]] = {}
    for gains, losses, _ in draws:
        key = (int(gains), int(losses))
        if key not in cache:
            cache[key] = tango_interval(*key, 400)
        covered += cache[key][0] <= -0.02 <= cache[key][1]
    assert 0.935 < covered / 3000 < 0.965


def test_non_inferiority_turns_at_the_margin() -> None:
    reference, candidate = answers(8000, 120, 100, 1780)  # the candidate loses 20 of 10,000
    test = non_inferiority(candidate, reference, 0.01)
    assert test.difference == -0.002 and test.holds
    low = test.low
    assert not non_inferiority(candidate, reference, -low - 1e-6).holds
    assert non_inferiority(candidate, reference, -low + 1e-6).holds
    worse = non_inferiority(*reversed(answers(8000, 300, 100, 1600)), 0.01)
    assert worse.difference == -0.02 and not worse.holds


def test_bad_input_is_refused() -> None:
    good = np.asarray([True, False])
    for bad in (np.asarray([1.0, 0.0]), np.asarray([]), np.ones((2, 2), bool)):
        with pytest.raises(DataError):
            accuracy(bad)
    with pytest.raises(DataError, match="same images"):
        mcnemar(good, np.asarray([True]))
    with pytest.raises(DataError, match="0 to 1"):
        holm([1.5])
    with pytest.raises(DataError, match="margin"):
        non_inferiority(good, good, 0.0)
    with pytest.raises(DataError):
        wilson(3, 2)
    with pytest.raises(DataError):
        tango_interval(3, 3, 5)
    with pytest.raises(DataError, match="N, classes"):
        correct_answers(np.zeros(3), np.zeros(3))
    with pytest.raises(DataError, match="equal"):
        agreement(np.zeros((2, 3)), np.zeros((3, 3)))


def test_exact_test_agrees_with_scipy() -> None:
    assert mcnemar(*answers(5, 9, 2, 4)).p_exact == binomtest(9, 11).pvalue
