"""ResNet-8, the image classification network of MLPerf Tiny."""

import torch
from torch import Tensor, nn


class ResNet8(nn.Module):
    """(N, 3, 32, 32) -> (N, 10). 77,706 parameters once BatchNorm is folded, 12,501,632 MAC.

    Strides of 2 pad only at the end, as TensorFlow's "same" does.
    """

    input_shape = (3, 32, 32)
    classes = 10

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(_conv(3, 16), nn.ReLU())
        self.blocks = nn.Sequential(
            ResidualBlock(16, 16, stride=1),  # (N, 16, 32, 32)
            ResidualBlock(16, 32, stride=2),  # (N, 32, 16, 16)
            ResidualBlock(32, 64, stride=2),  # (N, 64, 8, 8)
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(64, self.classes)

    def forward(self, images: Tensor) -> Tensor:
        """Class scores (N, 10) of images (N, 3, 32, 32)."""
        return self.classifier(torch.flatten(self.pool(self.blocks(self.stem(images))), 1))


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside the identity, or beside a 1x1 where the shape changes."""

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            _conv(channels_in, channels_out, stride), nn.ReLU(), _conv(channels_out, channels_out)
        )
        same = stride == 1 and channels_in == channels_out
        self.shortcut = (
            nn.Identity() if same else nn.Conv2d(channels_in, channels_out, 1, stride=stride)
        )
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels_in, H, W) -> (N, channels_out, H / stride, W / stride)."""
        return self.relu(self.body(x) + self.shortcut(x))


def _conv(channels_in: int, channels_out: int, stride: int = 1) -> nn.Sequential:
    border = (1, 1, 1, 1) if stride == 1 else (0, 1, 0, 1)  # left, right, top, bottom
    return nn.Sequential(
        nn.ZeroPad2d(border),
        nn.Conv2d(channels_in, channels_out, 3, stride=stride, bias=False),
        nn.BatchNorm2d(channels_out),
    )
