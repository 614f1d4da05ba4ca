"""A study file on its own: is it there, is it YAML, is it a map?

Snakemake reads ``--configfile`` before the Snakefile, and says neither which file nor which line is
wrong, or with a traceback. So profiles/default asks here first, in every call of Snakemake.
"""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from edgeint8.errors import ConfigError, yaml_problem
from edgeint8.files import read_yaml

DEFAULT_STUDY = Path(__file__).parents[2] / "config/config.yaml"
OPTIONS = ("--configfile", "--configfiles")


def read_study_file(path: str | Path) -> dict[str, Any]:
    """The entries of one study file, as they stand there."""
    allowed = "a study file in YAML, a map at its top"
    try:
        entries = read_yaml(path)
    except yaml.YAMLError as error:
        reason = yaml_problem(error)
        raise ConfigError(f"not YAML ({reason})", where=str(path), allowed=allowed) from None
    except (OSError, ValueError) as error:  # PyYAML makes dates of what looks like dates
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(f"cannot be read ({reason})", where=str(path), allowed=allowed) from None
    if not isinstance(entries, dict):
        kind = "nothing" if entries is None else f"a {type(entries).__name__}"
        raise ConfigError(f"the file holds {kind}", where=str(path), allowed=allowed)
    return entries


def study_files(command_line: Iterable[str]) -> Iterator[str]:
    """The files that a command of Snakemake names as configuration."""
    taking = False
    for word in command_line:
        if word.startswith("-"):
            option, _, value = word.partition("=")
            taking = option in OPTIONS
            word = value
        if taking and word:
            yield word


def refuse_unreadable(command_line: Iterable[str]) -> None:
    """Leave with one line if the default study, or one that the command names, cannot be read."""
    try:
        for path in (str(DEFAULT_STUDY), *study_files(command_line)):
            read_study_file(path)
    except ConfigError as error:
        sys.exit(f"error: {error}")
