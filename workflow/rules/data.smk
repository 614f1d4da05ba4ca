# dataset -> arrays and where they came from


rule dataset:
    output:
        arrays=f"{RESULTS}/data/{{dataset}}/arrays.npz",
        provenance=f"{RESULTS}/data/{{dataset}}/provenance.json",
    log:
        f"{LOGS}/dataset/{{dataset}}.log",
    benchmark:
        f"{BENCHMARKS}/dataset/{{dataset}}.tsv"
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=growing(3000),
    params:
        code=code("dataset"),
        seed=STUDY.seed,
        data_dir=str(STUDY.data_dir),
        options=lambda wildcards: STUDY.datasets[wildcards.dataset],
    script:
        "../scripts/dataset.py"
