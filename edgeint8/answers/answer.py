"""What all answers share: facts, rows, a frame."""

from dataclasses import fields
from typing import Any

import pandas as pd

from edgeint8.conventions import Row


class Answer:
    """Facts by name, and rows as a frame."""

    def facts(self) -> Row:
        """The numbers and words that speak for the whole."""
        raise NotImplementedError

    def rows(self) -> list[Row]:
        """One row a layer, tensor or design."""
        raise NotImplementedError

    def to_frame(self) -> pd.DataFrame:
        """The rows as a frame; columns as docs/tables.md describes them."""
        return pd.DataFrame(self.rows())


def plain(record: Any) -> Row:
    """The fields of a dataclass by name."""
    return {field.name: getattr(record, field.name) for field in fields(record)}
