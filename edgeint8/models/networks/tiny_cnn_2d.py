"""TinyCNN2D: three Conv-BN-ReLU-MaxPool blocks for 32x32 colour images."""

import torch
from torch import Tensor, nn


class TinyCNN2D(nn.Module):
    """(N, 3, 32, 32) -> (N, 10). 94,762 parameters, 10.3 M MAC an image."""

    input_shape = (3, 32, 32)
    classes = 10

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *_block(3, 32),  # (N, 32, 16, 16)
            *_block(32, 64),  # (N, 64, 8, 8)
            *_block(64, 128),  # (N, 128, 4, 4)
            nn.AdaptiveAvgPool2d(1),  # (N, 128, 1, 1)
        )
        self.classifier = nn.Linear(128, self.classes)

    def forward(self, images: Tensor) -> Tensor:
        """Class scores (N, 10) of images (N, 3, 32, 32), normalised per channel."""
        return self.classifier(torch.flatten(self.features(images), 1))


def _block(channels_in: int, channels_out: int) -> list[nn.Module]:
    # No bias: BatchNorm's shift takes its place and is folded into the convolution at export.
    return [
        nn.Conv2d(channels_in, channels_out, kernel_size=3, padding=1, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(),
        nn.MaxPool2d(2),
    ]


if __name__ == "__main__":
    from edgeint8.models.networks.facts import print_demonstration

    print_demonstration("tiny_cnn_2d", TinyCNN2D())
