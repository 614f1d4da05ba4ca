"""Does every job of a finished study stay under the memory that its rule declares?"""

import re

import pandas as pd

SNAKEMAKE_MB = 250  # two nested ones, of 101 MB each, share a Slurm job with the script
NOTICED_MB = 20  # a job that ended before it was looked at has no peak, or that of its beginning


def declared_memory(output: str) -> dict[str, tuple[str, int]]:
    """Benchmark file -> (rule, mem_mb), from a dry run that names every job."""
    jobs = re.findall(
        r"^(?:local)?rule (\w+):\n(?:    .*\n)*?    benchmark: (\S+)\n(?:    .*\n)*?"
        r"    resources: .*\bmem_mb=(\d+)",
        output,
        re.M,
    )
    return {benchmark: (rule, int(mem)) for rule, benchmark, mem in jobs}


def peaks_mb(project, configuration) -> dict[str, float]:
    """Largest peak by rule, of the rules that ran long enough; fails where one exceeds its own."""
    arguments = ("--forceall", "-n", "--configfile", str(configuration))
    declared = declared_memory(project.snakemake(*arguments).stdout)
    peaks: dict[str, list[float]] = {}
    for path, (rule, mem_mb) in declared.items():
        peak_mb = pd.read_csv(project.run_dir / path, sep="\t")["max_rss"].max() * 1.048576
        if peak_mb > NOTICED_MB:
            assert peak_mb + SNAKEMAKE_MB < mem_mb, f"{rule}: {peak_mb:.0f} MB of {mem_mb}, {path}"
            peaks.setdefault(rule, []).append(peak_mb)
    measured = {rule: max(found) for rule, found in peaks.items()}
    print({rule: round(peak) for rule, peak in sorted(measured.items())})
    return measured
