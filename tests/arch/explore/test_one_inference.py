"""An inference is one image: tables divide the run of a file that has several by its images."""

import onnx
import pytest
from product_networks import network, node, value, weights

from edgeint8.arch.cost.energy import energy_band_pj
from edgeint8.arch.cost.machine.cost import machine_costs
from edgeint8.arch.cost.physical import network_cost, total_cycles, total_dram_bytes
from edgeint8.arch.explore.design_space import Constraints, DesignSpace
from edgeint8.arch.explore.explore import explore
from edgeint8.arch.explore.front import design_row
from edgeint8.arch.explore.recommended import recommend, recommended_row
from edgeint8.arch.machine.hardware import parse_hardware_id
from edgeint8.arch.network.layers import Layer
from edgeint8.arch.network.onnx_layers import layers_from_onnx
from edgeint8.scale_sim.dse import dse_rows
from edgeint8.tables.contents import TABLES
from edgeint8.tables.files import framed

MACHINE = parse_hardware_id("ws_8x8_16kB_2Bpc")
IMAGES = 7  # so that most totals do not divide
TOTALS = ("scalesim_cycles", "bound_cycles", "machine_cycles", "schedule_cycles", "dram_bytes")


def layers(images: int) -> tuple[Layer, ...]:
    stored = weights(w=(12, 3, 3, 3), v=(10, 12))
    nodes = [
        node("Conv", ["x", "w"], ["a"]),
        node("GlobalAveragePool", ["a"], ["b"]),
        node("Flatten", ["b"], ["c"]),
        node("Gemm", ["c", "v"], ["y"], transB=1),
    ]
    model: onnx.ModelProto = network(nodes, [value("x", [images, 3, 12, 12])], stored)
    return layers_from_onnx(model)


def test_totals_of_a_design_are_those_of_one_image():
    found, costs = layers(IMAGES), network_cost(layers(IMAGES), MACHINE)
    row = design_row("net", found, MACHINE)
    assert row["images_a_run"] == IMAGES
    assert row["bound_cycles"] * IMAGES == pytest.approx(total_cycles(costs), rel=1e-12)
    assert row["dram_bytes"] * IMAGES == pytest.approx(total_dram_bytes(costs), rel=1e-12)
    assert row["energy_pj"] * IMAGES == pytest.approx(energy_band_pj(costs, MACHINE)["mid"])
    assert row["fps"] == pytest.approx(IMAGES * MACHINE.clock_hz / total_cycles(costs))
    assert row["fps"] * row["model_ms"] == pytest.approx(1e3)


def test_an_image_of_a_batch_costs_no_more_than_one_alone():
    """In the bound it shares weights; on the machine where images are the rows of a product.

    As the file of one image, nothing is divided.
    """
    alone, shared = (dse_rows("net", layers(n), [MACHINE])[0] for n in (1, IMAGES))
    for name in TOTALS:
        assert shared[name] <= alone[name], name
    saved = (12 * 27 + 120) * (1 - 1 / IMAGES)  # the weights are read once a run
    one, all_images = (total_dram_bytes(network_cost(layers(n), MACHINE)) for n in (1, IMAGES))
    assert one - all_images / IMAGES == pytest.approx(saved)
    product = (120 + 10 * 8) * (1 - 1 / IMAGES)  # weights, biases and scales
    assert alone["dram_bytes"] - shared["dram_bytes"] == pytest.approx(product)
    assert isinstance(alone["bound_cycles"], int)
    framed(TABLES["dse"], [alone, shared])  # every cell is of its column's kind


def test_limits_on_time_are_of_one_inference():
    space = DesignSpace((8,), (8,), ((16, 16, 16),), (2,), ("ws",), (False,))
    run = total_cycles(
        network_cost(layers(IMAGES), space.machine("ws", 8, 8, (16, 16, 16), 2, False))
    )
    within = 1e3 * run / space.clock_hz / IMAGES * 1.01
    for limits in (Constraints(latency_ms=within), Constraints(fps=1e3 / within)):
        assert explore(layers(IMAGES), space, limits).feasible == 1
    assert explore(layers(IMAGES), space, Constraints(latency_ms=within / 1.1)).feasible == 0


def test_limits_on_the_machine_are_of_one_inference_too():
    space = DesignSpace((8,), (8,), ((16, 16, 16),), (2,), ("ws",), (False,))
    hardware = space.machine("ws", 8, 8, (16, 16, 16), 2, False)
    run = sum(found.cycles for found in machine_costs(layers(IMAGES), hardware))
    within = 1e3 * run / space.clock_hz / IMAGES
    for share, feasible in ((1.001, True), (0.999, False)):
        limits = Constraints(latency_ms=within * share)
        found = explore(layers(IMAGES), space)
        assert (recommend(layers(IMAGES), found, limits=limits) is not None) == feasible


def test_the_recommended_machine_is_told_by_the_image_as_its_bound_is():
    space = DesignSpace((8,), (8,), ((16, 16, 16),), (2,), ("ws",), (False,))
    found = recommend(layers(IMAGES), explore(layers(IMAGES), space))
    row = recommended_row("net", layers(IMAGES), found)
    run = sum(found.cycles for found in machine_costs(layers(IMAGES), found.designs[0].hardware))
    assert row["machine_cycles"] * IMAGES == pytest.approx(run, rel=1e-12)
    assert row["bound_cycles"] <= row["machine_cycles"] < 2 * row["bound_cycles"]
