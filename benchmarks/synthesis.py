"""Area of the RTL's parts by synthesis: a witness for what the model takes elements to cost.

    LIBERTY=cells.lib python benchmarks/synthesis.py [--only WORDS] [--output synthesis.csv]

Yosys maps each part to the cells of a Liberty file of your own; none comes with this project.
Without LIBERTY it counts the cells of its own gates (`abc -g`), which belong to no technology and
have no area. `over_mac` compares technologies: the part over a combinational 8 x 8 multiplier and
32-bit adder. With `--only` the parts whose names have these words are made, and other rows of the
output stay. A part that takes longer than LIMIT_S has a row without numbers that says so.
"""

import argparse
import csv
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from keep import circumstances, keep

from edgeint8.conventions import Row
from edgeint8.errors import ConfigError
from edgeint8.rtl.simulator import SOURCES

LIMIT_S = 1800
GATES = "AND,NAND,OR,NOR,XOR,XNOR,MUX"
MAPPING = "+strash;dc2;dc2;strash;&get,-n;&dch,-f;&nf;&put"
"""Yosys' own script for ABC without its searches for equal nodes, which a 32 x 31 bit multiplier
keeps busy for more than five minutes."""
PLAIN = """
module multiplier #(parameter A = 8, parameter B = 8) (
  input signed [A-1:0] a, input signed [B-1:0] b, output signed [A+B-1:0] y);
  assign y = a * b;
endmodule
module adder #(parameter AW = 32) (input signed [AW-1:0] a, b, output signed [AW-1:0] y);
  assign y = a + b;
endmodule
module mac (input signed [7:0] a, b, input signed [31:0] sum, output signed [31:0] y);
  assign y = sum + a * b;
endmodule
module accumulate #(parameter AW = 24, parameter TW = 21, parameter SATURATE = 0) (
  input signed [AW-1:0] sum, input signed [TW-1:0] tile, output signed [AW-1:0] y);
  wire signed [AW:0] exact = sum + tile;
  wire outside = exact[AW] != exact[AW-1];
  assign y = SATURATE && outside ? {exact[AW], {(AW-1){!exact[AW]}}} : exact[AW-1:0];
endmodule
module requant_int16 (input clk, input signed [31:0] acc, input [15:0] multiplier,
  input [5:0] shift, input signed [9:0] zero, low, high, output [7:0] code);
  requant_shift u (clk, acc, {15'd0, multiplier}, shift, zero, low, high, code);
endmodule
module requant_power_of_two (input clk, input signed [31:0] acc, input [5:0] shift,
  input signed [9:0] zero, low, high, output [7:0] code);
  requant_shift u (clk, acc, 31'd1, shift, zero, low, high, code);
endmodule
"""
"""What the RTL has no module for."""


@dataclass(frozen=True)
class Part:
    """A module with its parameters; `what` says in words which choice it stands for."""

    module: str
    what: str
    parameters: dict[str, int] = field(default_factory=dict)
    files: tuple[str, ...] = ()


def parts() -> Iterator[Part]:
    """Reference cells, elements by dataflow, widths and policy, requantisers, additions."""
    yield Part("mac", "8 x 8 multiplier and 32-bit adder, no registers")
    yield Part("multiplier", "8 x 8 multiplier")
    yield Part("multiplier", "9 x 8 multiplier", {"A": 9})
    yield Part("adder", "32-bit adder")
    operands = {"ws": ("pe_ws", 9, 8), "is": ("pe_ws", 8, 9), "os": ("pe_os", 9, 8)}
    for flow, (module, moving, held) in operands.items():
        for bits in (32, 24, 20, 16):
            widths = {"XW": moving, "WW": held, "AW": bits}
            yield Part(module, f"{flow} element, sums of {bits} bits", widths, (f"{module}.sv",))
    narrow = {"XW": 9, "WW": 4, "AW": 24}
    yield Part("pe_ws", "ws element, 4-bit weights, sums of 24 bits", narrow, ("pe_ws.sv",))
    for saturate, policy in enumerate(("wraps", "saturates")):
        widths = {"AW": 24, "TW": 21, "SATURATE": saturate}
        yield Part("accumulate", f"24-bit sum of K-tiles that {policy}", widths)
    yield Part("requant_ort", "float32, ties to even", files=("requant_ort.sv",))
    yield Part("requant_gemmlowp", "gemmlowp", files=("requant_gemmlowp.sv",))
    shifts = ("requant_shift.sv",)
    yield Part("requant_shift", "31-bit multiplier, half up", {"RULE": 2}, shifts)
    yield Part("requant_shift", "31-bit multiplier, half even", {"RULE": 3}, shifts)
    yield Part("requant_shift", "31-bit multiplier, truncates", {"RULE": 4}, shifts)
    yield Part("requant_int16", "16-bit multiplier, half up", files=shifts)
    yield Part("requant_power_of_two", "power of two, half up", files=shifts)
    yield Part("add_ort", "ONNX Runtime's addition", files=("add_ort.sv",))
    yield Part("add_gemmlowp", "gemmlowp's addition", files=("add_gemmlowp.sv",))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", type=Path, help="write the rows to this CSV file")
    parser.add_argument("--only", default="", help="words of the parts to be made")
    options = parser.parse_args(arguments)
    liberty = os.environ.get("LIBERTY")
    found = circumstances("counts and areas, the same on any computer")
    tool = yosys(["-V"]).split("(")[0].strip()
    rows = kept_rows(options.output) if options.only else {}
    for part in (part for part in parts() if options.only in part.what):
        rows[part.what] = row_of(part, liberty, tool, str(found["date"]))
        print(*rows[part.what].values(), flush=True)
    ordered = [rows[part.what] for part in parts() if part.what in rows]
    unit = "area_um2" if liberty else "gates"
    for row in ordered:
        row["over_mac"] = row[unit] and round(float(row[unit]) / float(ordered[0][unit]), 3)
    if options.output is not None:
        keep(options.output, ordered, found)
    return 0


def kept_rows(path: Path | None) -> dict[str, Row]:
    """Rows of an earlier run, by part."""
    if path is None or not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        return {row["part"]: dict(row) for row in csv.DictReader(file)}


def row_of(part: Part, liberty: str | None, tool: str, date: str) -> Row:
    """One synthesis."""
    numbers: Row = dict.fromkeys(("gates", "flip_flops", "area_um2"))
    note = ""
    try:
        numbers = numbers_of(synthesised(part, liberty))
    except subprocess.TimeoutExpired:
        note = f"stopped after {LIMIT_S} s"
    return {
        "part": part.what,
        "module": part.module,
        "parameters": " ".join(f"{k}={v}" for k, v in part.parameters.items()),
        **numbers,
        "library": library_name(liberty) if liberty else f"none: abc -g {GATES}",
        "tool": tool,
        "date": date,
        "over_mac": None,
        "note": note,
    }


def numbers_of(said: str) -> Row:
    """Combinational cells, flip-flops and area as Yosys says them last."""
    flops = r"(?:\$_S?DFF\w*_|\w*(?i:dff|dfxtp|dfrtp)\w*)"
    cells = int(re.findall(r"Number of cells:\s+(\d+)", said)[-1])
    held = sum(int(n) for n in re.findall(rf"^\s+{flops}\s+(\d+)$", said, re.M))
    area = re.search(r"Chip area for (?:top )?module '.*': ([0-9.]+)", said)
    return {
        "gates": cells - held,
        "flip_flops": held,
        "area_um2": float(area[1]) if area else None,
    }


def synthesised(part: Part, liberty: str | None) -> str:
    """What Yosys says of a part: flattened, without merging a * b + c into one operator."""
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder)
        (at / "plain.sv").write_text(PLAIN)
        for source in (*SOURCES.glob("*.svh"), *(SOURCES / name for name in part.files)):
            (at / source.name).write_text(readable(source.read_text(encoding="utf-8")))
        values = "".join(f" -chparam {name} {value}" for name, value in part.parameters.items())
        mapped = [f"abc -g {GATES}", "opt_clean", "stat"]
        if liberty:
            cells = f"-liberty {Path(liberty).resolve()}"
            mapped = [f"dfflibmap {cells}", f"abc {cells} -script {MAPPING}", "opt_clean"]
            mapped.append(f"stat {cells}")
        script = [
            f"read_verilog -sv -I{at} {' '.join(str(at / name) for name in part.files)} "
            f"{at}/plain.sv",
            f"hierarchy -check -top {part.module}{values}",
            *("synth -flatten -noalumacc", *mapped),
        ]
        (at / "script.ys").write_text("\n".join(script))
        return yosys([f"{at}/script.ys"])


def readable(source: str) -> str:
    """Without casts to a width or type, which Yosys 0.23 does not read.

    In the parts synthesised here every operand is extended to its neighbours' width all the same:
    a test runs the units without casts.
    """
    return re.sub(r"\b(?:\d+|[A-Z]+|wide_t)'\(", "(", source)


def yosys(arguments: Sequence[str]) -> str:
    try:
        done = subprocess.run(
            ["yosys", *arguments], capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
    except FileNotFoundError:
        raise ConfigError("yosys is not installed", allowed="apt-get install yosys") from None
    if done.returncode != 0:
        raise ConfigError(f"yosys failed: {(done.stdout + done.stderr).strip().splitlines()[-1]}")
    return done.stdout


def library_name(liberty: str) -> str:
    """As the Liberty file calls itself."""
    match = re.search(r"library\s*\(\s*\"?([\w.-]+)", Path(liberty).read_text(encoding="latin-1"))
    if match is None:
        raise ConfigError("no library in a Liberty file", where=liberty)
    return match[1]


if __name__ == "__main__":
    sys.exit(main())
