"""What each layer costs at each width, measured alone: all other layers keep eight bits."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import onnx
from numpy.typing import NDArray

from edgeint8.quant.affine import sqnr_db
from edgeint8.quant.bits.allocation import BITS
from edgeint8.quant.calibrate.calibration import Calibration
from edgeint8.quant.evidence.evaluation import evaluate
from edgeint8.quant.evidence.sensitivity import noise_of
from edgeint8.quant.graph import weight_layers
from edgeint8.quant.learn.equalize import equalize
from edgeint8.quant.learn.integer_nodes import integer_nodes
from edgeint8.quant.learn.learn import gather, learned_layer, targets_of, write_layer
from edgeint8.quant.prepare.masks import with_clamped
from edgeint8.quant.ptq import quantize, weight_levels
from edgeint8.quant.strategy import Strategy

Images = Mapping[str, NDArray[Any]]
WIDEST = BITS[-1]


def layer_noise(
    model: onnx.ModelProto,
    calibration: Calibration,
    strategy: Strategy,
    images: Images,
    judged: Images,
) -> dict[str, dict[int, float]]:
    """Noise over signal of the logits for `judged`, by the name of the weights and their bits.

    Every layer that `strategy` runs in integers, alone at 2 to 8 bits, others at 8 by the nearest
    codes; by learned codes where the strategy learns them, from `images`.
    """
    output = model.graph.output[0].name
    reference = evaluate(model, judged)[output]
    found: dict[str, dict[int, float]] = {}
    for name, bits, graph in _graphs(model, calibration, strategy, images):
        logits = evaluate(graph, judged)[output]
        found.setdefault(name, {})[bits] = noise_of(sqnr_db(reference, logits))
    return found


def _graphs(
    model: onnx.ModelProto, calibration: Calibration, strategy: Strategy, images: Images
) -> Iterator[tuple[str, int, onnx.ModelProto]]:
    """(weights, bits, the graph that runs) for every layer and width; learned ones come last."""
    nearest = strategy.nearest
    wide = quantize(model, calibration, replace(nearest, weight_bits=WIDEST)).executable
    learned = set()
    if strategy.rounding == "learned":
        for name, bits, graph in _learned_graphs(model, calibration, strategy, images, wide):
            learned.add(name)
            yield name, bits, graph
    integer = integer_nodes(wide)
    for name in dict.fromkeys(layer.weight_name for layer in weight_layers(model)):
        if name in learned or name not in integer:
            continue
        for bits in BITS[:-1]:
            yield name, bits, quantize(model, calibration, nearest.spent({name: bits})).executable
        yield name, WIDEST, wide


def _learned_graphs(
    model: onnx.ModelProto,
    calibration: Calibration,
    strategy: Strategy,
    images: Images,
    wide: onnx.ModelProto,
) -> Iterator[tuple[str, int, onnx.ModelProto]]:
    """As `_graphs`, for layers that can be learned; each is observed once for all widths."""
    network = with_clamped(model, calibration.clamped)
    network = equalize(network) if strategy.equalize else network
    levels = weight_levels(strategy)
    for target in targets_of(network, wide)[0]:
        name, moments = target.layer.weight_name, gather(target, images)
        for bits in BITS:
            layer = learned_layer(target, strategy.spent({name: bits}), moments, levels)
            graph = onnx.ModelProto()
            graph.CopyFrom(wide)
            write_layer(graph, target.integer, layer)
            yield name, bits, graph
