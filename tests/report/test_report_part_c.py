"""Roundings in the report: by decisions, or by what judges a network instead."""

import pandas as pd

from edgeint8.report.document import part_a, part_c


def rounding(**more):
    """Both feeds of two schemes, of one network."""
    row = {"workload": "net", "strategy": "s", "elements": 100, "differing": 3, "max_lsb": 1}
    row |= {"logits_differing": 5, "top1_changed": 2, "images": 50}
    return pd.DataFrame(
        [
            row | {"scheme": scheme, "fed": fed} | {k: v[scheme] for k, v in more.items()}
            for scheme in ("ort_float32", "int16_half_up")
            for fed in ("reference", "own")
        ]
    )


def test_roundings_are_told_by_decisions():
    (said,) = part_c.rounding_sentences(rounding())
    assert said == "**net**, `s`: a 16-bit multiplier changes 2 of 50 decisions."
    assert "judged by" not in part_c.rounding_table(rounding())


def test_roundings_are_told_by_what_judges_where_no_decision_is():
    names, values = ({"ort_float32": a, "int16_half_up": b} for a, b in (("psnr",) * 2, (41.5, 40)))
    judged = rounding(judged_by=names, value=values)
    (said,) = part_c.rounding_sentences(judged)
    assert said == "**net**, `s`: a 16-bit multiplier gives psnr 40, float32 41.5 (n = 50)."
    assert "| psnr | 40 |" in part_c.rounding_table(judged)


def test_the_float_network_has_its_metric():
    row = {"workload": "net", "data_source": "own", "parameters": 10, "macs": 20}
    row |= {"accuracy": float("nan")}
    row |= {"latency_ms_median": 1.0, "size_bytes": 5, "torch_ort_max_abs_diff": 0.0}
    plain = pd.DataFrame([row])
    assert "metric" not in part_a.section({"baseline": plain})
    assert "| mine.py:f 0.8765 |" in part_a.section(
        {"baseline": plain.assign(metric="mine.py:f", metric_value=0.87654)}
    )
