"""Fronts of points: by brute force, in parts, and by table."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edgeint8.arch.explore.pareto import RunningFront, front_indices, logarithmic_bins

points_strategy = st.lists(
    st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9)), max_size=60
)


def _columns(points):
    table = np.array(points, dtype=np.int64).reshape(-1, 3)
    return table[:, 0], table[:, 1], table[:, 2].astype(np.float64)


@given(points_strategy)
def test_front_indices_by_brute_force(points) -> None:
    kept = front_indices(*_columns(points))
    expected = [
        i
        for i, p in enumerate(points)
        if not any(
            all(a <= b for a, b in zip(q, p, strict=True)) and (q != p or j < i)
            for j, q in enumerate(points)
            if j != i
        )
    ]
    assert kept.tolist() == expected


@given(st.lists(points_strategy, min_size=1, max_size=6))
def test_running_front_equals_one_sweep(batches) -> None:
    front, start = RunningFront(), 0
    for batch in batches:
        columns = _columns(batch)
        front.offer(*columns, np.arange(start, start + len(batch)))
        front.settle()
        start += len(batch)
    everything = [point for batch in batches for point in batch]
    assert sorted(front.ids.tolist()) == front_indices(*_columns(everything)).tolist()


@given(st.floats(1e-6, 1e12), st.floats(1e-6, 1e12))
def test_bins_are_monotone(a: float, b: float) -> None:
    low, high = logarithmic_bins(np.array([min(a, b), max(a, b)]))
    assert low <= high


def test_table_does_not_reject_what_is_better_within_a_bin() -> None:
    front = RunningFront()
    for place, (cycles, area) in enumerate([(1023, 1.0), (1022, 1.0), (1023, 0.999)]):
        assert logarithmic_bins(np.array([cycles])) == logarithmic_bins(np.array([1023]))
        front.offer(*_columns([(cycles, 5, 1)])[:2], np.array([area]), np.array([place]))
        front.settle()
    assert front.ids.tolist() == [1, 2]


def test_table_rejects_only_what_is_dominated() -> None:
    rng = np.random.default_rng(0)
    points = rng.integers(1, 2_000, (30_000, 3))
    front = RunningFront()
    for start in range(0, len(points), 1_000):
        batch = points[start : start + 1_000]
        ids = np.arange(start, start + 1_000)
        front.offer(batch[:, 0], batch[:, 1], batch[:, 2].astype(float), ids)
    front.settle()
    expected = front_indices(points[:, 0], points[:, 1], points[:, 2].astype(float))
    assert sorted(front.ids.tolist()) == expected.tolist()
