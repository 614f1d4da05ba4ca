"""Names of the built-in networks and how to build each."""

import torch
from torch import nn

from edgeint8.errors import ConfigError
from edgeint8.models.networks.mobile_cnn_2d import MobileCNN2D
from edgeint8.models.networks.resnet8 import ResNet8
from edgeint8.models.networks.signal_cnn_1d import SignalCNN1D
from edgeint8.models.networks.tiny_cnn_2d import TinyCNN2D

MODELS: dict[str, type[nn.Module]] = {
    "signal_cnn_1d": SignalCNN1D,
    "tiny_cnn_2d": TinyCNN2D,
    "mobile_cnn_2d": MobileCNN2D,
    "resnet8": ResNet8,
}


def build_model(name: str, seed: int) -> nn.Module:
    """A network with its initial weights drawn from `seed`."""
    if name not in MODELS:
        raise ConfigError(f"no built-in model is called {name!r}", allowed=", ".join(MODELS))
    torch.manual_seed(seed)
    return MODELS[name]()
