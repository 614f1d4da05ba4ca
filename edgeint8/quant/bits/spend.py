"""From a strategy with a budget to one with bits per layer, judged on images kept for that."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import onnx

from edgeint8.conventions import Row
from edgeint8.errors import ConfigError, EdgeInt8Error
from edgeint8.quant.affine import sqnr_db
from edgeint8.quant.bits.allocation import Bits, Prices, by_weights, spend, uniform
from edgeint8.quant.bits.measure import Images, layer_noise
from edgeint8.quant.calibrate.calibration import Calibration
from edgeint8.quant.evidence.evaluation import evaluate
from edgeint8.quant.graph import WeightLayer, weight_layers
from edgeint8.quant.ptq import quantize
from edgeint8.quant.strategy import Budget, Strategy


@dataclass(frozen=True)
class Spending:
    """Bits by the name of weights, and a row a layer of ``bits.csv``, without workload."""

    bits: Mapping[str, int]
    rows: tuple[Row, ...]


def spend_bits(
    model: onnx.ModelProto,
    calibration: Calibration,
    strategy: Strategy,
    images: Images,
    judged: Images,
    prices: Prices | None = None,
) -> Spending:
    """Spend the strategy's budget on the layers of a prepared float `model`.

    images: what codes are learned from, where they are; judged: the hold-out that decides. prices,
    by the names of layers, are for `energy_share`. Both the search's bits and the same bits
    everywhere are quantised and run; what keeps more of the hold-out's SQNR is taken.
    """
    budget = strategy.weight_bits
    if not isinstance(budget, Budget):
        raise ConfigError(f"weight_bits = {budget!r}", allowed="a mapping of mean or energy_share")
    noise = layer_noise(model, calibration, strategy, images, judged)
    if not noise:
        raise ConfigError("no integer layer to spend bits on", where=f"strategy {strategy.name}")
    layers = {layer.weight_name: layer for layer in weight_layers(model)}
    used = {name: layers[name] for name in noise}
    priced = _prices(used, budget, prices)
    most = _most(priced, budget, used)
    try:
        chosen = {"spent": spend(noise, priced, most), "uniform": uniform(priced, most)}
    except EdgeInt8Error as error:
        raise ConfigError(
            error.what, where=f"$.strategies.{strategy.name}.weight_bits", allowed=error.allowed
        ) from None
    output = model.graph.output[0].name
    reference = evaluate(model, judged)[output]

    def kept(bits: Bits) -> float:
        quantized = quantize(model, calibration, strategy.spent(bits), images=images)
        return float(sqnr_db(reference, evaluate(quantized.executable, judged)[output]))

    quality = {name: kept(bits) for name, bits in chosen.items()}
    best = max(quality, key=lambda name: quality[name])  # equal: what was searched
    facts = {
        "choice": best,
        "holdout_sqnr_db": quality[best],
        "uniform_bits": next(iter(chosen["uniform"].values())),
        "uniform_sqnr_db": quality["uniform"],
        "cost_share": priced.cost(chosen[best]) / priced.range[1],
        "images": len(reference),
    }
    return Spending(chosen[best], tuple(_rows(used, noise, chosen[best], facts)))


def _prices(used: Mapping[str, WeightLayer], budget: Budget, prices: Prices | None) -> Prices:
    """What a bit costs, by the names of weights: one a weight, or the given energies."""
    if budget.mean is not None:
        return by_weights({name: layer.weights.size for name, layer in used.items()})
    if prices is None:
        raise ConfigError("energy_share without prices", allowed="what bits cost on a machine")
    if unpriced := [layer.name for layer in used.values() if layer.name not in prices.bit]:
        raise ConfigError(f"no price of {unpriced[0]}", allowed="a price of every integer layer")
    return Prices({name: prices.bit[layer.name] for name, layer in used.items()}, prices.widest)


def _most(priced: Prices, budget: Budget, used: Mapping[str, WeightLayer]) -> float:
    """What may be spent."""
    if budget.mean is not None:
        return budget.mean * sum(layer.weights.size for layer in used.values())
    assert budget.energy_share is not None  # a budget is of one kind
    return budget.energy_share * priced.range[1]


def _rows(
    used: Mapping[str, WeightLayer],
    noise: Mapping[str, Mapping[int, float]],
    bits: Mapping[str, int],
    facts: Mapping[str, Any],
) -> list[Row]:
    """A row a layer; what is said of the whole network stands in each."""
    total = sum(layer.weights.size for layer in used.values())
    mean = sum(layer.weights.size * bits[name] for name, layer in used.items()) / total
    return [
        {
            "layer": layer.name,
            "weights": layer.weights.size,
            "weight_bits": bits[name],
            "noise_alone": noise[name][bits[name]],
            **{f"noise_{count}_bits": noise[name][count] for count in sorted(noise[name])},
            "mean_bits": mean,
            **facts,
        }
        for name, layer in used.items()
    ]
