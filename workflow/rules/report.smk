# Tables -> figures -> report. Nothing here reads a model.


rule figure:
    input:
        tables=lambda wildcards: expand(
            f"{TABLES}/{{table}}.csv", table=FIGURE_TABLES[wildcards.figure]
        ),
    output:
        svg=f"{FIGURES}/{{figure}}.svg",
        png=report(
            f"{FIGURES}/{{figure}}.png",
            caption="../report/figures.rst",
            category=lambda wildcards: category_of(wildcards.figure),
            subcategory="figures",
            labels={"figure": "{figure}"},
        ),
    log:
        f"{LOGS}/figure/{{figure}}.log",
    benchmark:
        f"{BENCHMARKS}/figure/{{figure}}.tsv"
    wildcard_constraints:
        figure="|".join(FIGURE_TABLES),
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
    params:
        code=code("figure"),
    script:
        "../scripts/figure.py"


rule report_text:
    input:
        tables=expand(f"{TABLES}/{{table}}.csv", table=STUDY_TABLES),
        figures=expand(f"{FIGURES}/{{figure}}.png", figure=STUDY_FIGURES),
        provenance=sorted(set(per_dataset("provenance.json"))),
        words=sorted(str(path) for path in REPORT_ASSETS.glob("*.yaml")),
    output:
        report=f"{RESULTS}/report.md",
    log:
        f"{LOGS}/report.log",
    benchmark:
        f"{BENCHMARKS}/report.tsv"
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
    params:
        code=code("report"),
        seed=STUDY.seed,
        command=study_command(),
        language=STUDY.report["language"],
    script:
        "../scripts/report.py"


rule report_page:
    """The report as one file that opens anywhere."""
    input:
        report=f"{RESULTS}/report.md",
        tables=expand(f"{TABLES}/{{table}}.csv", table=STUDY_TABLES),
        figures=expand(f"{FIGURES}/{{figure}}.svg", figure=STUDY_FIGURES),
        assets=sorted(str(path) for path in REPORT_ASSETS.iterdir()),
    output:
        page=f"{RESULTS}/report.html",
    log:
        f"{LOGS}/report_page.log",
    benchmark:
        f"{BENCHMARKS}/report_page.tsv"
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
    params:
        code=code("single_page"),
        language=STUDY.report["language"],
    script:
        "../scripts/single_page.py"


rule report:
    input:
        f"{RESULTS}/report.md",
        f"{RESULTS}/report.html",


rule page:
    """The report or a table as it stands in Snakemake's own report."""
    input:
        source=lambda wildcards: (
            f"{RESULTS}/report.md"
            if wildcards.page == "report"
            else f"{TABLES}/{wildcards.page}.csv"
        ),
    output:
        page=report(
            f"{RESULTS}/pages/{{page}}.html",
            caption="../report/pages.rst",
            category=lambda wildcards: category_of(wildcards.page),
            subcategory="tables",
            labels={"table": "{page}"},
        ),
    log:
        f"{LOGS}/page/{{page}}.log",
    benchmark:
        f"{BENCHMARKS}/page/{{page}}.tsv"
    wildcard_constraints:
        page="|".join(["report", *STUDY_TABLES]),
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=growing(500),
    params:
        code=code("page"),
    script:
        "../scripts/page.py"


rule pages:
    """What Snakemake's own report shows besides the figures: see `make snakemake-report`."""
    input:
        expand(f"{RESULTS}/pages/{{page}}.html", page=["report", *STUDY_TABLES]),
