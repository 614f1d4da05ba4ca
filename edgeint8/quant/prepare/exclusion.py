"""Which nodes a strategy keeps float: those it names or chose, and the joint of a split output."""

from collections.abc import Iterable
from fnmatch import fnmatchcase

import onnx

from edgeint8.errors import ConfigError
from edgeint8.quant.strategy import Strategy

# What an output passes behind its Concat without a new value.
MOVES = frozenset({"Identity", "Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze"})


def excluded(model: onnx.ModelProto, strategy: Strategy) -> tuple[str, ...]:
    """Names of these nodes, in graph order.

    Raises `ConfigError` for a pattern that names no node and no operator of the network, and where
    nothing was chosen yet.
    """
    if strategy.auto_exclude and strategy.choice is None:
        raise ConfigError(
            "no hold-out to choose by",
            where=f"$.strategies.{strategy.name}.auto_exclude",
            allowed="samples that neither calibrate nor test",
        )
    chosen = strategy.choice.nodes if strategy.choice else ()
    for pattern in strategy.exclude:
        if not any(_names(pattern, node) for node in model.graph.node):
            kinds = sorted({node.op_type for node in model.graph.node})
            raise ConfigError(
                f"{pattern!r} names no node",
                where=f"$.strategies.{strategy.name}.exclude",
                allowed=f"a node, a pattern of nodes, or one of {', '.join(kinds)}",
            )
    joints = joints_of_outputs(model) if strategy.split_outputs else ()
    return tuple(
        node.name
        for node in model.graph.node
        if node.name in (*joints, *chosen)
        or any(_names(pattern, node) for pattern in strategy.exclude)
    )


def joints_of_outputs(model: onnx.ModelProto) -> frozenset[str]:
    """The Concat nodes that make an output, and what only moves elements between the two."""
    makers = {name: node for node in model.graph.node for name in node.output}
    found: set[str] = set()

    def follow(names: Iterable[str], way: tuple[str, ...]) -> None:
        for name in names:
            node = makers.get(name)
            if node is None:
                continue
            if node.op_type == "Concat":
                found.update((*way, node.name))
                follow(node.input, (node.name,))
            elif node.op_type in MOVES:
                follow(node.input[:1], (*way, node.name))

    follow((output.name for output in model.graph.output), ())
    return frozenset(found)


def _names(pattern: str, node: onnx.NodeProto) -> bool:
    return pattern == node.op_type or fnmatchcase(node.name, pattern)
