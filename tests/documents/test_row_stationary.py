"""Eyeriss's closed form against a walk over every pass, and against the capacities by hand."""

import importlib
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
eyeriss = importlib.import_module("published_row_stationary")
published = importlib.import_module("published_eyeriss")
Conv, Mapping = eyeriss.Conv, eyeriss.Mapping
BATCH = 4


def blocks(extent: int, size: int) -> list[range]:
    return [range(start, min(start + size, extent)) for start in range(0, extent, size)]


def rows_below(layer, outputs: range) -> int:
    """Input rows of a strip of output rows, never beyond the input."""
    first = outputs.start * layer.stride
    return min(first + layer.ifmap_rows(len(outputs)), layer.size) - first


def walk(layer, mapping) -> tuple[int, int, int]:
    """(passes, buffer bytes, DRAM bytes), one pass after the other."""
    filters_of_a_pass = mapping.filters * mapping.filter_sets
    passes = buffered = dram = 0
    for _ in range(layer.groups):
        for images in blocks(BATCH, mapping.images):
            for strip in blocks(layer.outputs, mapping.rows):
                inputs = len(images) * rows_below(layer, strip) * layer.size
                outputs = len(images) * len(strip) * layer.outputs
                for held in blocks(layer.filters, mapping.held):
                    dram += inputs * layer.channels  # comes again for every block of held filters
                    dram += outputs * len(held)
                    dram += len(held) * layer.channels * layer.kernel**2
                    for filters in blocks(len(held), filters_of_a_pass):
                        channels_of_a_pass = mapping.channels * mapping.channel_sets
                        for channels in blocks(layer.channels, channels_of_a_pass):
                            passes += 1
                            buffered += inputs * len(channels)
                            buffered += 2 * outputs * len(filters)  # written, and read again
    return passes, buffered * eyeriss.WORD_BYTES, dram * eyeriss.WORD_BYTES


@settings(max_examples=150, deadline=None)
@given(
    kernel=st.integers(1, 5),
    stride=st.integers(1, 2),
    strips=st.integers(1, 4),
    rows=st.integers(1, 6),
    channels=st.integers(1, 9),
    blocks_held=st.integers(1, 3),
    groups=st.integers(1, 2),
    images=st.sampled_from([1, 2, 4]),
    sets=st.tuples(st.integers(1, 3), st.integers(1, 2), st.integers(1, 2), st.integers(1, 3)),
)
def test_the_closed_form_is_the_walk(
    kernel, stride, strips, rows, channels, blocks_held, groups, images, sets
) -> None:
    """Layers whose strips and held filters divide: there the form is exact, to the byte."""
    per_pe, filter_sets, channel_sets, times = sets
    outputs, held = strips * rows, per_pe * filter_sets * times
    size = (outputs - 1) * stride + kernel
    layer = Conv(size, kernel, outputs, channels, held * blocks_held, stride, groups)
    mapping = Mapping(images, rows, per_pe, 2, channel_sets, filter_sets, held)
    passes, buffered, dram = walk(layer, mapping)
    found = eyeriss.cost(layer, mapping, BATCH)
    assert (found.buffer_bytes, found.dram_bytes) == (buffered, dram)
    one_pass = found.cycles / passes
    assert one_pass >= per_pe * 2 * kernel * outputs * images  # the MACs of one PE


def test_capacities_by_hand() -> None:
    """conv1: an 11 x 7 set fits twice into 12 x 14 PEs; a third does not."""
    layer = published.ALEXNET["conv1"]
    mapping = Mapping(1, 7, 16, 1, 1, 2, 96)
    assert eyeriss.fits(layer, mapping)
    assert not eyeriss.fits(layer, Mapping(1, 7, 16, 1, 1, 3, 96))
    assert not eyeriss.fits(layer, Mapping(1, 7, 24, 1, 1, 2, 96))  # 264 words of filters
    assert not eyeriss.fits(layer, Mapping(1, 7, 16, 2, 1, 1, 96))  # 22 words of inputs
    assert not eyeriss.fits(layer, Mapping(4, 7, 16, 1, 1, 2, 96))  # sums of four images


def test_macs_are_alexnets() -> None:
    assert sum(layer.macs for layer in published.ALEXNET.values()) == pytest.approx(666e6, rel=1e-3)


def test_macs_are_vggs() -> None:
    """15.3 GMAC an image, as the paper says, in 13 layers."""
    assert len(published.VGG16) == 13
    assert sum(layer.macs for layer in published.VGG16.values()) == pytest.approx(15.3e9, rel=5e-3)


def test_runs_of_zeros_by_hand() -> None:
    """Three words and their runs in 64 bits: 12 words of which 9 are zero take 64 bits of 192."""
    found = eyeriss.Cost(0, 1, 0, 1000, 192, 384)
    assert found.compressed_bytes(9 / 12, 9 / 12) == pytest.approx(424 + 64 + 128)
    assert found.compressed_bytes(0, 0) == 1000  # what would grow stays as it is


def test_energy_by_hand() -> None:
    """One MAC in one cycle, of 168 PEs with 576 register bits; 65 nm against 45 at 1 V.

    (8 x 8 bits: 200 fJ) to 16 x 16: 2 ** (2 * 0.989) times; an adder of 16 bits: 50 fJ; a new sum:
    19 fJ; two bytes of a 448-byte SRAM: Horowitz's slope of a half below 8 KiB.
    """
    found = eyeriss.Cost(1, 1, 64, 0, 0, 0)
    mac = 200 * 4**0.989 + 50 + 16 * 1.2 + 2 * 1250 * (448 / 8192) ** 0.5 * 4**0.28
    dynamic = mac + 168 * 576 * 8.93 + 64 * 1250 * 0.5**0.5
    leakage = (108 + 168 * 448 / 1024) * 8192 * 94.3e-12 / 200e6 * 1e15
    expected = (dynamic * 65 / 45 + leakage) * 1e-12
    assert eyeriss.energy_mj(found, "mid") == pytest.approx(expected, rel=1e-4)


def test_nothing_of_the_package_knows_this_machine() -> None:
    package = Path(__file__).parents[2] / "edgeint8"
    words = ("published_eyeriss", "published_row_stationary")
    assert not [p for p in package.rglob("*.py") if any(word in p.read_text() for word in words)]
