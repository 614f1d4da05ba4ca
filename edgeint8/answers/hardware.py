"""Answers about layers, machines and designs."""

from collections.abc import Iterator
from dataclasses import dataclass

from edgeint8.answers.answer import Answer, plain
from edgeint8.arch.cost.physical import LayerCost
from edgeint8.arch.machine.hardware import Hardware
from edgeint8.arch.network.layers import Layer
from edgeint8.arch.network.memory import Memory
from edgeint8.arch.network.totals import batch_of_layers, mac_count
from edgeint8.conventions import Row


@dataclass(frozen=True)
class Layers(Answer):
    """The layers of a network, in order; iterable.

    `memory` is what a microcontroller needs; `incomplete` says which work nobody could count.
    """

    layers: tuple[Layer, ...]
    memory: Memory
    incomplete: str

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, place: int) -> Layer:
        return self.layers[place]

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one run, mapped on an array or not."""
        return mac_count(self.layers).counted

    def facts(self) -> Row:
        """Layers, multiply-accumulates, images a run, and memory."""
        on_array = [layer for layer in self.layers if layer.shape is not None]
        return {
            "layers": len(self),
            "on_the_array": len(on_array),
            "macs": self.macs,
            "images": batch_of_layers(self.layers),
            "arena_bytes": self.memory.arena_bytes,
            "flash_bytes": self.memory.flash_bytes,
            "incomplete": self.incomplete,
        }

    def rows(self) -> list[Row]:
        """One row a layer; `reason` says why it is not on the array.

        `repeats` counts every run of `shape`: groups, images, planes and time steps.
        """
        return [
            {
                "layer": layer.name,
                "operator": layer.operator,
                "macs": layer.macs,
                "repeats": layer.separate_runs,
                "ifmap_bytes": layer.ifmap_bytes,
                "filter_bytes": layer.filter_bytes,
                "ofmap_bytes": layer.ofmap_bytes,
                "shape": layer.shape.id if layer.shape is not None else "",
                "reason": layer.reason,
            }
            for layer in self.layers
        ]


@dataclass(frozen=True)
class Cost(Answer):
    """What a network costs on a machine: one inference.

    `bound_cycles`: no machine of this kind is faster; `machine_cycles`: one that waits for tiles,
    each layer with its best (None without a shared bus, and where a layer has too many tiles to be
    run); `schedule_cycles`: a tile-by-tile schedule. Both are None where tensors stay on chip.
    Time, bytes, energy, utilisation and `costs` are those of the machine that waits, with the tiles
    of its cycles, and the bound's where there is none; `bound_by` and the rows are the bound's.
    Energy is (low, mid, high) pJ at 45 nm; area mm2. Cycles, MACs and bytes are of one image of
    `images`; `incomplete` says what the totals lack.
    """

    hardware: Hardware
    costs: tuple[LayerCost, ...]
    images: int
    bound_cycles: int | float
    machine_cycles: int | float | None
    schedule_cycles: int | float | None
    model_ms: float
    fps: float
    macs: int | float
    utilization: float
    dram_bytes: int | float
    energy_pj: tuple[float, float, float]
    area_mm2: float
    bound_by: str
    incomplete: str
    advice: tuple[str, ...]
    text: str
    layer_rows: tuple[Row, ...]

    def facts(self) -> Row:
        """All but the layers."""
        low, mid, high = self.energy_pj
        return {
            "hardware": self.hardware.id,
            "images": self.images,
            "bound_cycles": self.bound_cycles,
            "machine_cycles": self.machine_cycles,
            "schedule_cycles": self.schedule_cycles,
            "model_ms": self.model_ms,
            "fps": self.fps,
            "macs": self.macs,
            "utilization": self.utilization,
            "dram_bytes": self.dram_bytes,
            "energy_pj_low": low,
            "energy_pj": mid,
            "energy_pj_high": high,
            "area_mm2": self.area_mm2,
            "bound_by": self.bound_by,
            "incomplete": self.incomplete,
            "advice": list(self.advice),
        }

    def rows(self) -> list[Row]:
        """One row a layer: the columns of ``roofline.csv``, and of a run on the machine that waits
        cycles, DRAM bytes and energy at mid constants."""
        return list(self.layer_rows)


@dataclass(frozen=True)
class Front(Answer):
    """The exact front of a space of designs, fastest first, and the recommended of them.

    `designs` were walked, `feasible` of them hold every layer and keep to the constraints; `best`
    is the row of the recommended design on the machine that waits for tiles, with its
    ``machine_cycles``, or None where nothing is feasible or the totals are `incomplete`.
    """

    designs: int
    feasible: int
    front: tuple[Row, ...]
    incomplete: str
    best: Row | None

    def facts(self) -> Row:
        """Sizes, and the recommended design."""
        best = {f"best_{name}": value for name, value in (self.best or {"hardware": None}).items()}
        sizes = {"designs": self.designs, "feasible_designs": self.feasible}
        said = {"incomplete": self.incomplete, "no_best_because": self.reason}
        return {**sizes, "front": len(self.front), **said, **best}

    @property
    def reason(self) -> str:
        """Why nothing is recommended; empty where something is."""
        if self.best is not None:
            return ""
        if not self.feasible:
            return "no design holds every layer and keeps to the constraints"
        return (
            self.incomplete or "no design is fast enough, or keeps to the constraints as it waits"
        )

    def rows(self) -> list[Row]:
        """One row a design on the front, the columns of ``pareto.csv``."""
        return list(self.front)


@dataclass(frozen=True)
class Prediction(Answer):
    """What SCALE-Sim reports of each layer, by the replica; and what SCALE-Sim itself said.

    `checked` counts the quantities that were compared, `differences` lists those that differ;
    `incomplete` says which products have no mapping and are not in the cycles.
    """

    hardware: Hardware
    predicted: tuple[Row, ...]
    checked: int = 0
    differences: tuple[Row, ...] = ()
    incomplete: str = ""

    @property
    def scalesim_cycles(self) -> int:
        """Of all layers on the array, repeats included."""
        return sum(row["scalesim_cycles"] for row in self.predicted)

    def facts(self) -> Row:
        """Totals, and how many quantities were checked against SCALE-Sim."""
        return {
            "hardware": self.hardware.id,
            "scalesim_cycles": self.scalesim_cycles,
            "checked": self.checked,
            "differences": len(self.differences),
            "incomplete": self.incomplete,
        }

    def rows(self) -> list[Row]:
        """One row a layer on the array, the columns of ``<workload>/hw/<hardware>.csv``."""
        return list(self.predicted)


@dataclass(frozen=True)
class Machines(Answer):
    """Machines, described."""

    machines: tuple[Hardware, ...]

    def facts(self) -> Row:
        """How many."""
        return {"machines": len(self.machines)}

    def rows(self) -> list[Row]:
        """One row a machine."""
        return [{"hardware": machine.id, **plain(machine)} for machine in self.machines]
