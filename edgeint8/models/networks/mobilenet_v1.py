"""MobileNetV1 at width 0.25, the visual wake words network of MLPerf Tiny."""

import torch
from torch import Tensor, nn

BLOCKS = (
    (8, 16, 1),
    (16, 32, 2),
    (32, 32, 1),
    (32, 64, 2),
    (64, 64, 1),
    (64, 128, 2),
    *((128, 128, 1),) * 5,
    (128, 256, 2),
    (256, 256, 1),
)
"""Channels in, channels out and stride of the depthwise-separable blocks."""


class MobileNetV1(nn.Module):
    """(N, 3, 96, 96) -> (N, 2). 210,850 parameters once BatchNorm is folded, 7,489,664 MAC.

    Strides of 2 pad only at the end, as TensorFlow's "same" does.
    """

    input_shape = (3, 96, 96)
    classes = 2

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *_conv(3, 8, stride=2),  # (N, 8, 48, 48)
            *(layer for block in BLOCKS for layer in _separable(*block)),  # (N, 256, 3, 3)
            nn.AvgPool2d(3),
        )
        self.classifier = nn.Linear(256, self.classes)

    def forward(self, images: Tensor) -> Tensor:
        """Class scores (N, 2) of images (N, 3, 96, 96)."""
        return self.classifier(torch.flatten(self.features(images), 1))


def _conv(channels_in: int, channels_out: int, stride: int, groups: int = 1) -> list[nn.Module]:
    border = (1, 1, 1, 1) if stride == 1 else (0, 1, 0, 1)  # left, right, top, bottom
    return [
        nn.ZeroPad2d(border),
        nn.Conv2d(channels_in, channels_out, 3, stride=stride, groups=groups, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(),
    ]


def _separable(channels_in: int, channels_out: int, stride: int) -> list[nn.Module]:
    return [
        *_conv(channels_in, channels_in, stride, groups=channels_in),
        nn.Conv2d(channels_in, channels_out, 1, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(),
    ]
