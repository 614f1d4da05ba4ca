"""The latency protocol: how long one call takes, and which of two calls is faster.

Absolute times on a shared machine vary by 80 to 120 %, so they are reported and never compared.
Comparisons are ratios from interleaved runs: in a block, pairs (A, B) alternate with pairs (B, A),
so that drift falls on both alike; beside them run pairs (A, A'), A against itself, whose ratio must
come out as 1. A ratio is *resolved* only where this control and the spread of the block medians
stay within `TOLERANCE`; otherwise all that can be said is that the machine was too busy to tell.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from edgeint8.errors import ConfigError

FEWEST_RUNS = 3
WARM_UPS = 10
RUNS = 100
BLOCKS = 7
PAIRS = 40
TOLERANCE = 0.05

Clock = Callable[[], int]
Call = Callable[[], object]


@dataclass(frozen=True)
class Latency:
    """Times of repeated calls, in milliseconds."""

    median_ms: float
    mean_ms: float
    p95_ms: float
    runs: int


@dataclass(frozen=True)
class LatencyRatio:
    """Time of B over time of A.

    ratio: median of the block medians; p5, p95: percentiles of the block medians; control: the same
    median for A over A; resolved: whether |control - 1| and (p95 - p5) / ratio are both below
    `TOLERANCE`.
    """

    ratio: float
    p5: float
    p95: float
    control: float
    resolved: bool

    @property
    def spread(self) -> float:
        """(p95 - p5) / ratio of the block medians."""
        return (self.p95 - self.p5) / self.ratio


@dataclass(frozen=True)
class Effort:
    """How often a network is run to time it; `blocks` of 0: there is no time for a ratio."""

    warm_ups: int
    runs: int
    blocks: int
    pairs: int

    def seconds(self, call: float, reference: float) -> float:
        """What `measure` and `compare` take where one call and one of the reference take this."""
        pair = call + 3 * reference  # (A, B) and (A, A)
        compared = self.warm_ups * (call + reference) + self.blocks * self.pairs * pair
        return (self.warm_ups + self.runs) * call + (compared if self.blocks else 0.0)


def affordable(call: float, reference: float, seconds: float) -> Effort:
    """The whole protocol, or as much of it as `seconds` allow: fewer runs, pairs, then blocks.

    call, reference: seconds of one call. A network so slow that not even one block of two pairs
    fits is timed `FEWEST_RUNS` times whatever that takes, and gets no ratio.
    """
    for pairs in range(PAIRS, 1, -2):
        share = pairs / PAIRS
        effort = Effort(
            round(WARM_UPS * share), max(FEWEST_RUNS, round(RUNS * share)), BLOCKS, pairs
        )
        if effort.seconds(call, reference) <= seconds:
            return effort
    for blocks in range(BLOCKS - 1, 0, -1):
        effort = Effort(1, FEWEST_RUNS, blocks, 2)
        if effort.seconds(call, reference) <= seconds:
            return effort
    return Effort(0, FEWEST_RUNS, 0, 0)


def seconds_of(call: Call, clock: Clock = time.perf_counter_ns) -> float:
    """How long one call takes, roughly: the second of two."""
    call()
    return _elapsed(call, clock) / 1e9


def measure(
    call: Call, *, warm_ups: int = WARM_UPS, runs: int = RUNS, clock: Clock = time.perf_counter_ns
) -> Latency:
    """Time `call` `runs` times after `warm_ups` untimed calls; `clock` counts nanoseconds."""
    if runs < 1 or warm_ups < 0:
        raise ConfigError(f"{runs} runs after {warm_ups} warm-ups", allowed="1 or more, 0 or more")
    for _ in range(warm_ups):
        call()
    times = np.asarray([_elapsed(call, clock) for _ in range(runs)]) / 1e6
    return Latency(
        median_ms=float(np.median(times)),
        mean_ms=float(np.mean(times)),
        p95_ms=float(np.percentile(times, 95)),
        runs=runs,
    )


def compare(
    first: Call,
    second: Call,
    *,
    blocks: int = BLOCKS,
    pairs: int = PAIRS,
    warm_ups: int = WARM_UPS,
    clock: Clock = time.perf_counter_ns,
) -> LatencyRatio:
    """Time of `second` over time of `first`, interleaved A B B A, with A against A in between."""
    if blocks < 1 or pairs < 2 or pairs % 2:
        raise ConfigError(
            f"{blocks} blocks of {pairs} pairs", allowed="1 or more of an even number"
        )
    for _ in range(warm_ups):
        first()
        second()
    ratios, controls = [], []
    for _ in range(blocks):
        tested, same = [], []
        for index in range(pairs):
            swapped = bool(index % 2)
            tested.append(_pair_ratio(first, second, clock, swapped=swapped))
            same.append(_pair_ratio(first, first, clock, swapped=swapped))
        ratios.append(float(np.median(tested)))
        controls.append(float(np.median(same)))
    return summarise(ratios, controls)


def summarise(ratios: Sequence[float], controls: Sequence[float]) -> LatencyRatio:
    """The verdict on the medians of all blocks, B over A and A over A."""
    ratio, control = float(np.median(ratios)), float(np.median(controls))
    low, high = (float(value) for value in np.percentile(ratios, [5, 95]))
    resolved = abs(control - 1) < TOLERANCE and (high - low) / ratio < TOLERANCE
    return LatencyRatio(ratio, low, high, control, resolved)


def _pair_ratio(first: Call, second: Call, clock: Clock, *, swapped: bool) -> float:
    """Time of `second` over time of `first`, run in either order."""
    if swapped:
        after = _elapsed(second, clock)
        before = _elapsed(first, clock)
    else:
        before = _elapsed(first, clock)
        after = _elapsed(second, clock)
    return after / before


def _elapsed(call: Call, clock: Clock) -> int:
    start = clock()
    call()
    return max(1, clock() - start)
