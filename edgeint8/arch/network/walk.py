"""From a graph to layers: names, edges, loops and branches."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import onnx

from edgeint8.arch.network import bodies
from edgeint8.arch.network.graph import Known, body_tensors, captured
from edgeint8.arch.network.layers import Layer, Operator, Tensor
from edgeint8.arch.network.operators import kinds
from edgeint8.arch.network.operators.convolutions import (
    CONVOLUTIONS,
    TRANSPOSED,
    convolution,
    transposed,
)
from edgeint8.arch.network.operators.matrices import MATRICES, matrix_product
from edgeint8.arch.network.operators.parts import Node, Part, UnknownSizeError
from edgeint8.arch.network.operators.sequences import ATTENTIONS, RECURRENT, attention, recurrent
from edgeint8.arch.network.repeated import in_loop


class Walk:
    """One graph on its way to layers; a body inside it is a walk of its own.

    `names` gives the tensors of a body that are also tensors of the graph around it, by the name
    there. Constants grow as nodes turn out to be folded before run time; `stored` are those that a
    layer already holds, in this graph or around it.
    """

    def __init__(
        self,
        model: onnx.ModelProto,
        known: Known,
        channels: Mapping[str, int],
        *,
        prefix: str = "",
        names: Mapping[str, str] | None = None,
        stored: set[str] | None = None,
    ) -> None:
        self.model, self.graph, self.known = model, model.graph, known
        self.channels, self.prefix = dict(channels), prefix
        self.constants = set(known.constants)
        self.names = dict(names or {})
        self.stored = set() if stored is None else stored
        self.outputs = {value.name for value in self.graph.output}
        self.inputs = {value.name for value in self.graph.input} - self.constants
        self._taken: set[str] = set()

    def layers(self) -> tuple[Layer, ...]:
        """The layers of this graph, in its order."""
        found: list[Layer] = []
        for index, node in enumerate(self.graph.node):
            if self._folded(node):
                self.constants.update(node.output)
                if node.op_type in kinds.NO_DATA | kinds.NUMBER_FORMAT:
                    self._alias(node)
                continue
            name = self._unique(node.name or f"{node.op_type.lower()}_{index}")
            found += self._node(node, name)
        return self._with_roles(found)

    def _folded(self, node: onnx.NodeProto) -> bool:
        """Whether every input of a node, and of the bodies in it, is known before run time."""
        if node.op_type in ("Shape", "Size"):
            return True
        needed = {name for name in node.input if name}
        for attribute in node.attribute:
            if attribute.HasField("g"):
                needed |= captured(attribute.g)
        return needed <= self.constants

    def _unique(self, name: str) -> str:
        candidate, suffix = name, 2
        while candidate in self._taken:
            candidate, suffix = f"{name}_{suffix}", suffix + 1
        self._taken.add(candidate)
        return f"{self.prefix}{candidate}"

    def _node(self, proto: onnx.NodeProto, name: str) -> list[Layer]:
        kind, source = proto.op_type, f"{proto.op_type} node {name}"
        if kind in ("If", "Loop", "Scan"):
            return self._bodies(proto, name)
        if kind in kinds.NO_DATA | kinds.NUMBER_FORMAT or self._moves_only_ones(proto):
            self._alias(proto)
            reason = "moves no data" if kind in kinds.NO_DATA else "fused into its neighbours"
            return [Layer(name, "other", None, 1, 0, 0, 0, source, reason)]
        node = Node(proto, replace(self.known, constants=frozenset(self.constants)))
        try:
            parts = self._parts(node)
            if parts is None:
                return [self._streamed(node, name, source)]
            return self._from_parts(node, name, source, parts)
        except UnknownSizeError as error:
            unknown = kinds.is_product(proto) or self._strange(proto)
            reason = f"unknown shape of {error}"
            moved = self._edges(proto.input), self._edges(proto.output)
            return [
                Layer(name, "other", None, 1, 0, 0, 0, source, reason, unknown=unknown,
                      reads=moved[0], writes=moved[1])
            ]  # fmt: skip

    def _moves_only_ones(self, proto: onnx.NodeProto) -> bool:
        """Whether a Transpose leaves every element where it is: only axes of extent 1 move."""
        dims = self.known.dims.get(proto.input[0]) if proto.op_type == "Transpose" else None
        if dims is None:
            return False
        given = [list(a.ints) for a in proto.attribute if a.name == "perm"]
        order = given[0] if given else list(range(len(dims)))[::-1]
        long = [axis for axis in order if dims[axis] > 1]
        return long == sorted(long)

    def _parts(self, node: Node) -> list[Part] | None:
        """The products of a node; None for a node without any."""
        if node.kind in CONVOLUTIONS:
            return convolution(node, self.channels)
        if node.kind in TRANSPOSED:
            return transposed(node)
        if node.kind in MATRICES and (node.kind != "Einsum" or len(node.proto.input) > 1):
            return matrix_product(node)
        if node.kind in RECURRENT:
            return recurrent(node)
        if node.kind in ATTENTIONS:
            return attention(node)
        return None

    def _from_parts(self, node: Node, name: str, source: str, parts: list[Part]) -> list[Layer]:
        layers = []
        scratch: dict[str, Tensor] = {}
        stored = self._stored_bytes(node.proto)
        for place, part in enumerate(parts):
            last = place == len(parts) - 1
            inner = Tensor(f"{name}{part.suffix}", part.scratch)
            reads = self._part_reads(part, scratch)
            own = f"{node.proto.output[0] or node.proto.output[-1]}{part.suffix}"
            scratch |= {} if last else {own: inner}
            layers.append(
                Layer(
                    f"{name}{part.suffix}", part.operator, part.shape, part.repeats,
                    part.ifmap_bytes, part.filter_bytes, part.ofmap_bytes, source, part.reason,
                    part.note, part.images, part.steps, reads,
                    self._edges(node.proto.output) if last else (inner,),
                    part.input_hw, part.pads, part.dilation, part.added_bytes,
                    stored if place == 0 else 0, part.unmapped_macs,
                )
            )  # fmt: skip
        return layers

    def _part_reads(self, part: Part, scratch: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
        reads: list[Tensor] = []
        for name in part.reads:
            reads += [scratch[name]] if name in scratch else self._edges([name])
        return tuple(reads)

    def _streamed(self, node: Node, name: str, source: str) -> Layer:
        """A node that passes its tensors once, and computes no product that is known."""
        proto = node.proto
        moving = list(dict.fromkeys(i for i in proto.input if i and i not in self.constants))
        for tensor in (*moving, proto.output[0]):
            if tensor and tensor not in self.known.dims:
                raise UnknownSizeError(tensor)
        kind = proto.op_type
        operator: Operator = (
            "pool"
            if kind in kinds.POOLS
            else "elementwise"
            if kind in kinds.ELEMENTWISE
            else "other"
        )
        reads, writes = self._edges(moving), self._edges(proto.output)
        strange = self._strange(proto)
        reason = f"{kind} is not known here" if strange else f"{kind} is not a product"
        return Layer(
            name, operator, None, 1, sum(t.bytes for t in reads), 0,
            sum(t.bytes for t in writes), source, reason, reads=reads, writes=writes,
            stored_bytes=self._stored_bytes(proto), unknown=strange,
        )  # fmt: skip

    def _strange(self, proto: onnx.NodeProto) -> bool:
        """Whether an operator that nobody here knows has weights: it multiplies, who knows what."""
        if not kinds.foreign(proto):
            return False
        ranks = [len(self.known.dims.get(n, ())) for n in proto.input if n in self.constants]
        return kinds.has_weights_inside(proto) or any(rank > 1 for rank in ranks)

    def _stored_bytes(self, proto: onnx.NodeProto) -> int:
        """Constants as an INT8 file holds them."""
        names = dict.fromkeys(name for name in proto.input if name in self.constants)
        return sum(self._stored(name) for name in names if name in self.known.dims)

    def _stored(self, name: str) -> int:
        """Bytes of a constant; of weights that a layer before holds already, none.

        Biases and scales are of one layer's requantisers: every layer has its own.
        """
        dims, array = self.known.dims[name], self.known.values.get(name)
        width = 1 if len(dims) > 1 else 4
        if array is not None and array.dtype.kind in "iu":
            width = array.dtype.itemsize
        if len(dims) > 1 and self._root(name) in self.stored:
            return 0
        self.stored.add(self._root(name))
        return math.prod(dims) * width

    def _alias(self, proto: onnx.NodeProto) -> None:
        """The output is the input under another name."""
        if proto.input and proto.output:
            self.names[proto.output[0]] = self._root(proto.input[0])

    def _root(self, name: str) -> str:
        return self.names.get(name, f"{self.prefix}{name}")

    def _edges(self, names: Any) -> tuple[Tensor, ...]:
        """Tensors that are data, of known size where it is known."""
        found = [n for n in dict.fromkeys(names) if n and n not in self.constants]
        sizes = [(self._root(n), math.prod(self._true_dims(n))) for n in found]
        return tuple(Tensor(name, size) for name, size in sizes)

    def _true_dims(self, name: str) -> tuple[int, ...]:
        dims = self.known.dims.get(name, (0,))
        if name in self.channels and len(dims) > 1:
            return (dims[0], self.channels[name], *dims[2:])
        return dims

    def _with_roles(self, layers: list[Layer]) -> tuple[Layer, ...]:
        """Mark what comes from outside this graph and what is wanted there."""
        inputs = {self._root(name) for name in self.inputs} if not self.prefix else set()
        outputs = {self._root(name) for name in self.outputs}

        def named(tensor: Tensor) -> Tensor:
            if tensor.name in outputs:
                return replace(tensor, role="output")
            return replace(tensor, role="input") if tensor.name in inputs else tensor

        return tuple(
            replace(
                layer,
                reads=tuple(map(named, layer.reads)),
                writes=tuple(map(named, layer.writes)),
            )
            for layer in layers
        )

    # Loops and branches

    def _bodies(self, proto: onnx.NodeProto, name: str) -> list[Layer]:
        """The layers of a loop's body times its trips, or of the branch that runs."""
        graphs = {a.name: a.g for a in proto.attribute if a.HasField("g")}
        if proto.op_type == "If":
            return self._branch(proto, name, graphs)
        body = graphs["body"]
        known = replace(self.known, constants=frozenset(self.constants))
        trips, note = bodies.trips(proto, body, known)
        inner = self._inside(proto, body, f"{name}/")
        layers = [in_loop(layer, 1 if trips is None else trips) for layer in inner]
        unknown = trips is None
        if note:
            layers = [
                replace(
                    layer,
                    note="; ".join(filter(None, (layer.note, note))),
                    unknown=layer.unknown or (unknown and layer.macs > 0),
                )
                for layer in layers
            ]
        return layers

    def _branch(
        self, proto: onnx.NodeProto, name: str, graphs: Mapping[str, onnx.GraphProto]
    ) -> list[Layer]:
        known = replace(self.known, constants=frozenset(self.constants))
        runs = known.value(proto.input[0])
        sides = {
            key: list(self._inside(proto, graphs[f"{key}_branch"], f"{name}/{key}/", bind=False))
            for key in ("then", "else")
            if runs is None or key == ("then" if runs else "else")
        }
        macs = {key: sum(layer.macs for layer in side) for key, side in sides.items()}
        chosen = max(sides, key=lambda key: macs[key])
        self._bind(proto, graphs[f"{chosen}_branch"], f"{name}/{chosen}/")
        if len(sides) == 1 or not macs[chosen]:
            return sides[chosen]
        other = "else" if chosen == "then" else "then"
        first, kept = sides[chosen][0], sum(layer.stored_bytes for layer in sides[other])
        sides[chosen][0] = replace(first, stored_bytes=first.stored_bytes + kept)
        note = f"data decide; the larger branch ({chosen}: {macs[chosen]:,} MACs) counts, not "
        note += f"{other} ({macs[other]:,})"
        return [
            replace(layer, note="; ".join(filter(None, (layer.note, note))))
            for layer in sides[chosen]
        ]

    def _inside(
        self, proto: onnx.NodeProto, body: onnx.GraphProto, prefix: str, bind: bool = True
    ) -> Iterator[Layer]:
        """Layers of a body that is run once on what this graph gives it."""
        outer = captured(body)
        feeds = {n: self.known.values[n] for n in outer if n in self.known.values}
        feeds |= bodies.first_trip(proto, body, self.known.values)
        known = body_tensors(self.model, body, feeds)
        constant = {n for n in outer if n in self.constants}
        dims = {n: self.known.dims[n] for n in outer if n in self.known.dims} | dict(known.dims)
        values = {n: self.known.values[n] for n in outer if n in self.known.values} | known.values
        known = Known(dims, frozenset(known.constants | constant), values)
        model = onnx.ModelProto()
        model.CopyFrom(self.model)
        model.graph.CopyFrom(body)
        names = {n: self._root(n) for n in outer}
        names |= {
            value.name: self._root(given)
            for value, given in zip(bodies.carried(proto, body), bodies.given(proto), strict=False)
            if given
        }
        yield from Walk(model, known, {}, prefix=prefix, names=names, stored=self.stored).layers()
        if bind:
            self._bind(proto, body, prefix)

    def _bind(self, proto: onnx.NodeProto, body: onnx.GraphProto, prefix: str) -> None:
        """What a body leaves is what its node leaves."""
        results = list(body.output)[1:] if proto.op_type == "Loop" else list(body.output)
        for outer, inner in zip(proto.output, results, strict=False):
            own = {name for node in body.node for name in node.output}
            self.names[outer] = f"{prefix}{inner.name}" if inner.name in own else outer
