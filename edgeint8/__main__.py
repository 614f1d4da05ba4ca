"""``python -m edgeint8 <verb>``: the command `edgeint8`."""

import sys

from edgeint8.cli import main

if __name__ == "__main__":
    sys.exit(main())
