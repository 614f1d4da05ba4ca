# Part D, the models: what each machine of the study costs, and the space of all designs


rule machine_tables:
    input:
        layers=f"{NETWORK}/layers.json",
        presets=[str(PRESETS[name]) for name in STUDY.hardware if name in PRESETS],
    output:
        **{
            table: f"{NETWORK}/{table}.csv"
            for table in ("dse", "roofline", "scaling", "energy", "switching", "packing")
        },
    log:
        f"{LOGS}/machine_tables/{{workload}}.log",
    benchmark:
        f"{BENCHMARKS}/machine_tables/{{workload}}.tsv"
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
    params:
        code=code("machines"),
        hardware=STUDY.hardware,
    script:
        "../scripts/machines.py"


rule account:
    input:
        layers=f"{NETWORK}/layers.json",
        presets=[str(PRESETS[name]) for name in STUDY.hardware if name in PRESETS],
    output:
        physics=f"{NETWORK}/physics.csv",
    log:
        f"{LOGS}/account/{{workload}}.log",
    benchmark:
        f"{BENCHMARKS}/account/{{workload}}.tsv"
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
    params:
        code=code("account"),
        hardware=STUDY.hardware,
    script:
        "../scripts/account.py"


rule explore_designs:
    input:
        layers=f"{NETWORK}/layers.json",
    output:
        pareto=f"{NETWORK}/pareto.csv",
        front_check=f"{NETWORK}/front_check.csv",
        best=f"{NETWORK}/best.csv",
        band=f"{NETWORK}/band.csv",
    log:
        f"{LOGS}/explore/{{workload}}.log",
    benchmark:
        f"{BENCHMARKS}/explore/{{workload}}.tsv"
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=growing(3000),
    params:
        code=code("explore"),
        options=STUDY.explore,
        cache=f"{RESULTS}/simulations",
    script:
        "../scripts/explore.py"


rule architecture_table:
    """One table of the rows of every workload."""
    input:
        lambda wildcards: expand(
            f"{RESULTS}/{{workload}}/{wildcards.architecture_table}.csv", workload=STUDY.names
        ),
    output:
        table=f"{TABLES}/{{architecture_table}}.csv",
    log:
        f"{LOGS}/{{architecture_table}}_table.log",
    benchmark:
        f"{BENCHMARKS}/{{architecture_table}}_table.tsv"
    wildcard_constraints:
        architecture_table="dse|roofline|scaling|energy|switching|packing|pareto|front_check|best|band|physics",
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(5),
    params:
        code=code("concatenate"),
    script:
        "../scripts/concatenate.py"


rule explore:
    input:
        f"{TABLES}/dse.csv",
        f"{TABLES}/pareto.csv",
        f"{TABLES}/front_check.csv",


rule part_d:
    input:
        expand(f"{TABLES}/{{table}}.csv", table=TABLES_OF_PART["d"]),
