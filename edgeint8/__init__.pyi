from edgeint8.api import accumulator_widths as accumulator_widths
from edgeint8.api import cost as cost
from edgeint8.api import explore as explore
from edgeint8.api import hardware as hardware
from edgeint8.api import hardware_names as hardware_names
from edgeint8.api import layers as layers
from edgeint8.api import predict_scalesim as predict_scalesim
from edgeint8.api import quantize as quantize
from edgeint8.api import vectors as vectors
from edgeint8.api import verify as verify
from edgeint8.errors import EdgeInt8Error as EdgeInt8Error
from edgeint8.suites import suite as suite

__version__: str
__all__: list[str]
