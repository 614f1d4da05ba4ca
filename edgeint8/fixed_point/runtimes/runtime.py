"""A runtime as a value: how it rounds, adds, multiplies, pools, averages and exponentiates."""

import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from edgeint8.errors import ModelError
from edgeint8.fixed_point.arithmetic.requantize import Scheme

Operator = Callable[..., Any]
X86_64 = frozenset({"x86_64", "AMD64"})


@dataclass(frozen=True)
class Runtime:
    """What a runtime computes, whoever runs it.

    name : what tables call it
    version : the package or library whose arithmetic this is
    instruction_set : where its kernels were compared; "any" for plain C
    scheme : how the accumulators of convolutions and products become codes
    operators : what it computes in its own way, by operator of the graph; all others as ORT does
    refuses : operators that it does not take, and why
    witnessed : whether the real runtime ran beside it
    int4 : why it does not take weights of four bits; empty where they are as those of eight
    """

    name: str
    version: str
    instruction_set: str
    scheme: Scheme
    operators: Mapping[str, Operator] = field(default_factory=dict)
    refuses: Mapping[str, str] = field(default_factory=dict)
    witnessed: bool = True
    int4: str = ""

    def __post_init__(self) -> None:
        for name in ("name", "version", "instruction_set"):
            if not getattr(self, name):
                raise ModelError(f"a runtime without {name}")
        both = set(self.operators) & set(self.refuses)
        if both:
            raise ModelError(f"{self.name} computes and refuses {sorted(both)}")

    @property
    def description(self) -> str:
        """Name, version and instruction set, and whether there was a witness."""
        witness = "" if self.witnessed else ", no witness"
        return f"{self.name} ({self.version}, {self.instruction_set}{witness})"

    def unclaimed(self) -> str:
        """What cannot be claimed on this machine, in one line; empty where all can."""
        machine = platform.machine()
        if self.instruction_set == "any" or machine in X86_64:
            return ""
        return f"{self.name} was compared on {self.instruction_set}; this machine is {machine}"
