"""What the report says of bits per layer, word for word."""

import pandas as pd
from test_report_learned import LEARNING, QUANTIZATION

from edgeint8.report.document import layer_bits, learned

WHOLE = {"workload": "net", "strategy": "mean45", "mean_bits": 4.5, "choice": "spent"}
WHOLE |= {"holdout_sqnr_db": 28.25, "uniform_bits": 4, "uniform_sqnr_db": 18.43}
BITS = pd.DataFrame(
    [
        WHOLE | {"layer": "first", "weights": 100, "weight_bits": 8},
        WHOLE | {"layer": "second", "weights": 700, "weight_bits": 4},
    ]
)


def test_each_layer_and_what_equal_bits_would_keep():
    text = "\n".join(layer_bits.section({"bits": BITS}))
    assert "**net**, `mean45`: 4.50 bits a weight in the mean keep 28.2 dB" in text
    assert "on the hold-out, 4 bits in every layer 18.4 dB." in text
    assert "| first | 12.50 % | 8 |" in text and "| second | 87.50 % | 4 |" in text


def test_equal_bits_that_were_better_are_said_to_be():
    text = "\n".join(layer_bits.section({"bits": BITS.assign(choice="uniform")}))
    assert "4 bits in every layer kept more of the hold-out's SQNR" in text
    assert layer_bits.section({}) == []


def test_learned_layers_of_different_bits_show_both_ends():
    mixed = LEARNING.assign(weight_bits=[4, 7])
    assert "| `w4` | 4 to 7 |" in learned.learned_table(mixed, QUANTIZATION)
    assert "| `w4` | 4 |" in learned.learned_table(LEARNING, QUANTIZATION)
