"""What `verify_tflite` found: runtimes beside their witnesses, and beside each other."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from edgeint8.conventions import Array
from edgeint8.fixed_point.compare import TensorDifference
from edgeint8.fixed_point.runtimes.known import RULE_COLUMNS, RULES
from edgeint8.fixed_point.runtimes.runtime import Runtime
from edgeint8.tflite.convert.convert import Converted
from edgeint8.tflite.file.model import Operator


@dataclass(frozen=True)
class RuntimeResult:
    """One runtime: every tensor that its witness showed, or why it does not run the network.

    witness : name and version of the real runtime that ran, or ``none``
    refused : in one line, why the runtime does not take the network
    note : what cannot be claimed of this comparison
    """

    runtime: Runtime
    witness: str
    images: int
    tensors: tuple[TensorDifference, ...]
    refused: str = ""
    note: str = ""

    @property
    def mismatches(self) -> int:
        """Elements in which our arithmetic and the real runtime differ."""
        return sum(tensor.mismatches for tensor in self.tensors)

    def row(self) -> dict[str, str | int | float]:
        """One row of `VerifyReport.to_frame`."""
        return {
            "runtime": self.runtime.name,
            "version": self.runtime.version,
            "instruction_set": self.runtime.instruction_set,
            "witness": self.witness if not self.refused else "none",
            "images": self.images,
            "tensors": len(self.tensors),
            "elements": sum(tensor.elements for tensor in self.tensors),
            "mismatches": self.mismatches,
            "max_abs_diff": max((tensor.max_abs_diff for tensor in self.tensors), default=0.0),
            "note": self.refused or self.note,
        }

    def golden_row(self) -> dict[str, str | int | float | None]:
        """The columns of ``golden.csv``; empty counts where no witness ran, and why."""
        counts = ("images", "tensors", "elements", "mismatches", "max_abs_diff")
        row = self.row()
        ran = bool(self.tensors)
        reason = self.refused or "no witness: pip install 'edgeint8[tflite]'"
        return {
            "witness": self.runtime.name,
            **{name: row[name] if ran else None for name in counts},
            "float_nodes": 0,
            "first_mismatch": next((t.name for t in self.tensors if t.mismatches), ""),
            "reference": self.witness,
            "note": (self.note or None) if ran else reason,
        }


@dataclass(frozen=True)
class PairCount:
    """Two runtimes on the same images.

    outputs_differing : images with any other element in the first output
    decisions_differing : images whose largest element of the first output stands elsewhere
    parts_at, parts_operator : the first tensor, in the file's order, in which they differ
    """

    first: str
    second: str
    images: int = 0
    elements: int = 0
    elements_differing: int = 0
    outputs_differing: int = 0
    decisions_differing: int = 0
    max_abs_diff: float = 0.0
    parts_at: str = ""
    parts_operator: str = ""

    def counted(
        self,
        converted: Converted,
        order: Mapping[int, Operator],
        first: Mapping[int, Array],
        second: Mapping[int, Array],
    ) -> "PairCount":
        """With a few images more; tensors by index of the file."""
        apart, largest, elements = {}, 0.0, 0
        for index in order:
            elements += first[index].size
            if not np.array_equal(first[index], second[index]):
                gap = np.abs(first[index].astype(np.float64) - second[index])
                apart[index] = int(np.count_nonzero(gap))
                largest = max(largest, float(gap.max()))
        out = converted.source.outputs[0]
        rows = converted.source.tensors[out].shape[0] if not converted.batched else 1
        a, b = (side[out].reshape(len(side[out]) // rows, -1) for side in (first, second))
        where = self._parting(converted, order, apart)
        return replace(
            self,
            images=self.images + len(a),
            elements=self.elements + elements,
            elements_differing=self.elements_differing + sum(apart.values()),
            outputs_differing=self.outputs_differing + int((a != b).any(axis=1).sum()),
            decisions_differing=self.decisions_differing
            + int((a.argmax(axis=1) != b.argmax(axis=1)).sum()),
            max_abs_diff=max(self.max_abs_diff, largest),
            parts_at=where[0],
            parts_operator=where[1],
        )

    def _parting(
        self, converted: Converted, order: Mapping[int, Operator], apart: Mapping[int, int]
    ) -> tuple[str, str]:
        """Name and operator of the first tensor that differs, the earlier of before and now."""
        names = [converted.views[index].name for index in order]
        found = [converted.views[index].name for index in order if index in apart]
        known = [name for name in (self.parts_at, *found[:1]) if name]
        if not known:
            return "", ""
        first = min(known, key=names.index)
        return first, list(order.values())[names.index(first)].kind


def _rule(kind: str) -> dict[str, str]:
    return dict(zip(RULE_COLUMNS, RULES[kind], strict=True))


@dataclass(frozen=True)
class VerifyReport:
    """Runtimes in the order asked for, and pairs of those that take the network."""

    path: str
    kinds: tuple[str, ...]
    runtimes: tuple[RuntimeResult, ...]
    pairs: tuple[PairCount, ...]

    @property
    def mismatches(self) -> int:
        """Elements in which our arithmetic and any witness differ: 0, or a defect."""
        return sum(result.mismatches for result in self.runtimes)

    def golden_rows(self) -> list[dict[str, str | int | float | None]]:
        """Rows of ``golden.csv`` after workload and strategy, one a real runtime of such files."""
        return [
            result.golden_row()
            for result in self.runtimes
            if (result.runtime.witnessed or result.witness != "none")
            and result.runtime.name != "ort"
        ]

    def to_frame(self) -> pd.DataFrame:
        """A row a runtime."""
        return pd.DataFrame([result.row() for result in self.runtimes])

    def pairs_frame(self) -> pd.DataFrame:
        """A row a pair of runtimes."""
        return pd.DataFrame([vars(pair) for pair in self.pairs])

    def rules_frame(self) -> pd.DataFrame:
        """What a chip must implement to equal each runtime: a row an operator of the file."""
        kinds = [*self.kinds, "limit of a fused activation"]
        rows = [{"operator": kind, **_rule(kind)} for kind in kinds if kind in RULES]
        return pd.DataFrame(rows)

    def tensors_frame(self) -> pd.DataFrame:
        """A row a runtime and tensor that its witness showed."""
        rows = [
            {"runtime": result.runtime.name, **vars(tensor)}
            for result in self.runtimes
            for tensor in result.tensors
        ]
        return pd.DataFrame(rows)
