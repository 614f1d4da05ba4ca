"""What is known of a network before it is trained."""

import torch
from torch import nn


def count_parameters(model: nn.Module) -> int:
    """Number of trainable values; BatchNorm's running statistics are not counted."""
    return sum(parameter.numel() for parameter in model.parameters())


def input_shape(model: nn.Module) -> tuple[int, ...]:
    """Shape of one sample, without the batch."""
    return tuple(getattr(model, "input_shape"))  # noqa: B009  (nn.Module hides class attributes)


def print_demonstration(name: str, model: nn.Module) -> None:
    """Print the output shape for a batch of four and the number of parameters."""
    batch = torch.zeros(4, *input_shape(model))
    print(f"{name}: input {tuple(batch.shape)} -> output {tuple(model.eval()(batch).shape)}")
    print(f"{name}: {count_parameters(model):,} parameters")
