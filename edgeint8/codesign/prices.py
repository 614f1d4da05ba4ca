"""What bits of weights cost on a machine, as plain data for ``quant.bits``.

An array has one multiplier, as wide as the widest layer asks; a layer's own bits decide what its
weights take in SRAM and DRAM. docs/physical_model.md, equation 64.
"""

from collections.abc import Sequence

from edgeint8.arch.cost.energy import count_accesses, sram_prices_fj
from edgeint8.arch.cost.physical import network_cost
from edgeint8.arch.machine.constants import DRAM_PER_BYTE
from edgeint8.arch.machine.hardware import Hardware
from edgeint8.arch.network.layers import Layer
from edgeint8.codesign.datapath import Datapath, node_of
from edgeint8.codesign.operand_widths import adder_fj, at_level, multiplier_fj
from edgeint8.quant.bits.allocation import BITS, Prices


def weight_prices(layers: Sequence[Layer], hardware: Hardware) -> Prices:
    """Femtojoules at mid constants, by the nodes of a float network and by the widest bits."""
    costs = [cost for cost in network_cost(layers, hardware) if cost.layer.shape is not None]
    _, filter_fj, _ = sram_prices_fj(hardware, "mid")
    dram_fj = round(DRAM_PER_BYTE.at("mid"))
    bit: dict[str, float] = {}
    for cost in costs:
        moved = count_accesses(cost, hardware).filter_port_bytes * filter_fj
        moved += cost.filter_bytes * dram_fj
        node = node_of(cost.layer)
        bit[node] = bit.get(node, 0.0) + moved / 8
    macs = sum(cost.layer.mapped_macs for cost in costs)
    path = Datapath()
    add = adder_fj(path.accumulator_bits)
    products = {
        bits: float(macs * at_level(multiplier_fj(path.activation_bits, bits) + add, "mid"))
        for bits in BITS
    }
    return Prices(bit, products)
