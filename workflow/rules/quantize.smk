# Part B: model.onnx -> calibrate once per method -> quantise per strategy


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


rule quantize:
    input:
        per_strategy(f"{STRATEGY}/model.onnx"),
