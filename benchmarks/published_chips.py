"""Published figures of TPU v1, a chip, and of NVDLA's performance sheet, a model."""

from dataclasses import replace

from published_check import Check, milliseconds, network, preset

from edgeint8.arch.cost.physical import Options, dram_bytes_per_cycle, network_cost
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
    divided = "65,536 MACs over 34 GB/s at 700 MHz, which the paper rounds"
    source = "TPU v1 (ISCA 2017)"
    found = [
        Check(source, "peak", "TOPS", "65,536 MACs, 700 MHz", 92.0, peak, "rounding"),
        Check(source, "ridge", "MAC per weight byte", "34 GB/s", 1350.0, ridge, divided),
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
    "alexnet": "the sheet, itself a model, tiles its buffer in a way that it does not tell",
    "googlenet": "the input of a block is fetched for each of its four branches here",
    "resnet50": "the sheet, itself a model, runs 3x3 layers by Winograd, loads the weights of 1x1 "
    "layers of stride 2 four times and fuses pools and additions, which are not in the topology",
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
        source = "NVDLA performance sheet (a model)"
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
            "NVDLA performance sheet (a model)",
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
