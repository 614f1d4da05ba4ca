"""Build the accelerator with Verilator, once for each set of parameters, and run images on it."""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgeint8.arch.cost.machine.program import IDEAL_DRAM, Dram, engine_of
from edgeint8.arch.cost.machine.walk import Engine
from edgeint8.arch.machine.hardware import Hardware
from edgeint8.conventions import KIB, Array
from edgeint8.errors import HardwareError
from edgeint8.fixed_point.arithmetic.requantize import Scheme
from edgeint8.rtl.coverage import add_counters, coverage_folder
from edgeint8.rtl.image import Image

SOURCES = Path(__file__).parents[2] / "rtl"
MODULES = ("machine.sv", "accelerator.sv")
RULES = {
    Scheme.ORT_FLOAT32: 0,
    Scheme.GEMMLOWP: 1,
    Scheme.INT32_HALF_UP: 2,
    Scheme.INT16_HALF_UP: 2,
    Scheme.POWER_OF_TWO: 2,
    Scheme.INT32_HALF_EVEN: 3,
    Scheme.TRUNCATE: 4,
}
"""SCHEME of `accelerator`: which requantiser, and its rule."""
FLOWS = ("ws", "os", "is")
"""FLOW of `accelerator`, in the order of its numbers."""
RUNTIMES = ("ort", "tflm")
"""RUNTIME of `accelerator`: whose additions and averages, in the order of its numbers."""
COUNTING = ("--coverage-line", "--coverage-toggle", "-fno-split", "-fno-reorder")
"""Counters where they stand: 5.006 moves those of a branch before the call that decides it."""
LARGEST_ARRAY = 16 * 16
"""PEs of the largest array that is built unasked: 64x64 takes up to an hour."""
SMALL_ARRAY = 8 * 8
"""PEs from which on a build is optimised for speed."""
_LAYER = re.compile(r"layer (\d+) cycles (\d+) bytes (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)")


@dataclass(frozen=True)
class Built:
    """A simulator on disk and the parameters that it was built for."""

    program: Path
    hardware: Hardware
    scheme: Scheme


@dataclass(frozen=True)
class Simulated:
    """What a run reports: cycles and bytes (six kinds of transfer) of each layer, DRAM after it."""

    cycles: tuple[int, ...]
    bytes_moved: tuple[tuple[int, ...], ...]
    dram: Array


def available() -> bool:
    """Whether Verilator can be called."""
    return shutil.which("verilator") is not None


def cache_folder() -> Path:
    """Where builds are kept: `EDGEINT8_CACHE`, or the user's cache."""
    home = os.environ.get("EDGEINT8_CACHE") or os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "edgeint8" / "rtl"


def parameters(
    hardware: Hardware,
    scheme: Scheme,
    sum_bits: int = 32,
    saturate: bool = False,
    runtime: str = RUNTIMES[0],
) -> dict[str, int]:
    """Parameters of `accelerator` for a machine; memories have the machine's own sizes."""
    if saturate and hardware.dataflow == "os":
        raise HardwareError("saturate_tile on an os array", where=hardware.id, allowed="ws, is")
    if runtime not in RUNTIMES:
        raise HardwareError(
            f"additions and averages of {runtime} in RTL", allowed=", ".join(RUNTIMES)
        )
    return {
        "R": hardware.rows,
        "C": hardware.cols,
        "FLOW": FLOWS.index(hardware.dataflow),
        "SCHEME": RULES[scheme],
        "RUNTIME": RUNTIMES.index(runtime),
        "SUM_BITS": sum_bits,
        "SATURATE": int(saturate),
        "IFMAP_BYTES": hardware.ifmap_sram_kb * KIB,
        "FILTER_BYTES": hardware.filter_sram_kb * KIB,
        "SUM_WORDS": hardware.ofmap_sram_kb * KIB // 4,
    }


def build(
    hardware: Hardware,
    scheme: Scheme,
    sum_bits: int = 32,
    saturate: bool = False,
    runtime: str = RUNTIMES[0],
    folder: Path | None = None,
    large: bool = False,
) -> Built:
    """The simulator for a machine, from the cache when sources and parameters are the same."""
    if not available():
        raise HardwareError(
            "verilator is not installed", allowed="apt-get install verilator, or brew install"
        )
    if hardware.processing_elements > LARGEST_ARRAY and not large:
        raise HardwareError(
            f"a build of {hardware.rows}x{hardware.cols} takes long",
            where=hardware.id,
            allowed=f"at most {LARGEST_ARRAY} processing elements",
        )
    values = parameters(hardware, scheme, sum_bits, saturate, runtime)
    flags = COUNTING if coverage_folder() else ()
    digest = hashlib.sha256(repr((sorted(values.items()), flags)).encode())
    for source in sorted(SOURCES.glob("*.*")):
        digest.update(source.read_bytes())
    home = (folder or cache_folder()) / digest.hexdigest()[:16]
    program = home / "Vaccelerator"
    if not program.exists():
        _compile(home, values, flags)
    return Built(program, hardware, scheme)


def _compile(home: Path, values: dict[str, int], flags: Sequence[str]) -> None:
    """Verilate and compile in a folder of its own, then move it into place whole."""
    home.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home.parent) as temporary:
        command = [
            *("verilator", "--cc", "--exe", "--build", "-j", "1", "-O3", "-Wno-fatal", "-Wno-lint"),
            *("--x-assign", "fast", "--x-initial", "fast", "--noassert", *flags),
            *("-MAKEFLAGS", f"OPT_FAST={_optimised(values, flags)} OPT_SLOW=-O0"),
            *("--top-module", "accelerator", "-y", str(SOURCES), "--Mdir", temporary),
            *(f"-G{name}={value}" for name, value in values.items()),
            *(str(SOURCES / name) for name in MODULES),
            str(SOURCES / "main.cpp"),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        built = Path(temporary) / "Vaccelerator"
        if done.returncode != 0 or not built.exists():
            reason = (done.stderr or done.stdout).strip().splitlines()[-1:]
            raise HardwareError(f"verilator failed ({' '.join(reason)})", where=str(home))
        home.mkdir(exist_ok=True)
        built.replace(home / "Vaccelerator")


def _optimised(values: dict[str, int], flags: Sequence[str]) -> str:
    """Optimising takes longer than the few runs of a small array, or of long code that counts."""
    small = values["R"] * values["C"] < SMALL_ARRAY
    return "-O0" if flags else "-O1" if small else "-O2"


def simulate(
    built: Built,
    image: Image,
    dram: Dram = IDEAL_DRAM,
    engine: Engine | None = None,
    timeout_s: int = 600,
) -> Simulated:
    """Run one image: write its files, run, read what DRAM holds afterwards.

    `engine` replaces what the machine and `dram` say of bus, bursts, latency and folds.
    """
    engine = engine or engine_of(built.hardware, dram)
    if engine.bus_cycles != 1:
        raise HardwareError(
            f"a bus of {engine.bus}/{engine.bus_cycles} bytes a cycle in RTL",
            where=built.hardware.id,
            allowed="whole bytes a cycle",
        )
    with tempfile.TemporaryDirectory() as temporary:
        at = Path(temporary)
        (at / "dram.hex").write_text(_hex(image.dram, 8))
        for name in ("transfers", "tiles", "layers"):
            (at / f"{name}.hex").write_text(_hex(getattr(image, name), 32))
        files = [f"+{name}={at}/{name}.hex" for name in ("dram", "transfers", "tiles", "layers")]
        numbers = {
            "count": len(image.layers),
            "size": len(image.dram),
            "bus": engine.bus,
            "latency": engine.latency,
            "burst": engine.burst,
            "pipelined": int(engine.pipelined),
        }
        done = subprocess.run(
            [
                str(built.program),
                *files,
                *(f"+{k}={v}" for k, v in numbers.items()),
                f"+out={at}/out.hex",
                f"+coverage={at}/coverage.dat",
            ],
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        lines = [tuple(map(int, match)) for match in _LAYER.findall(done.stdout)]
        if done.returncode != 0 or len(lines) != len(image.layers):
            raise HardwareError(f"the simulation failed: {(done.stdout + done.stderr)[-200:]}")
        after = _bytes(at / "out.hex", len(image.dram))
        if folder := coverage_folder():
            add_counters(folder / f"{built.program.parent.name}.dat", at / "coverage.dat")
    return Simulated(tuple(line[1] for line in lines), tuple(line[2:] for line in lines), after)


def _hex(values: Array, bits: int) -> str:
    """One word a line, two's complement."""
    words = np.asarray(values).reshape(-1).astype(np.int64) & ((1 << bits) - 1)
    return words.astype(f">u{bits // 8}").tobytes().hex("\n", bits // 8) + "\n"


def _bytes(path: Path, count: int) -> Array:
    """The first `count` bytes of a `$writememh` file."""
    return np.frombuffer(bytes.fromhex(path.read_text(encoding="ascii")), np.uint8)[:count]


def outputs(image: Image, simulated: Simulated, dtypes: Sequence[np.dtype]) -> list[Array]:
    """Every layer's output codes, (H, W, C)."""
    found = []
    for (address, shape), dtype in zip(image.results, dtypes, strict=True):
        size = int(np.prod(shape))
        found.append(simulated.dram[address : address + size].view(dtype).reshape(shape))
    return found
