"""The call ``suite`` and its answer: one machine for several networks."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeint8.answers.answer import Answer
from edgeint8.arch.explore.design_space import constraints, design_space
from edgeint8.arch.explore.need import Objective, need_of
from edgeint8.arch.explore.suite import Member, suite_rows
from edgeint8.arch.machine.technology import load_technology, using
from edgeint8.arch.network.fusion import fuse
from edgeint8.conventions import Row
from edgeint8.errors import ConfigError
from edgeint8.inputs import network_layers
from edgeint8.study.config import section_of

ASKED = ("weight", "rate", "deadline_ms")
READING = ("batch", "batch_axis")
NO_MACHINE = (
    "no design holds every layer of every network, is fast enough for each and keeps to the "
    "constraints, or the work of a network is not known whole"
)


@dataclass(frozen=True)
class Suite(Answer):
    """Every network on the machine for all; no rows where no machine is fast enough for all."""

    networks: tuple[Row, ...]

    @property
    def hardware(self) -> str | None:
        """Name of the machine."""
        return str(self.networks[0]["hardware"]) if self.networks else None

    def facts(self) -> Row:
        """The machine, its area, and the worst regret; or why there is none."""
        if not self.networks:
            return {"hardware": None, "none_because": NO_MACHINE}
        worst = max(row["regret"] for row in self.networks)
        area = self.networks[0]["area_mm2"]
        return {"hardware": self.hardware, "area_mm2": area, "worst_regret": worst}

    def rows(self) -> list[Row]:
        """One row a network, the columns of ``suite.csv``."""
        return list(self.networks)


def suite(
    networks: Mapping[str, Mapping[str, Any]],
    rows: tuple[int, int] = (4, 256),
    cols: tuple[int, int] = (4, 256),
    *,
    technology: str | Path | None = None,
    dram: str = "mixed",
    **options: Any,
) -> Suite:
    """One machine for several networks: least weighted energy, then the smallest within 10 %.

    networks
        By file what is asked: ``{"kws.csv": {"rate": 10}, "vww.csv": {"rate": 1, "weight": 2}}``.
        All state ``rate`` or ``deadline_ms``, or none does, where energy times delay decides. Rows
        are named after their files, by the whole path where two files have one name. As for
        `layers`, ``batch``, ``batch_axis`` and ``shape`` may stand there:
        ``{"net.onnx": {"rate": 30, "shape": {"x": (1, 3, 224, 224)}}}``.
    options
        As for `explore`; `technology` and `dram` too.
    """
    chosen = section_of("explore", {"rows": list(rows), "cols": list(cols), **options})
    with using(None if technology is None else load_technology(technology), dram):
        stems = Counter(Path(file).stem for file in networks)
        members = [
            _member(
                file,
                asked,
                Path(file).stem if stems[Path(file).stem] == 1 else file,
                chosen["objective"],
            )
            for file, asked in networks.items()
        ]
        space, limits = design_space(chosen), constraints(chosen)
        return Suite(tuple(suite_rows(members, space, chosen["dram_gb_per_s"], limits)))


def _member(file: str, asked: Mapping[str, Any], name: str, objective: Objective) -> Member:
    given = dict(asked)
    shape = given.pop("shape", None)
    for key, value in given.items():
        if key not in (*ASKED, *READING) or not isinstance(value, int | float):
            allowed = f"numbers for {', '.join((*ASKED, *READING))}; shape: extents by input"
            raise ConfigError(f"{key} is {value!r}", where=file, allowed=allowed)
        if key in READING and value != int(value):
            raise ConfigError(f"{key} is {value!r}", where=file, allowed="a whole number")
    reading = {key: int(given[key]) for key in READING if key in given}
    need = need_of(given, objective)
    layers = fuse(network_layers(file, shape, **reading))
    return Member(name, layers, given.get("weight", 1), need)
