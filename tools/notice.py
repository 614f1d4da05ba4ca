"""NOTICE: whose work is installed with EdgeINT8, and under which licence.

    python -m tools.notice
    python -m tools.notice --check

Licences are what each package's own metadata say.
"""

import sys
from importlib.metadata import distribution

from tools.docs.pages import ROOT, run
from tools.lock import ENVS, PINNED, closure, pins

NOTICE = ROOT / "NOTICE"
HEAD = """\
EdgeINT8
Copyright 2026 The EdgeINT8 developers, Apache License 2.0 (LICENSE).

What EdgeINT8 generates (C, test vectors, programs, tables, figures, reports) is yours, without
conditions; `report.html` carries tablesort 5.6.0 (MIT, edgeint8/report/assets/tablesort.LICENCE).

`make env` installs these packages, which are not part of EdgeINT8:

"""
PREFIX = "License :: OSI Approved :: "


def licence(name: str) -> str:
    """The licence of an installed package in a few words."""
    metadata = distribution(name).metadata
    if metadata["License-Expression"]:
        return str(metadata["License-Expression"])
    named = [c.removeprefix(PREFIX) for c in metadata.get_all("Classifier") or [] if PREFIX in c]
    if named:
        return ", ".join(named)
    first = (metadata["License"] or "").strip().splitlines()
    return first[0][:60] if first else "see its own files"


def notice() -> str:
    """The text of NOTICE."""
    names = closure({name for file in PINNED for name in pins(ENVS / file)})
    return HEAD + "".join(f"{name}: {licence(name)}\n" for name in sorted(names))


if __name__ == "__main__":
    sys.exit(run(NOTICE, notice))
