"""MobileCNN2D: inverted residuals for 32x32 colour images (Sandler et al., MobileNetV2, 2018)."""

import torch
from torch import Tensor, nn

BLOCKS = ((32, 32, 3), (32, 64, 3), (64, 64, 3), (64, 96, 2), (96, 96, 2))
"""Channels in, channels out and expansion of each block."""
POOLED_BEFORE = (0, 1, 3)
"""Blocks in front of which a max pool halves height and width."""


class MobileCNN2D(nn.Module):
    """(N, 3, 32, 32) -> (N, 10). 109,034 parameters, 5.97 M MAC an image.

    Depthwise layers, additions and 1x1 convolutions: what the other built-in networks have not.
    Sizes are halved by pools, not by strided depthwise layers, whose backward pass in bfloat16
    is slow (torch 2.13 on x86). ReLU, not ReLU6: a clip at a value that is no level stays in
    floating point where scales are powers of two.
    """

    input_shape = (3, 32, 32)
    classes = 10

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = _conv(3, 32, kernel=3)  # (N, 32, 32, 32)
        for index, (channels_in, channels_out, expansion) in enumerate(BLOCKS):
            if index in POOLED_BEFORE:  # (N, C, 16, 16), (N, C, 8, 8), (N, C, 4, 4)
                layers.append(nn.MaxPool2d(2))
            layers.append(InvertedResidual(channels_in, channels_out, expansion))
        self.features = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1))
        self.classifier = nn.Linear(BLOCKS[-1][1], self.classes)

    def forward(self, images: Tensor) -> Tensor:
        """Class scores (N, 10) of images (N, 3, 32, 32), normalised per channel."""
        return self.classifier(torch.flatten(self.features(images), 1))


class InvertedResidual(nn.Module):
    """1x1 to more channels, depthwise 3x3, 1x1 back; the input is added where channels match."""

    def __init__(self, channels_in: int, channels_out: int, expansion: int) -> None:
        super().__init__()
        wide = expansion * channels_in
        self.body = nn.Sequential(
            *_conv(channels_in, wide),
            *_conv(wide, wide, kernel=3, groups=wide),
            *_conv(wide, channels_out)[:-1],  # the bottleneck is linear
        )
        self.adds = channels_in == channels_out

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels_in, H, W) -> (N, channels_out, H, W)."""
        return x + self.body(x) if self.adds else self.body(x)


def _conv(channels_in: int, channels_out: int, kernel: int = 1, groups: int = 1) -> list[nn.Module]:
    # No bias: BatchNorm's shift takes its place and is folded into the convolution at export.
    return [
        nn.Conv2d(
            channels_in, channels_out, kernel, padding=kernel // 2, groups=groups, bias=False
        ),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(),
    ]


if __name__ == "__main__":
    from edgeint8.models.networks.facts import print_demonstration

    print_demonstration("mobile_cnn_2d", MobileCNN2D())
