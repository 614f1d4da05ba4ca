# Part C: quantised graph -> integer executor against ONNX Runtime, accumulator widths


rule golden_compare:
    input:
        dataset=dataset_of,
        model=f"{STRATEGY}/executable.onnx",
    output:
        golden=f"{STRATEGY}/golden.csv",
        bit_growth=f"{STRATEGY}/bit_growth.csv",
    log:
        f"{LOGS}/golden/{{workload}}/{{strategy}}.log",
    benchmark:
        f"{BENCHMARKS}/golden/{{workload}}/{{strategy}}.tsv"
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=4000,
    params:
        code=code("golden"),
        images=STUDY.golden_images,
    script:
        "../scripts/golden.py"


rule golden_table:
    input:
        per_strategy(f"{STRATEGY}/golden.csv"),
    output:
        table=f"{TABLES}/golden.csv",
    log:
        f"{LOGS}/golden_table.log",
    benchmark:
        f"{BENCHMARKS}/golden_table.tsv"
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=500,
    params:
        code=code("concatenate"),
    script:
        "../scripts/concatenate.py"


rule bit_growth_table:
    input:
        per_strategy(f"{STRATEGY}/bit_growth.csv"),
    output:
        table=f"{TABLES}/bit_growth.csv",
    log:
        f"{LOGS}/bit_growth_table.log",
    benchmark:
        f"{BENCHMARKS}/bit_growth_table.tsv"
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=500,
    params:
        code=code("concatenate"),
    script:
        "../scripts/concatenate.py"


rule golden:
    input:
        f"{TABLES}/golden.csv",


rule part_c:
    input:
        f"{TABLES}/golden.csv",
        f"{TABLES}/bit_growth.csv",
