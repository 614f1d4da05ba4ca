"""Which tensors stay in the ifmap SRAM from one layer to the next. Equation 17.

The plan follows edges. A tensor is there for the next layer if the layer before has just written
or read it whole. It is not written to DRAM only if that next layer is all that ever reads it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from edgeint8.arch.cost.tile_space import ElementBytes
from edgeint8.arch.network.fusion import main_input, readers
from edgeint8.arch.network.layers import Layer


@dataclass(frozen=True)
class Stay:
    """What of a layer's tensors is on chip.

    Parameters
    ----------
    resident
        The ifmap is there already, left by the layer before.
    held
        The ifmap is kept whole, for itself or for the next layer.
    ofmap_kept
        The output stays for the next layer.
    ofmap_unwritten
        Nothing else needs it, so that it does not travel to DRAM.
    """

    resident: bool = False
    held: bool = False
    ofmap_kept: bool = False
    ofmap_unwritten: bool = False


def stays(layers: Sequence[Layer], capacity: int, element_bytes: ElementBytes) -> tuple[Stay, ...]:
    """The plan for an ifmap SRAM of `capacity` bytes."""
    if not layers:
        return ()
    read = readers(layers)
    size = max(element_bytes.ifmap, element_bytes.ofmap)
    plan = [Stay()]
    for layer, following in pairwise(layers):
        before = plan[-1]
        wanted = main_input(following)
        written = next((t for t in layer.writes if wanted and t.name == wanted.name), None)
        held = kept = unwritten = False
        if written is not None and len(layer.writes) == 1:
            kept = held = (layer.ifmap_bytes + layer.ofmap_bytes) * size <= capacity
            unwritten = kept and written.role == "inner" and read[written.name] == 1
        elif wanted is not None and main_input(layer) == wanted:
            held = layer.ifmap_bytes * size <= capacity
        plan[-1] = Stay(before.resident, before.held or held, kept, unwritten)
        plan.append(Stay(resident=held, held=held))
    return tuple(plan)
