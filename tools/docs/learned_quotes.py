"""What docs/learned_codes.md quotes: learned codes on whole test splits, and peers beside them.

Differences are in percentage points and paired. What was asked of a network stands in `ASKED`; it
was set before any of them was measured.
"""

from collections.abc import Callable, Iterator

import pandas as pd

from edgeint8.quant.calibrate.draws import DRAWS
from edgeint8.report.markdown import Tables, percent, table

CODES = ("learned_codes_tiny", "learned_codes_mobile", "learned_codes", "learned_codes_bits")
PEERS = ("ptq_peers", "ptq_peers_brevitas")
KEPT = (*CODES, "learning_time", *PEERS)
# (network, setting): the points below FP32 that no draw may pass.
ASKED = {
    ("tiny_cnn_2d", "w4_channel_pow2"): 1.0,
    ("tiny_cnn_2d", "w3_channel"): 2.0,
    ("tiny_cnn_2d", "sum17_channel"): 0.3,
    ("tiny_cnn_2d", "sum16_channel"): 1.5,
    ("resnet8_mlperf_tiny", "w4_channel"): 1.2,
    ("resnet8_mlperf_tiny", "w4_tensor"): 2.0,
    ("resnet8_mlperf_tiny", "sum17_channel"): 1.0,
    ("mobile_cnn_2d", "w4_channel"): 1.5,
    ("mobile_cnn_2d", "w4_tensor"): 3.0,
    ("mobile_cnn_2d", "w6_tensor"): 0.3,
}
NON_INFERIOR = {("tiny_cnn_2d", "w4_channel"), ("resnet8_mlperf_tiny", "w4_channel")}
MINE = "EdgeINT8"


def _kept(tables: Tables, names: tuple[str, ...]) -> pd.DataFrame:
    """The rows of those that are kept, one below the other."""
    kept = [tables[f"benchmark_{n}"] for n in names if f"benchmark_{n}" in tables]
    return pd.concat(kept, ignore_index=True)


def learned_codes(tables: Tables) -> str:
    """Learned codes over their calibration draws, beside the nearest codes of the first one."""
    rows = _kept(tables, CODES)
    frame = pd.DataFrame(_learned_rows(rows))
    return table(frame, {name: name for name in frame})


def _learned_rows(rows: pd.DataFrame) -> Iterator[dict[str, str]]:
    """One line a (network, setting); differences to FP32 in percentage points, paired."""
    for (network, setting), group in rows.groupby(["network", "setting"], sort=False):
        learned = group[group["rounding"] == "learned"]
        nearest = group[group["rounding"] == "nearest"]
        yield {
            "network": network,
            "FP32": percent(group["accuracy_fp32"].iloc[0], 2),
            "setting": setting,
            "nearest": _ends(100 * nearest["accuracy_delta"], "+.2f"),
            "learned, over the draws": _ends(100 * learned["accuracy_delta"], "+.2f"),
            "lowest end of an interval": _ends(100 * learned["delta_low"].nsmallest(1), "+.2f"),
            "draws": str(len(learned)),
            "non-inferior": str(learned["non_inferior"].sum()),
            "SQNR nearest": _ends(nearest["sqnr_db"], ".1f"),
            "SQNR learned": _ends(learned["sqnr_db"], ".1f"),
            "bits of sums, proven": str(group["bits_guaranteed"].max()),
            "CPU s": _ends(learned["time_cpu_s"], ".1f"),
        }


def _ends(values: pd.Series, form: str) -> str:
    """The least and the most, once if they are one; nothing of nothing."""
    ends = sorted({values.min(), values.max()}) if len(values) else []
    return " to ".join(format(value, form) for value in ends)


def learned_codes_witness(tables: Tables) -> str:
    """What was compared, and that stated widths are reached and never passed."""
    rows = _kept(tables, CODES)
    different, elements = int(rows["mismatches"].sum()), int(rows["compared_elements"].sum())
    reached = int((rows["bits_vertex"] == rows["bits_guaranteed"]).sum())
    found = "none differs" if not different else f"{different:,} differ"
    return (
        f"In {len(rows)} networks the executor computed {elements:,} elements as well as ONNX "
        f"Runtime: {found}. In {reached} of them the input that is built to reach the proven "
        "width of the sums, bias included, does."
    )


def learned_targets(tables: Tables) -> str:
    """What was asked of the worst draw, and what was found."""
    rows = _kept(tables, CODES)
    rows = rows[rows["rounding"] == "learned"]
    frame = pd.DataFrame(_target_rows(rows))
    return table(frame, {name: name for name in frame})


def _target_rows(rows: pd.DataFrame) -> Iterator[dict[str, str]]:
    """One line for everything that was asked of a (network, setting) that was measured."""
    for key, group in rows.groupby(["network", "setting"], sort=False):
        head = {"network": key[0], "setting": key[1]}
        worst, draws = round(100 * group["accuracy_delta"].min(), 6), len(group)
        if key in ASKED:
            asked, found = f"no draw below {-ASKED[key]:+.1f}", f"worst of {draws} {worst:+.2f}"
            yield head | {"asked": asked, "found": found, "met": _met(worst >= -ASKED[key], draws)}
        if key in NON_INFERIOR:
            count = int(group["non_inferior"].sum())
            asked, found = "every draw non-inferior at 1 point", f"{count} of {draws}"
            yield head | {"asked": asked, "found": found, "met": _met(count == draws, draws)}


def _met(holds: bool, draws: int) -> str:
    """What was asked was asked of five draws."""
    if not holds:
        return "**no**"
    return "yes" if draws >= DRAWS else "so far"


def learning_time(tables: Tables) -> str:
    """Seconds of learning by network and setting."""
    rows = tables["benchmark_learning_time"]
    frame = rows.assign(
        weights=[f"{count:,}" for count in rows["weights"]],
        time_cpu_s=[f"{seconds:.1f}" for seconds in rows["time_cpu_s"]],
    )
    headings = {"network": "network", "layers": "layers", "weights": "weights"}
    headings |= {"setting": "setting", "bits_guaranteed": "bits of sums, proven"}
    return table(frame, headings | {"time_cpu_s": "CPU s"})


def _compared(tables: Tables) -> pd.DataFrame:
    """Rows of all peers, case by case; ours are measured beside each, and stand once."""
    rows = _kept(tables, PEERS)
    rows = rows.drop_duplicates(["network", "setting", "program", "method"])
    return pd.concat([group for _, group in rows.groupby(["network", "setting"], sort=False)])


def ptq_peers(tables: Tables) -> str:
    """Every method of every program on the same network, images and machine."""
    rows = _compared(tables)
    frame = rows.assign(
        method=[_method(row) for row in rows.to_dict("records")],
        accuracy=[percent(value, 2) for value in rows["accuracy"]],
        delta=[_interval(*ends) for ends in _triples(rows, "accuracy_delta", "delta")],
        ahead=[_interval(*ends) for ends in _triples(rows, "ahead", "ahead")],
        sqnr=[f"{value:.1f}" for value in rows["sqnr_db"]],
        seconds=[f"{value:,.1f}" for value in rows["time_cpu_s"]],
    )
    frame.loc[_ours(rows), "ahead"] = ""
    headings = {"network": "network", "setting": "setting", "program": "program"}
    headings |= {"method": "method", "accuracy": "accuracy", "delta": "to FP32"}
    headings |= {"ahead": "`learned` less this", "sqnr": "SQNR (dB)", "seconds": "CPU s"}
    return table(frame, headings)


def _ours(rows: pd.DataFrame) -> "pd.Series[bool]":
    """Where the row is the one that all others are compared with."""
    return (rows["program"] == MINE) & (rows["method"] == "learned")


def _method(row: dict[str, object]) -> str:
    """The method, with AdaRound's iterations a layer."""
    iterations = row.get("iterations")
    given = isinstance(iterations, int | float) and iterations == iterations
    return f"{row['method']} ({iterations:,.0f} iterations)" if given else str(row["method"])


def _triples(rows: pd.DataFrame, value: str, ends: str) -> Iterator[tuple[float, float, float]]:
    return zip(rows[value], rows[f"{ends}_low"], rows[f"{ends}_high"], strict=True)


def _interval(value: float, low: float, high: float) -> str:
    return f"{100 * value:+.2f} ({100 * low:+.2f} to {100 * high:+.2f})"


def ptq_peers_best(tables: Tables) -> str:
    """Ours beside the peer's best of each case, which the test split itself picks for the peer."""
    rows, said = _compared(tables), list[str]()
    for (network, setting), group in rows.groupby(["network", "setting"], sort=False):
        if set(group["program"]) == {MINE}:
            continue  # no peer was asked
        mine = group[_ours(group)].iloc[0]
        best = group[group["program"] != MINE].nlargest(1, "accuracy").iloc[0]
        ahead = _interval(best["ahead"], best["ahead_low"], best["ahead_high"])
        said.append(
            f"{network}, {setting}: {ahead} against {_method(best.to_dict())}, in "
            f"{mine['time_cpu_s']:,.1f} CPU seconds for {best['time_cpu_s']:,.1f}"
        )
    return "; ".join(said) + "."


QUOTES: dict[str, Callable[[Tables], str]] = {
    function.__name__: function
    for function in (
        *(learned_codes, learned_codes_witness, learned_targets, learning_time),
        *(ptq_peers, ptq_peers_best),
    )
}
