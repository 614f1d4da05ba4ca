# Part A: dataset -> trained network -> ONNX -> float baseline


rule train:
    input:
        dataset=dataset_of,
    output:
        weights=f"{NETWORK}/model.pt",
        training_log=f"{NETWORK}/training_log.csv",
    log:
        f"{LOGS}/train/{{workload}}.log",
    benchmark:
        f"{BENCHMARKS}/train/{{workload}}.tsv"
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
    params:
        code=code("train"),
        seed=STUDY.seed,
        options=options_of,
    script:
        "../scripts/train.py"


rule export:
    input:
        dataset=dataset_of,
        weights=f"{NETWORK}/model.pt",
    output:
        model=f"{NETWORK}/model.onnx",
        facts=f"{NETWORK}/export.json",
        status=f"{NETWORK}/status.json",
    log:
        f"{LOGS}/export/{{workload}}.log",
    benchmark:
        f"{BENCHMARKS}/export/{{workload}}.tsv"
    wildcard_constraints:
        workload=one_of(STUDY.of_kind("trained")),
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=growing(3000),
    params:
        code=code("export"),
        kind="trained",
        options=options_of,
    script:
        "../scripts/export.py"


rule float_baseline:
    input:
        dataset=dataset_of,
        model=f"{NETWORK}/model.onnx",
    output:
        logits=f"{NETWORK}/fp32_logits.npz",
    log:
        f"{LOGS}/float_baseline/{{workload}}.log",
    benchmark:
        f"{BENCHMARKS}/float_baseline/{{workload}}.tsv"
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


rule baseline_table:
    input:
        datasets=[dataset_file(name, "arrays.npz") for name in FLOATS],
        provenance=[dataset_file(name, "provenance.json") for name in FLOATS],
        export=per_float(f"{NETWORK}/export.json"),
        logits=per_float(f"{NETWORK}/fp32_logits.npz"),
        latency=per_float(f"{NETWORK}/latency.csv"),
        layers=per_float(f"{NETWORK}/layers.json"),
        metric=[file for name in FLOATS for file in metric_files(name)],
    output:
        table=f"{TABLES}/baseline.csv",
    log:
        f"{LOGS}/baseline_table.log",
    benchmark:
        f"{BENCHMARKS}/baseline_table.tsv"
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
    params:
        code=code("baseline_table"),
        workloads=FLOATS,
        metrics=[metric_of(name) for name in FLOATS],
    script:
        "../scripts/baseline_table.py"


rule part_a:
    input:
        expand(f"{TABLES}/{{table}}.csv", table=TABLES_OF_PART["a"]),
