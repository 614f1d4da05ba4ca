"""Short names that still tell the layers of a network apart."""

from collections import Counter
from collections.abc import Sequence

LONGEST = 40


def labels(names: Sequence[str]) -> tuple[str, ...]:
    """The shortest ends of path-like names that no two share; long ones lose their middle.

    Of a layer's fused operators (behind ``+``) the last part of each name is enough.

    >>> labels(["/model.0/conv/Conv+/model.0/act/Mul", "/model.1/conv/Conv", "/head/Gemm"])
    ('model.0/conv/Conv+Mul', 'model.1/conv/Conv', 'Gemm')
    """
    first = [name.split("+")[0] for name in names]
    fused = ["".join(f"+{part.split('/')[-1]}" for part in name.split("+")[1:]) for name in names]
    parts = [[part for part in name.split("/") if part] or [name] for name in first]
    depth = [1] * len(names)
    while True:
        ends = ["/".join(part[-length:]) for part, length in zip(parts, depth, strict=True)]
        count = Counter(ends)
        longer = [
            place
            for place, end in enumerate(ends)
            if count[end] > 1 and depth[place] < len(parts[place])
        ]
        if not longer:
            return _distinct([_shortened(p + more) for p, more in zip(ends, fused, strict=True)])
        for place in longer:
            depth[place] += 1


def _shortened(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    half = (LONGEST - 2) // 2
    return f"{text[:half]}..{text[-half:]}"


def _distinct(texts: Sequence[str]) -> tuple[str, ...]:
    """Texts that are still equal get their number."""
    count, seen, found = Counter(texts), Counter[str](), []
    for text in texts:
        seen[text] += 1
        found.append(f"{text}#{seen[text]}" if count[text] > 1 else text)
    return tuple(found)
