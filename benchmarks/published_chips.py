"""Published figures of chips: TPU v1, NVDLA, Eyeriss."""

from dataclasses import replace

from published_check import Check, milliseconds, network, preset

from edgeint8.arch.cost.energy import count_accesses
from edgeint8.arch.cost.physical import LayerCost, Options, dram_bytes_per_cycle, network_cost
from edgeint8.arch.cost.tile_space import ElementBytes
from edgeint8.arch.machine.hardware import Hardware
from edgeint8.arch.network.fusion import chained
from edgeint8.arch.network.layers import Layer, LayerShape

# ---------------------------------------------------------------- TPU v1

# Application: (MACs per weight byte, measured TOPS), ISCA 2017 tables 1 and 3.
_TPU_APPLICATIONS = {
    "MLP0": (200, 12.3),
    "MLP1": (168, 9.7),
    "LSTM0": (64, 3.7),
    "LSTM1": (96, 2.8),
    "CNN0": (2888, 86.0),
    "CNN1": (1750, 14.1),
}
_TPU_WHY = {
    "LSTM0": "the roof itself: dependent steps, vector work and refills are not in it",
    "LSTM1": "the roof itself: small matrices leave much of the array and of each load idle",
    "CNN1": "the roof itself: by the paper's own count shallow layers leave half of the array "
    "idle, and four dense layers of 32 MACs a byte wait for weights",
}


def tpu_v1() -> list[Check]:
    """Peak, ridge, and where the roofline puts six applications against what was measured."""
    hardware = preset("tpu_v1")
    peak = 2 * hardware.processing_elements * hardware.clock_hz / 1e12
    bandwidth = dram_bytes_per_cycle(hardware)
    ridge = hardware.processing_elements / bandwidth
    floor = (
        "a preset's bandwidth is a whole number of bytes a cycle and port: "
        f"{bandwidth:g} bytes a cycle here, {34e9 / hardware.clock_hz:.2f} in the paper"
    )
    source = "TPU v1 (ISCA 2017)"
    found = [
        Check(source, "peak", "TOPS", "65,536 MACs, 700 MHz", 92.0, peak, "rounding"),
        Check(source, "ridge", "MAC per weight byte", "34 GB/s", 1350.0, ridge, floor),
    ]
    for name, (intensity, measured) in _TPU_APPLICATIONS.items():
        roof = 2 * min(hardware.processing_elements, intensity * bandwidth) * hardware.clock_hz
        conditions = f"roofline at {intensity} MAC per weight byte against measured"
        why = _TPU_WHY.get(name, "the roof itself: a measured program stays below it")
        found.append(
            Check(source, f"{name} throughput", "TOPS", conditions, measured, roof / 1e12, why)
        )
    return found


# ---------------------------------------------------------------- NVDLA

_NVDLA_MS = {"alexnet": 0.8954, "googlenet": 1.2221, "resnet50": 7.1137}
_NVDLA_WHY = {
    "alexnet": "pooling and normalisation count as free; 9 bytes a cycle here for the sheet's 10",
    "googlenet": "the input of a block is fetched for each of its four branches here; 9 bytes a "
    "cycle here for the sheet's 10",
    "resnet50": "the 16 additions of branches and the pools are not in the topology; the sheet's "
    "tiling of the 512 KB buffer is not published",
}


def nvdla() -> list[Check]:
    """Network times of the performance sheet: INT8, one image, dense layers at batch 16."""
    hardware = preset("nvdla_large")
    found = []
    for name, published in _NVDLA_MS.items():
        layers = network(name)
        spatial = [layer for layer in layers if not layer.name.startswith("fc")]
        dense = [_batched(layer, 16) for layer in layers if layer.name.startswith("fc")]
        time = milliseconds(network_cost(spatial, hardware), hardware)
        time += milliseconds(network_cost(dense, hardware), hardware) / 16
        conditions = "2,048 INT8 MACs, 1 GHz, 512 KB, 10 GB/s, dense layers at batch 16"
        source = "NVDLA performance sheet"
        found.append(
            Check(source, f"{name} time", "ms", conditions, published, time, _NVDLA_WHY[name])
        )
    return found


def nvdla_second_memory() -> list[Check]:
    """The sheet's AlexNet with a second SRAM of 4 MB: tensors between layers stay on chip."""
    hardware = replace(preset("nvdla_large"), ifmap_sram_kb=256 + 4096)
    layers = network("alexnet")
    spatial = [layer for layer in layers if not layer.name.startswith("fc")]
    dense = [_batched(layer, 16) for layer in layers if layer.name.startswith("fc")]
    options = Options(on_chip=True)
    time = milliseconds(network_cost(chained(spatial), hardware, options), hardware)
    time += milliseconds(network_cost(chained(dense), hardware, options), hardware) / 16
    return [
        Check(
            "NVDLA performance sheet",
            "alexnet time with a second SRAM",
            "ms",
            "as above, and 4 MB of second SRAM",
            0.5915,
            time,
            "only tensors of two layers that follow each other stay on chip here, and the halves "
            "of AlexNet's grouped convolutions do not chain; weights are not kept",
        )
    ]


def _batched(layer: Layer, batch: int) -> Layer:
    """A dense layer for `batch` inputs at once, which share its weights."""
    assert layer.shape is not None
    shape = LayerShape.from_output((batch, 1), (1, 1), layer.shape.window, layer.shape.filters)
    return replace(
        layer,
        shape=shape,
        input_hw=None,
        ifmap_bytes=layer.ifmap_bytes * batch,
        ofmap_bytes=layer.ofmap_bytes * batch,
    )


# ---------------------------------------------------------------- Eyeriss

# JSSC 2017, AlexNet, batch 4: (processing ms, DRAM MB, global buffer MB).
_EYERISS = {
    "conv1": (16.5, 5.0, 18.5),
    "conv2": (39.2, 4.0, 77.6),
    "conv3": (21.8, 3.0, 50.2),
    "conv4": (16.0, 2.1, 37.4),
    "conv5": (10.0, 1.3, 24.9),
}
_WORDS_16_BIT = ElementBytes(2, 2, 2, 4)


def eyeriss() -> list[Check]:
    """Layer times and DRAM traffic of AlexNet, four images, words of 16 bits."""
    hardware = preset("eyeriss_like")
    options = Options(elements=_WORDS_16_BIT)
    costs = network_cost(network("alexnet"), hardware, options)
    found = []
    for name, (published_ms, published_mb, buffer_mb) in _EYERISS.items():
        parts = [cost for cost in costs if cost.layer.name.startswith(name)]
        conditions = "AlexNet, batch 4, 16 bit, 200 MHz, 168 PEs; output-stationary stand-in"
        source = "Eyeriss (JSSC 2017)"
        found.append(
            Check(
                source,
                f"{name} time",
                "ms",
                conditions,
                published_ms,
                4 * milliseconds(parts, hardware),
                "row-stationary folding and its ramps are not modelled",
            )
        )
        found.append(
            Check(
                source,
                f"{name} DRAM traffic",
                "MB",
                conditions,
                published_mb,
                4 * sum(cost.dram_bytes for cost in parts) / 1e6,
                "the chip compresses its traffic and reuses weights over the four images; here "
                "each image is tiled alone, with 8 KiB for weights, and nothing is compressed",
            )
        )
        found.append(
            Check(
                source,
                f"{name} global buffer traffic",
                "MB",
                conditions,
                buffer_mb,
                4 * sum(_buffer_bytes(cost, hardware) for cost in parts) / 1e6,
                "does not fit: row-stationary reuses inputs and sums inside the array, which the "
                "output-stationary stand-in streams anew for every fold",
            )
        )
    return found


def _buffer_bytes(cost: LayerCost, hardware: Hardware) -> int:
    """Bytes through the buffers of inputs and sums, as the chip's global buffer holds these."""
    accesses = count_accesses(cost, hardware, _WORDS_16_BIT)
    return accesses.ifmap_sram_bytes + accesses.ofmap_sram_bytes
