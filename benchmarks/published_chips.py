"""Published figures of TPU v1, a chip, and of NVDLA's performance sheet, a model."""

from collections.abc import Sequence
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
        Check(source, "peak", "TOPS", "65,536 MACs, 700 MHz", 92.0, peak, "rounding", "arithmetic"),
        Check(
            source, "ridge", "MAC per weight byte", "34 GB/s", 1350.0, ridge, divided, "arithmetic"
        ),
    ]
    for name, (intensity, measured) in _TPU_APPLICATIONS.items():
        roof = 2 * min(hardware.processing_elements, intensity * bandwidth) * hardware.clock_hz
        conditions = f"roofline at {intensity} MAC per weight byte against measured"
        why = _TPU_WHY.get(name, "the roof itself: a measured program stays below it")
        ours = roof / 1e12
        found.append(
            Check(source, f"{name} throughput", "TOPS", conditions, measured, ours, why, "silicon")
        )
    return found


# ---------------------------------------------------------------- NVDLA

_NVDLA_MS = {"alexnet": 0.8954, "googlenet": 1.2221, "resnet50": 7.1137}
_NVDLA_SOURCE = "NVDLA performance sheet (a model)"
_NVDLA_WHY = {
    "alexnet": "the sheet runs 3x3 layers by Winograd, which takes 16 / 9 of their weights",
    "googlenet": "the input of a block is fetched for each of its four branches here, once in the "
    "sheet, which also leaves out its pools' bytes",
    "resnet50": "of the sheet's cycles Winograd's weights are 8 %, weights of 1x1 layers of stride "
    "2 counted four times 9 %, additions that read their second input 7 %: none of it is here",
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
        quantity = f"{name} time"
        found.append(
            Check(_NVDLA_SOURCE, quantity, "ms", conditions, published, time, _NVDLA_WHY[name])
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
            _NVDLA_SOURCE,
            "alexnet time with a second SRAM",
            "ms",
            "as above, and 4 MB of second SRAM",
            0.5915,
            time,
            "only tensors of two layers that follow each other stay on chip here, and the halves "
            "of AlexNet's grouped convolutions do not chain; weights are not kept",
        )
    ]


# What of an output is written after the pool that follows directly, by the sheet's own columns.
_POOLED = {
    "alexnet": {
        "conv1": 27**2 / 55**2,
        **dict.fromkeys(("conv2_a", "conv2_b"), 13**2 / 27**2),
        **dict.fromkeys(("conv5_a", "conv5_b"), 6**2 / 13**2),
    },
    "googlenet": {"conv1": 1 / 4, "conv2": 1 / 4},
    "resnet50": {"conv1": 1 / 4},
}
_DENSE_BATCH = {"alexnet": 16, "googlenet": 1, "resnet50": 1}
_RECOMPUTED = "the sheet's own formulas, recomputed without {}, are met within {}"
_LEFT = {
    "alexnet": _RECOMPUTED.format("Winograd, whose weights take 16 / 9 of the bytes", "+1.7 %"),
    "googlenet": _RECOMPUTED.format("Winograd, which makes its 3x3 layers faster", "+8 %"),
    "resnet50": _RECOMPUTED.format(
        "Winograd (8 % of its cycles) and the weights of 1x1 layers of stride 2 that it counts "
        "four times (9 %)",
        "-10.6 %",
    ),
}


def nvdla_like_for_like() -> list[Check]:
    """The same networks with what the sheet has and a topology cannot tell, but for Winograd."""
    hardware = preset("nvdla_large")
    found = []
    for name, published in _NVDLA_MS.items():
        time = 0.0
        for layer in _branches_merged(network(name)):
            batch = _DENSE_BATCH[name] if layer.name.startswith("fc") else 1
            (cost,) = network_cost([_batched(layer, batch) if batch > 1 else layer], hardware)
            kept = _POOLED[name].get(layer.name, 1)
            added = layer.ofmap_bytes if layer.name.endswith("branch2c") else 0
            moved = cost.dram_bytes - round(cost.ofmap_bytes * (1 - kept)) + added
            time += max(cost.compute.total, moved / dram_bytes_per_cycle(hardware)) / batch
        found.append(
            Check(
                _NVDLA_SOURCE,
                f"{name} time, like for like",
                "ms",
                "pools and additions on the way out, branches of one input merged, dense layers at "
                f"batch {_DENSE_BATCH[name]}, 10 GB/s; no Winograd",
                published,
                time / hardware.clock_hz * 1e3,
                _LEFT[name],
            )
        )
    return found


def _branches_merged(layers: Sequence[Layer]) -> list[Layer]:
    """GoogLeNet's 1x1 layers that read one input as one layer with the filters of all."""
    merged: dict[str, Layer] = {}
    for layer in layers:
        block, _, kind = layer.name.partition("_")
        inception = layer.name.startswith("inception")
        name = f"{block}_1x1" if inception and kind.endswith("reduce") else layer.name
        if name not in merged:
            merged[name] = layer
            continue
        first = merged[name]
        assert first.shape is not None and layer.shape is not None
        filters = first.shape.filters + layer.shape.filters
        merged[name] = replace(
            first,
            shape=replace(first.shape, filters=filters),
            filter_bytes=first.filter_bytes + layer.filter_bytes,
            ofmap_bytes=first.ofmap_bytes + layer.ofmap_bytes,
        )
    return list(merged.values())


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
