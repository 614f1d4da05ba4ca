"""Defaults that give way: an overlay that names one of two keys has not named the other.

Lists replace and maps merge, so an overlay that selects other strategies keeps the default study's
detail strategies, and one that states a deadline keeps its rate. What the overlay does not name
gives way; what it names itself and contradicts is refused.
"""

from collections.abc import Mapping
from typing import Any

from edgeint8.errors import ConfigError
from edgeint8.study.schema_words import listed

NEEDS = ("rate", "deadline_ms")  # what a design is judged by: one of the two


def named(own: Mapping[str, Any], *path: str) -> bool:
    """Whether the user's own files have a value at a path of keys."""
    entry: Any = own
    for key in path:
        if not isinstance(entry, Mapping) or key not in entry:
            return False
        entry = entry[key]
    return True


def one_need(
    name: str, options: Mapping[str, Any], own: Mapping[str, Any], where: str
) -> dict[str, Any]:
    """The rate or deadline_ms that a workload states: its own, where the default has the other."""
    stated = [key for key in NEEDS if key in options]
    if len(stated) > 1:
        stated = [key for key in stated if named(own, "workloads", name, key)]
        if len(stated) != 1:
            raise ConfigError("rate and deadline_ms given", where=where, allowed="one of the two")
    return {key: options[key] for key in stated}


def detailed(
    run: Mapping[str, Any], selected: Mapping[str, Any], own: Mapping[str, Any]
) -> tuple[str, ...]:
    """The detail strategies: those that an overlay names, else the default ones it has selected."""
    names = tuple(run["detail_strategies"])
    if named(own, "run", "strategies") and not named(own, "run", "detail_strategies"):
        return tuple(name for name in names if name in selected)
    for name in names:
        if name not in selected:
            raise ConfigError(
                f"{name!r} is not selected",
                where="$.run.detail_strategies",
                allowed=listed(selected),
            )
    return names
