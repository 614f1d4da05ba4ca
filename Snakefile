# The EdgeINT8 study: what it runs is said in config/config.yaml, how in workflow/rules/.
import atexit
import os

from snakemake.utils import min_version

min_version("9.0")


configfile: os.path.join(workflow.basedir, "config", "config.yaml")


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/networks.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/own.smk"
include: "workflow/rules/quantize.smk"
include: "workflow/rules/evidence.smk"
include: "workflow/rules/golden.smk"
include: "workflow/rules/rtl.smk"
include: "workflow/rules/simulate.smk"
include: "workflow/rules/explore.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        f"{RESULTS}/report.md",
        f"{RESULTS}/report.html",
        per_detail(f"{STRATEGY}/vectors"),
        per_tflite(f"{STRATEGY}/runtime_vectors"),


onstart:
    # Snakemake's limit on job starts leaves a timer behind with every job, and each wakes the
    # scheduler every second: 170 of them took a quarter of a core. Local runs need no limit.
    if not workflow.non_local_exec:
        workflow.scheduler.job_rate_limiter = None


onsuccess:
    # A workload that cannot run stops no other; `make run` ends with status 1 because of it.
    for line in failures(RESULTS) if os.path.exists(f"{TABLES}/status.csv") else ():
        print(line.replace("error:", "not complete:", 1), file=sys.stderr)
    if not workflow.non_local_exec:  # what a cluster computes is not seen here
        print(busy_summary(STARTED, every_core()), file=sys.stderr)


onerror:
    print(failure_summary(log), file=sys.stderr)


atexit.register(say_what_would_run)  # Snakemake has no handler for the end of a dry run
