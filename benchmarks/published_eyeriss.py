"""Eyeriss as it is: a closed form of its row-stationary dataflow, for validation alone.

Nothing else of the project explores, recommends or prices this machine. A set of R x e PEs makes e
rows of outputs; r sets take different channels, t sets different filters; a PE keeps p filters of q
channels. A pass computes what one filling of the PEs allows. Of the mappings that fit the published
capacities the one with the fewest DRAM bytes is taken, then with the fewest buffer bytes, then the
fastest: the rule of the rest of the model. Nothing is read from the paper's own mapping table.

The widths of the network between buffer and PEs (four words a cycle of filters and of sums, one of
inputs) are the authors' as remembered; their text was not at hand to check them. The shares of
zeros that the chip's compression lives on could not be checked either: nothing is compressed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import ceil

from published_check import Check

WORD_BYTES = 2
CLOCK_HZ = 200e6
BATCH = 4
ARRAY_ROWS, ARRAY_COLS = 12, 14
IFMAP_WORDS, FILTER_WORDS, SUM_WORDS = 12, 224, 24  # scratchpads of a PE
BANKS, BANK_BYTES = 25, 4096
FILTER_PORT, IFMAP_PORT, SUM_PORT = 4, 1, 4  # words a cycle


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

    def ifmap_rows(self, outputs: int) -> int:
        """Input rows below `outputs` rows of outputs."""
        return (outputs - 1) * self.stride + self.kernel


ALEXNET = {
    "conv1": Conv(227, 11, 55, 3, 96, 4, 1),
    "conv2": Conv(31, 5, 27, 48, 128, 1, 2),
    "conv3": Conv(15, 3, 13, 256, 384, 1, 1),
    "conv4": Conv(15, 3, 13, 192, 192, 1, 2),
    "conv5": Conv(15, 3, 13, 192, 128, 1, 2),
}


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
    """A batch of images: cycles, bytes through the global buffer, bytes to and from DRAM."""

    cycles: float
    buffer_bytes: int
    dram_bytes: int


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


def cost(layer: Conv, mapping: Mapping) -> Cost:
    """The closed form: passes times what a pass takes, and how often each tensor comes again."""
    strips = ceil(layer.outputs / mapping.rows)
    channels = mapping.channels * mapping.channel_sets
    filters = mapping.filters * mapping.filter_sets
    channel_passes, filter_passes = ceil(layer.channels / channels), ceil(layer.filters / filters)
    batches = ceil(BATCH / mapping.images)

    macs = mapping.filters * mapping.channels * layer.kernel * layer.outputs * mapping.images
    sums = filters * layer.outputs * mapping.rows * mapping.images
    inputs = mapping.images * channels * layer.ifmap_rows(mapping.rows) * layer.size
    weights = filters * channels * layer.kernel**2
    one_pass = max(macs, sums / SUM_PORT, inputs / IFMAP_PORT) + weights / FILTER_PORT

    rows = sum(
        min(layer.ifmap_rows(mapping.rows), layer.size - strip * layer.stride * mapping.rows)
        for strip in range(strips)
    )
    everywhere = layer.groups * BATCH * WORD_BYTES
    ifmap = rows * layer.size * layer.channels * everywhere
    ofmap = layer.outputs**2 * layer.filters * everywhere
    filter_bytes = layer.kernel**2 * layer.channels * layer.filters * layer.groups * WORD_BYTES
    return Cost(
        strips * channel_passes * filter_passes * batches * layer.groups * one_pass,
        ifmap * filter_passes + 2 * ofmap * channel_passes,
        filter_bytes * strips * batches + ifmap * ceil(layer.filters / mapping.held) + ofmap,
    )


def mappings(layer: Conv) -> Iterator[Mapping]:
    """Every mapping that fits; `held` is a multiple of what a pass makes."""
    rows = sorted({ceil(layer.outputs / strips) for strips in range(1, layer.outputs + 1)})
    few = range(1, 5)
    for images, strip, filters, channels, channel_sets, filter_sets in product(
        (1, 2, 4), rows, range(4, SUM_WORDS + 1, 4), few, few, few
    ):
        for times in (1, 2, 3, 4, 6, 8):
            held = filters * filter_sets * times
            if held > layer.filters or layer.filters % held:
                continue
            mapping = Mapping(images, strip, filters, channels, channel_sets, filter_sets, held)
            if fits(layer, mapping):
                yield mapping


def best(layer: Conv) -> Cost:
    """The mapping with the fewest DRAM bytes, then buffer bytes, then cycles."""
    return min(
        (cost(layer, mapping) for mapping in mappings(layer)),
        key=lambda found: (found.dram_bytes, found.buffer_bytes, found.cycles),
    )


# JSSC 2017, table V, AlexNet, batch 4: (processing ms, DRAM MB, global buffer MB).
_PUBLISHED = {
    "conv1": (16.5, 5.0, 18.5),
    "conv2": (39.2, 4.0, 77.6),
    "conv3": (21.8, 3.0, 50.2),
    "conv4": (16.0, 2.1, 37.4),
    "conv5": (10.0, 1.3, 24.9),
}


def eyeriss() -> list[Check]:
    """Layer times and traffic of AlexNet, four images, words of 16 bits."""
    source = "Eyeriss (JSSC 2017)"
    conditions = "AlexNet, batch 4, 16 bit, 200 MHz, 168 PEs; row-stationary closed form"
    found = []
    for name, (time_ms, dram_mb, buffer_mb) in _PUBLISHED.items():
        ours = best(ALEXNET[name])
        rows = (
            ("time", "ms", time_ms, ours.cycles / CLOCK_HZ * 1e3,
             "control between passes and the ramps inside one are not in the closed form"),
            ("DRAM traffic", "MB", dram_mb, ours.dram_bytes / 1e6,
             "the chip compresses runs of zeros, whose shares could not be checked"),
            ("global buffer traffic", "MB", buffer_mb, ours.buffer_bytes / 1e6,
             "inputs once a filter pass, sums twice a channel pass"),
        )  # fmt: skip
        for quantity, unit, published, value, why in rows:
            found.append(
                Check(source, f"{name} {quantity}", unit, conditions, published, value, why)
            )
    return found
