# Part B: model.onnx -> calibrate once per method -> quantise per strategy -> evidence


rule calibrate:
    input:
        dataset=dataset_of,
        model=f"{NETWORK}/model.onnx",
    output:
        calibration=f"{NETWORK}/calibration_{{method}}_{{samples}}.json",
    log:
        f"{LOGS}/calibrate/{{workload}}/{{method}}_{{samples}}.log",
    benchmark:
        f"{BENCHMARKS}/calibrate/{{workload}}/{{method}}_{{samples}}.tsv"
    wildcard_constraints:
        method="[a-z]+",
        samples="[0-9]+",
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=3000,
    params:
        code=code("calibrate"),
        seed=STUDY.seed,
    script:
        "../scripts/calibrate.py"


rule quantize_strategy:
    input:
        model=f"{NETWORK}/model.onnx",
        calibration=lambda wildcards: f"{NETWORK}/calibration_{calibration_key(wildcards.strategy)}.json",
    output:
        model=f"{STRATEGY}/model.onnx",
        executable=f"{STRATEGY}/executable.onnx",
        facts=f"{STRATEGY}/quantize.json",
    log:
        f"{LOGS}/quantize/{{workload}}/{{strategy}}.log",
    benchmark:
        f"{BENCHMARKS}/quantize/{{workload}}/{{strategy}}.tsv"
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        code=code("quantize"),
        options=lambda wildcards: STUDY.strategies[wildcards.strategy],
    script:
        "../scripts/quantize.py"


rule evaluate:
    input:
        dataset=dataset_of,
        model=f"{STRATEGY}/executable.onnx",
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
        mem_mb=3000,
    params:
        code=code("evaluate"),
    script:
        "../scripts/evaluate.py"


rule latency:
    input:
        dataset=dataset_of,
        fp32=f"{NETWORK}/model.onnx",
        quantized=expand(
            f"{RESULTS}/{{{{workload}}}}/{{strategy}}/executable.onnx", strategy=STUDY.strategies
        ),
    output:
        table=f"{NETWORK}/latency.csv",
    log:
        f"{LOGS}/latency/{{workload}}.log",
    benchmark:
        f"{BENCHMARKS}/latency/{{workload}}.tsv"
    # All cores, although one thread computes: nothing else of this run shares the machine.
    conda:
        "../../envs/edgeint8.yaml"
    threads: workflow.cores
    resources:
        mem_mb=2000,
    params:
        code=code("latency"),
        strategies=list(STUDY.strategies),
    script:
        "../scripts/latency.py"


rule quantization_table:
    input:
        datasets=per_dataset("arrays.npz"),
        fp32=per_network(f"{NETWORK}/fp32_logits.npz"),
        latency=per_network(f"{NETWORK}/latency.csv"),
        facts=per_strategy(f"{STRATEGY}/quantize.json"),
        logits=per_strategy(f"{STRATEGY}/logits.npz"),
    output:
        table=f"{TABLES}/quantization.csv",
    log:
        f"{LOGS}/quantization_table.log",
    benchmark:
        f"{BENCHMARKS}/quantization_table.tsv"
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        code=code("quantization_table"),
        workloads=STUDY.networks,
        strategies=list(STUDY.strategies),
    script:
        "../scripts/quantization_table.py"


rule quantize:
    input:
        per_strategy(f"{STRATEGY}/model.onnx"),


rule part_b:
    input:
        f"{TABLES}/quantization.csv",
