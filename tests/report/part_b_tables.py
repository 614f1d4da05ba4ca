"""Tables of Part B whose story is told by a few numbers, to be reversed at will."""

from itertools import product

import pandas as pd

WORKLOAD = {"workload": "net", "data_source": "generated"}
SYMMETRIES, GRANULARITIES = ("asymmetric", "symmetric"), ("channel", "tensor")
FULL_NOTE = "1 of 3 ranges equal minmax: the full range diverges least"


def part_b(
    *,
    channel=3.0,
    asymmetric=1.0,
    entropy=-5.0,
    ratio=8.0,
    wasted=0.5,
    jitter=0.1,
    noises=(0.1, 0.6, 0.2),
    loss_after=0.2,
    entropy_note=FULL_NOTE,
):
    """All tables; the first three are gains in dB over the opposite choice.

    jitter: how far a calibration draw moves the gain of a choice, alternately up and down, in dB.
    """
    gains = {
        (symmetry, granularity, method): 20
        + asymmetric * (symmetry == "asymmetric")
        + channel * (granularity == "channel")
        + entropy * (method == "entropy")
        for symmetry, granularity, method in product(
            SYMMETRIES, GRANULARITIES, ("minmax", "entropy")
        )
    }
    rows = [_strategy(*key, sqnr, entropy_note) for key, sqnr in gains.items()]
    rows.append(rows[0] | {"strategy": "pow2", "power_of_two": True, "sqnr_db": 15.0})
    rows.append(_strategy("asymmetric", "channel", "dynamic", 40.0, "") | {"float_nodes": 2})
    quantization = pd.DataFrame(rows)
    calibrated = quantization[quantization["calibration"] != "dynamic"]
    draws = [
        {"strategy": row["strategy"], "draw": k, "sqnr_db": row["sqnr_db"] + jitter * _side(row, k)}
        for k in range(3)
        for row in calibrated.to_dict("records")
    ]
    return {
        "quantization": quantization,
        "outputs": outputs(str(calibrated["strategy"].iloc[0])),
        "low_sqnr": low(),
        "recommendation": recommendation(list(calibrated["strategy"])),
        "draws": pd.DataFrame(draws).assign(**WORKLOAD),
        "sensitivity": sensitivity(noises),
        "mixed_precision": mixed_precision(loss_after),
        "layer_traits": layer_traits(ratio, len(noises)),
        "levels": levels(wasted),
        "histograms": histograms(),
    }


def low():
    """One strategy that loses its small channels to a large one."""
    row = {"strategy": "asym_tensor_minmax", "first_node_below_10_db": "next", "sqnr_db": 38.0}
    row |= {"worst_tensor": "b", "worst_entry_sqnr_db": -0.5, "range": 12000.0, "bulk_range": 11.0}
    return pd.DataFrame(
        [WORKLOAD | row | {"range_ratio": 3000.0, "extreme_constants": "w (2e+04)"}]
    )


def _side(row, draw):
    """Where a draw moves a strategy: each of the three choices by an amount of its own."""
    amounts = (row["granularity"] == "channel") + 2 * (row["symmetry"] == "asymmetric")
    return (amounts + 4 * (row["calibration"] == "entropy")) * (-1) ** draw


def _strategy(symmetry, granularity, method, sqnr, note):
    return WORKLOAD | {
        "strategy": f"{symmetry.removesuffix('metric')}_{granularity}_{method}",
        "symmetry": symmetry,
        "granularity": granularity,
        "calibration": method,
        "bins": 2048 if method == "entropy" else None,
        "percentile": None,
        "format": "qoperator",
        "power_of_two": False,
        "bias_bits": None,
        "calibration_samples": None if method == "dynamic" else 64,
        "sqnr_db": float(sqnr),
        "note": note if method == "entropy" else None,
        "accuracy": 0.80,
        "accuracy_low": 0.75,
        "accuracy_high": 0.85,
        "accuracy_delta": -0.01,
        "delta_low": -0.02,
        "delta_high": 0.01,
        "margin": 0.01,
        "non_inferior": False,
        "mcnemar_p_fp32": 1.0,
        "mcnemar_p_best": 0.5,
        "agreement": 0.98,
        "draws_sqnr_db_low": None if method == "dynamic" else sqnr - 0.1,
        "draws_sqnr_db_high": None if method == "dynamic" else sqnr + 0.1,
        "draws_accuracy_low": None if method == "dynamic" else 0.78,
        "draws_accuracy_high": None if method == "dynamic" else 0.81,
        "size_bytes": 1000,
        "hardware_cost": 3,
        "float_nodes": 0,
        "float_node_names": "/relu_a /relu_b" if method == "dynamic" else None,
        "images": 100,
        "weight_bits": 8,
        "cpu_int8_flags": "avx512_vnni",
        "latency_ratio": 0.6,
        "latency_ratio_p5": 0.59,
        "latency_ratio_p95": 0.61,
        "latency_control": 1.001,
        "latency_resolved": method != "dynamic",
    }


def recommendation(names, *, eligible=2, costs=(1, 2)):
    rows = [
        WORKLOAD
        | {
            "strategy": name,
            "recommended": index == 0,
            "rank": index + 1.0 if index < eligible else None,
            "holdout_images": 500,
            "holdout_sqnr_db": 30.0 - index,
            "margin": 0.01,
            "hardware_cost": costs[min(index, len(costs) - 1)],
            "cost_reasons": "a multiplier per channel",
            "reasoning": "Printed reasoning." if index == 0 else None,
        }
        for index, name in enumerate(names)
    ]
    return pd.DataFrame(rows)


def sensitivity(noises):
    rows = [
        {"layer": f"/layer_{k}/Conv", "mode": mode, "noise": value, "sqnr_db": 20.0 + k}
        for k, noise in enumerate(noises)
        for mode, value in (("alone", noise), ("all_but", 1 - noise))
    ]
    shared = {"strategy": "asym_channel_minmax", "accuracy_drop": 0.01, "images": 50}
    return pd.DataFrame(rows).assign(**shared, **WORKLOAD)


def outputs(strategy):
    """Two outputs of one strategy."""
    sizes = {"fp32_low": 0.0, "fp32_high": 320.0, "worst_channel_sqnr_db": 4.0}
    rows = [
        {**WORKLOAD, "strategy": strategy, "output": name, "sqnr_db": decibels, **sizes}
        for name, decibels in (("boxes", 41.5), ("masks", 12.5))
    ]
    return pd.DataFrame(rows)


def mixed_precision(loss_after):
    row = {
        "strategy": "asym_channel_minmax",
        "measure": "noise",
        "float_layers": "/layer_1/Conv",
        "float_layer_count": 1,
        "loss_before": 0.8,
        "loss_after": loss_after,
        "sqnr_db_before": 20.0,
        "sqnr_db_after": 26.0,
        "accuracy_drop_before": 0.02,
        "accuracy_drop_after": 0.01,
        "networks_tried": 4,
        "exhaustive": True,
        "images": 50,
    }
    return pd.DataFrame([WORKLOAD | row])


def layer_traits(ratio, layers):
    """Layer 1 has the widest channels and the largest K; outliers are equal everywhere."""
    rows = [
        {
            "layer": f"/layer_{k}/Conv",
            "k": 100 if k == 1 else 10 + k,
            "weight_range_ratio": ratio if k == 1 else 1.0 + 0.01 * k,
            "activation_outlier_ratio": 1.5,
        }
        for k in range(layers)
    ]
    return pd.DataFrame(rows).assign(**WORKLOAD)


def levels(wasted):
    rows = [
        {
            "tensor": f"/layer_{k}/{maker}_output_0",
            "made_by": maker,
            "calibration": method,
            "low": 0.0,
            "high": 4.0 if method == "minmax" else 3.0,
            "unused_symmetric": wasted,
            "unused_asymmetric": 0.0,
        }
        for method in ("minmax", "entropy")
        for k, maker in enumerate(("Conv", "Relu", "MaxPool"))
    ]
    return pd.DataFrame(rows).assign(**WORKLOAD)


def histograms():
    named = [("activation", row) for row in levels(0.5)["tensor"].unique()]
    named += [("weight", f"/layer_{k}/Conv") for k in range(3)]
    rows = [
        {"kind": kind, "name": name, "low": k / 2 - 1, "high": (k + 1) / 2 - 1, "share": 0.25}
        for kind, name in named
        for k in range(4)
    ]
    return pd.DataFrame(rows).assign(**WORKLOAD)
