"""Whether a machine can run a network at all."""

from collections.abc import Sequence

from edgeint8.arch.cost.physical import DEFAULT, Options, network_cost
from edgeint8.arch.machine.hardware import Hardware
from edgeint8.arch.network.layers import Layer
from edgeint8.errors import HardwareError


def infeasible_reason(
    layers: Sequence[Layer], hardware: Hardware, options: Options = DEFAULT
) -> str:
    """Layer, machine and sizes if some buffer does not hold the smallest tile; '' if all fit."""
    try:
        network_cost(layers, hardware, options)
    except HardwareError as error:
        return str(error)
    return ""


def feasible(layers: Sequence[Layer], machines: Sequence[Hardware]) -> list[Hardware]:
    """The machines that can run a network, in order."""
    return [machine for machine in machines if not infeasible_reason(layers, machine)]
