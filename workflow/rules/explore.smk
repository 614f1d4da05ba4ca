# Part D, the models: roofline of every layer on every hardware point


rule roofline_table:
    input:
        layers=expand(f"{RESULTS}/{{workload}}/layers.json", workload=STUDY.names),
    output:
        table=f"{TABLES}/roofline.csv",
    log:
        f"{LOGS}/roofline_table.log",
    benchmark:
        f"{BENCHMARKS}/roofline_table.tsv"
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=1000,
    params:
        code=code("roofline_table"),
        workloads=STUDY.names,
        hardware=STUDY.hardware,
    script:
        "../scripts/roofline_table.py"


rule part_d:
    input:
        expand(f"{TABLES}/{{table}}.csv", table=TABLES_OF_PART["d"]),
