"""The executor for many images: the same integers, planned ahead.

    FastExecutor(model).run({"input": images})

A plan is made for a few images at a time, so memory is bounded by the plan and not by the number
of images. Convolutions become matrix products over slabs (`slab`), fused with requantisation and
with a max-pool behind them; whatever has no fast form runs through the operators of `executor`.
Only ORT's rounding scheme, and only the outputs.
"""

from collections.abc import Mapping

import numpy as np
import onnx

from edgeint8.conventions import Array
from edgeint8.errors import ModelError
from edgeint8.fixed_point.arithmetic.graph import Node
from edgeint8.fixed_point.executor import ALL_TENSORS, Executor
from edgeint8.fixed_point.fast import fast_elementwise, fast_steps
from edgeint8.fixed_point.fast.fast_plan import Plan, Step, Values

WORKING_SET_BYTES = 1 << 19
LARGEST_BATCH = 8
FAST_STEPS = {**fast_steps.FAST_STEPS, **fast_elementwise.FAST_STEPS}
BATCH_DEPENDENT = frozenset({"DynamicQuantizeLinear", "If"})


class FastExecutor:
    """One model, planned once per number of images and input shape.

    Parameters
    ----------
    model
        As for `Executor`.
    batch
        Images a plan works on at once; None chooses as many as fit half a megabyte.

    A graph whose results depend on the whole batch (dynamic quantisation, If) is refused.
    """

    def __init__(self, model: onnx.ModelProto, batch: int | None = None) -> None:
        self.executor = Executor(model)
        self.graph = self.executor.graph
        self.batch = batch
        self._plans: dict[tuple[tuple[int, ...], ...], Plan] = {}
        for node in self.graph.nodes:
            if node.op_type in BATCH_DEPENDENT:
                raise ModelError(
                    f"{node.op_type} depends on the whole batch", where=f"node {node.name}"
                )

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """The outputs by name, for any number of images."""
        missing = set(self.graph.inputs) - set(feeds)
        if missing:
            raise ModelError(f"no input {sorted(missing)}", allowed=str(self.graph.inputs))
        total = len(feeds[self.graph.inputs[0]])
        size = self.batch or self._choose_batch(feeds)
        if total <= size:
            return self._run_piece({name: feeds[name] for name in self.graph.inputs})
        pieces = [
            self._run_piece({name: feeds[name][k : k + size] for name in self.graph.inputs})
            for k in range(0, total, size)
        ]
        return {name: np.concatenate([p[name] for p in pieces]) for name in self.graph.outputs}

    def _choose_batch(self, feeds: Mapping[str, Array]) -> int:
        """As many images as keep the largest tensor inside the working set; remembered."""
        one = self.executor.run({k: v[:1] for k, v in feeds.items()}, keep=ALL_TENSORS)
        largest = max(value.size for value in one.values()) * 4
        self.batch = max(1, min(LARGEST_BATCH, WORKING_SET_BYTES // largest))
        return self.batch

    def _run_piece(self, feeds: dict[str, Array]) -> dict[str, Array]:
        """A few images through their plan."""
        key = tuple([feeds[name].shape for name in self.graph.inputs])
        plan = self._plans.get(key) or self._make_plan(key, feeds)
        values: Values = dict(feeds)
        for step in plan.steps:
            step(values)
        return {name: plan.output(name, values) for name in self.graph.outputs}

    def _make_plan(self, key: tuple[tuple[int, ...], ...], feeds: dict[str, Array]) -> Plan:
        """Steps for the shapes of `feeds`; an ordinary run tells every tensor's shape."""
        samples = self.executor.run(feeds, keep=ALL_TENSORS)
        known = {**self.graph.constants, **feeds, **samples}
        plan = Plan(self.graph, known, self.executor.execute)
        for node in self.graph.nodes:
            if node.outputs[0] in plan.done:
                continue
            fast = FAST_STEPS.get(node.op_type)
            if fast is None or not fast(plan, node):
                plan.steps.append(self._ordinary(plan, node))
        self._plans[key] = plan
        return plan

    def _ordinary(self, plan: Plan, node: Node) -> Step:
        """A node that runs as in `Executor`."""

        def step(values: Values) -> None:
            inputs = [plan.codes(name, values) if name else None for name in node.inputs]
            outputs = self.executor.execute(node, inputs)
            values.update(zip(node.outputs, outputs, strict=False))

        return step
