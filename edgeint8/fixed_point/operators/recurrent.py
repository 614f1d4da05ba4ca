"""LSTM and GRU of floats (ONNX, opsets 7 to 22): they stay float, and are replayed as all else."""

from collections.abc import Callable

import numpy as np

from edgeint8.conventions import Array
from edgeint8.errors import ModelError
from edgeint8.fixed_point.operators.context import Context

F32 = np.float32
Step = Callable[[Array, tuple[Array, ...]], tuple[Array, ...]]
"""One time step of one direction: input (N, I) and states (N, H), the first of them the output."""


def _sigmoid(x: Array) -> Array:
    with np.errstate(over="ignore"):  # 1 / (1 + inf) is the right 0
        return np.asarray(1 / (1 + np.exp(-x)))


FUNCTIONS: dict[str, Callable[[Array], Array]] = {
    "sigmoid": _sigmoid,
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0),
}
ONLY = {"layout": 0, "clip": 0.0, "input_forget": 0}
"""Attributes whose other values are refused."""


def _functions(context: Context, defaults: tuple[str, ...], direction: int) -> list[Callable]:
    """The activations of one direction."""
    for name, only in ONLY.items():
        if context.attribute(name, only) != only:
            raise ModelError(f"{name} {context.attribute(name, only)}", allowed=str(only))
    names = context.attribute("activations", ())
    names = [str(name.decode() if isinstance(name, bytes) else name).lower() for name in names]
    names = names[direction * len(defaults) :][: len(defaults)] or list(defaults)
    if unknown := [name for name in names if name not in FUNCTIONS]:
        raise ModelError(f"activation {unknown[0]}", allowed=", ".join(FUNCTIONS))
    return [FUNCTIONS[name] for name in names]


def lstm(
    context: Context,
    x: Array,
    w: Array,
    r: Array,
    bias: Array | None = None,
    lengths: Array | None = None,
    hidden: Array | None = None,
    cell: Array | None = None,
    peephole: Array | None = None,
) -> tuple[Array, ...]:
    """i, o, f = s(.); c = f c + i t(.); h = o t(c). x (T, N, I), w (D, 4H, I), r (D, 4H, H)."""
    size = r.shape[2]

    def step_of(d: int) -> Step:
        gate, candidate, squash = _functions(context, ("sigmoid", "tanh", "tanh"), d)
        p = np.zeros(3 * size) if peephole is None else peephole[d].astype(np.float64)
        p_i, p_o, p_f = np.split(p, 3)
        added = 0.0 if bias is None else bias[d].astype(np.float64).reshape(2, -1).sum(axis=0)

        def step(now: Array, states: tuple[Array, ...]) -> tuple[Array, ...]:
            h, c = states
            sums = now @ w[d].T.astype(np.float64) + h @ r[d].T.astype(np.float64) + added
            i, o, f, g = np.split(sums, 4, axis=1)
            new = gate(f + p_f * c) * c + gate(i + p_i * c) * candidate(g)
            return gate(o + p_o * new) * squash(new), new

        return step

    return _unrolled(context, x, step_of, lengths, [hidden, cell], size)


def gru(
    context: Context,
    x: Array,
    w: Array,
    r: Array,
    bias: Array | None = None,
    lengths: Array | None = None,
    hidden: Array | None = None,
) -> tuple[Array, ...]:
    """z, r = s(.); h = (1 - z) t(.) + z h. x (T, N, I), w (D, 3H, I), r (D, 3H, H)."""
    size, before = r.shape[2], context.attribute("linear_before_reset", 0)

    def step_of(d: int) -> Step:
        gate, candidate = _functions(context, ("sigmoid", "tanh"), d)
        b_w, b_r = np.zeros((2, 3 * size)) if bias is None else bias[d].reshape(2, -1)

        def step(now: Array, states: tuple[Array, ...]) -> tuple[Array, ...]:
            (h,) = states
            x_z, x_r, x_h = np.split(now @ w[d].T.astype(np.float64) + b_w, 3, axis=1)
            weights, b_h = r[d].T.astype(np.float64), b_r[2 * size :]
            h_z, h_r, h_h = np.split(h @ weights + b_r, 3, axis=1)
            z, reset = gate(x_z + h_z), gate(x_r + h_r)
            past = reset * h_h if before else (reset * h) @ weights[:, 2 * size :] + b_h
            return ((1 - z) * candidate(x_h + past) + z * h,)

        return step

    return _unrolled(context, x, step_of, lengths, [hidden], size)


def _unrolled(
    context: Context,
    x: Array,
    step_of: Callable[[int], Step],
    lengths: Array | None,
    initial: list[Array | None],
    size: int,
) -> tuple[Array, ...]:
    """All outputs (T, D, N, H), then the last of every state (D, N, H); float64 inside.

    A sequence shorter than T keeps its last state, and its later outputs are 0; backwards it begins
    at its own end.
    """
    kind = context.attribute("direction", "forward")
    backwards = {"forward": [False], "reverse": [True], "bidirectional": [False, True]}[kind]
    steps, count = x.shape[:2]
    ends = np.full(count, steps) if lengths is None else lengths
    outputs = np.zeros((steps, len(backwards), count, size), F32)
    last: list[list[Array]] = [[] for _ in initial]
    for d, reverse in enumerate(backwards):
        step, zero = step_of(d), np.zeros((count, size))
        states = tuple(zero if s is None else s[d].astype(np.float64) for s in initial)
        for t in range(steps - 1, -1, -1) if reverse else range(steps):
            runs = (t < ends)[:, None]
            moved = step(x[t].astype(np.float64), states)
            states = tuple(np.where(runs, new, old) for new, old in zip(moved, states, strict=True))
            outputs[t, d] = np.where(runs, states[0], 0)
        for kept, state in zip(last, states, strict=True):
            kept.append(state.astype(F32))
    return (outputs, *(np.stack(kept) for kept in last))


OPERATORS = {"LSTM": lstm, "GRU": gru}
