# Part B: model.onnx -> calibrate once per method -> quantise per strategy -> evidence


rule calibrate:
    input:
        extensions=EXTENSIONS,
        dataset=dataset_of,
        model=f"{NETWORK}/model.onnx",
    output:
        calibration=f"{NETWORK}/calibration/{{calibration}}.json",
    log:
        f"{LOGS}/calibrate/{{workload}}/{{calibration}}.log",
    benchmark:
        f"{BENCHMARKS}/calibrate/{{workload}}/{{calibration}}.tsv"
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=growing(3000),
    params:
        code=code("calibrate"),
        seed=STUDY.seed,
        strategy=lambda wildcards: CALIBRATIONS[wildcards.calibration].name,
        options=lambda wildcards: STUDY.strategies[CALIBRATIONS[wildcards.calibration].name],
    script:
        "../scripts/calibrate.py"


rule spend_bits:
    """Bits of every layer, of strategies that have a budget for all; the hold-out decides."""
    input:
        extensions=EXTENSIONS,
        dataset=dataset_of,
        model=f"{NETWORK}/model.onnx",
        calibration=calibration_of,
        presets=presets_of,
        technology=constants_of,
    output:
        bits=f"{STRATEGY}/bits.json",
        table=f"{STRATEGY}/bits.csv",
    log:
        f"{LOGS}/spend_bits/{{workload}}/{{strategy}}.log",
    benchmark:
        f"{BENCHMARKS}/spend_bits/{{workload}}/{{strategy}}.tsv"
    wildcard_constraints:
        strategy=one_of(BUDGETS),
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=growing(3000),
    params:
        code=code("spend_bits"),
        seed=STUDY.seed,
        options=lambda wildcards: STUDY.strategies[wildcards.strategy],
        images=STUDY.sensitivity["images"],
        hardware=hardware_of,
        dram=STUDY.dram,
    script:
        "../scripts/spend_bits.py"


rule quantize_strategy:
    input:
        extensions=EXTENSIONS,
        dataset=lambda wildcards: dataset_of(wildcards) if chooses(wildcards) else [],
        model=f"{NETWORK}/model.onnx",
        calibration=calibration_of,
        metric=lambda wildcards: metric_files(wildcards.workload) if chooses(wildcards) else [],
        bits=bits_of,
    output:
        model=f"{STRATEGY}/model.onnx",
        executable=f"{STRATEGY}/executable.onnx",
        facts=f"{STRATEGY}/quantize.json",
    log:
        f"{LOGS}/quantize/{{workload}}/{{strategy}}.log",
    benchmark:
        f"{BENCHMARKS}/quantize/{{workload}}/{{strategy}}.tsv"
    wildcard_constraints:
        strategy=one_of([name for name in STRATEGIES if name not in LEARNED]),
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
    params:
        code=code("quantize"),
        metric=lambda wildcards: metric_of(wildcards.workload) if chooses(wildcards) else None,
        options=lambda wildcards: STUDY.strategies[wildcards.strategy],
    script:
        "../scripts/quantize.py"


rule learn:
    """A strategy whose codes are learned, and what learning them did, layer by layer."""
    input:
        extensions=EXTENSIONS,
        dataset=dataset_of,
        model=f"{NETWORK}/model.onnx",
        calibration=calibration_of,
        metric=lambda wildcards: metric_files(wildcards.workload) if chooses(wildcards) else [],
        bits=bits_of,
    output:
        model=f"{STRATEGY}/model.onnx",
        executable=f"{STRATEGY}/executable.onnx",
        facts=f"{STRATEGY}/quantize.json",
        codes=f"{STRATEGY}/codes.npz",
        learning=f"{STRATEGY}/learning.csv",
    log:
        f"{LOGS}/learn/{{workload}}/{{strategy}}.log",
    benchmark:
        f"{BENCHMARKS}/learn/{{workload}}/{{strategy}}.tsv"
    wildcard_constraints:
        strategy=one_of(LEARNED),
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=growing(3000),
    params:
        code=code("learn"),
        metric=lambda wildcards: metric_of(wildcards.workload) if chooses(wildcards) else None,
        seed=STUDY.seed,
        options=lambda wildcards: STUDY.strategies[wildcards.strategy],
    script:
        "../scripts/learn.py"


rule ablation:
    """What each part of learning is worth, for strategies that bound no sum."""
    input:
        extensions=EXTENSIONS,
        dataset=dataset_of,
        model=f"{NETWORK}/model.onnx",
        facts=f"{STRATEGY}/quantize.json",
        fp32=f"{NETWORK}/fp32_logits.npz",
        metric=lambda wildcards: metric_files(wildcards.workload),
        bits=bits_of,
    output:
        table=f"{STRATEGY}/ablation.csv",
    log:
        f"{LOGS}/ablation/{{workload}}/{{strategy}}.log",
    benchmark:
        f"{BENCHMARKS}/ablation/{{workload}}/{{strategy}}.tsv"
    wildcard_constraints:
        strategy=one_of(UNBOUNDED),
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=growing(3000),
    params:
        code=code("ablation"),
        metric=lambda wildcards: metric_of(wildcards.workload),
        seed=STUDY.seed,
        options=lambda wildcards: STUDY.strategies[wildcards.strategy],
    script:
        "../scripts/ablation.py"


rule adopt:
    """A network that came quantised: nothing is chosen, its own arithmetic is what runs."""
    input:
        model=f"{NETWORK}/model.onnx",
    output:
        model=f"{STRATEGY}/model.onnx",
        executable=f"{STRATEGY}/executable.onnx",
        facts=f"{STRATEGY}/quantize.json",
    log:
        f"{LOGS}/adopt/{{workload}}/{{strategy}}.log",
    benchmark:
        f"{BENCHMARKS}/adopt/{{workload}}/{{strategy}}.tsv"
    wildcard_constraints:
        workload=one_of(ADOPTED),
        strategy=GIVEN,
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
    params:
        code=code("adopt"),
    script:
        "../scripts/adopt.py"


rule evaluate:
    input:
        dataset=dataset_of,
        model=f"{STRATEGY}/executable.onnx",
        facts=f"{STRATEGY}/quantize.json",
    output:
        logits=f"{STRATEGY}/logits.npz",
    log:
        f"{LOGS}/evaluate/{{workload}}/{{strategy}}.log",
    benchmark:
        f"{BENCHMARKS}/evaluate/{{workload}}/{{strategy}}.tsv"
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=growing(3000),
    params:
        code=code("evaluate"),
        splits=lambda wildcards: ["test"] if wildcards.workload in ADOPTED else ["holdout", "test"],
    script:
        "../scripts/evaluate.py"


rule latency:
    input:
        dataset=dataset_of,
        fp32=lambda wildcards: (
            [] if wildcards.workload in ADOPTED else f"{RESULTS}/{wildcards.workload}/model.onnx"
        ),
        quantized=strategy_files(f"{STRATEGY}/executable.onnx"),
    output:
        table=f"{NETWORK}/latency.csv",
    log:
        f"{LOGS}/latency/{{workload}}.log",
    benchmark:
        f"{BENCHMARKS}/latency/{{workload}}.tsv"
    # All cores, although one thread computes: nothing else of this run shares the machine.
    conda:
        "../../envs/edgeint8.yaml"
    threads: every_core()
    resources:
        mem_mb=growing(2000),
    params:
        code=code("latency"),
        options=STUDY.latency,
        strategies=lambda wildcards: strategies_of(wildcards.workload),
    script:
        "../scripts/latency.py"


rule judge:
    """The metric of a network on the test split; an edit in its file judges anew."""
    input:
        dataset=dataset_of,
        fp32=lambda wildcards: float_logits(wildcards.workload),
        logits=strategy_files(f"{STRATEGY}/logits.npz"),
        metric=lambda wildcards: metric_files(wildcards.workload),
    output:
        table=f"{NETWORK}/metric.csv",
    log:
        f"{LOGS}/judge/{{workload}}.log",
    benchmark:
        f"{BENCHMARKS}/judge/{{workload}}.tsv"
    wildcard_constraints:
        workload=one_of(JUDGED),
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
    params:
        code=code("judge"),
        metric=lambda wildcards: metric_of(wildcards.workload),
        strategies=lambda wildcards: strategies_of(wildcards.workload),
    script:
        "../scripts/judge.py"


rule quantization_rows:
    """Lists where the evidence goes on without what a network has to leave out."""
    input:
        extensions=EXTENSIONS,
        dataset=dataset_of,
        fp32=lambda wildcards: float_logits(wildcards.workload),
        facts=strategy_files(f"{STRATEGY}/quantize.json"),
        logits=strategy_files(f"{STRATEGY}/logits.npz"),
        latency=[f"{NETWORK}/latency.csv"],
        draws=lambda wildcards: network_files("draws", wildcards, CALIBRATED),
        metrics=lambda wildcards: network_files("metric", wildcards, JUDGED),
    output:
        table=f"{NETWORK}/quantization.csv",
    log:
        f"{LOGS}/quantization_rows/{{workload}}.log",
    benchmark:
        f"{BENCHMARKS}/quantization_rows/{{workload}}.tsv"
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
    params:
        code=code("quantization_rows"),
        strategies=lambda wildcards: strategies_of(wildcards.workload),
    script:
        "../scripts/quantization_rows.py"


rule output_ranges:
    input:
        fp32=lambda wildcards: float_logits(wildcards.workload),
        logits=strategy_files(f"{STRATEGY}/logits.npz"),
    output:
        table=f"{NETWORK}/outputs.csv",
    log:
        f"{LOGS}/output_ranges/{{workload}}.log",
    benchmark:
        f"{BENCHMARKS}/output_ranges/{{workload}}.tsv"
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
    params:
        code=code("output_ranges"),
        strategies=lambda wildcards: strategies_of(wildcards.workload),
    script:
        "../scripts/output_ranges.py"


rule low_sqnr:
    """Why the SQNR of a strategy is low; nothing is run for those that keep enough."""
    input:
        extensions=EXTENSIONS,
        dataset=dataset_of,
        model=f"{NETWORK}/model.onnx",
        fp32=f"{NETWORK}/fp32_logits.npz",
        logits=strategy_files(f"{STRATEGY}/logits.npz"),
        executables=strategy_files(f"{STRATEGY}/executable.onnx"),
    output:
        table=f"{NETWORK}/low_sqnr.csv",
    log:
        f"{LOGS}/low_sqnr/{{workload}}.log",
    benchmark:
        f"{BENCHMARKS}/low_sqnr/{{workload}}.tsv"
    wildcard_constraints:
        workload=one_of(FLOATS),
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=growing(3000),
    params:
        code=code("low_sqnr"),
        strategies=lambda wildcards: strategies_of(wildcards.workload),
    script:
        "../scripts/low_sqnr.py"


rule calibration_draws:
    input:
        extensions=EXTENSIONS,
        dataset=dataset_of,
        model=f"{NETWORK}/model.onnx",
        facts=static_files(f"{STRATEGY}/quantize.json"),
        bits=lambda wildcards: expand(
            f"{STRATEGY}/bits.json",
            workload=wildcards.workload,
            strategy=strategies_of(wildcards.workload, BUDGETS),
        ),
        metric=lambda wildcards: metric_files(wildcards.workload),
    output:
        table=f"{NETWORK}/draws.csv",
    log:
        f"{LOGS}/draws/{{workload}}.log",
    benchmark:
        f"{BENCHMARKS}/draws/{{workload}}.tsv"
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=growing(3000),
    params:
        code=code("draws"),
        metric=lambda wildcards: metric_of(wildcards.workload),
        seed=STUDY.seed,
        strategies=static_options,
        budgets=lambda wildcards: strategies_of(wildcards.workload, BUDGETS),
        options=STUDY.calibration_draws,
    script:
        "../scripts/draws.py"


rule observe:
    input:
        extensions=EXTENSIONS,
        dataset=dataset_of,
        model=f"{NETWORK}/model.onnx",
        calibrations=calibrations_of,
    output:
        traits=f"{NETWORK}/layer_traits.csv",
        levels=f"{NETWORK}/levels.csv",
        histograms=f"{NETWORK}/histograms.csv",
    log:
        f"{LOGS}/observe/{{workload}}.log",
    benchmark:
        f"{BENCHMARKS}/observe/{{workload}}.tsv"
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=growing(3000),
    params:
        code=code("observe"),
        seed=STUDY.seed,
        samples=lambda wildcards: max(
            STATIC[name].calibration_samples for name in static_of(wildcards.workload)
        ),
    script:
        "../scripts/observe.py"


rule recommend:
    """Dynamic strategies stand in the tables for comparison and are no candidates.

    A study that maps the network onto machines has its datapaths priced, on one that is fixed.
    """
    input:
        dataset=dataset_of,
        model=f"{NETWORK}/model.onnx",
        fp32=f"{NETWORK}/fp32_logits.npz",
        facts=static_files(f"{STRATEGY}/quantize.json"),
        logits=static_files(f"{STRATEGY}/logits.npz"),
        metric=lambda wildcards: metric_files(wildcards.workload),
        draws=f"{NETWORK}/draws.csv",
        graphs=lambda wildcards: (
            static_files(f"{STRATEGY}/executable.onnx")(wildcards)
            if wildcards.workload in PRICED
            else []
        ),
        bits=bits_tables_of,
        technology=constants_of,
    output:
        table=f"{NETWORK}/recommendation.csv",
    log:
        f"{LOGS}/recommend/{{workload}}.log",
    benchmark:
        f"{BENCHMARKS}/recommend/{{workload}}.tsv"
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
    params:
        code=code("recommend"),
        strategies=lambda wildcards: static_of(wildcards.workload),
        dram=STUDY.dram,
        metric=lambda wildcards: metric_of(wildcards.workload),
    script:
        "../scripts/recommend.py"


rule sensitivity_study:
    input:
        extensions=EXTENSIONS,
        dataset=dataset_of,
        model=f"{NETWORK}/model.onnx",
        facts=f"{STRATEGY}/quantize.json",
        metric=lambda wildcards: metric_files(wildcards.workload),
        calibration=calibration_of,
        bits=bits_of,
        codes=lambda wildcards: (f"{STRATEGY}/codes.npz" if wildcards.strategy in LEARNED else []),
    output:
        sensitivity=f"{STRATEGY}/sensitivity.csv",
        mixed=f"{STRATEGY}/mixed_precision.csv",
    log:
        f"{LOGS}/sensitivity/{{workload}}/{{strategy}}.log",
    benchmark:
        f"{BENCHMARKS}/sensitivity/{{workload}}/{{strategy}}.tsv"
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=growing(3000),
    params:
        code=code("sensitivity"),
        metric=lambda wildcards: metric_of(wildcards.workload),
        strategy=lambda wildcards: STUDY.strategies[wildcards.strategy],
        images=STUDY.sensitivity["images"],
    script:
        "../scripts/sensitivity.py"


rule quantization_detail_table:
    """One table of the rows of every network, or of every network and some of its strategies."""
    input:
        lambda wildcards: detail_files(wildcards.detail_table),
    output:
        table=f"{TABLES}/{{detail_table}}.csv",
    log:
        f"{LOGS}/{{detail_table}}_table.log",
    benchmark:
        f"{BENCHMARKS}/{{detail_table}}_table.tsv"
    wildcard_constraints:
        detail_table="quantization|outputs|low_sqnr|draws|layer_traits|levels|histograms|recommendation|sensitivity|mixed_precision|bits|learning|ablation",
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
    params:
        code=code("concatenate"),
    script:
        "../scripts/concatenate.py"


rule quantize:
    input:
        per_strategy(f"{STRATEGY}/model.onnx"),


rule part_b:
    input:
        expand(f"{TABLES}/{{table}}.csv", table=TABLES_OF_PART["b"]),
