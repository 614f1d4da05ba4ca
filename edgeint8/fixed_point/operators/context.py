"""What an operator may know besides its inputs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from edgeint8.fixed_point.graph import Node
from edgeint8.fixed_point.operands import Operands
from edgeint8.fixed_point.requantize import Array, Scheme

Accumulate = Callable[[Node, Operands], Array]
"""Sums of products with bias, (N, *O, M) or (..., M); overflow policies replace it."""


@dataclass(frozen=True)
class Context:
    """The node, the opset, the rounding scheme and the accumulator in use."""

    node: Node
    opset: int
    scheme: Scheme
    accumulate: Accumulate

    def attribute(self, name: str, default: Any) -> Any:
        """Attribute of the node, or `default`."""
        return self.node.attribute(name, default)


def scalar(values: Array | None, default: int = 0) -> int:
    """The one integer in a 0-d or one-element array; `default` where the input is absent."""
    return default if values is None else int(values.reshape(-1)[0])
