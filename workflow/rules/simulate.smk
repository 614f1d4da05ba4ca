# Part D, the witness: layers -> SCALE-Sim per (layer shape, hardware) -> crosscheck


rule layers:
    """The INT8 graph of the recommended strategy, or of the one named; else the float network."""
    input:
        source=f"{NETWORK}/model.onnx",
        graphs=lambda wildcards: expand(
            f"{NETWORK}/{{strategy}}/executable.onnx",
            workload=wildcards.workload,
            strategy=costed_strategies(wildcards.workload),
        ),
        recommendation=lambda wildcards: (
            [f"{NETWORK}/recommendation.csv".format(workload=wildcards.workload)]
            if len(costed_strategies(wildcards.workload)) > 1
            else []
        ),
    output:
        layers=f"{NETWORK}/layers.json",
        memory=f"{NETWORK}/memory.csv",
    log:
        f"{LOGS}/layers/{{workload}}.log",
    benchmark:
        f"{BENCHMARKS}/layers/{{workload}}.tsv"
    wildcard_constraints:
        workload=one_of(STUDY.networks),
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
    params:
        code=code("layers"),
        strategies=lambda wildcards: costed_strategies(wildcards.workload),
        fuse=STUDY.architecture["fuse"],
    script:
        "../scripts/layers.py"


rule simulate:
    input:
        layers=f"{NETWORK}/layers.json",
        preset=preset_of,
    output:
        table=f"{NETWORK}/hw/{{hardware}}.csv",
        crosscheck=f"{NETWORK}/hw/{{hardware}}.crosscheck.csv",
    log:
        f"{LOGS}/simulate/{{workload}}/{{hardware}}.log",
    benchmark:
        f"{BENCHMARKS}/simulate/{{workload}}/{{hardware}}.tsv"
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=growing(STUDY.simulation["memory_mb"] + 800),
    params:
        code=code("simulate"),
        cache=f"{RESULTS}/simulations",
        limits=STUDY.simulation,
    script:
        "../scripts/simulate.py"


rule crosscheck_table:
    input:
        [
            f"{RESULTS}/{name}/hw/{hardware}.crosscheck.csv"
            for name in MAPPED
            for hardware in STUDY.workload(name).hardware
        ],
    output:
        table=f"{TABLES}/crosscheck.csv",
    log:
        f"{LOGS}/crosscheck_table.log",
    benchmark:
        f"{BENCHMARKS}/crosscheck_table.tsv"
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
    params:
        code=code("concatenate"),
    script:
        "../scripts/concatenate.py"


rule crosscheck:
    input:
        f"{TABLES}/crosscheck.csv",
