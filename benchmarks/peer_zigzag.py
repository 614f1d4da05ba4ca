"""ZigZag's side of peers.py, run by the Python of ZigZag's own environment: JSON in, JSON out.

    python benchmarks/peer_zigzag.py < request.json > answer.json

The request holds an accelerator, and layers with their workload and mapping, in ZigZag's own input
format; the answer cycles, elements by operand and memory, mappings evaluated, CPU seconds of each.
"""

import json
import logging
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml
from zigzag.api import get_hardware_performance_zigzag
from zigzag.cost_model.cost_model import CostModelEvaluation
from zigzag.hardware.architecture.memory_port import DataDirection
from zigzag.mapping.data_movement import DataMoveAttr

OPERANDS = ("I", "W", "O")
DIRECTIONS = {
    "read_down": DataDirection.RD_OUT_TO_LOW,
    "read_up": DataDirection.RD_OUT_TO_HIGH,
    "written_from_above": DataDirection.WR_IN_BY_HIGH,
    "written_from_below": DataDirection.WR_IN_BY_LOW,
}
_evaluated = [0]


def count_evaluations() -> None:
    """Count every mapping that ZigZag's cost model evaluates."""
    original = CostModelEvaluation.run

    def counted(self: Any) -> None:
        _evaluated[0] += 1
        original(self)

    CostModelEvaluation.run = counted


def evaluate(accelerator: dict, layer: dict[str, Any]) -> dict[str, Any]:
    """One layer: the best mapping by energy times delay that ZigZag's search finds."""
    before = _evaluated[0]
    with tempfile.TemporaryDirectory() as folder:
        paths = {}
        for name, content in (
            ("accelerator", accelerator),
            ("mapping", layer["mapping"]),
            ("workload", layer["workload"]),
        ):
            paths[name] = str(Path(folder) / f"{name}.yaml")
            # Memories are ordered from the array outwards.
            Path(paths[name]).write_text(yaml.safe_dump(content, sort_keys=False))
        start = time.process_time()
        _, _, found = get_hardware_performance_zigzag(
            **paths, opt="EDP", dump_folder=f"{folder}/out", loma_show_progress_bar=False
        )
        seconds = time.process_time() - start
    best = found[0][1][0][0]
    return {
        "name": layer["name"],
        "form": layer["form"],
        "ideal_cycles": best.ideal_temporal_cycle,
        "computing_cycles": best.latency_total0,
        "loading_cycles": best.latency_total1 - best.latency_total0,
        "cycles": best.latency_total2,
        "elements": {str(operand): moved(best, operand) for operand in best.layer.layer_operands},
        "mappings": _evaluated[0] - before,
        "cpu_seconds": seconds,
    }


def moved(evaluation: Any, operand: Any) -> list[dict[str, float]]:
    """Elements through each memory of one operand, innermost first."""
    levels = []
    for level, movement in enumerate(evaluation.mapping.unit_mem_data_movement[operand]):
        units = evaluation.mapping.spatial_mapping.unit_count[operand][level + 1]
        amount = movement.get_attribute(DataMoveAttr.DATA_TRANS_AMOUNT_PER_PERIOD)
        periods = movement.get_attribute(DataMoveAttr.DATA_TRANS_PERIOD_COUNT)
        levels.append(
            {name: amount.get(way) * periods.get(way) * units for name, way in DIRECTIONS.items()}
        )
    return levels


def main() -> None:
    logging.disable(logging.CRITICAL)
    request = json.load(sys.stdin)
    count_evaluations()
    answers = [evaluate(request["accelerator"], layer) for layer in request["layers"]]
    json.dump(answers, sys.__stdout__)


if __name__ == "__main__":
    main()
