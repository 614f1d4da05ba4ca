# Tables -> figures -> report. Nothing here reads a model.


def study_command():
    """The command of this study, with its study files by name: the report quotes it."""
    files = [os.path.basename(path) for path in workflow.overwrite_configfiles]
    return " ".join(["make run", *(["CONFIG=" + " ".join(files)] if files else [])])


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
            category=lambda wildcards: category_of(FIGURE_TABLES[wildcards.figure][0]),
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
        runtime=growing(5),
    params:
        code=code("figure"),
    script:
        "../scripts/figure.py"


rule report_text:
    input:
        tables=expand(f"{TABLES}/{{table}}.csv", table=STUDY_TABLES),
        figures=expand(f"{FIGURES}/{{figure}}.png", figure=STUDY_FIGURES),
        provenance=sorted(set(per_dataset("provenance.json"))),
    output:
        report=report(f"{RESULTS}/report.md", caption="../report/report.rst", category="Report"),
    log:
        f"{LOGS}/report.log",
    benchmark:
        f"{BENCHMARKS}/report.tsv"
    conda:
        "../../envs/edgeint8.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(5),
    params:
        code=code("report"),
        seed=STUDY.seed,
        command=study_command(),
    script:
        "../scripts/report.py"


rule report:
    input:
        f"{RESULTS}/report.md",
