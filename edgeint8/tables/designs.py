"""Tables of Part D: the space of designs, what is recommended, and what formats cost."""

from edgeint8.tables.part_d import AREA, BOUND_BY, ENERGY_BAND, OF_ONE_INFERENCE
from edgeint8.tables.table import (
    DATA_SOURCE,
    HARDWARE,
    JUDGED,
    WORKLOAD,
    Column,
    Table,
    flag,
    integer,
    number,
    text,
)

_ARRAY = (
    WORKLOAD,
    HARDWARE,
    integer("rows", "", "of the array"),
    integer("cols", "", "of the array"),
    text("dataflow", "`ws`, `os` or `is`"),
    integer("ifmap_sram_kb", "KiB"),
    integer("filter_sram_kb", "KiB"),
    integer("ofmap_sram_kb", "KiB"),
    text("bandwidth", "of DRAM, per port, or `unlimited`", "bytes per cycle"),
    flag("pipelined", "whether the next fold loads while the present one computes"),
    number("bound_cycles", "cycles", "all layers: no machine of this kind is faster"),
)


def _costs(cycles: str) -> tuple[Column, ...]:
    """What a design costs in the time of the column `cycles`."""
    return (
        number("model_ms", "ms", f"`{cycles}` at the clock"),
        number("fps", "inferences a second", "by `model_ms`"),
        *ENERGY_BAND,
        AREA,
        number("power_mw", "mW", "`energy_pj` over `model_ms`"),
        number("dram_bytes", "bytes"),
        number("utilization", "share", f"MACs over what the array could do in `{cycles}`"),
        BOUND_BY,
    )


_NEED = (
    text(
        "objective",
        "`rate` (energy a period), `deadline` (energy an inference) or `edp` (energy times "
        "delay: no need is stated)",
    ),
    number("rate", "inferences a second", "that the workload states"),
    number("deadline_ms", "ms", "that the workload states"),
    number("period_energy_pj", "pJ", "an inference at this rate, idle until the next included"),
    number("rate_power_mw", "mW", "`period_energy_pj` times `rate`"),
    number(
        "idle_power_mw",
        "mW",
        "of a waiting machine: the clock of its elements, what SRAM leaks",
    ),
)

PARETO = Table(
    "pareto",
    "d",
    "One row a design on the exact front of all designs walked (cycles, energy, area, bandwidth).",
    (*_ARRAY, *_costs("bound_cycles")),
    (
        integer("designs", "", "walked"),
        integer("feasible_designs", "", "of these, inside the constraints"),
        *OF_ONE_INFERENCE,
    ),
)

BEST = Table(
    "best",
    "d",
    "The recommended design, those after it, and what SCALE-Sim alone would take, by the rule in "
    "[physical_model.md](physical_model.md). Time, energy, bytes and utilisation are those of the "
    "machine that waits for tiles, with the best tile of each layer; `bound_cycles` and `bound_by` "
    "are the bound's. Where designs have no machine (`explore.shared_bus: false`, or more tiles "
    "than can be run), they are ranked by the bound and `machine_cycles` is empty.",
    (
        *_ARRAY,
        *_costs("machine_cycles"),
        number("machine_cycles", "cycles", "all layers on the machine ([machine.md](machine.md))"),
        integer(
            "rank",
            "",
            "1 is recommended: by area near the least energy for the stated need (equation 51), or "
            "by energy times delay at the recommended bandwidth",
        ),
        number(
            "behind_to_be_had",
            "share",
            "the objective's figure above the least of the bandwidths that are to be had",
        ),
        number("behind_any", "share", "the same above the least of all, unlimited included"),
        number(
            "dram_gb_per_s",
            "1e9 bytes a second",
            "what the design asks for; the limit is `explore.dram_gb_per_s`",
        ),
        number("scalesim_cycles", "cycles", "SCALE-Sim's USER cycles (the replica's)"),
        flag("scalesim_choice", "true for the design that has fewest of them"),
        text("constraints", "the limits of the study, in words"),
        *OF_ONE_INFERENCE,
        *_NEED,
        text("plain_hardware", "what most would build first: ws 16x16 of this bandwidth"),
        number(
            "figure_vs_plain",
            "share",
            "the objective's figure over that of `plain_hardware`; empty where that is too slow or "
            "too small",
        ),
        number("area_vs_plain", "share", "the area over that of `plain_hardware`"),
    ),
)

SUITE = Table(
    "suite",
    "d",
    "One row a network of `explore.suite`, all on the machine that is recommended for them "
    "together ([physical_model.md](physical_model.md), equations 52 and 53); costs as in "
    "`best.csv`. No rows where no machine is fast enough for all.",
    (
        *_ARRAY,
        *_costs("machine_cycles"),
        number("machine_cycles", "cycles", "all layers on the machine; empty by the bound"),
        number("weight", "", "of the study"),
        number(
            "regret",
            "",
            "the objective's figure of this network on the suite's machine over the least that is "
            "to be had for it alone",
        ),
        text("own_hardware", "what is recommended for this network alone"),
        number("own_area_mm2", "mm2", "its area"),
        *OF_ONE_INFERENCE,
        *_NEED,
    ),
    needs="suite",
)

BAND = Table(
    "band",
    "d",
    "One row a (workload, level of the constants): what survives the energy band.",
    (
        WORKLOAD,
        text("level", "`low`, `mid` or `high` constants"),
        integer("front", "designs", "size of the front at this level"),
        integer("shared_with_mid", "designs", "of it, what is on the front at mid too"),
        number("share_of_mid", "share", "that as a share of the front at mid"),
        text("best_hardware", "the design recommended at this level"),
        integer("best_rank_mid", "", "its rank at mid (0: not ranked there)"),
        number(
            "rank_correlation",
            "",
            "Spearman's, of the objective's figure at this level and at mid, over the designs on "
            "both fronts that are fast enough by the bound",
        ),
    ),
    (
        integer("draws", "", "in which every constant varies by itself; 0 where nothing competes"),
        number("draws_won", "share", "of them, in which the rule recommends `best_hardware`"),
        text("dethroned_by", "ends of one constant's band that alone cost mid's design its place"),
        text("flip_constant", "the constant that alone dethrones mid's design soonest"),
        number("flip_ratio", "", "its ratio to mid where that happens"),
        integer("contenders", "designs", "that compete in the draws (equation 46)"),
        text("objective", "whose figure is ranked by: `rate`, `deadline` or `edp`"),
        text("challenger", "of the designs other than mid's, the one that wins most draws"),
        number("challenger_won", "share", "of the draws, that it wins"),
    ),
)

FRONT_CHECK = Table(
    "front_check",
    "d",
    "One row a (workload, design, quantity): every design of the front by the full model, and the "
    "best few by SCALE-Sim.",
    (
        WORKLOAD,
        HARDWARE,
        text("quantity"),
        number("sweep", "", "what the sweep found"),
        number("full_model"),
        number("difference", "", "sweep minus full model"),
    ),
    (
        number(
            "scalesim",
            "cycles",
            "for `compute_cycles_serial` (serial folds, all that SCALE-Sim can witness): its "
            "cycles, one added for each run",
        ),
        number("scalesim_difference", "cycles", "from the full model"),
        text("note", "why a design was not simulated"),
    ),
)

CODESIGN = Table(
    "codesign",
    "d",
    "One row a quantisation choice of a network that the study quantises, priced on one machine. "
    "The base is the recommended strategy with 32-bit sums; every other axis changes one thing in "
    "it. Prices: equations 56 to 63 of [physical_model.md](physical_model.md).",
    (
        WORKLOAD,
        text(
            "axis",
            "`strategy` (every static one), `zero_point`, `requantizer`, `accumulator`, "
            "`weight_bits`, `weights_and_accumulator` (fewer weight bits and sums as wide as these "
            "weights can need), `learned` (codes learned for fewer bits or under a bound)",
        ),
        text("choice"),
        text(
            "strategy",
            "of the choice: the base, for `zero_point` the asymmetric one most like it",
        ),
        flag("base", "true for the row that the others start from"),
        text(
            "hardware",
            "machine of the study most like the recommended design, with a limited bandwidth if "
            "any has one",
        ),
        integer("weight_bits", "bits", "of the multiplier: where layers differ, of the widest"),
        integer("activation_bits", "bits", "9 where the zero-point is subtracted first"),
        integer("accumulator_bits", "bits"),
        text(
            "zero_point",
            "`none` (symmetric), `folded` (raw codes, the constant in the bias) or `subtracted`",
        ),
        text("requantizer", "as in `requantize.csv`"),
        flag("per_channel", "whether each output channel has its scale"),
        number("accuracy", "share", "bit-true on `images` test images; empty where not known"),
        number("accuracy_delta", "share", "as in `quantization.csv`"),
        number("sqnr_db", "dB"),
        integer("images"),
        *ENERGY_BAND,
        AREA,
        number("bound_cycles", "cycles"),
        number("model_ms", "ms", "`bound_cycles` at the machine's clock"),
        integer("weight_bytes", "bytes", "packed weights"),
        integer("scale_bytes", "bytes", "the requantisers' scales"),
        integer("storage_bytes", "bytes", "both, with the biases"),
        integer(
            "compared_elements",
            "",
            "networks with narrow weights: integer executor against ONNX Runtime on the first "
            "images",
        ),
        integer("mismatches"),
        flag(
            "pareto_low",
            "on the front of quality and energy, low constants: `value`, else accuracy, else SQNR",
        ),
        flag("pareto", "the same at mid constants"),
        flag("pareto_high", "the same at high constants"),
        text("note", "widths that never overflow, what is not priced"),
    ),
    (
        text("rounding", "`nearest` or `learned` codes"),
        number("energy_vs_proven", "", "energy over that of the base at its guaranteed width"),
        number("area_vs_proven", "", "area over that of the base at its guaranteed width"),
        flag("pareto_unlearned", "on the front of the choices without learning, mid constants"),
        *JUDGED,
        number("margin", "the yardstick's, or share", "what may be lost of the base's"),
        DATA_SOURCE,
        *OF_ONE_INFERENCE,
    ),
    needs="priced",
)

VALIDATION = Table(
    "validation",
    "d",
    "One row a published figure against the physical model, the same in every study; "
    "[validation.md](validation.md) shows them.",
    (
        text("source", "by whom"),
        text("quantity", "what was published"),
        text("unit"),
        text("conditions", "under which"),
        number("published", "`unit`"),
        number("ours", "`unit`", "the model's"),
        number("error", "share", "ours over published, less one"),
        text("why", "what explains the error"),
    ),
    (
        text(
            "kind",
            "what was published comes from `silicon`, `foreign RTL`, `synthesis`, a "
            "`model` or `arithmetic`",
        ),
        number("ours_low", "`unit`", "at the low ends of the constants; empty where none enters"),
        number("ours_high", "`unit`", "at the high ends"),
        flag("predicted", "ours was committed before the published figure was looked up"),
    ),
)

TABLES = (PARETO, FRONT_CHECK, BEST, BAND, SUITE, VALIDATION, CODESIGN)
