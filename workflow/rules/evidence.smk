# Part B, the evidence: what each quantised network gives on the test split, why, and which to take.


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


rule part_b:
    input:
        expand(f"{TABLES}/{{table}}.csv", table=TABLES_OF_PART["b"]),
