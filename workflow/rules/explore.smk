# Part D, the models: what each machine of the study costs, and the space of all designs
DESIGNS = {key: value for key, value in STUDY.explore.items() if key != "suite"}
PUBLISHED = sorted((ROOT / "benchmarks").glob("published*.py"))  # the first one is the program


rule machine_tables:
    input:
        layers=f"{NETWORK}/layers.json",
        presets=presets_of,
        technology=constants_of,
    output:
        **{
            table: f"{NETWORK}/{table}.csv"
            for table in (
                "dse",
                "infeasible",
                "roofline",
                "scaling",
                "energy",
                "switching",
                "packing",
            )
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
        hardware=hardware_of,
        dram=STUDY.dram,
    script:
        "../scripts/machines.py"


rule account:
    input:
        layers=f"{NETWORK}/layers.json",
        presets=presets_of,
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
        hardware=hardware_of,
    script:
        "../scripts/account.py"


rule explore_designs:
    input:
        layers=f"{NETWORK}/layers.json",
        technology=constants_of,
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
        mem_mb=growing(max(3000, STUDY.simulation["memory_mb"] + 800)),
    params:
        code=code("explore"),
        options=DESIGNS,
        need=lambda wildcards: dict(STUDY.workload(wildcards.workload).need),
        dram=STUDY.dram,
        cache=f"{RESULTS}/simulations",
        limits=STUDY.simulation,
    script:
        "../scripts/explore.py"


rule suite:
    """One machine for several networks."""
    input:
        **{f"layers_{name}": f"{RESULTS}/{name}/layers.json" for name in STUDY.explore["suite"]},
        technology=constants_of,
    output:
        table=f"{TABLES}/suite.csv",
    log:
        f"{LOGS}/suite.log",
    benchmark:
        f"{BENCHMARKS}/suite.tsv"
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=growing(3000),
    params:
        code=code("suite"),
        options=DESIGNS,
        suite=STUDY.explore["suite"],
        needs={name: dict(STUDY.workload(name).need) for name in STUDY.explore["suite"]},
        dram=STUDY.dram,
    script:
        "../scripts/suite.py"


rule weight_bits:
    """The recommended strategy with fewer bits: ONNX Runtime runs the whole test split."""
    input:
        extensions=EXTENSIONS,
        dataset=dataset_of,
        model=f"{NETWORK}/model.onnx",
        fp32=f"{NETWORK}/fp32_logits.npz",
        facts=static_files(f"{STRATEGY}/quantize.json"),
        recommendation=f"{NETWORK}/recommendation.csv",
        metric=lambda wildcards: metric_files(wildcards.workload),
        calibrations=calibrations_of,
    output:
        table=f"{NETWORK}/weight_bits.csv",
    log:
        f"{LOGS}/weight_bits/{{workload}}.log",
    benchmark:
        f"{BENCHMARKS}/weight_bits/{{workload}}.tsv"
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=growing(3000),
    params:
        code=code("weight_bits"),
        metric=lambda wildcards: metric_of(wildcards.workload),
        strategies=static_options,
        seed=STUDY.seed,
        options={name: bits for name, bits in STUDY.codesign.items() if name != "images"},
        images=STUDY.codesign["images"],
    script:
        "../scripts/weight_bits.py"


rule schemes:
    """The recommended strategy under other roundings, whole test split, by the integer executor."""
    input:
        extensions=EXTENSIONS,
        dataset=dataset_of,
        fp32=f"{NETWORK}/fp32_logits.npz",
        recommendation=f"{NETWORK}/recommendation.csv",
        metric=lambda wildcards: metric_files(wildcards.workload),
        models=static_files(f"{STRATEGY}/executable.onnx"),
    output:
        table=f"{NETWORK}/schemes.csv",
    log:
        f"{LOGS}/schemes/{{workload}}.log",
    benchmark:
        f"{BENCHMARKS}/schemes/{{workload}}.tsv"
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=growing(3000),
    params:
        code=code("schemes"),
        metric=lambda wildcards: metric_of(wildcards.workload),
        strategies=lambda wildcards: static_of(wildcards.workload),
    script:
        "../scripts/schemes.py"


rule codesign:
    """Every quantisation choice of a network, priced on one machine of the study."""
    input:
        layers=f"{NETWORK}/layers.json",
        best=f"{NETWORK}/best.csv",
        recommendation=f"{NETWORK}/recommendation.csv",
        weight_bits=f"{NETWORK}/weight_bits.csv",
        schemes=f"{NETWORK}/schemes.csv",
        quantization=f"{TABLES}/quantization.csv",
        accumulator=f"{TABLES}/accumulator.csv",
        bits=bits_tables_of,
        presets=presets_of,
        technology=constants_of,
    output:
        table=f"{NETWORK}/codesign.csv",
    log:
        f"{LOGS}/codesign/{{workload}}.log",
    benchmark:
        f"{BENCHMARKS}/codesign/{{workload}}.tsv"
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
    params:
        code=code("codesign"),
        hardware=hardware_of,
        dram=STUDY.dram,
        replayed=STUDY.golden["images"],
    script:
        "../scripts/codesign.py"


rule codesign_table:
    """One table of the rows of every network that this study quantises and maps."""
    input:
        expand(f"{NETWORK}/codesign.csv", workload=PRICED),
    output:
        table=f"{TABLES}/codesign.csv",
    log:
        f"{LOGS}/codesign_table.log",
    benchmark:
        f"{BENCHMARKS}/codesign_table.tsv"
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
    params:
        code=code("concatenate"),
    script:
        "../scripts/concatenate.py"


rule architecture_table:
    """One table of the rows of every workload that has a machine."""
    input:
        lambda wildcards: expand(
            f"{RESULTS}/{{workload}}/{wildcards.architecture_table}.csv", workload=MAPPED
        ),
    output:
        table=f"{TABLES}/{{architecture_table}}.csv",
    log:
        f"{LOGS}/{{architecture_table}}_table.log",
    benchmark:
        f"{BENCHMARKS}/{{architecture_table}}_table.tsv"
    wildcard_constraints:
        architecture_table="memory|dse|infeasible|roofline|scaling|energy|switching|packing|pareto|front_check|best|band|physics",
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
    params:
        code=code("concatenate"),
    script:
        "../scripts/concatenate.py"


rule validation_table:
    input:
        programs=[str(path) for path in PUBLISHED],
        vela=str(ROOT / "docs/data/benchmarks/vela.csv"),
        topologies=sorted(str(path) for path in TOPOLOGIES.glob("*.csv")),
        presets=[str(path) for path in PRESETS.values()],
    output:
        table=f"{TABLES}/validation.csv",
    log:
        f"{LOGS}/validation_table.log",
    benchmark:
        f"{BENCHMARKS}/validation_table.tsv"
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
    params:
        code=[source_hash(path) for path in PUBLISHED],
    script:
        "../scripts/validation.py"


rule explore:
    input:
        f"{TABLES}/dse.csv",
        f"{TABLES}/pareto.csv",
        f"{TABLES}/best.csv",
        f"{TABLES}/band.csv",
        f"{TABLES}/front_check.csv",


rule part_d:
    input:
        expand(f"{TABLES}/{{table}}.csv", table=TABLES_OF_PART["d"]),
