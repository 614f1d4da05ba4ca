"""EdgeINT8: from a trained network to INT8 hardware, with a second witness for every number."""

__version__ = "0.1.0"
