"""Spend a budget of bits on layers, where it lowers the noise most.

Noise of a layer is what the logits lose when it alone has few bits; that it adds up over layers is
an assumption. docs/learned_codes.md, equations 9 to 11, with what this search guarantees.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from edgeint8.errors import ConfigError

BITS = range(2, 9)
SLACK = 1e-9  # of a budget: what sums of floats may lie beside

Noise = Mapping[str, Mapping[int, float]]  # layer -> bits -> error power over signal power
Bits = dict[str, int]


@dataclass(frozen=True)
class Prices:
    """What bits cost, all in one unit.

    bit: one more bit for all weights of a layer, by layer. widest: what all layers together pay for
    a multiplier of so many bits; the array has one width, that of the widest layer.
    """

    bit: Mapping[str, float]
    widest: Mapping[int, float]

    def cost(self, bits: Mapping[str, int]) -> float:
        """Equation 10."""
        return self.widest[max(bits.values())] + sum(
            self.bit[layer] * count for layer, count in bits.items()
        )

    @property
    def range(self) -> tuple[float, float]:
        """The least and the most that can be spent: all layers with 2 bits, and with 8."""
        return self.cost(dict.fromkeys(self.bit, 2)), self.cost(dict.fromkeys(self.bit, 8))


def by_weights(weights: Mapping[str, int]) -> Prices:
    """A bit of a weight costs one, whatever the multiplier: the mean over weights is bounded."""
    return Prices(weights, dict.fromkeys(BITS, 0.0))


def predicted(noise: Noise, bits: Mapping[str, int]) -> float:
    """Noise of all layers together, as if it added up. Equation 9."""
    return sum(noise[layer][count] for layer, count in bits.items())


def spend(noise: Noise, prices: Prices, budget: float) -> Bits:
    """Bits a layer with little noise, within `budget`: the best of the walks under each widest."""
    least, most = prices.range
    if budget < least * (1 - SLACK):
        raise ConfigError(
            f"a budget of {budget / most:.3g} of the cost of 8 bits",
            allowed=f"{least / most:.3g} or more: that is 2 bits in every layer",
        )
    walks = [walk(noise, prices, budget, widest) for widest in BITS]
    found = [bits for bits in walks if bits]
    return min(found, key=lambda bits: (predicted(noise, bits), prices.cost(bits)))


def walk(noise: Noise, prices: Prices, budget: float, widest: int) -> Bits:
    """From 2 bits up to `widest`, always the step with the most gain for its price. Equation 11.

    Empty if not even 2 bits fit. Steps may skip bits, so the walk follows the lower convex hull of
    each layer's noise; what fits no more is passed over for smaller steps.
    """
    bits = dict.fromkeys(noise, 2)
    left = budget * (1 + SLACK) - prices.widest[widest]
    left -= sum(2 * prices.bit[layer] for layer in bits)
    if left < 0:
        return {}
    while steps := [
        ((noise[layer][now] - noise[layer][more]) / (price * (more - now)), layer, more)
        for layer, now in bits.items()
        for price in (prices.bit[layer],)
        for more in range(now + 1, widest + 1)
        if price * (more - now) <= left and noise[layer][more] < noise[layer][now]
    ]:
        _, layer, more = max(steps, key=lambda step: step[0])
        left -= prices.bit[layer] * (more - bits[layer])
        bits[layer] = more
    return bits


def uniform(prices: Prices, budget: float) -> Bits:
    """The same bits in every layer, as many as the budget allows."""
    fitting = [
        bits
        for count in BITS
        if prices.cost(bits := dict.fromkeys(prices.bit, count)) <= budget * (1 + SLACK)
    ]
    return fitting[-1]
