"""A study file on its own: is it there, is it YAML, is it a study?

Snakemake reads ``--configfile`` before the Snakefile, and says neither which file nor which line is
wrong. So `make` asks here first::

    python -m edgeint8.study_file my.yaml
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from edgeint8.config import load_study
from edgeint8.errors import ConfigError, EdgeInt8Error, yaml_problem

ROOT = Path(__file__).parents[1]
DEFAULT_STUDY = ROOT / "config/config.yaml"
SCHEMA = ROOT / "workflow/schemas/config.schema.yaml"


def read_study_file(path: str | Path) -> dict[str, Any]:
    """The entries of one study file, as they stand there."""
    allowed = "a study file in YAML, a map at its top"
    try:
        entries = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        reason = yaml_problem(error)
        raise ConfigError(f"not YAML ({reason})", where=str(path), allowed=allowed) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not text in UTF-8"
        raise ConfigError(f"cannot be read ({reason})", where=str(path), allowed=allowed) from None
    if not isinstance(entries, dict):
        kind = "nothing" if entries is None else f"a {type(entries).__name__}"
        raise ConfigError(f"the file holds {kind}", where=str(path), allowed=allowed)
    return entries


def merged(base: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """`overlay` over `base` as Snakemake does it: maps merge, all else is replaced."""
    result = dict(base)
    for key, value in overlay.items():
        both = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
        result[key] = merged(result[key], value) if both else value
    return result


def main(arguments: Sequence[str]) -> int:
    """Check study files, each by itself over the default study; 1 and one line if one is wrong."""
    try:
        default = read_study_file(DEFAULT_STUDY)
        for path in arguments:
            load_study(merged(default, read_study_file(path)), SCHEMA)
    except EdgeInt8Error as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
