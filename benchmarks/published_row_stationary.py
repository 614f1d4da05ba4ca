"""Eyeriss as it is: a closed form of its row-stationary dataflow, for validation alone.

Nothing else of the project explores, recommends or prices this machine. A set of R x e PEs makes e
rows of outputs; r sets take different channels, t sets different filters; a PE keeps p filters of q
channels. A pass computes what one filling of the PEs allows. Of the mappings that fit the published
capacities the one with the fewest DRAM bytes is taken, then with the fewest buffer bytes, then the
fastest: the rule of the rest of the model. Nothing is read from the paper's own mapping table.

Capacities are those of the paper's table IV, shares of zeros those of its table V, both as
github.com/cucapra/fodlam has transcribed them. The widths of the network between buffer and PEs
(four words a cycle of filters and of sums, one of inputs) are the authors' as remembered; no text
was at hand to check them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from math import ceil

from edgeint8.arch.machine.constants import (
    IDLE_CLOCK,
    REGISTER_BIT_CLOCK,
    REGISTER_BIT_DATA,
    Level,
    leakage_fj_per_cycle,
    sram_fj_per_byte,
)
from edgeint8.codesign.operand_widths import adder_fj, at_level, multiplier_fj

WORD_BYTES = 2
CLOCK_HZ = 200e6
ARRAY_ROWS, ARRAY_COLS = 12, 14
IFMAP_WORDS, FILTER_WORDS, SUM_WORDS = 12, 224, 24  # scratchpads of a PE
BANKS, BANK_BYTES = 25, 4096
FILTER_PORT, IFMAP_PORT, SUM_PORT = 4, 1, 4  # words a cycle
BUFFER_KB, FILTER_SPAD_KB = 108, 448 / 1024  # SRAM: the global buffer, the filters of a PE
NODE_NM, VOLT = 65, 1.0
RUN_LENGTH_BITS = 64 / 3  # of a word that is not zero: three runs and words in 64 bits


@dataclass(frozen=True)
class Conv:
    """One convolution: `size` is the padded input's height; channels and filters are a group's."""

    size: int
    kernel: int
    outputs: int
    channels: int
    filters: int
    stride: int
    groups: int

    @property
    def macs(self) -> int:
        """Of one image, all groups."""
        window = self.kernel**2 * self.channels
        return self.outputs**2 * window * self.filters * self.groups

    def ifmap_rows(self, outputs: int) -> int:
        """Input rows below `outputs` rows of outputs."""
        return (outputs - 1) * self.stride + self.kernel


@dataclass(frozen=True)
class Mapping:
    """How a layer lies on the PEs.

    images: of the batch in one pass; rows: output rows of a PE set; filters, channels: of one PE;
    channel_sets, filter_sets: PE sets side by side; held: filters whose sums the buffer holds.
    """

    images: int
    rows: int
    filters: int
    channels: int
    channel_sets: int
    filter_sets: int
    held: int


@dataclass(frozen=True)
class Cost:
    """A batch of images: cycles, bytes through the global buffer, bytes to and from DRAM.

    MACs are those of the layer; inputs and outputs are parts of the DRAM bytes.
    """

    macs: int
    cycles: float
    buffer_bytes: int
    dram_bytes: int
    input_bytes: int
    output_bytes: int

    def compressed_bytes(self, zeros_in: float, zeros_out: float) -> float:
        """DRAM bytes with runs of zeros coded, of inputs and of outputs; weights stay."""
        inputs, outputs = map(_coded, (zeros_in, zeros_out))
        weights = self.dram_bytes - self.input_bytes - self.output_bytes
        return weights + self.input_bytes * inputs + self.output_bytes * outputs


def fits(layer: Conv, mapping: Mapping) -> bool:
    """Scratchpads, PEs and banks hold it. A set wider than the array is cut and stacked."""
    taps = mapping.channels * layer.kernel
    if taps > IFMAP_WORDS or mapping.filters * taps > FILTER_WORDS or mapping.filters > SUM_WORDS:
        return False
    parts = ceil(mapping.rows / ARRAY_COLS)
    height, width = layer.kernel * parts, min(mapping.rows, ARRAY_COLS)
    sets = (ARRAY_ROWS // height) * (ARRAY_COLS // width)
    if mapping.channel_sets * mapping.filter_sets > sets:
        return False
    channels = mapping.channels * mapping.channel_sets
    inputs = mapping.images * channels * layer.ifmap_rows(mapping.rows) * layer.size
    sums = mapping.images * mapping.held * mapping.rows * layer.outputs
    return sum(ceil(words * WORD_BYTES / BANK_BYTES) for words in (inputs, sums)) <= BANKS


def _coded(zeros: float) -> float:
    """Size of a tensor with this share of zeros, of what it takes as it is; never more."""
    return min(1.0, (1 - zeros) * RUN_LENGTH_BITS / (8 * WORD_BYTES))


def cost(layer: Conv, mapping: Mapping, batch: int) -> Cost:
    """The closed form: passes times what a pass takes, and how often each tensor comes again."""
    strips = ceil(layer.outputs / mapping.rows)
    channels = mapping.channels * mapping.channel_sets
    filters = mapping.filters * mapping.filter_sets
    channel_passes, filter_passes = ceil(layer.channels / channels), ceil(layer.filters / filters)
    batches = ceil(batch / mapping.images)

    macs = mapping.filters * mapping.channels * layer.kernel * layer.outputs * mapping.images
    sums = filters * layer.outputs * mapping.rows * mapping.images
    inputs = mapping.images * channels * layer.ifmap_rows(mapping.rows) * layer.size
    weights = filters * channels * layer.kernel**2
    one_pass = max(macs, sums / SUM_PORT, inputs / IFMAP_PORT) + weights / FILTER_PORT

    rows = sum(
        min(layer.ifmap_rows(mapping.rows), layer.size - strip * layer.stride * mapping.rows)
        for strip in range(strips)
    )
    everywhere = layer.groups * batch * WORD_BYTES
    ifmap = rows * layer.size * layer.channels * everywhere
    ofmap = layer.outputs**2 * layer.filters * everywhere
    filter_bytes = layer.kernel**2 * layer.channels * layer.filters * layer.groups * WORD_BYTES
    inputs_bytes = ifmap * ceil(layer.filters / mapping.held)
    return Cost(
        layer.macs * batch,
        strips * channel_passes * filter_passes * batches * layer.groups * one_pass,
        ifmap * filter_passes + 2 * ofmap * channel_passes,
        filter_bytes * strips * batches + inputs_bytes + ofmap,
        inputs_bytes,
        ofmap,
    )


def mappings(layer: Conv, batch: int) -> Iterator[Mapping]:
    """Every mapping that fits; `held` is a multiple of what a pass makes."""
    rows = sorted({ceil(layer.outputs / strips) for strips in range(1, layer.outputs + 1)})
    few = range(1, 5)
    for images, strip, filters, channels, channel_sets, filter_sets in product(
        [n for n in range(1, batch + 1) if batch % n == 0],
        rows,
        range(4, SUM_WORDS + 1, 4),
        few,
        few,
        few,
    ):
        for times in (1, 2, 3, 4, 6, 8):
            held = filters * filter_sets * times
            if held > layer.filters or layer.filters % held:
                continue
            mapping = Mapping(images, strip, filters, channels, channel_sets, filter_sets, held)
            if fits(layer, mapping):
                yield mapping


@cache
def best(layer: Conv, batch: int) -> Cost:
    """The mapping with the fewest DRAM bytes, then buffer bytes, then cycles."""
    return min(
        (cost(layer, mapping, batch) for mapping in mappings(layer, batch)),
        key=lambda found: (found.dram_bytes, found.buffer_bytes, found.cycles),
    )


def energy_mj(found: Cost, level: Level) -> float:
    """Millijoules on the chip, DRAM apart, by the constants of the model at 65 nm and 1.0 V.

    Equations 23, 28 and 55 of docs/physical_model.md: MACs of 16 x 16 bits, a new sum in its
    register, a weight from its scratchpad; the buffer's bytes, from a bank of its own through 64
    bits; the clock of the scratchpads that are registers (36 words a PE), busy or idle; leakage of
    all SRAM. Networks on the chip, control, FIFOs and pads are not in it, nor that zeros are
    skipped.
    """
    word_bits = 8 * WORD_BYTES
    one_mac = at_level(multiplier_fj(word_bits, word_bits) + adder_fj(word_bits), level)
    one_mac += round(REGISTER_BIT_DATA.at(level) * word_bits)
    one_mac += WORD_BYTES * sram_fj_per_byte(FILTER_SPAD_KB, WORD_BYTES, level)
    elements = ARRAY_ROWS * ARRAY_COLS
    clock = REGISTER_BIT_CLOCK.at(level) * word_bits * (IFMAP_WORDS + SUM_WORDS)
    idle = found.cycles * elements - found.macs
    dynamic = found.macs * (one_mac + clock) + idle * clock * IDLE_CLOCK.at(level)
    dynamic += found.buffer_bytes * sram_fj_per_byte(BANK_BYTES / 1024, 8, level)
    sram_kb = BUFFER_KB + elements * FILTER_SPAD_KB
    leakage = found.cycles * leakage_fj_per_cycle(sram_kb, CLOCK_HZ, level)
    return (dynamic * NODE_NM / 45 * VOLT**2 + leakage) * 1e-12
