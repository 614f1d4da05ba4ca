"""Versions and processor, for the provenance at the end of the report."""

import platform
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("edgeint8", "torch", "onnx", "onnxruntime", "scalesim", "numpy", "snakemake")


def describe_environment() -> dict[str, str]:
    """Python, package versions and the processor's name."""
    return {
        "Python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
        "processor": _processor(),
    }


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
