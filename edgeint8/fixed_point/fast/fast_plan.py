"""A plan: memory and steps for a fixed number of images of a fixed shape."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from edgeint8.conventions import Array
from edgeint8.fixed_point.arithmetic.geometry import ConvGeometry
from edgeint8.fixed_point.arithmetic.graph import Graph, Node
from edgeint8.fixed_point.fast.slab import Halo, Slab, aligned_zeros

Values = dict[str, Array]
Step = Callable[[Values], None]


@dataclass
class Plan:
    """Tensors that live in slabs, and the steps that fill them, under construction.

    samples : every tensor of the graph for one batch, for its shape and type
    execute : runs one node as in `Executor`
    done : first outputs of nodes that an earlier step includes
    """

    graph: Graph
    samples: Mapping[str, Array]
    execute: Callable[[Node, list[Array | None]], tuple[Array, ...]]
    slabs: dict[str, Slab] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    done: set[str] = field(default_factory=set)
    _scratch: dict[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.consumers: dict[str, list[Node]] = {}
        for node in self.graph.nodes:
            for name in node.inputs:
                self.consumers.setdefault(name, []).append(node)

    def constant(self, node: Node, position: int) -> Array | None:
        """Constant input of a node, or None if it is absent or computed."""
        if position >= len(node.inputs):
            return None
        return self.graph.constants.get(node.inputs[position])

    def halo(self, name: str) -> Halo:
        """The border that the convolutions behind a tensor want."""
        halo = Halo()
        for node in self.consumers.get(name, []):
            if node.op_type == "QLinearConv" and node.inputs[0] == name:
                halo = halo.join(border(self.geometry(node)))
        return halo

    def geometry(self, node: Node) -> ConvGeometry:
        """A convolution's or pool's window over two axes; a signal has height 1."""
        spatial = self.samples[node.inputs[0]].shape[2:]
        if node.op_type == "QLinearConv":
            kernel = self.samples[node.inputs[3]].shape[2:]
        else:
            kernel = node.attributes["kernel_shape"]
        return planar(ConvGeometry.from_attributes(node.attributes, kernel, spatial))

    def write(self, name: str, zero_point: int) -> Slab:
        """A new slab for the tensor `name`."""
        sample = self.samples[name]
        slab = Slab.allocate(sample.shape, self.halo(name), zero_point, sample.dtype)
        self.slabs[name] = slab
        return slab

    def read(self, name: str, zero_point: int) -> Slab:
        """The slab of a tensor that a step reads; one computed elsewhere is loaded first."""
        known = self.slabs.get(name)
        if known is not None and known.zero_point == zero_point:
            return known
        sample = self.samples[name]
        slab = Slab.allocate(sample.shape, self.halo(name), zero_point, sample.dtype)

        def load(values: Values) -> None:
            slab.fill(values[name] if known is None else known.codes())

        self.steps.append(load)
        if known is None:
            self.slabs[name] = slab
        return slab

    def scratch(self, use: str, shape: tuple[int, ...]) -> Array:
        """Memory that is free again after the step; steps share it, so it stays in the cache."""
        size = int(np.prod(shape))
        if use not in self._scratch or self._scratch[use].size < size:
            self._scratch[use] = aligned_zeros((size,))
        return self._scratch[use][:size].reshape(shape)

    def codes(self, name: str, values: Values) -> Array:
        """A tensor in ONNX's form, wherever it lives."""
        if name in values:
            return values[name]
        if name in self.slabs:
            values[name] = self.slabs[name].codes()
            return values[name]
        return self.graph.constants[name]

    def output(self, name: str, values: Values) -> Array:
        """A copy of a tensor, which outlives the run."""
        return np.array(self.codes(name, values))


def planar(geometry: ConvGeometry) -> ConvGeometry:
    """The same window over two axes."""
    if len(geometry.kernel) != 1:
        return geometry
    return ConvGeometry(
        (1, *geometry.kernel),
        (1, *geometry.strides),
        (1, *geometry.dilations),
        (0, *geometry.pads_begin),
        (0, *geometry.pads_end),
        geometry.groups,
    )


def border(geometry: ConvGeometry) -> Halo:
    """Padding of a planar window as a halo."""
    (top, left), (bottom, right) = geometry.pads_begin[-2:], geometry.pads_end[-2:]
    return Halo(top, left, bottom, right)
