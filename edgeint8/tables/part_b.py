"""Tables of Part B: which strategy, and why."""

from edgeint8.tables.table import (
    DATA_SOURCE,
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

QUANTIZATION = Table(
    "quantization",
    "b",
    "One row a (workload, strategy): the evidence on the whole test split.",
    (
        WORKLOAD,
        STRATEGY,
        text(
            "symmetry",
            "of activations: `symmetric` (int8, zero-point 0) or `asymmetric` (uint8); weights are "
            "symmetric int8",
        ),
        text("granularity", "of weight scales: `channel` or `tensor`"),
        text(
            "calibration",
            "`minmax`, `percentile`, `entropy`, `mse`, or `dynamic` (scales at run time, for "
            "comparison only)",
        ),
        integer(
            "bins",
            "",
            "histogram bins over [-t, t] that the calibration searched; empty for minmax and "
            "dynamic",
        ),
        text("format", "`qoperator` or `qdq`"),
        number("accuracy", "share", "top-1"),
        number("accuracy_low", "share", "lower end of Wilson's 95 % interval"),
        number("accuracy_high", "share", "upper end of it"),
        number("accuracy_delta", "share", "accuracy minus that of FP32"),
        number(
            "mcnemar_p_fp32",
            "",
            "McNemar's mid-p against FP32, adjusted by Holm over the strategies of the workload",
        ),
        number(
            "mcnemar_p_best",
            "",
            "the same against the most accurate strategy, which has none itself",
        ),
        number("sqnr_db", "dB", "of the logits against FP32's"),
        number("agreement", "share", "images with the same decision as FP32"),
        number(
            "latency_ratio",
            "",
            "time over FP32's on x86, one thread, batch 1: median of block medians of interleaved "
            "runs. **Not the ratio of an edge device**",
        ),
        flag("latency_resolved", "whether control and blocks repeat within 5 %"),
        integer("size_bytes", "bytes", "of the quantised model file"),
        integer("float_nodes", "", "nodes that compute in floating point in the graph that runs"),
        text("note", "every trap that was met: avoided, repaired or accepted"),
    ),
    (
        integer("batch", "images", "of a run; 1 for dynamic strategies"),
        integer("calibration_samples", "images", "that calibrated it"),
        number("percentile", "", "the strategy's option"),
        integer("bias_bits", "bits", "the strategy's option"),
        flag("power_of_two", "the strategy's option"),
        integer("weight_bits", "bits", "the strategy's option, or of its widest layer"),
        text("rounding", "the strategy's option: `nearest` or `learned` codes"),
        flag("equalize", "the strategy's option"),
        integer("bounded_bits", "bits", "the strategy's `accumulator_bits`, guaranteed"),
        integer("bounded_tile_rows", "products", "the strategy's `tile_rows`"),
        integer("bounded_tile_bits", "bits", "the strategy's `tile_bits`, guaranteed"),
        integer("images_learned", "images", "that codes were learned from"),
        text(
            "cpu_int8_flags",
            "flags of the quantising processor under which unsigned-by-signed products are exact, "
            "or `none`: then asymmetric strategies have 7-bit weights",
        ),
        integer("hardware_cost", "points", "what the recommendation counts without a price"),
        text("hardware_cost_reasons", "for what it counts"),
        number("delta_low", "share", "lower end of Tango's 95 % interval of `accuracy_delta`"),
        number("delta_high", "share", "upper end of it"),
        number("margin", "share", "of non-inferiority"),
        flag("non_inferior", "whether `delta_low` lies above minus the margin"),
        number("latency_ms_median", "ms", "one inference on x86"),
        number("latency_ms_mean", "ms", "the same"),
        number("latency_ms_p95", "ms", "the same"),
        number("latency_ratio_p5", "", "5th percentile of the block medians"),
        number("latency_ratio_p95", "", "95th percentile of them"),
        number("latency_control", "", "the same median for FP32 over FP32"),
        integer("draws", "", "calibration draws of `draws.csv`"),
        number("draws_sqnr_db_low", "dB", "least over the draws"),
        number("draws_sqnr_db_high", "dB", "most over the draws"),
        number("draws_accuracy_low", "share", "least over the draws"),
        number("draws_accuracy_high", "share", "most over the draws"),
        number("draws_value_low", "the yardstick's", "least over the draws, `judged_by` there"),
        number("draws_value_high", "the yardstick's", "most over the draws"),
        text("float_node_names", "separated by blanks"),
        integer("images", "", "size of the test split"),
        DATA_SOURCE,
        text("exclude", "the strategy's option: what it keeps float"),
        flag("auto_exclude", "the strategy's option"),
        text(
            "auto_excluded",
            "nodes that `auto_exclude` keeps float, chosen on the hold-out by the rule of "
            "`edgeint8/quant/auto_exclude.py`",
        ),
        text("auto_exclude_reason", "the numbers that chose them"),
        flag("split_outputs", "the strategy's option"),
        flag("clamp_masks", "the strategy's option"),
        number(
            "worst_channel_sqnr_db",
            "dB",
            "of the entry of axis 1 or of the last axis of the first output that lost most; the "
            "axis is the one whose ranges lie further apart",
        ),
        text("worst_channel", "which that is"),
        number("range_ratio", "", "largest over smallest range of these entries in FP32"),
        number(
            "softmax_kl",
            "nats",
            "divergence of the softmax of FP32's scores from that of this strategy's, mean over "
            "images; for classifiers only",
        ),
        text("metric", "the workload's, if it has one"),
        number("metric_value", "the metric's"),
        number("metric_fp32", "the metric's", "of FP32; empty for one that compares with FP32"),
        number("metric_margin", "the metric's", "what may be lost"),
        number("metric_delta", "the metric's", "value minus FP32's, on the same samples"),
        number("metric_delta_low", "the metric's", "lower end of its 95 % bootstrap interval"),
        number("metric_delta_high", "the metric's", "upper end of it"),
        flag("metric_non_inferior", "whether `metric_delta_low` lies above minus the margin"),
        number("mean_weight_bits", "bits", "mean over the weights; layer by layer in `bits.csv`"),
    ),
)

OUTPUTS = Table(
    "outputs",
    "b",
    "One row a (workload, strategy, output): every output of a network, not only the first, on the "
    "test split.",
    (
        WORKLOAD,
        STRATEGY,
        text("output", "its name in the network"),
        number("fp32_low", "", "least value in FP32"),
        number("fp32_high", "", "largest value in FP32"),
        number("low", "", "least value of this strategy"),
        number("high", "", "largest value of this strategy"),
        number("sqnr_db", "dB", "against FP32"),
        number("worst_channel_sqnr_db", "dB", "as in `quantization.csv`"),
        text("worst_channel", "as in `quantization.csv`"),
        number("range_ratio", "", "as in `quantization.csv`"),
    ),
)

LOW_SQNR = Table(
    "low_sqnr",
    "b",
    "One row a (workload, strategy) whose output keeps at most 20 dB: where it is lost, on the "
    "first samples of the test split.",
    (
        WORKLOAD,
        STRATEGY,
        text(
            "first_node_below_10_db",
            "of the float network, the first whose output keeps less than 10 dB; empty if none",
        ),
        text(
            "worst_tensor",
            "of what that node reads, the tensor whose worst entry lost most; its own output where "
            "all that it reads keeps 10 dB",
        ),
        number("sqnr_db", "dB", "of that tensor, the whole"),
        number("worst_entry_sqnr_db", "dB", "of its worst entry, as in `quantization.csv`"),
        number("range", "of the tensor", "its largest magnitude in FP32"),
        number("bulk_range", "of the tensor", "its 99.9 % quantile of magnitudes in FP32"),
        number("range_ratio", "", "largest over smallest range of its entries in FP32"),
        text("extreme_constants", "stored tensors with a magnitude of 10,000 or more, and it"),
    ),
)

RECOMMENDATION = Table(
    "recommendation",
    "b",
    "One row a (workload, static strategy), the recommended first: the rule of "
    "`edgeint8/quant/evidence/recommend.py` on the hold-out.",
    (
        WORKLOAD,
        STRATEGY,
        flag("recommended", "true for one row a workload"),
        integer(
            "rank",
            "",
            "among the eligible, from 1; empty for those that may lose more than the margin, or "
            "that keep less SQNR than `edgeint8/quant/evidence/order.py` asks for",
        ),
        integer("holdout_images", "images"),
        number("holdout_accuracy", "share"),
        number("holdout_difference", "share", "paired difference to the most accurate strategy"),
        number("holdout_difference_low", "share", "lower end of its 95 % interval"),
        number("holdout_sqnr_db", "dB"),
        number("margin", "share", "of non-inferiority"),
        number(
            "hardware_cost",
            "of the plain datapath's, or points",
            "geometric mean of energy and area of the datapath that the strategy's INT8 graph asks "
            "for, over those of eight-bit operands and 32-bit sums without a requantiser "
            "([physical_model.md](physical_model.md), equation 55); points where `priced_on` is "
            "empty",
        ),
        text("cost_reasons", "what that is built of, or for what points are counted"),
        text("reasoning", "the argument in words, in the recommended row"),
    ),
    (
        DATA_SOURCE,
        text(
            "judged_by",
            "the metric, or `worst channel`: SQNR of the worst entry of the first output, in dB; "
            "the columns of differences and margin are of it. Empty: accuracy, or agreement",
        ),
        number("holdout_value", "the yardstick's", "of `judged_by`"),
        integer("float_nodes", "", "as in `quantization.csv`"),
        number(
            "spread_db",
            "dB",
            "most minus least SQNR over calibration draws: smaller differences are ties; empty "
            "without two draws",
        ),
        number("energy_pj", "pJ", "an inference on that datapath, mid constants"),
        number("area_mm2", "mm2", "of it, at 45 nm, mid constants"),
        text(
            "priced_on",
            "the machine; empty for a workload without machines, or that it cannot hold",
        ),
    ),
    needs="calibrated",
)

DRAWS = Table(
    "draws",
    "b",
    "One row a (workload, static strategy, draw): the strategy calibrated on another set of "
    "images, judged on the first images of the hold-out. Draw 0 is the set that all other tables "
    "use.",
    (
        WORKLOAD,
        STRATEGY,
        integer("draw"),
        integer("images", "", "judged on"),
        number("sqnr_db", "dB"),
        number("accuracy", "share"),
    ),
    (
        DATA_SOURCE,
        *JUDGED,
    ),
    needs="calibrated",
)

SENSITIVITY = Table(
    "sensitivity",
    "b",
    "Two rows a (workload, detail strategy, layer), on the first images of the hold-out.",
    (
        WORKLOAD,
        STRATEGY,
        text("layer", "a layer with weights, together with the activation behind it"),
        text("mode", "`alone`: only this layer is quantised; `all_but`: every other layer is"),
        number("sqnr_db", "dB", "of the logits"),
        number("accuracy_drop", "share", "FP32's accuracy minus this network's"),
    ),
    (
        number("noise", "", "error power over signal power, 10^(-SQNR/10)"),
        *JUDGED,
        integer("images", "", "judged on"),
        DATA_SOURCE,
    ),
    needs="static_detail",
)

MIXED_PRECISION = Table(
    "mixed_precision",
    "b",
    "One row a (workload, detail strategy): the fewest float layers found that win back half of "
    "the loss. Both networks were run.",
    (
        WORKLOAD,
        STRATEGY,
        text(
            "measure",
            "of the loss: `metric` where its paired bootstrap shows one, `accuracy` where "
            "McNemar's test does, else `noise`",
        ),
        text("float_layers", "names separated by blanks"),
        integer("float_layer_count"),
        number("loss_before", "of the measure", "with all layers quantised"),
        number("loss_after", "of the measure", "with these in float"),
    ),
    (
        number("sqnr_db_before", "dB"),
        number("sqnr_db_after", "dB"),
        number("accuracy_drop_before", "share"),
        number("accuracy_drop_after", "share"),
        text("judged_by", "as in `sensitivity.csv`"),
        number("value_before", "the yardstick's"),
        number("value_after", "the yardstick's"),
        integer("networks_tried"),
        flag("exhaustive", "every smaller set was among them"),
        integer("images", "", "judged on"),
        DATA_SOURCE,
    ),
    needs="static_detail",
)

LAYER_TRAITS = Table(
    "layer_traits",
    "b",
    "One row a (workload, layer with weights): what may explain its sensitivity.",
    (
        WORKLOAD,
        LAYER,
        text("op_type", "operator of ONNX"),
        integer("k", "", "products summed for one output value"),
        integer("channels", "", "output channels"),
        integer("dead_channels", "", "those whose weights are all zero"),
        number(
            "weight_range_ratio",
            "",
            "largest over smallest magnitude maximum of the live channels: 2^b takes b bits from "
            "the weakest under one scale per tensor",
        ),
        number(
            "activation_outlier_ratio",
            "",
            "largest magnitude of the layer's input over its 99.9 % quantile",
        ),
    ),
    (DATA_SOURCE,),
    needs="calibrated",
)

LEVELS = Table(
    "levels",
    "b",
    "One row a (workload, activation tensor, calibration).",
    (
        WORKLOAD,
        text("tensor"),
        text("made_by", "operator that writes the tensor; `input` for a graph input"),
        text("calibration", "method"),
        number("low", "of the tensor", "range under asymmetric activations"),
        number("high", "of the tensor", "its other end"),
        number("limit", "of the tensor", "range [-limit, limit] under symmetric ones"),
        number("minimum", "of the tensor", "observed"),
        number("maximum", "of the tensor", "observed"),
        number("unused_asymmetric", "share", "of the 256 levels outside what was observed"),
        number("unused_symmetric", "share", "the same"),
    ),
    (DATA_SOURCE,),
    needs="calibrated",
)

HISTOGRAMS = Table(
    "histograms",
    "b",
    "One row a bin, 64 bins a histogram over [-t, t], t the largest magnitude: activations of the "
    "calibration images, and weights.",
    (
        WORKLOAD,
        text("kind", "`activation` or `weight`"),
        text("name", "tensor or layer"),
        number("low", "of the tensor", "edge of the bin"),
        number("high", "of the tensor", "edge of the bin"),
        integer("count"),
        number("share", "share", "of the histogram's values"),
    ),
    (DATA_SOURCE,),
    needs="calibrated",
)

TABLES = (
    *(QUANTIZATION, OUTPUTS, LOW_SQNR, RECOMMENDATION, DRAWS, SENSITIVITY),
    *(MIXED_PRECISION, LAYER_TRAITS, LEVELS, HISTOGRAMS),
)
