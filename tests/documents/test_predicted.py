"""Figures that were predicted first: ours are still what was committed before they were known."""

import importlib
import sys
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))
published_blind = importlib.import_module("published_blind")
KEPT = pd.read_csv(ROOT / "docs/data/benchmarks/predicted.csv")
KEY = ["source", "quantity", "conditions"]


@pytest.fixture(scope="module")
def found() -> pd.DataFrame:
    return pd.DataFrame([vars(check) for check in published_blind.blind()])


def test_every_prediction_is_the_one_that_was_committed(found) -> None:
    """Where the model moves, these are predictions no more: docs/validation.md has to say so."""
    assert len(found) >= 10 and found["predicted"].all() and not found.duplicated(KEY).any()
    both = KEPT.merge(found, on=KEY, suffixes=("", "_today"), validate="one_to_one")
    assert len(both) == len(KEPT) == len(found)
    for name, today in (("ours", "ours_today"), ("ours_low", "low"), ("ours_high", "high")):
        pd.testing.assert_series_equal(both[name], both[today], check_names=False, rtol=1e-9)


def test_the_published_layers_add_up_to_the_published_totals(found) -> None:
    """Table VI's own totals: 3,755.2 ms, 11,035.8 MB and 236 mW for 13 layers of three images."""
    vgg = found[found["source"].str.startswith("Eyeriss")]
    sums = {
        word: vgg.loc[vgg["quantity"].str.contains(word), "published"].sum()
        for word in ("time", "buffer", "energy")
    }
    assert sums["time"] == pytest.approx(3755.2, abs=0.2)
    assert sums["buffer"] == pytest.approx(11_035.8, rel=1e-3)
    assert sums["energy"] / sums["time"] * 1e3 == pytest.approx(236, abs=3)


def test_gap9_by_hand(found) -> None:
    """Anomaly detection is ten dense layers: 264,192 weights at 8 bytes a cycle of 370 MHz."""
    rows = found[(found["quantity"] == "anomaly detection time")].set_index("conditions")
    least = 264_192 / 8 / 370e6 * 1e3
    assert least < rows.loc["autoencoder, 0.8 V, 370 MHz", "ours"] < 1.05 * least
    slow = rows.loc["autoencoder, 0.65 V, 240 MHz", "ours"]
    assert slow == pytest.approx(rows["ours"].min() * 370 / 240)


def test_energy_goes_with_the_square_of_the_voltage(found) -> None:
    """But for leakage, which at the low constants is next to nothing."""
    energies = found[found["quantity"].str.endswith(" energy")]
    low = energies.groupby("quantity")["low"].agg(list)
    assert all(slow / fast == pytest.approx((0.65 / 0.8) ** 2, rel=0.01) for fast, slow in low)
