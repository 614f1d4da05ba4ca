"""What every part of the package takes for the same: units, sizes, types of rows and arrays."""

from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]
Row = dict[str, Any]
"""One row of a table, by column (`edgeint8.tables` declares them)."""

OWN_DOMAIN = "edgeint8"
"""Operators on codes that neither ONNX nor ONNX Runtime has; a model brings bodies of them."""
KIB = 1024
"""Bytes of a KiB, the unit of SRAM sizes; DRAM's GB are 1e9 bytes."""
ACCURACY_MARGIN = 0.01
"""One point of accuracy: what is not worse by more counts as good enough."""
IMAGES_AT_ONCE = 50
"""Images that the executor and its references run in one piece, unless a model fixes its batch."""
LEAST_DB = 15.0
"""Of SQNR, what a recommended strategy keeps: `quant.evidence.order` says why."""
SAME_PRICE = 0.02
"""Prices of strategies within 2 % are equal, and quality decides (`quant.evidence.order`)."""
PLAIN_MACHINE = "ws_16x16_64kB_unlimited"
"""What most would build first; designs are compared with it at their own bandwidth, and what
strategies ask of hardware is priced on it."""
NEAR_LEAST_PERCENT = 10
"""Above the least energy, what a smaller design may take (docs/physical_model.md, equation 51)."""
