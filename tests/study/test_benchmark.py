"""The latency protocol on a clock that the test drives: nothing here measures real time."""

from collections.abc import Callable

import pytest

from edgeint8.errors import ConfigError
from edgeint8.study.latency import (
    BLOCKS,
    FEWEST_RUNS,
    PAIRS,
    RUNS,
    affordable,
    compare,
    measure,
    seconds_of,
    summarise,
)


class FakeMachine:
    """A clock in nanoseconds, and calls that move it by a programmed cost; keeps the order."""

    def __init__(self) -> None:
        self.now = 0
        self.order: list[str] = []

    def clock(self) -> int:
        return self.now

    def call(self, name: str, cost: Callable[[int], float]) -> Callable[[], None]:
        def run() -> None:
            self.order.append(name)
            self.now += int(cost(len(self.order)))

        return run


def test_measure_times_only_after_the_warm_ups() -> None:
    machine = FakeMachine()
    call = machine.call("a", lambda index: 1e9 if index <= 3 else (index - 3) * 1e6)
    result = measure(call, warm_ups=3, runs=100, clock=machine.clock)
    assert machine.order == ["a"] * 103
    # 1, 2, ..., 100 ms
    assert (result.median_ms, result.mean_ms, result.runs) == (50.5, 50.5, 100)
    assert result.p95_ms == pytest.approx(95.05)


def test_compare_interleaves_abba_with_a_control() -> None:
    machine = FakeMachine()
    first, second = (machine.call(name, lambda _: 1000) for name in "ab")
    compare(first, second, blocks=1, pairs=4, warm_ups=0, clock=machine.clock)
    pairs = ["".join(machine.order[index : index + 2]) for index in range(0, 16, 2)]
    assert pairs[::2] == ["ab", "ba"] * 2
    assert pairs[1::2] == ["aa"] * 4


def test_ratio_is_exact_on_a_quiet_machine() -> None:
    machine = FakeMachine()
    first = machine.call("a", lambda _: 2_000_000)
    second = machine.call("b", lambda _: 1_500_000)
    result = compare(first, second, clock=machine.clock)
    assert (result.ratio, result.control, result.resolved) == (0.75, 1.0, True)
    assert (result.p5, result.p95, result.spread) == (0.75, 0.75, 0.0)
    reverse = compare(second, first, clock=machine.clock)
    assert reverse.ratio == pytest.approx(1 / 0.75)


def test_drift_cancels_in_swapped_pairs() -> None:
    # every call takes 0.1 % longer than the one before: in order A B alone B would look slower
    machine = FakeMachine()
    first = machine.call("a", lambda index: 1e6 * 1.001**index)
    second = machine.call("b", lambda index: 1e6 * 1.001**index)
    result = compare(first, second, blocks=7, pairs=40, clock=machine.clock)
    assert result.ratio == pytest.approx(1.0, abs=1e-5)
    assert result.resolved


@pytest.mark.parametrize(
    ("ratios", "controls", "resolved"),
    [
        ([0.80, 0.81, 0.79], [1.00, 1.01, 0.99], True),
        ([0.80, 0.81, 0.79], [1.06, 1.07, 1.06], False),
        ([0.80, 0.81, 0.79], [0.94, 0.93, 0.94], False),
        ([0.70, 0.80, 0.90], [1.00, 1.00, 1.00], False),
    ],
)
def test_a_ratio_is_resolved_only_with_a_quiet_control_and_a_narrow_spread(
    ratios: list[float], controls: list[float], resolved: bool
) -> None:
    result = summarise(ratios, controls)
    assert result.resolved == resolved
    assert result.ratio == 0.8


def test_protocol_refuses_what_it_cannot_do() -> None:
    with pytest.raises(ConfigError, match="even number"):
        compare(lambda: None, lambda: None, pairs=3)
    with pytest.raises(ConfigError, match="1 or more"):
        measure(lambda: None, runs=0)


@pytest.mark.parametrize("call", [1e-5, 1e-3, 0.02, 0.2, 1.0, 5.0])
@pytest.mark.parametrize("seconds", [1.0, 10.0])
def test_a_budget_of_seconds_is_kept_by_what_the_clock_says(call: float, seconds: float) -> None:
    """Run on a machine whose calls take so long, the protocol takes no longer than it may."""
    machine = FakeMachine()
    tested = machine.call("b", lambda _: call * 1e9)
    reference = machine.call("a", lambda _: 1.5 * call * 1e9)
    effort = affordable(call, 1.5 * call, seconds)
    measured = measure(tested, warm_ups=effort.warm_ups, runs=effort.runs, clock=machine.clock)
    assert measured.median_ms == pytest.approx(call * 1e3)
    if effort.blocks:
        options = {"blocks": effort.blocks, "pairs": effort.pairs, "warm_ups": effort.warm_ups}
        compare(reference, tested, clock=machine.clock, **options)
        assert machine.now / 1e9 <= seconds * 1.001
    assert machine.now / 1e9 == pytest.approx(effort.seconds(call, 1.5 * call), rel=1e-3)


def test_a_fast_network_gets_the_whole_protocol_and_a_slow_one_three_runs() -> None:
    fast = affordable(1e-4, 1e-4, 30)
    assert (fast.runs, fast.blocks, fast.pairs) == (RUNS, BLOCKS, PAIRS)
    assert affordable(20, 20, 30).runs == FEWEST_RUNS and affordable(20, 20, 30).blocks == 0
    machine = FakeMachine()
    assert seconds_of(machine.call("a", lambda k: 1e9 * k), machine.clock) == 2
