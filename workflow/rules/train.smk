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
        runtime=growing(480),
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
    log:
        f"{LOGS}/export/{{workload}}.log",
    benchmark:
        f"{BENCHMARKS}/export/{{workload}}.tsv"
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=growing(3000),
    params:
        code=code("export"),
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
    script:
        "../scripts/evaluate.py"


rule baseline_table:
    input:
        datasets=per_dataset("arrays.npz"),
        provenance=per_dataset("provenance.json"),
        export=per_network(f"{NETWORK}/export.json"),
        logits=per_network(f"{NETWORK}/fp32_logits.npz"),
        latency=per_network(f"{NETWORK}/latency.csv"),
        layers=per_network(f"{NETWORK}/layers.json"),
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
        runtime=growing(5),
    params:
        code=code("baseline_table"),
        workloads=STUDY.networks,
    script:
        "../scripts/baseline_table.py"


rule part_a:
    input:
        expand(f"{TABLES}/{{table}}.csv", table=TABLES_OF_PART["a"]),
