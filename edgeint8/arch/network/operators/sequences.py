"""Recurrent layers and attention as products.

RNN, GRU, LSTM   all inputs at once: P = steps * batch, K = input, M = gates * hidden; then
                 each step waits for the last: P = batch, K = hidden, M = gates * hidden,
                 `steps` times on weights that stay. A direction is a repeat
Attention        one product for each of scores and values; a repeat a head, and the query
                 heads that share a key head are further rows. Where the node has the weights
                 of its projection (com.microsoft), that is a product before
"""

import math
from dataclasses import replace

from edgeint8.arch.network.operators.parts import Node, Part, product

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4, "DynamicQuantizeLSTM": 4}
RECURRENT = frozenset(GATES)
ATTENTIONS = frozenset(
    {"Attention", "QAttention", "MultiHeadAttention", "GroupQueryAttention"}
    | {"DecoderMaskedMultiHeadAttention"}
)


def recurrent(node: Node) -> list[Part]:
    """The two products of a recurrent layer: over the inputs, and over the hidden state."""
    dims = node.dims(0)
    steps, batch = (dims[1], dims[0]) if node.integer("layout") else (dims[0], dims[1])
    gates = GATES[node.kind]
    hidden = node.integer("hidden_size") or math.prod(node.dims(2)) // math.prod(node.dims(2)[:2])
    directions = node.dims(1)[0]
    x = node.name(0)
    inputs = product("recurrent", steps * batch, gates * hidden, dims[2], (x,), directions)
    inputs = replace(
        inputs, ifmap_bytes=math.prod(dims), suffix=":inputs", scratch=inputs.ofmap_bytes
    )
    gates_name = f"{node.proto.output[0] or node.proto.output[1]}:inputs"
    once = product("recurrent", batch, gates * hidden, hidden, (gates_name,), directions)
    state = steps * batch * hidden * directions
    waiting = replace(
        once,
        steps=steps,
        ifmap_bytes=state,
        ofmap_bytes=state,
        added_bytes=inputs.ofmap_bytes,
        suffix=":steps",
        note="each step waits for the last",
    )
    return [inputs, waiting]


def attention(node: Node) -> list[Part]:
    """Projection where the node has one, scores, values."""
    if node.kind in ("Attention", "QAttention") and node.proto.domain == "com.microsoft":
        return _projected(node)
    batch, length, heads, size = _heads(node, 0, "q_num_heads")
    key, value = _key_value(node)
    shared = heads // key[2] if key[2] and heads % key[2] == 0 else 1
    past = _past(node)
    total = past + key[1]
    reads = node.moving(0, 1)
    return _scores_and_values(
        node,
        repeats=batch * heads // shared,
        rows=length * shared,
        total=total,
        sizes=(size, value[3]),
        reads=(reads, node.moving(2) if node.has(2) else node.moving(1)),
    )


def _scores_and_values(
    node: Node,
    repeats: int,
    rows: int,
    total: int,
    sizes: tuple[int, int],
    reads: tuple[tuple[str, ...], tuple[str, ...]],
) -> list[Part]:
    scores = product("matmul", rows, total, sizes[0], reads[0], repeats)
    scores = replace(scores, suffix=":scores", scratch=scores.ofmap_bytes)
    name = f"{node.proto.output[0]}:scores"
    values = product("matmul", rows, sizes[1], total, (name, *reads[1]), repeats)
    return [scores, replace(values, suffix=":values")]


def _projected(node: Node) -> list[Part]:
    """com.microsoft's Attention: input (B, L, D) times weights (D, q + k + v)."""
    batch, length, depth = node.dims(0)
    widths = node.integers("qkv_hidden_sizes") or (node.dims(1)[1] // 3,) * 3
    heads = node.integer("num_heads", 1)
    inner = f"{node.proto.output[0]}:projection"
    projection = product("matmul", batch * length, sum(widths), depth, node.moving(0))
    projection = replace(projection, suffix=":projection", scratch=projection.ofmap_bytes)
    past = 0
    for place in (4, 8) if node.kind == "QAttention" else (4,):
        if node.has(place) and len(node.dims(place)) == 5:
            past = node.dims(place)[3]
    rest = _scores_and_values(
        node,
        batch * heads,
        length,
        past + length,
        (widths[0] // heads, widths[2] // heads),
        ((inner, inner), (inner,)),
    )
    return [projection, *rest]


def _heads(node: Node, place: int, attribute: str) -> tuple[int, int, int, int]:
    """(batch, length, heads, size of a head) of a query, key or value."""
    dims = node.dims(place)
    if len(dims) == 5:  # packed (B, L, heads, 3 or 2, size)
        return dims[0], dims[1], dims[2], dims[4]
    if len(dims) == 4:  # (B, heads, L, size)
        return dims[0], dims[2], dims[1], dims[3]
    if node.kind == "GroupQueryAttention" and not node.has(1):  # packed along the last axis
        total = node.integer("num_heads") + 2 * node.integer("kv_num_heads")
        return dims[0], dims[1], node.integer("num_heads"), dims[2] // total
    heads = node.integer(attribute) or node.integer("num_heads", 1)
    return dims[0], dims[1], heads, dims[2] // heads


def _key_value(node: Node) -> tuple[tuple[int, int, int, int], tuple[int, int, int, int]]:
    """Sizes of key and value; a packed query or key holds them."""
    grouped = "kv_num_heads"
    if node.kind == "GroupQueryAttention" and not node.has(1):
        batch, length, _, size = _heads(node, 0, grouped)
        packed = (batch, length, node.integer(grouped), size)
        return packed, packed
    key = _heads(node, 1, grouped) if node.has(1) else _heads(node, 0, grouped)
    return key, _heads(node, 2, grouped) if node.has(2) else key


def _past(node: Node) -> int:
    """Keys of earlier steps that come as an input (B, heads, past, size)."""
    place = {"Attention": 4, "GroupQueryAttention": 3, "MultiHeadAttention": 6}.get(node.kind, 5)
    return node.dims(place)[2] if node.has(place) and len(node.dims(place)) == 4 else 0
