# Part C: quantised graph -> integer executor against ONNX Runtime, accumulator widths


rule golden_compare:
    input:
        extensions=EXTENSIONS,
        dataset=dataset_of,
        model=f"{STRATEGY}/executable.onnx",
        facts=f"{STRATEGY}/quantize.json",
    output:
        golden=f"{STRATEGY}/golden.csv",
    log:
        f"{LOGS}/golden/{{workload}}/{{strategy}}.log",
    benchmark:
        f"{BENCHMARKS}/golden/{{workload}}/{{strategy}}.tsv"
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
    params:
        code=code("golden"),
        images=STUDY.golden["images"],
    script:
        "../scripts/golden.py"


rule runtimes_compare:
    """A network that came as a .tflite file: its real runtimes beside our arithmetic of them."""
    input:
        extensions=EXTENSIONS,
        dataset=dataset_of,
        model=f"{STRATEGY}/executable.onnx",  # says whether the network runs at all
        network=lambda wildcards: options_of(wildcards)["tflite"],
    output:
        witnesses=f"{STRATEGY}/witnesses.csv",
        runtimes=f"{STRATEGY}/runtimes.csv",
        rules=f"{STRATEGY}/runtime_rules.csv",
    log:
        f"{LOGS}/runtimes/{{workload}}/{{strategy}}.log",
    benchmark:
        f"{BENCHMARKS}/runtimes/{{workload}}/{{strategy}}.tsv"
    wildcard_constraints:
        workload=one_of(STUDY.tflite),
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=growing(3000),
    params:
        code=code("runtimes"),
        images=STUDY.golden["images"],
    script:
        "../scripts/runtimes.py"


rule bit_growth:
    input:
        extensions=EXTENSIONS,
        dataset=dataset_of,
        model=f"{STRATEGY}/executable.onnx",
    output:
        table=f"{STRATEGY}/bit_growth.csv",
    log:
        f"{LOGS}/bit_growth/{{workload}}/{{strategy}}.log",
    benchmark:
        f"{BENCHMARKS}/bit_growth/{{workload}}/{{strategy}}.tsv"
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=growing(3000),
    params:
        code=code("bit_growth"),
        images=STUDY.golden["images"],
    script:
        "../scripts/bit_growth.py"


rule requantize_study:
    input:
        extensions=EXTENSIONS,
        dataset=dataset_of,
        model=f"{STRATEGY}/executable.onnx",
        fp32=lambda wildcards: float_logits(wildcards.workload),
        metric=lambda wildcards: metric_files(wildcards.workload),
    output:
        table=f"{STRATEGY}/requantize.csv",
    log:
        f"{LOGS}/requantize/{{workload}}/{{strategy}}.log",
    benchmark:
        f"{BENCHMARKS}/requantize/{{workload}}/{{strategy}}.tsv"
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
    params:
        code=code("requantize"),
        metric=lambda wildcards: metric_of(wildcards.workload),
        images=STUDY.requantize["images"],
    script:
        "../scripts/requantize.py"


rule overflow_study:
    input:
        extensions=EXTENSIONS,
        dataset=dataset_of,
        model=f"{STRATEGY}/executable.onnx",
        fp32=lambda wildcards: float_logits(wildcards.workload),
        metric=lambda wildcards: metric_files(wildcards.workload),
    output:
        table=f"{STRATEGY}/overflow.csv",
    log:
        f"{LOGS}/overflow/{{workload}}/{{strategy}}.log",
    benchmark:
        f"{BENCHMARKS}/overflow/{{workload}}/{{strategy}}.tsv"
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
    params:
        code=code("overflow"),
        metric=lambda wildcards: metric_of(wildcards.workload),
        options=STUDY.overflow,
    script:
        "../scripts/overflow.py"


rule vectors:
    input:
        extensions=EXTENSIONS,
        dataset=dataset_of,
        model=f"{STRATEGY}/executable.onnx",
    output:
        directory(f"{STRATEGY}/vectors"),
    log:
        f"{LOGS}/vectors/{{workload}}/{{strategy}}.log",
    benchmark:
        f"{BENCHMARKS}/vectors/{{workload}}/{{strategy}}.tsv"
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
    params:
        code=code("vectors"),
        images=STUDY.vectors["images"],
    script:
        "../scripts/vectors.py"


rule runtime_vectors:
    """A network that came as a .tflite file: for hardware that shall equal a runtime."""
    input:
        extensions=EXTENSIONS,
        dataset=dataset_of,
        model=f"{STRATEGY}/executable.onnx",  # says whether the network runs at all
        network=lambda wildcards: options_of(wildcards)["tflite"],
    output:
        directory(f"{STRATEGY}/runtime_vectors"),
    log:
        f"{LOGS}/runtime_vectors/{{workload}}/{{strategy}}.log",
    benchmark:
        f"{BENCHMARKS}/runtime_vectors/{{workload}}/{{strategy}}.tsv"
    wildcard_constraints:
        workload=one_of(STUDY.tflite),
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
    params:
        code=code("runtime_vectors"),
        images=STUDY.vectors["images"],
    script:
        "../scripts/runtime_vectors.py"


rule integer_table:
    """golden: every strategy; bit_growth: static ones, whose zero-points are known; others: detail."""
    input:
        lambda wildcards: {
            "golden": per_strategy,
            "bit_growth": per_static,
            "runtimes": per_tflite,
            "runtime_rules": per_tflite,
        }.get(wildcards.integer_table, per_detail)(f"{STRATEGY}/{wildcards.integer_table}.csv"),
        witnesses=lambda wildcards: (
            per_tflite(f"{STRATEGY}/witnesses.csv") if wildcards.integer_table == "golden" else []
        ),
    output:
        table=f"{TABLES}/{{integer_table}}.csv",
    log:
        f"{LOGS}/{{integer_table}}_table.log",
    benchmark:
        f"{BENCHMARKS}/{{integer_table}}_table.tsv"
    wildcard_constraints:
        integer_table="golden|bit_growth|requantize|overflow|runtimes|runtime_rules",
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
    params:
        code=code("concatenate"),
    script:
        "../scripts/concatenate.py"


rule accumulator_table:
    input:
        bit_growth=f"{TABLES}/bit_growth.csv",
        overflow=f"{TABLES}/overflow.csv" if "overflow" in STUDY_TABLES else [],
    output:
        table=f"{TABLES}/accumulator.csv",
    log:
        f"{LOGS}/accumulator_table.log",
    benchmark:
        f"{BENCHMARKS}/accumulator_table.tsv"
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
    params:
        code=code("accumulator"),
    script:
        "../scripts/accumulator.py"


rule golden:
    input:
        f"{TABLES}/golden.csv",


rule part_c:
    input:
        expand(f"{TABLES}/{{table}}.csv", table=TABLES_OF_PART["c"]),
        per_detail(f"{STRATEGY}/vectors"),
        per_tflite(f"{STRATEGY}/runtime_vectors"),
