"""Tables of Part C: what the integer hardware computes, and how wide."""

from edgeint8.tables.table import (
    DATA_SOURCE,
    HARDWARE,
    JUDGED,
    LAYER,
    STRATEGY,
    WORKLOAD,
    Table,
    flag,
    integer,
    number,
    text,
)

GOLDEN = Table(
    "golden",
    "c",
    "One row a (workload, strategy, witness): the integer executor against a runtime.",
    (
        WORKLOAD,
        STRATEGY,
        text(
            "witness",
            "what the executor is compared with: `ort` is ONNX Runtime; for a network that came as "
            "a .tflite file also `litert_ref`, `litert_xnnpack` and `tflm`",
        ),
        integer("images", "", "test images"),
        integer("tensors", "", "tensors of the graph"),
        integer("elements", "", "compared over all images"),
        integer("mismatches", "", "elements that differ"),
        number(
            "max_abs_diff",
            "of the tensor",
            "largest difference in a tensor that is compared exactly",
        ),
        integer(
            "float_nodes",
            "",
            "nodes that stay in floating point, as in `quantization.csv`; they are executed and "
            "compared too",
        ),
    ),
    (
        text("first_mismatch", "tensor"),
        text("reference", "ONNX Runtime's optimisation level"),
        flag(
            "exact_u8s8_cpu",
            "whether this processor multiplies unsigned by signed INT8 without saturation",
        ),
        DATA_SOURCE,
        text(
            "note",
            "why the executor cannot run this graph; the columns before it are then empty",
        ),
    ),
)

BIT_GROWTH = Table(
    "bit_growth",
    "c",
    "One row a (workload, static strategy, layer): accumulator width in bits.",
    (
        WORKLOAD,
        STRATEGY,
        LAYER,
        integer("k", "", "products summed for one output"),
        integer("bits_rule", "bits", "textbook: product width + ceil(log2 K)"),
        integer("bits_exact", "bits", "largest reach of any input, from the weights, no bias"),
        integer("bits_exact_with_bias", "bits", "the same with the bias"),
        integer("bits_tile", "bits", "of one K-tile inside the array, `tile_rows` high"),
        integer("bits_observed", "bits", "of final sums on the test images"),
    ),
    (
        integer("bits_raw", "bits", "raw codes multiplied, the zero-point's share in the bias"),
        integer("bits_raw_with_bias", "bits", "the same with the bias"),
        integer("bits_raw_tile", "bits", "the same of one K-tile"),
        integer("tile_rows", "", "height of the array"),
        integer("bits_vertex", "bits", "reached by the vertex inputs, built and run"),
        DATA_SOURCE,
    ),
    needs="static",
)

ACCUMULATOR = Table(
    "accumulator",
    "c",
    "One row a (workload, static strategy): the accumulator to build.",
    (
        WORKLOAD,
        STRATEGY,
        integer("bits_guaranteed", "bits", "never overflow, for any input; zero-point subtracted"),
        integer("bits_observed", "bits", "enough for the test images"),
        integer("bits_tile", "bits", "inside the array"),
        integer("bits_guaranteed_raw_codes", "bits", "as `bits_guaranteed`, for raw codes"),
        integer("bits_tile_raw_codes", "bits", "as `bits_tile`, for raw codes"),
        text("limiting_layer", "the layer that needs `bits_guaranteed`"),
        *(
            integer(
                f"narrowest_{policy}",
                "bits",
                "narrowest accumulator under this policy from which on the test images show "
                "that at most `tolerance` is lost to exact sums (97.5 % confidence, paired), or no "
                "input makes it act; empty where overflow was not studied",
            )
            for policy in ("wrap", "saturate_final", "saturate_step", "saturate_tile")
        ),
    ),
    (
        number("tolerance", "share", "of accuracy, or of `judged_by`, that may be lost"),
        integer("overflow_images", "", "images of the overflow study"),
        text("judged_by", "as in `overflow.csv`"),
        DATA_SOURCE,
    ),
    needs="static",
)

OVERFLOW = Table(
    "overflow",
    "c",
    "One row a (workload, detail strategy, width, policy): the whole network on narrow "
    "accumulators.",
    (
        WORKLOAD,
        STRATEGY,
        integer("accumulator_bits", "bits"),
        text("policy", "`wrap`, `saturate_final`, `saturate_step` or `saturate_tile`"),
        integer("images"),
        number(
            "accuracy",
            "share",
            "top-1 of the network with this accumulator; agreement without labels",
        ),
        number("overflow_rate", "share", "of accumulators that the policy changed"),
        number("max_error", "accumulator", "against the exact sum of the same inputs"),
        number("mean_error", "accumulator", "the same"),
    ),
    (
        number("agreement", "share", "decisions as with exact sums"),
        number("clamps_per_image"),
        integer("tile_rows", "", "height of the array, for `saturate_tile`"),
        integer("sufficient_bits", "bits", "no policy acts from here on"),
        text(
            "judged_by",
            "the metric, or `worst channel`: against FP32, or exact sums where that is not known; "
            "empty: accuracy",
        ),
        number("value", "the yardstick's", "of `judged_by`"),
        number("margin", "the yardstick's", "what may be lost of it"),
        number(
            "difference",
            "the yardstick's, or share",
            "of `value`, else of accuracy, to exact sums on the same images",
        ),
        number(
            "difference_low",
            "the yardstick's, or share",
            "lower end of its paired 95 % interval (Tango's, of a metric by bootstrap); of the "
            "worst channel, which has no interval, the difference itself",
        ),
        DATA_SOURCE,
    ),
    needs="detail",
)

REQUANTIZE = Table(
    "requantize",
    "c",
    "One row a (workload, detail strategy, scheme, `fed`).",
    (
        WORKLOAD,
        STRATEGY,
        text("scheme", "of rounding"),
        integer("elements", "", "outputs that ONNX Runtime's scheme does not clamp"),
        integer("differing", "", "of these, codes that differ"),
        integer("max_lsb", "steps", "by how many at most"),
        integer("logits_differing", "images", "with any other output value"),
        integer("top1_changed", "images", "with another decision"),
    ),
    (
        text("fed", "`reference`: every layer reads ONNX Runtime's tensors; `own`: its own"),
        integer("images"),
        integer("clamped_elements"),
        *JUDGED,
        DATA_SOURCE,
    ),
    needs="detail",
)

RUNTIMES = Table(
    "runtimes",
    "c",
    "One row a pair of runtimes on a network that came as a .tflite file: how much they disagree.",
    (
        WORKLOAD,
        STRATEGY,
        text(
            "first",
            "a runtime: `ort`, `litert_ref`, `litert_xnnpack`, `tflm`, `cmsis_single`; "
            "`cmsis_double` beside a library of its own",
        ),
        text("second", "another one; our arithmetic of both, `golden.csv` has their witnesses"),
        integer("images"),
        integer("elements_differing", "", "over all tensors and images, differences travel"),
        integer("outputs_differing", "images", "with any other element in the first output"),
        integer("decisions_differing", "images", "with the largest element elsewhere"),
        number("max_abs_diff", "codes", "largest difference in any tensor"),
    ),
    (
        integer("elements", "", "compared over all tensors and images"),
        text("parts_at", "the first tensor that differs, in the file's order"),
        text("parts_operator", "the operator that makes it"),
        DATA_SOURCE,
    ),
    needs="tflite",
)

RUNTIME_RULES = Table(
    "runtime_rules",
    "c",
    "One row an operator of a network that came as a .tflite file: what a chip must implement to "
    "equal each runtime.",
    (
        WORKLOAD,
        STRATEGY,
        text("operator", "as the file names it, or the limit of a fused activation"),
        text("litert_ref", "what LiteRT's reference kernels compute"),
        text("litert_xnnpack", "what LiteRT computes by default on x86"),
        text("tflm", "what tflite-micro's reference kernels compute"),
    ),
    needs="tflite",
)

SCALESIM_TERMS = (
    *("off_by_one", "partial_sum_writes", "write_bursts", "double_counted_stalls"),
    *("cyclic_refetch", "prefetch_bursts", "fold_edges", "whole_fetches", "expanded_reads"),
    *("epoch_flushes", "padding", "skipped_inputs", "shared_operands", "uncounted_transfers"),
    *("fused_operands", "tiling", "separate_images", "per_port_bandwidth", "whole_bytes"),
    *("undrained_outputs", "serial_folds", "exposed_ends"),
)
"""What SCALE-Sim counts beyond the bound, in the order of docs/cost_model_account.md."""

RTL = Table(
    "rtl",
    "c",
    "One row a (workload, detail strategy, layer, machine of `rtl.hardware`): whole images through "
    "the machine in SystemVerilog ([rtl.md](rtl.md)), or one row that says why not. Cycles of RTL, "
    "machine, bound and SCALE-Sim for the same layer, and terms that add up from each to the next.",
    (
        WORKLOAD,
        STRATEGY,
        LAYER,
        HARDWARE,
        text("scheme", "of rounding"),
        text("policy", "of sums that do not fit, here `wrap` at 32 bits"),
        integer("words", "", "output codes compared with the executor's, all images"),
        integer("mismatches"),
        integer("rtl_cycles", "cycles", "counted in RTL"),
        integer("machine_cycles", "cycles", "by the recurrence of [machine.md](machine.md)"),
        integer("bound_cycles", "cycles", "no machine of this kind is faster"),
        integer("compute_cycles", "cycles", "of the machine's: the uncut layer on the array"),
        integer("tiling_cycles", "cycles", "what cutting it into tiles adds"),
        integer("first_tile_cycles", "cycles", "until the first tile is there"),
        integer("waits_cycles", "cycles", "for transfers, after that"),
        integer("array_drain_pipeline_cycles", "cycles", "stages behind the array"),
        integer("last_store_cycles", "cycles", "after the last tile"),
        integer("rtl_dram_bytes", "bytes", "counted in RTL"),
        integer("dram_bytes", "bytes", "of the machine's tile, constants included"),
        integer("bound_ends_cycles", "cycles", "of the bound's: first operands and last output"),
        integer("bound_dram_cycles", "cycles", "of the bound's: what the bus takes beyond that"),
        integer("scalesim_cycles", "cycles", "SCALE-Sim's; empty for a pool, which it has not"),
        text("scalesim_by", "who says so: `replica`, exact where `crosscheck.csv` compares it"),
        *(
            integer(f"scalesim_{term}_cycles", "cycles", "SCALE-Sim's minus the bound's: this term")
            for term in SCALESIM_TERMS
        ),
    ),
    (
        text("first_mismatch", "image, index, expected, got"),
        integer("images"),
        text("note", "why a network or a machine did not run"),
        DATA_SOURCE,
    ),
    needs="rtl",
)

TABLES = (GOLDEN, BIT_GROWTH, ACCUMULATOR, OVERFLOW, REQUANTIZE, RUNTIMES, RUNTIME_RULES, RTL)
