# One's own inputs: an ONNX or TFLite file with its data, a SCALE-Sim topology. Preparing always succeeds: what
# cannot run leaves the reason in status.json, and the other workloads go on.


rule prepare_network:
    input:
        network=lambda wildcards: options_of(wildcards).get("onnx")
        or options_of(wildcards)["tflite"],
        data=lambda wildcards: STUDY.workload(wildcards.workload).options.get("data", []),
        external=external_files_of,  # only so that a change in them is seen
    output:
        model=f"{NETWORK}/model.onnx",
        facts=f"{NETWORK}/export.json",
        status=f"{NETWORK}/status.json",
        arrays=f"{RESULTS}/data/{{workload}}/arrays.npz",
        provenance=f"{RESULTS}/data/{{workload}}/provenance.json",
    log:
        f"{LOGS}/prepare/{{workload}}.log",
    benchmark:
        f"{BENCHMARKS}/prepare/{{workload}}.tsv"
    wildcard_constraints:
        workload=one_of(STUDY.of_kind("onnx")),
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=growing(3000),
    params:
        code=code("prepare_network"),
        kind="onnx",
        seed=STUDY.seed,
        reading=reading_of,
        classes=lambda wildcards: options_of(wildcards).get("metric", "top1") == "top1",
    script:
        "../scripts/prepare_network.py"


rule prepare_topology:
    input:
        topology=lambda wildcards: STUDY.workload(wildcards.workload).options["topology"],
    output:
        layers=f"{NETWORK}/layers.json",
        memory=f"{NETWORK}/memory.csv",
        status=f"{NETWORK}/status.json",
    log:
        f"{LOGS}/prepare/{{workload}}.log",
    benchmark:
        f"{BENCHMARKS}/prepare/{{workload}}.tsv"
    wildcard_constraints:
        workload=one_of(STUDY.of_kind("topology")),
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
    params:
        code=code("prepare_topology"),
        kind="topology",
    script:
        "../scripts/prepare_topology.py"


rule status_table:
    """What ran, what did not, and why."""
    input:
        status=expand(f"{NETWORK}/status.json", workload=STUDY.names),
        parts=[path for *_, path in parts_of_study()],
        tables=[f"{TABLES}/{name}.csv" for name in STUDY_TABLES if name != "status"],
        figures=[
            f"{FIGURES}/{name}.png"
            for name in STUDY_FIGURES
            if "status" not in FIGURE_TABLES[name]
        ],
    output:
        table=f"{TABLES}/status.csv",
    log:
        f"{LOGS}/status_table.log",
    benchmark:
        f"{BENCHMARKS}/status_table.tsv"
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
    params:
        code=code("status_table"),
        parts=[part for *part, _ in parts_of_study()],
    script:
        "../scripts/status_table.py"
