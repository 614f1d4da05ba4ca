"""The numbers in docs/cost_model.md come from the code."""

from pathlib import Path

from edgeint8.arch.machine.hardware import parse_hardware_id
from edgeint8.arch.network.layers import Layer, LayerShape, parse_shape_id
from edgeint8.arch.questions.depthwise import packings
from edgeint8.dataflow import DATAFLOWS
from edgeint8.scale_sim.explain import EXAMPLE, explain
from edgeint8.scale_sim.replica.replica import predict

DOCUMENT = (Path(__file__).parents[2] / "docs" / "cost_model.md").read_text(encoding="utf-8")


def test_worked_example_is_the_commands_output() -> None:
    shape, hardware = parse_shape_id(EXAMPLE[0]), parse_hardware_id(EXAMPLE[1])
    assert explain(shape, hardware) in DOCUMENT
    assert f"{predict(shape, hardware).compute.stall_cycles:,} stall cycles" in DOCUMENT


def test_packing_table() -> None:
    shape = LayerShape.from_output((112, 112), (3, 3), 1, 1)
    layer = Layer("dw", "depthwise", shape, 32, 1, 288, 1, "test")
    machines = [parse_hardware_id(f"{dataflow}_16x16_64kB_unlimited") for dataflow in DATAFLOWS]
    for same in zip(*(packings(layer, machine) for machine in machines), strict=True):
        cells = " | ".join(f"{each.lines:,} | {each.utilization_percent:.1f}" for each in same)
        assert f"| {same[0].groups_together} | {cells} |" in DOCUMENT


def test_every_equation_that_the_code_names_is_there() -> None:
    for number in range(1, 38):
        assert f"\n({number}) " in DOCUMENT
