"""No size breaks the models: 1e15 MACs, huge images, machines too small for one layer."""

import time

import pytest
from product_networks import network, node, value, weights

from edgeint8.arch.cost.energy import energy_band_pj
from edgeint8.arch.cost.feasible import feasible, infeasible_reason
from edgeint8.arch.cost.physical import layer_cost, network_cost, transfer_cycles
from edgeint8.arch.explore.design_space import DesignSpace
from edgeint8.arch.explore.explore import explore
from edgeint8.arch.explore.front import front_check_rows, front_rows
from edgeint8.arch.explore.random_designs import explore_random
from edgeint8.arch.explore.recommended import recommend
from edgeint8.arch.machine.hardware import load_preset, parse_hardware_id
from edgeint8.arch.network.layers import Layer, LayerShape
from edgeint8.arch.network.onnx_layers import layers_from_onnx
from edgeint8.arch.questions.scaling import doubled
from edgeint8.errors import HardwareError

SPACE = DesignSpace((4, 16), (4, 16), ((16, 16, 16), (64, 64, 64)), (4, None), balanced=False)


def product(side: int) -> Layer:
    """A matrix product of `side` cubed MACs."""
    tensor = side * side
    return Layer("mm", "gemm", LayerShape.from_gemm(side, side, side), 1, *(tensor,) * 3, "test")


@pytest.mark.parametrize("side", [100_000, 1_000_000])
def test_a_product_of_any_size_is_explored_exactly(side: int) -> None:
    """1e15 and 1e18 MACs: energies pass int64 and stay exact, on every design of the front."""
    layers = [product(side)]
    found = explore(layers, SPACE)
    assert all(row["difference"] == 0 for row in front_check_rows("w", layers, found))
    assert all(row["energy_pj"] > 0 for row in front_rows("w", layers, found))
    best = recommend(layers, found)
    assert best is not None and not best.machine  # 1e9 tiles and more: by the bound
    chance = explore_random(layers, SPACE, 64, seed=0)
    assert min(int(energy) for energy in chance.energy_fj) > 0


def test_energies_of_a_huge_product_are_positive() -> None:
    machine = parse_hardware_id("ws_16x16_64kB_4Bpc")
    costs = network_cost([product(1_000_000)], machine)
    assert costs[0].cycles >= 10**18 // 256
    assert all(energy > 0 for energy in energy_band_pj(costs, machine).values())


def test_what_no_number_holds_is_said() -> None:
    with pytest.raises(HardwareError, match="moves 2\\^58 bytes or more"):
        network_cost([product(10_000_000)], parse_hardware_id("ws_16x16_16kB_4Bpc"))


@pytest.mark.parametrize("side", [20_000, 40_000_000])
def test_huge_images_take_no_time(side: int) -> None:
    shape = LayerShape.from_output((side, side), (3, 3), 3, 8)
    sizes = (side * side * 3, 216, side * side * 8)
    pads = (1, 1, 1, 1)
    layer = Layer("c", "conv", shape, 1, *sizes, "t", input_hw=(side, side), pads=pads)
    start = time.process_time()
    cost = layer_cost(layer, parse_hardware_id("ws_16x16_64kB_4Bpc"))
    assert time.process_time() - start < 1
    assert cost.dram_bytes >= layer.dram_bytes_minimum


def test_a_machine_too_small_is_infeasible_for_one_network() -> None:
    """The reason names layer, machine and sizes; machines that are large enough stay."""
    nodes = [node("Conv", ["x", "w"], ["y"], name="front")]
    model = network(nodes, [value("x", [1, 1, 1, 4000])], weights(w=(4, 1, 1, 1024)))
    layers = layers_from_onnx(model)
    small, large = (parse_hardware_id(f"ws_4x4_{kb}kB_2Bpc") for kb in (1, 4))
    assert feasible(layers, [small, large]) == [large]
    reason = infeasible_reason(layers, small)
    assert all(part in reason for part in ("ws_4x4_1kB_2Bpc", "front", "1024", "2048"))


def test_bandwidth_is_as_exact_as_it_is_stated(tmp_path) -> None:
    """0.05 and 2.9 GB/s at 1 GHz were both one byte a cycle and port."""
    cycles = {}
    for name, rate in (("slow", 0.05), ("fast", 2.9)):
        path = tmp_path / f"{name}.yaml"
        path.write_text(
            f"dataflow: ws\nrows: 8\ncols: 8\nsram_kb: 64\nclock_mhz: 1000\ndram_gb_per_s: {rate}\n"
        )
        machine = load_preset(path)
        assert machine.bandwidth_bpc == 1
        cycles[name] = transfer_cycles((2900, 0, 0), machine)
        more = doubled(machine, "bandwidth")
        assert more is not None and transfer_cycles((5800, 0, 0), more) == cycles[name]
    assert cycles == {"slow": 58_000, "fast": 1_000}
