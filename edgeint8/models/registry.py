"""Names of the built-in networks and how to build each."""

import torch
from torch import nn

from edgeint8.errors import ConfigError
from edgeint8.models.resnet8 import ResNet8
from edgeint8.models.signal_cnn_1d import SignalCNN1D
from edgeint8.models.tiny_cnn_2d import TinyCNN2D

MODELS: dict[str, type[nn.Module]] = {
    "signal_cnn_1d": SignalCNN1D,
    "tiny_cnn_2d": TinyCNN2D,
    "resnet8": ResNet8,
}


def build_model(name: str, seed: int) -> nn.Module:
    """A network with its initial weights drawn from `seed`."""
    if name not in MODELS:
        raise ConfigError(f"no built-in model is called {name!r}", allowed=", ".join(MODELS))
    torch.manual_seed(seed)
    return MODELS[name]()


def count_parameters(model: nn.Module) -> int:
    """Number of trainable values; BatchNorm's running statistics are not counted."""
    return sum(parameter.numel() for parameter in model.parameters())


def input_shape(model: nn.Module) -> tuple[int, ...]:
    """Shape of one sample, without the batch."""
    return tuple(getattr(model, "input_shape"))  # noqa: B009  (nn.Module hides class attributes)


def print_demonstration(name: str) -> None:
    """Print the output shape for a batch of four and the number of parameters."""
    model = build_model(name, seed=0).eval()
    batch = torch.zeros(4, *input_shape(model))
    print(f"{name}: input {tuple(batch.shape)} -> output {tuple(model(batch).shape)}")
    print(f"{name}: {count_parameters(model):,} parameters")
