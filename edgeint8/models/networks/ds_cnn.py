"""DS-CNN, the keyword spotting network of MLPerf Tiny."""

import torch
from torch import Tensor, nn


class DSCNN(nn.Module):
    """(N, 1, 49, 10) -> (N, 12): 49 frames of 10 MFCCs, twelve words.

    22,604 parameters once BatchNorm is folded, 2,656,768 MAC. The first convolution is padded as
    TensorFlow's "same" pads it: 4 rows above and 5 below.
    """

    input_shape = (1, 49, 10)
    classes = 12

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.ZeroPad2d((1, 1, 4, 5)),  # left, right, top, bottom
            *_block(nn.Conv2d(1, 64, (10, 4), stride=2, bias=False)),  # (N, 64, 25, 5)
        )
        self.blocks = nn.Sequential(*(_separable(64) for _ in range(4)))
        self.pool = nn.AvgPool2d((25, 5))
        self.classifier = nn.Linear(64, self.classes)

    def forward(self, frames: Tensor) -> Tensor:
        """Class scores (N, 12) of MFCC frames (N, 1, 49, 10)."""
        return self.classifier(torch.flatten(self.pool(self.blocks(self.stem(frames))), 1))


def _block(conv: nn.Conv2d) -> list[nn.Module]:
    return [conv, nn.BatchNorm2d(conv.out_channels), nn.ReLU()]


def _separable(channels: int) -> nn.Sequential:
    return nn.Sequential(
        *_block(nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)),
        *_block(nn.Conv2d(channels, channels, 1, bias=False)),
    )
