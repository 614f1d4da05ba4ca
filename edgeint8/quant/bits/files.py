"""Bits of every layer beside a strategy: what rule spend_bits writes and others read."""

from collections.abc import Sequence

from edgeint8.files import read_json
from edgeint8.quant.strategy import Strategy


def with_bits(strategy: Strategy, path: str | Sequence[str]) -> Strategy:
    """The strategy with the bits in a file; as it is where there is none (an empty list)."""
    return strategy.spent(read_json(path)) if isinstance(path, str) else strategy
