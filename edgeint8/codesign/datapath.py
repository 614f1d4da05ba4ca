"""What a datapath of other widths costs on a machine: energy, area, time and bytes.

The machine keeps its array, its tiles and how many elements its buffers hold; operands, sums,
memories and DRAM traffic get as wide as the datapath asks. Eight-bit operands, 32-bit sums and no
requantiser are the machine of `energy.py`, to the femtojoule.
docs/physical_model.md, equations 41 to 45.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from edgeint8.arch.cost.energy import count_accesses, network_accesses, total_accesses
from edgeint8.arch.cost.physical import EXPOSED_ELEMENTS, LayerCost, network_cost, transfer_cycles
from edgeint8.arch.cost.sram import port_lanes
from edgeint8.arch.machine.constants import (
    DRAM_PER_BYTE,
    LEVELS,
    REGISTER_BIT_AREA,
    SRAM_AREA_PER_BIT,
    Level,
    leakage_fj_per_cycle,
    sram_fj_per_byte,
)
from edgeint8.arch.machine.hardware import Hardware
from edgeint8.arch.machine.processing_element import (
    Widths,
    clock_fj,
    data_fj,
    network_clock_fj,
    register_bits,
)
from edgeint8.arch.network.layers import Layer
from edgeint8.codesign.operand_widths import (
    FLOAT32_MANTISSA_BITS,
    adder_fj,
    adder_um2,
    at_level,
    multiplier_fj,
    multiplier_um2,
    shifter_fj,
    shifter_um2,
)
from edgeint8.conventions import KIB
from edgeint8.errors import HardwareError

ZeroPoint = Literal["none", "folded", "subtracted"]
BIAS_BYTES = 4


@dataclass(frozen=True)
class Requantizer:
    """How a sum becomes a code.

    multiplier_bits
        Width of the multiplier S; 0 where S is a shift.
    floating
        S is float32 and its product is rounded to an integer.
    rounds
        An adder puts half of the last place in front of the shift.
    scale_bytes
        What one S takes in memory, its shift included.
    """

    name: str
    multiplier_bits: int
    scale_bytes: int
    floating: bool = False
    rounds: bool = True

    def parts(self, sum_bits: int) -> tuple[float, float]:
        """(fJ at mid, um2) of one requantiser for sums of `sum_bits`. Equation 43.

        The zero-point's adder is part of it. A float32 rule shifts the sum into a mantissa and the
        product back, and rounds either way. Clamps have no source at hand and are left out.
        """
        energy, area = adder_fj(sum_bits), adder_um2(sum_bits)
        if self.floating:
            bits = FLOAT32_MANTISSA_BITS
            energy += multiplier_fj(bits, bits) + 2 * (shifter_fj(32) + adder_fj(bits))
            return energy, area + multiplier_um2(bits, bits) + 2 * (
                shifter_um2(32) + adder_um2(bits)
            )
        wide = sum_bits + self.multiplier_bits
        if self.multiplier_bits:
            energy += multiplier_fj(sum_bits, self.multiplier_bits)
            area += multiplier_um2(sum_bits, self.multiplier_bits)
        if self.rounds:
            energy, area = energy + adder_fj(wide), area + adder_um2(wide)
        return energy + shifter_fj(wide), area + shifter_um2(wide)


REQUANTIZERS = {
    scheme.name: scheme
    for scheme in (
        Requantizer("ort_float32", 24, 4, floating=True),
        Requantizer("int32_half_up", 31, 5),
        Requantizer("int16_half_up", 16, 3),
        Requantizer("truncate", 31, 5, rounds=False),
        Requantizer("power_of_two", 0, 1),
    )
}
"""By the names of ``requantize.csv``. A stored shift takes a byte."""


@dataclass(frozen=True)
class Datapath:
    """The widths that a quantisation choice asks of the hardware.

    layer_bits
        (node, bits) of layers whose weights are narrower than `weight_bits`: they move and are
        stored so; multiplier, registers and buffers stay as wide as the widest layer asks.
    zero_point
        Of activations: `none` (symmetric), `folded` (raw codes are multiplied, the constant sits
        in the bias) or `subtracted` at the array's edge, which makes the operand nine bits wide.
    requantizer
        None leaves requantisation out of the account.
    """

    weight_bits: int = 8
    layer_bits: tuple[tuple[str, int], ...] = ()
    accumulator_bits: int = 32
    zero_point: ZeroPoint = "none"
    per_channel: bool = True
    requantizer: Requantizer | None = None

    def __post_init__(self) -> None:
        for name, low, high in (("weight_bits", 2, 8), ("accumulator_bits", 8, 48)):
            if not low <= getattr(self, name) <= high:
                raise HardwareError(
                    f"{name} is {getattr(self, name)!r}", allowed=f"{low} to {high}"
                )
        for node, bits in self.layer_bits:
            if not 2 <= bits <= self.weight_bits:
                raise HardwareError(
                    f"{bits} bits in {node}", allowed=f"2 to {self.weight_bits}, the widest"
                )

    def bits_of(self, layer: Layer) -> int:
        """Bits of a layer's weights in SRAM and DRAM."""
        return dict(self.layer_bits).get(node_of(layer), self.weight_bits)

    @property
    def activation_bits(self) -> int:
        """Of the multiplier's operand."""
        return 9 if self.zero_point == "subtracted" else 8

    @property
    def widths(self) -> Widths:
        """Of the registers of a PE."""
        return Widths(self.activation_bits, self.weight_bits, self.accumulator_bits)

    def pe_fj(self, hardware: Hardware, level: Level) -> int:
        """Whole femtojoules of one MAC and of the values that it writes. Equation 58."""
        product = multiplier_fj(self.activation_bits, self.weight_bits)
        mac = at_level(product + adder_fj(self.accumulator_bits), level)
        return mac + data_fj(hardware.dataflow, level, self.widths)

    def pe_um2(self, hardware: Hardware) -> float:
        """Multiplier, adder and registers of one PE."""
        product = multiplier_um2(self.activation_bits, self.weight_bits)
        bits = register_bits(hardware.dataflow, hardware.pipelined_folds, self.widths)
        return product + adder_um2(self.accumulator_bits) + bits * REGISTER_BIT_AREA.at("mid")


@dataclass(frozen=True)
class Storage:
    """Bytes of a network's constants: weights (packed), scales of the requantisers, biases."""

    weights: int
    scales: int
    biases: int

    @property
    def total(self) -> int:
        """All constants together, in bytes."""
        return self.weights + self.scales + self.biases


@dataclass(frozen=True)
class DatapathCost:
    """One inference; energies in pJ at 45 nm by level."""

    energy_pj: dict[Level, float]
    area_mm2: float
    cycles: int
    milliseconds: float
    storage: Storage


def channels(layer: Layer) -> int:
    """Output channels of a layer on the array: every group of a grouped convolution has its own."""
    if layer.shape is None:
        return 0
    groups = layer.repeats if layer.operator in ("depthwise", "grouped") else 1
    return layer.shape.filters * groups


def node_of(layer: Layer) -> str:
    """The node of the float network that a layer comes from, whatever was fused behind it."""
    return layer.source.partition(" node ")[2].removesuffix("_quant")


def scale_bytes(layer: Layer, path: Datapath) -> int:
    """What the scales of one layer's requantiser take. Equation 44."""
    if path.requantizer is None or layer.shape is None:
        return 0
    return path.requantizer.scale_bytes * (channels(layer) if path.per_channel else 1)


def storage(layers: Sequence[Layer], path: Datapath) -> Storage:
    """Constants of the layers on the array. Equation 44."""
    on_array = [layer for layer in layers if layer.shape is not None]
    return Storage(
        weights=_packed(sum(layer.filter_bytes * path.bits_of(layer) for layer in on_array), 1, 8),
        scales=sum(scale_bytes(layer, path) for layer in on_array),
        biases=BIAS_BYTES * sum(map(channels, on_array)),
    )


def datapath_cost(layers: Sequence[Layer], hardware: Hardware, path: Datapath) -> DatapathCost:
    """A network on `hardware`, built as `path` asks. Equations 58 to 62."""
    costs = network_cost(layers, hardware)
    cycles = sum(_cycles(narrowed(cost, path), hardware, path) for cost in costs)
    return DatapathCost(
        {level: _energy_fj(costs, cycles, hardware, path, level) / 1000 for level in LEVELS},
        datapath_area_mm2(hardware, path),
        cycles,
        cycles / hardware.clock_hz * 1e3,
        storage(layers, path),
    )


def narrowed(cost: LayerCost, path: Datapath) -> LayerCost:
    """`cost` with the DRAM bytes of packed weights, scales and narrower sums; tiles unchanged."""
    if cost.layer.shape is None:
        return cost
    weights = _packed(cost.filter_bytes, path.bits_of(cost.layer), 8)
    return replace(
        cost,
        filter_bytes=weights + scale_bytes(cost.layer, path),
        psum_bytes=_packed(cost.psum_bytes, path.accumulator_bits, 32),
    )


def datapath_area_mm2(hardware: Hardware, path: Datapath) -> float:
    """PEs, one requantiser a column, one subtractor a row, and SRAM. Equation 45."""
    ifmap_kb, filter_kb, ofmap_kb = _sram_kb(hardware, path)
    area = hardware.processing_elements * path.pe_um2(hardware)
    area += (ifmap_kb + filter_kb + ofmap_kb) * KIB * 8 * SRAM_AREA_PER_BIT.at("mid")
    if path.requantizer is not None:
        area += hardware.cols * path.requantizer.parts(path.accumulator_bits)[1]
    if path.zero_point == "subtracted":
        area += hardware.rows * adder_um2(path.activation_bits)
    return area / 1e6


def _sram_kb(hardware: Hardware, path: Datapath) -> tuple[float, float, float]:
    """Buffers that hold as many elements as the machine's, each as wide as it must be."""
    ifmap_kb, filter_kb, ofmap_kb = hardware.sram_kb
    return ifmap_kb, filter_kb * path.weight_bits / 8, ofmap_kb * path.accumulator_bits / 32


def _sram_fj(hardware: Hardware, path: Datapath, level: Level) -> tuple[int, int, int]:
    """Femtojoules a byte of these buffers, through ports as narrow as their elements."""
    lanes = port_lanes(hardware.dataflow, hardware.rows, hardware.cols)
    bits = (8, path.weight_bits, path.accumulator_bits)
    ifmap, filter_, ofmap = (
        sram_fj_per_byte(kb, n * width / 8, level)
        for kb, n, width in zip(_sram_kb(hardware, path), lanes, bits, strict=True)
    )
    return ifmap, filter_, ofmap


def _energy_fj(
    costs: Sequence[LayerCost], cycles: int, hardware: Hardware, path: Datapath, level: Level
) -> int:
    """Whole femtojoules: array and memories (equation 42), then the edges (equation 43)."""
    clock = clock_fj(hardware.dataflow, hardware.pipelined_folds, level, path.widths)
    on_array = [cost for cost in costs if cost.layer.shape is not None]
    each = [count_accesses(cost, hardware) for cost in on_array]
    inside = total_accesses(each)
    outside = network_accesses([c for c in costs if c.layer.shape is None], hardware)
    ifmap, filter_, ofmap = _sram_fj(hardware, path, level)
    leakage = leakage_fj_per_cycle(sum(_sram_kb(hardware, path)), hardware.clock_hz, level)
    bits = [path.bits_of(cost.layer) for cost in on_array]
    filter_bits = sum(a.filter_port_bytes * b for a, b in zip(each, bits, strict=True))
    filter_bytes = _packed(filter_bits, 1, 8)
    ofmap_bytes = _packed(inside.ofmap_port_bytes, path.accumulator_bits, 32)
    dram_bytes = sum(narrowed(cost, path).dram_bytes for cost in costs)
    total = (
        inside.macs * path.pe_fj(hardware, level)
        + network_clock_fj(inside.macs, cycles, hardware.processing_elements, clock)
        + (inside.ifmap_port_bytes + outside.ifmap_port_bytes) * ifmap
        + (filter_bytes + outside.filter_port_bytes) * filter_
        + (ofmap_bytes + outside.ofmap_port_bytes) * ofmap
        + cycles * leakage
        + dram_bytes * round(DRAM_PER_BYTE.at(level))
    )
    if path.requantizer is not None:
        outputs = sum(cost.layer.ofmap_bytes for cost in on_array)
        total += outputs * at_level(path.requantizer.parts(path.accumulator_bits)[0], level)
    if path.zero_point == "subtracted":
        codes = inside.ifmap_sram_bytes - sum(cost.ifmap_bytes for cost in on_array)
        total += codes * at_level(adder_fj(path.activation_bits), level)
    return total


def _cycles(cost: LayerCost, hardware: Hardware, path: Datapath) -> int:
    """Equations 14 and 15 again, with the bytes that are left."""
    ports = (cost.ifmap_bytes, cost.filter_bytes, cost.ofmap_bytes + cost.psum_bytes)
    memory = transfer_cycles(ports, hardware)
    exposed = 0
    if cost.layer.shape is not None:
        ifmap, filter_, ofmap = EXPOSED_ELEMENTS
        first = (ifmap, _packed(filter_, path.bits_of(cost.layer), 8), 0)
        exposed = transfer_cycles(first, hardware) + transfer_cycles((0, 0, ofmap), hardware)
    return max(cost.compute.total + exposed, memory)


def _packed(count: int, bits: int, container_bits: int) -> int:
    """Bytes of elements that took `count` bytes in a container, packed; rounded up."""
    return -(-count * bits // container_bits)
