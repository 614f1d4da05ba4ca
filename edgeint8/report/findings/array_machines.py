"""Which machines a figure or a sentence compares, so that one thing differs at a time.

All functions take ``dse.csv`` or rows of it. A preset brings its own clock, bus and fold
pipelining, so it is never part of a sweep: it stands beside it.
"""

from collections.abc import Sequence

import pandas as pd

from edgeint8.hardware_id import read_hardware_id

CAUSES = {
    "compute": "computing",
    "fold_edges": "fold edges",
    "fill_drain": "fill and drain",
    "stalls": "stalls",
    "dram_bandwidth": "DRAM bandwidth",
}
MOST_EXTRA_TICKS = 20
FEW = 12  # machines that a figure can show one by one


def machines(dse: pd.DataFrame) -> pd.DataFrame:
    """`dse` with what selections need: array (8x8), pes, kb (of all operands), limited, preset."""
    buffers = dse["sram_kb"].astype(str)
    return dse.assign(
        array=dse["rows"].astype(str) + "x" + dse["cols"].astype(str),
        pes=dse["rows"] * dse["cols"],
        sram_kb=buffers,
        kb=buffers.map(_total_kb).astype(int),
        bandwidth=dse["bandwidth"].astype(str),
        limited=dse["bandwidth"].astype(str) != "unlimited",
        preset=~dse["hardware"].astype(str).map(lambda name: read_hardware_id(name) is not None),
    )


def sweep(dse: pd.DataFrame) -> pd.DataFrame:
    """Machines that differ in array and dataflow only: those of the commonest buffer and bandwidth.

    Among equally common ones a limited bandwidth goes first, as real machines have one, then the
    larger bandwidth, then the larger buffer, which leaves the array as the cause of what is seen.
    """
    frame = machines(dse)
    frame = frame[~frame["preset"]]
    if frame.empty:
        return frame
    groups = [rows for _, rows in frame.groupby(["sram_kb", "bandwidth"], sort=False)]
    return max(groups, key=_commonness)


def single_points(dse: pd.DataFrame) -> pd.DataFrame:
    """Machines that stand for themselves: presets, designs named one by one, and all of a few.

    Left out are the sweep and its repetitions: what another buffer or bandwidth has of its arrays
    and dataflows, if that is more than half of them.
    """
    frame, swept = machines(dse), sweep(dse)
    others = frame[~frame["hardware"].isin(swept["hardware"])]
    if frame["hardware"].nunique() <= FEW:
        return others
    grid = set(zip(swept["array"], swept["dataflow"], strict=True))
    repeated: set[str] = set()
    for _, rows in others[~others["preset"]].groupby(["sram_kb", "bandwidth"], sort=False):
        layouts = list(zip(rows["array"], rows["dataflow"], strict=True))
        if 2 * len(grid & set(layouts)) > len(grid):
            names = zip(rows["hardware"], layouts, strict=True)
            repeated |= {str(name) for name, layout in names if layout in grid}
    return others[~others["hardware"].isin(repeated)]


def array_axis(dse: pd.DataFrame) -> pd.DataFrame:
    """The sweep, then presets and single points, with the `tick` under which each is drawn."""
    swept = sweep(dse).sort_values(["pes", "rows"], kind="stable")
    single = single_points(dse)
    ticks = _ticks(single)
    shown = list(dict.fromkeys(ticks))[:MOST_EXTRA_TICKS]
    single = single.assign(tick=ticks)
    single = single[single["tick"].isin(shown)]
    return pd.concat([swept.assign(tick=swept["array"]), single])


def sram_sweep(dse: pd.DataFrame) -> pd.DataFrame:
    """Machines of one array and bandwidth: those with most buffer sizes.

    Among equals a limited bandwidth goes first, the smallest before others, then the larger array:
    where DRAM matters most. Presets only if there is nothing else.
    """
    frame = machines(dse)
    frame = frame if frame["preset"].all() else frame[~frame["preset"]]
    groups = [rows for _, rows in frame.groupby(["array", "bandwidth"], sort=False)]
    return max(groups, key=_sram_interest).sort_values("kb", kind="stable")


def reference(dse: pd.DataFrame) -> str:
    """The machine that stands for all where one must: the fastest with a limited bandwidth."""
    frame = machines(dse)
    limited = frame[frame["limited"]]
    frame = limited if len(limited) else frame
    return str(frame.loc[frame["model_ms"].idxmin(), "hardware"])


def twin(dse: pd.DataFrame, hardware: str, dataflow: str) -> str | None:
    """The machine of the study that differs from `hardware` in its dataflow only."""
    frame = machines(dse)
    row = frame[frame["hardware"] == hardware].iloc[0]
    if row["preset"]:
        return None
    same = frame[~frame["preset"] & (frame["dataflow"] == dataflow)]
    for column in ("array", "sram_kb", "bandwidth"):
        same = same[same[column] == row[column]]
    return None if same.empty else str(same["hardware"].iloc[0])


def causes(roofline: pd.DataFrame) -> pd.Series:
    """Cycles of some layers by cause, in the order of `CAUSES`."""
    return pd.Series({name: float(roofline[f"{name}_cycles"].sum()) for name in CAUSES})


def condition(row: pd.Series) -> str:
    """Buffers and bandwidth of a machine, in words."""
    return f"{row['sram_kb']} kB per operand, {bandwidth_text(row['bandwidth'])}"


def bandwidth_text(bandwidth: object) -> str:
    """A bandwidth in words, from the cell of a table."""
    if str(bandwidth) == "unlimited":
        return "unlimited bandwidth"
    return f"{bandwidth} B per cycle and port"


def enumeration(items: Sequence[str]) -> str:
    """``a, b and c``."""
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


def _total_kb(text: str) -> int:
    """``64`` is per operand, ``64/64/128`` one by one."""
    sizes = [int(part) for part in text.split("/")]
    return sum(sizes) if len(sizes) > 1 else 3 * sizes[0]


def _speed(rows: pd.DataFrame) -> float:
    bandwidth = str(rows["bandwidth"].iloc[0])
    return 0.0 if bandwidth == "unlimited" else float(bandwidth)


def _commonness(rows: pd.DataFrame) -> tuple[int, float, int]:
    distinct = len(rows[["array", "dataflow"]].drop_duplicates())
    return distinct, _speed(rows), int(rows["kb"].iloc[0])


def _sram_interest(rows: pd.DataFrame) -> tuple[int, int, float, int]:
    limit = _speed(rows)
    slowest_first = -limit if limit else 0.0
    return rows["kb"].nunique(), int(limit > 0), slowest_first, int(rows["pes"].iloc[0])


def _ticks(rows: pd.DataFrame) -> list[str]:
    return [
        str(row["hardware"]).replace("_", "\n")
        if row["preset"]
        else f"{row['array']}\n{row['sram_kb']} kB\n{row['bandwidth']} Bpc".replace(
            "unlimited Bpc", "unlimited"
        )
        for row in rows.to_dict("records")
    ]
