"""SignalCNN1D: three 1-D convolutions that tell five sine frequencies apart in noise."""

import torch
from torch import Tensor, nn


class SignalCNN1D(nn.Module):
    """(N, 1, 128) -> (N, 5). 24,805 parameters; 128 samples at 64 Hz are two seconds."""

    input_shape = (1, 128)
    classes = 5

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv1d(1, 16, kernel_size=7, padding=3),
            nn.ReLU(),
            nn.MaxPool1d(2),  # (N, 16, 64)
            nn.Conv1d(16, 32, kernel_size=7, padding=3),
            nn.ReLU(),
            nn.MaxPool1d(2),  # (N, 32, 32)
            nn.Conv1d(32, 64, kernel_size=9, padding=4),
            nn.ReLU(),
            nn.MaxPool1d(4),  # (N, 64, 8)
        )
        self.classifier = nn.Linear(64 * 8, self.classes)

    def forward(self, signals: Tensor) -> Tensor:
        """Class scores (N, 5) of signals (N, 1, 128)."""
        return self.classifier(torch.flatten(self.features(signals), 1))


if __name__ == "__main__":
    from edgeint8.models.networks.facts import print_demonstration

    print_demonstration("signal_cnn_1d", SignalCNN1D())
