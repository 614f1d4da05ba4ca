# The machine in SystemVerilog: whole images of integer-only networks, to the bit and to the cycle


rule rtl_network:
    input:
        extensions=EXTENSIONS,
        dataset=dataset_of,
        model=f"{STRATEGY}/executable.onnx",
        preset=preset_of,
        technology=constants_of,
        sources=sorted(map(str, (ROOT / "rtl").glob("*.*"))),
    output:
        table=f"{STRATEGY}/rtl/{{hardware}}.csv",
    log:
        f"{LOGS}/rtl/{{workload}}/{{strategy}}/{{hardware}}.log",
    benchmark:
        f"{BENCHMARKS}/rtl/{{workload}}/{{strategy}}/{{hardware}}.tsv"
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=growing(3000),
    params:
        code=code("rtl_network"),
        images=STUDY.rtl["images"],
        dram=STUDY.dram,
    script:
        "../scripts/rtl_network.py"


rule rtl_table:
    input:
        [
            path
            for name in STUDY.rtl["hardware"]
            for path in per_detail(f"{STRATEGY}/rtl/{name}.csv")
        ],
    output:
        table=f"{TABLES}/rtl.csv",
    log:
        f"{LOGS}/rtl_table.log",
    benchmark:
        f"{BENCHMARKS}/rtl_table.tsv"
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
    params:
        code=code("concatenate"),
    script:
        "../scripts/concatenate.py"


rule rtl:
    input:
        f"{TABLES}/rtl.csv",
