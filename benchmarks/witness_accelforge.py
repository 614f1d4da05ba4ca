"""AccelForge's side of mapping_witness.py, run by the Python of its own environment.

    python benchmarks/witness_accelforge.py < request.json > answer.json

The request is a list of cases, each with the texts of an architecture, a workload and a mapping;
the answer elements by memory, tensor and direction, cycles, femtojoules and CPU seconds of each.
"""

import importlib.metadata
import json
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import accelforge
import sympy
from accelforge.frontend.mapping import Loop
from accelforge.model.main import evaluate_mapping

EINSUM, COMPUTE = "Layer", "MAC"


def evaluate(case: dict[str, Any]) -> dict[str, Any]:
    """One fixed mapping, costed; nothing is searched."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{name}.yaml" for name in ("arch", "workload", "mapping")]
        for path in paths:
            path.write_text(case[path.stem])
        start = time.process_time()
        found = cost(accelforge.Spec.from_yaml(*map(str, paths)))
        seconds = time.process_time() - start
    energy = found.energy(per_action=True)
    static = float(energy.pop("leak"))
    moved = found.actions(per_component=True, per_tensor=True)
    return {
        "moved": {".".join(key): float(value) for key, value in moved.items()},
        "cycles": float(found.latency()),
        "dynamic_fj": float(sum(energy.values())),
        "static_fj": static,
        "cpu_seconds": seconds,
    }


def cost(spec: accelforge.Spec) -> Any:
    """`evaluate_mapping` with fractions as tiles: its model takes them, its YAML whole numbers."""
    loops = spec.mapping.get_nodes_of_type(Loop)
    tiles = [sympy.Rational(str(loop.tile_shape)) for loop in loops]
    for loop in loops:
        loop.tile_shape = 1
    evaluated = spec.calculate_component_costs(einsum_name=EINSUM, area=False)
    arch = evaluated._get_flattened_architecture(compute_node=COMPUTE)
    for loop, tile in zip(loops, tiles, strict=True):
        loop.tile_shape = tile
    return evaluate_mapping(spec, {(EINSUM, COMPUTE): arch}, {EINSUM: evaluated})


def main() -> None:
    warnings.simplefilter("ignore")
    out, sys.stdout = sys.stdout, sys.stderr  # what AccelForge prints is not part of the answer
    cases = [evaluate(case) for case in json.load(sys.stdin)]
    answer = {"version": importlib.metadata.version("accelforge"), "cases": cases}
    json.dump(answer, out)


if __name__ == "__main__":
    main()
