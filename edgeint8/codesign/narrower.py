"""The recommended strategy with fewer bits, by the nearest codes and by learned ones."""

from collections.abc import Sequence
from dataclasses import replace

from edgeint8.quant.strategy import Strategy


def narrower(
    base: Strategy,
    weight_bits: Sequence[int] = (),
    learned_weight_bits: Sequence[int] = (),
    learned_accumulator_bits: Sequence[int] = (),
) -> list[Strategy]:
    """Variants of `base`, widest first: nearest codes, learned codes, learned codes under a bound.

    Bits of weights that are not fewer than the base's are left out.
    """
    nearest = replace(base.nearest, weight_bits=base.widest_bits, layer_bits=())
    learned = replace(nearest, rounding="learned", learning_samples=base.learning_samples)
    return [
        *(replace(nearest, weight_bits=bits) for bits in _fewer(weight_bits, base)),
        *(replace(learned, weight_bits=bits) for bits in _fewer(learned_weight_bits, base)),
        *(
            replace(learned, accumulator_bits=bits)
            for bits in sorted(learned_accumulator_bits, reverse=True)
        ),
    ]


def _fewer(bits: Sequence[int], base: Strategy) -> list[int]:
    return sorted((b for b in bits if b < base.widest_bits), reverse=True)
