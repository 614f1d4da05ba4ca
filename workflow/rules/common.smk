# What all other files use (the validated study, paths, the hash of the code behind a script).
import sys
import time
from collections import Counter
from pathlib import Path

STARTED = time.monotonic()

# Results must not depend on the number of cores, and two BLAS threads on a busy machine are slower
# than one: every job computes on one thread.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

ROOT = Path(workflow.basedir).resolve()  # the same names however the Snakefile is called
sys.path.insert(0, str(ROOT))
os.environ.update(
    EDGEINT8_ROOT=str(ROOT),  # for the commands in profiles/cluster-generic
    EDGEINT8_SNAKEMAKE_PID=str(os.getpid()),  # jobs end with it: see edgeint8/study/watch.py
)

from snakemake.exceptions import WorkflowError

# Bars that jobs draw would run through the live view; it shows the progress of every rule itself.
if any("rich" in type(h).__module__ for h in workflow.logger_manager.plugin_handlers):
    os.environ.update(EDGEINT8_NO_BARS="1")

try:
    from edgeint8.arch.machine.technology import load_technology
    from edgeint8.arch.network.inputs import find_hardware
    from edgeint8.study.config import GIVEN, READING, load_study
    from edgeint8.data import HARDWARE, STUDY_SCHEMA, TOPOLOGIES
    from edgeint8.errors import EdgeInt8Error
    from edgeint8.hardware_id import PATTERN
    from edgeint8.study.plan import plan
    from edgeint8.quant.strategy import Strategy
    from edgeint8.tables.contents import FIGURE_TABLES, tables_of_study
    from edgeint8.study.run_summary import busy_summary, failure_summary
    from edgeint8.study.source_hash import source_hash
    from edgeint8.study.status import failures
except ImportError as error:
    sys.exit(f"error: {error} @ {sys.executable}; allowed: the environment that `make env` sets up")

REPORT_ASSETS = ROOT / "edgeint8/report/assets"
PRESETS = {
    path.stem: path
    for folder in (HARDWARE, ROOT / "config/hardware")
    for path in sorted(folder.glob("*.yaml"))
}

try:
    STUDY = load_study(config, STUDY_SCHEMA, workflow.config_settings.overwrite_config)
    own_places = {
        name: f"$.workloads.{workload.name}.hardware"
        for workload in STUDY.workloads
        if "hardware" in config["workloads"][workload.name]
        for name in workload.hardware
    }
    for name in STUDY.hardware:
        find_hardware(name, where=own_places.get(name, "$.hardware"))
    for name in STUDY.rtl["hardware"]:
        find_hardware(name, where="$.rtl.hardware")
    if STUDY.technology is not None:
        load_technology(STUDY.technology)
    STRATEGIES = {
        name: Strategy.from_mapping(name, options) for name, options in STUDY.strategies.items()
    }
except EdgeInt8Error as error:
    sys.exit(f"error: {error}")

RESULTS = STUDY.results_dir
EXTENSIONS = list(STUDY.extensions)  # of whatever reads strategies or computes in integers
TABLES, FIGURES = f"{RESULTS}/tables", f"{RESULTS}/figures"
LOGS, BENCHMARKS = f"{RESULTS}/logs", f"{RESULTS}/benchmarks"
NETWORK, STRATEGY = f"{RESULTS}/{{workload}}", f"{RESULTS}/{{workload}}/{{strategy}}"


NOTHING = "(?!)"  # a pattern that matches no name


wildcard_constraints:
    workload="|".join(STUDY.names) or NOTHING,
    strategy="|".join([*STRATEGIES, GIVEN]),
    dataset="|".join(STUDY.datasets),
    hardware="|".join([PATTERN, *PRESETS]),


def code(script):
    """Hash of the package modules behind workflow/scripts/<script>.py: see source_hash."""
    return source_hash(ROOT / f"workflow/scripts/{script}.py")


def every_core():
    """The cores of this run; 1 where none are given (--unlock, or jobs that go to a cluster)."""
    try:
        cores = workflow.cores
    except WorkflowError:
        return 1
    if cores < 1:  # Snakemake would wait for ever
        sys.exit(f"error: {cores} cores @ --cores; allowed: 1 or more, or all")
    return cores


def say_what_would_run():
    """The last lines of a dry run: what would run, and about how long."""
    if workflow.dryrun and workflow.dag:
        jobs = Counter(job.rule.name for job in workflow.dag.needrun_jobs(exclude_finished=False))
        for line in plan(jobs, config, every_core()):
            print(line, file=sys.stderr)


def growing(first):
    """A resource that grows when a cluster tries a job again: `first` times the attempt."""
    return lambda wildcards, attempt: attempt * first


def study_command():
    """The command of this study, to be given where it was started: paths are relative to that."""
    files = [os.path.relpath(path) for path in workflow.overwrite_configfiles]
    if os.path.samefile(os.getcwd(), workflow.basedir):
        command = ["make run"] + ([f"CONFIG='{' '.join(files)}'"] if len(files) > 1 else [])
        return " ".join(command + ([f"CONFIG={files[0]}"] if len(files) == 1 else []))
    command = ["snakemake --cores 2 --snakefile", os.path.relpath(workflow.main_snakefile)]
    return " ".join(command + (["--configfile", *files] if files else []))
