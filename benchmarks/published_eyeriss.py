"""Published figures of Eyeriss, a chip: AlexNet, and VGG-16 predicted before it was looked up."""

from published_check import Check
from published_row_stationary import CLOCK_HZ, Conv, Cost, best, energy_mj

from edgeint8.arch.machine.constants import LEVELS

SOURCE = "Eyeriss (JSSC 2017)"
ALEXNET = {
    "conv1": Conv(227, 11, 55, 3, 96, 4, 1),
    "conv2": Conv(31, 5, 27, 48, 128, 1, 2),
    "conv3": Conv(15, 3, 13, 256, 384, 1, 1),
    "conv4": Conv(15, 3, 13, 192, 192, 1, 2),
    "conv5": Conv(15, 3, 13, 192, 128, 1, 2),
}
ALEXNET_BATCH, VGG_BATCH = 4, 3

# Table V, AlexNet, batch 4: (processing ms, DRAM MB, global buffer MB, mW on the chip), and the
# share of zeros in the layer's inputs and outputs. Where a pool follows, what it leaves of them
# stands for the outputs, which have no fewer.
_ALEXNET = {
    "conv1": (16.5, 5.0, 18.5, 332, 0.0001, 0.387),
    "conv2": (39.2, 4.0, 77.6, 288, 0.387, 0.725),
    "conv3": (21.8, 3.0, 50.2, 266, 0.725, 0.793),
    "conv4": (16.0, 2.1, 37.4, 235, 0.793, 0.776),
    "conv5": (10.0, 1.3, 24.9, 236, 0.776, 0.776),
}
CONDITIONS = "{}, batch {}, 16 bit, 200 MHz, 168 PEs; row-stationary closed form"
WHY = {
    "time": "control between passes and the ramps inside one are not in the closed form",
    "global buffer traffic": "inputs once a filter pass, sums twice a channel pass",
    "DRAM traffic": "runs of zeros coded at three words in 64 bits, by the paper's shares of zeros "
    "in the inputs; outputs before a pool have more zeros than the next layer's inputs tell",
    "energy on the chip": "constants at 45 nm scaled to 65; networks on the chip, control, FIFOs "
    "and pads are not in it, nor that a zero input saves its multiplication",
}


def _vgg() -> dict[str, Conv]:
    """The 13 convolutions of VGG-16, padded, of 224 x 224 images."""
    found, channels = {}, 3
    for block, (outputs, filters, count) in enumerate(
        ((224, 64, 2), (112, 128, 2), (56, 256, 3), (28, 512, 3), (14, 512, 3)), start=1
    ):
        for place in range(1, count + 1):
            found[f"conv{block}-{place}"] = Conv(outputs + 2, 3, outputs, channels, filters, 1, 1)
            channels = filters
    return found


VGG16 = _vgg()


def eyeriss() -> list[Check]:
    """Layer times, traffic and energy of AlexNet, four images, words of 16 bits."""
    conditions = CONDITIONS.format("AlexNet", ALEXNET_BATCH)
    found = []
    for name, (time_ms, dram_mb, buffer_mb, mw, zeros_in, zeros_out) in _ALEXNET.items():
        ours = best(ALEXNET[name], ALEXNET_BATCH)
        dram = ours.compressed_bytes(zeros_in, zeros_out) / 1e6
        for quantity, unit, published, value in (
            ("time", "ms", time_ms, milliseconds_of(ours)),
            ("DRAM traffic", "MB", dram_mb, dram),
            ("global buffer traffic", "MB", buffer_mb, ours.buffer_bytes / 1e6),
        ):
            head = (SOURCE, f"{name} {quantity}", unit, conditions)
            found.append(Check(*head, published, value, WHY[quantity], "silicon"))
        found.append(energy_check(name, conditions, mw * time_ms / 1e3, ours))
    return found


def energy_check(
    name: str, conditions: str, published_mj: float, ours: Cost, predicted: bool = False
) -> Check:
    """Energy of a layer's batch: the published power times the published time of processing."""
    low, mid, high = (energy_mj(ours, level) for level in LEVELS)
    quantity = "energy on the chip"
    head = (SOURCE, f"{name} {quantity}", "mJ", conditions)
    return Check(*head, published_mj, mid, WHY[quantity], "silicon", low, high, predicted)


def milliseconds_of(ours: Cost) -> float:
    """Time at the core's clock."""
    return ours.cycles / CLOCK_HZ * 1e3
