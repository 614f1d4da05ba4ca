"""Names of the datasets and how each is made."""

from collections.abc import Callable

from edgeint8.errors import ConfigError
from edgeint8.models.data import cifar10, synthetic_signals
from edgeint8.models.data.datasets import Dataset, Request, limited

DATASETS: dict[str, Callable[[Request], Dataset]] = {
    "cifar10": cifar10.make,
    "synthetic_signals": synthetic_signals.make,
}


def make_dataset(name: str, request: Request) -> Dataset:
    """Find, download or generate the dataset called `name`, cut to the samples asked for."""
    if name not in DATASETS:
        raise ConfigError(f"no dataset is called {name!r}", allowed=", ".join(DATASETS))
    return limited(DATASETS[name](request), request.train_samples, request.test_samples)
