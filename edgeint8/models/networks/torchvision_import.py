"""The one place that imports torchvision.

torchvision's wheels carry an extension that is built against CUDA. Beside a CPU-only torch it
does not load, and the Python side then fails to register fake kernels for operators that nobody
declared. Declaring the two missing schemas first is enough for datasets and models.
"""

from types import ModuleType

_MISSING_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


def import_torchvision() -> ModuleType:
    """Import torchvision; only if that fails, declare the missing operators and try once more."""
    try:
        import torchvision
    except RuntimeError:
        import sys

        import torch

        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "DEF")
        for schema in _MISSING_SCHEMAS:
            library.define(schema)
        import torchvision

        torchvision._edgeint8_library = library  # a collected library would take its schemas along
    return torchvision
