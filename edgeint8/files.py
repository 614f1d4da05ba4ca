"""Files that are either whole or absent: write to a temporary name, then rename."""

import csv
import fcntl
import glob
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import yaml

from edgeint8.errors import DataError


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it replaces `path`, on error it is removed.

    The temporary name keeps the suffix, because some writers (``np.savez``) look at it. What killed
    writers of the same file have left is removed first.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(target)
    handle, name = tempfile.mkstemp(
        dir=target.parent, prefix=f".{target.stem}.", suffix=target.suffix
    )
    hold(handle)  # while we live: nobody takes the file for abandoned
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
        os.close(handle)


def hold(file: int | IO[Any]) -> None:
    """Wait for the lock of an open file and keep it; some cluster file systems have no locks."""
    with suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_EX)


def _remove_abandoned(target: Path) -> None:
    """Remove the temporary files of `target` whose writer is dead: nobody holds their lock."""
    for temporary in target.parent.glob(f".{glob.escape(target.stem)}.????????{target.suffix}"):
        with suppress(OSError), temporary.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            temporary.unlink()


def write_text(path: str | Path, text: str) -> None:
    """Write `text` as UTF-8, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` as indented JSON with keys in their own order; NaN is refused."""
    write_text(path, json.dumps(value, indent=1, allow_nan=False) + "\n")


def write_csv(path: str | Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows under the union of their keys, in order of appearance; None is an empty cell.

    Floats are written so that they read back exactly. No rows make an empty file.
    """
    rows = list(rows)
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        if columns:
            writer = csv.DictWriter(file, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


class _EachKeyOnce(yaml.SafeLoader):
    """YAML whose maps name a key once; PyYAML would take the last and drop the others."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
                continue
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    problem=f"{key.value!r} stands there twice", problem_mark=key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_EachKeyOnce.add_implicit_resolver(  # 1e3 is a number in YAML 1.2, and to whoever writes it
    "tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)
UNREADABLE_YAML = (OSError, ValueError, yaml.YAMLError)
"""What `read_yaml` raises; `yaml_problem` says it in words. PyYAML makes dates of what looks so."""


def read_yaml(path: str | Path) -> Any:
    """What stands in a YAML file of the user's."""
    return yaml.load(Path(path).read_text(encoding="utf-8"), _EachKeyOnce)


def read_json(path: str | Path) -> Any:
    """Read JSON; a missing or broken file is a `DataError` that names it."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError("file does not exist", where=str(path)) from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"not valid JSON ({error})", where=str(path)) from None


NOT_COMPUTED = "not computed: "


def write_absence(path: str | Path, reason: str) -> None:
    """Put a one-line reason in the place of an output that cannot be computed.

    An output whose name has no suffix is a folder; the reason then stands in a file inside.
    """
    target = Path(path)
    if not target.suffix:
        target = target / "not_computed.txt"
    write_text(target, f"{NOT_COMPUTED}{' '.join(reason.split())}\n")


def absence(path: str | Path) -> str | None:
    """The reason that stands in the place of a file or folder; None where it was computed."""
    target = Path(path)
    if target.is_dir():
        target = target / "not_computed.txt"
    if not target.is_file():
        return None
    with target.open("rb") as file:
        if file.read(len(NOT_COMPUTED)) != NOT_COMPUTED.encode():
            return None
        return file.read().decode().strip()


def mentions(path: str | Path, words: Iterable[bytes]) -> bool:
    """Whether any of these byte strings stands in a file, read in pieces."""
    words = tuple(words)
    overlap = max(map(len, words)) - 1
    tail = b""
    with Path(path).open("rb") as file:
        while piece := file.read(1 << 20):
            window = tail + piece
            if any(word in window for word in words):
                return True
            tail = window[-overlap:]
    return False


def digest(path: str | Path, algorithm: str = "sha256") -> str:
    """Hexadecimal digest of a file, read in 1 MiB pieces."""
    hasher = hashlib.new(algorithm)
    with Path(path).open("rb") as file:
        while piece := file.read(1 << 20):
            hasher.update(piece)
    return hasher.hexdigest()
