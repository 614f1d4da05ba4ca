"""What an operator may know besides its inputs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from edgeint8.conventions import Array
from edgeint8.fixed_point.arithmetic.graph import Graph, Node
from edgeint8.fixed_point.arithmetic.operands import Operands
from edgeint8.fixed_point.arithmetic.requantize import Scheme

Accumulate = Callable[[Node, Operands], Array]
"""Sums of products with bias, (N, *O, M) or (..., M); overflow policies replace it."""

RunBranch = Callable[[Graph, Mapping[str, Array]], tuple[Array, ...]]
"""Outputs of a subgraph, given the tensors that it reads of the graph around it."""


@dataclass(frozen=True)
class Context:
    """The node, the opset, the rounding scheme, the accumulator in use, and who runs subgraphs."""

    node: Node
    opset: int
    scheme: Scheme
    accumulate: Accumulate
    run_branch: RunBranch

    def attribute(self, name: str, default: Any) -> Any:
        """Attribute of the node, or `default`."""
        return self.node.attribute(name, default)


def scalar(values: Array | None, default: int = 0) -> int:
    """The one integer in a 0-d or one-element array; `default` where the input is absent."""
    return default if values is None else int(values.reshape(-1)[0])
