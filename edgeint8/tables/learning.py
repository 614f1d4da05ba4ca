"""Tables of Part B about learned codes: what learning did, and what each part of it is worth."""

from edgeint8.tables.table import (
    DATA_SOURCE,
    JUDGED,
    LAYER,
    STRATEGY,
    WORKLOAD,
    Table,
    integer,
    number,
    text,
)

BITS = Table(
    "bits",
    "b",
    "One row a (workload, strategy whose `weight_bits` is a budget, layer): the bits that were "
    "spent on it, chosen on the hold-out ([learned_codes.md](learned_codes.md)).",
    (
        WORKLOAD,
        STRATEGY,
        LAYER,
        integer("weights", "", "of the layer"),
        integer("weight_bits", "bits", "of each of them"),
        number(
            "noise_alone",
            "share",
            "error power over signal power of the logits for the hold-out, when this layer alone "
            "has these bits and all others eight",
        ),
    ),
    (
        *(number(f"noise_{bits}_bits", "share", "the same with so many") for bits in range(2, 9)),
        number("mean_bits", "bits", "of the network, over its weights"),
        text(
            "choice",
            "`spent`: layer by layer; `uniform`: the same bits everywhere kept more of the "
            "hold-out's SQNR",
        ),
        number("holdout_sqnr_db", "dB", "of the hold-out's logits with these bits"),
        integer("uniform_bits", "bits", "as many as the budget allows in every layer"),
        number("uniform_sqnr_db", "dB", "of the hold-out's logits with those"),
        number("cost_share", "share", "of what 8 bits everywhere cost, in the budget's unit"),
        integer("images", "", "of the hold-out that decided"),
        DATA_SOURCE,
    ),
    needs="budgets",
)

LEARNING = Table(
    "learning",
    "b",
    "One row a (workload, strategy with `rounding: learned`, layer): what learning its codes did "
    "([learned_codes.md](learned_codes.md)). Layers that keep their nearest codes are in the "
    "strategy's `note`, with the reason.",
    (
        WORKLOAD,
        STRATEGY,
        LAYER,
        integer("k", "products", "of one output"),
        integer("channels", "", "of the output"),
        number(
            "error_before",
            "share",
            "squared error to what the layer aims at (its float output; before an addition also "
            "what the other side lacks), with the ridge, over its variance: with the nearest codes "
            "at the natural scale",
        ),
        number(
            "error_after",
            "share",
            "the same with the learned codes; under a narrow bound it may be larger",
        ),
        integer("codes_changed", "", "codes that differ from the nearest"),
        integer(
            "bits_guaranteed", "bits", "no input makes any partial sum leave them, bias included"
        ),
        integer("bits_tile", "bits", "the same of `tile_rows` products, without the bias"),
    ),
    (
        integer("tile_rows", "products", "of a tile; 16 where the strategy names none"),
        integer("weight_bits", "bits", "that the levels of this layer need"),
        integer("windows", "", "rows that were learned from"),
        integer("images", "", "of the calibration split that they come from"),
        DATA_SOURCE,
    ),
    needs="learned",
)

ABLATION = Table(
    "ablation",
    "b",
    "One row a (workload, strategy with `rounding: learned` and no bound, part): what each part of "
    "learning is worth on the whole test split, which chooses nothing.",
    (
        WORKLOAD,
        STRATEGY,
        text(
            "part",
            "`nearest` codes; `equalised` layers; `bias`, the means removed; `scale`, searched; "
            "`codes`, all of it: each added to the one before. `codes_unequalised` leaves "
            "equalisation out again",
        ),
        number("accuracy", "share", "top-1"),
        number("accuracy_delta", "share", "accuracy minus that of FP32"),
        number("delta_low", "share", "lower end of Tango's 95 % interval of it (paired)"),
        number("delta_high", "share", "upper end of it"),
        number(
            "mcnemar_p_fp32", "", "McNemar's mid-p against FP32, adjusted by Holm over the parts"
        ),
        number("sqnr_db", "dB", "of the logits against FP32's"),
        number("mcnemar_p_before", "", "McNemar's mid-p against the row before"),
        integer("images", "", "size of the test split"),
    ),
    (*JUDGED, DATA_SOURCE),
    needs="unbounded",
)

TABLES = (BITS, LEARNING, ABLATION)
