"""Learned codes beside what others learn: the same networks, images and machine, on one core.

    python -m venv .peers
    .peers/bin/pip install torch==2.13.0 aimet-onnx==2.42.0 brevitas==0.13.4
    python benchmarks/ptq_peers.py --aimet .peers/bin/python --brevitas .peers/bin/python \\
        --dataset results/data/cifar10/arrays.npz results/tiny_cnn_2d/model.onnx

All sides get the prepared float network and the images of the study's first calibration draw;
labels stay here, and the test split is only judged by. Weights have the bits of the setting,
activations eight with a zero-point. Ours run as ONNX Runtime's integers; the peers' are simulated
in floats with float biases, and have codes from -8 to 7 where ours go from -7 to 7. Seconds are CPU
seconds of calibrating and quantising in a process of one thread. With ``--answers`` a peer is not
asked again what it has answered: AdaRound takes an hour, ours changes more often.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from keep import circumstances, keep
from learned_codes import IMAGES, LEARNED, SETTINGS, Judge
from numpy.typing import NDArray

from edgeint8.errors import DataError
from edgeint8.models.data.samples import Samples, load_samples
from edgeint8.quant.calibrate.draws import calibration_draws
from edgeint8.quant.evidence.evaluation import as_scores
from edgeint8.quant.prepare.prepare import prepare_model
from edgeint8.quant.ptq import calibrate_for, quantize
from edgeint8.quant.strategy import Strategy

HERE = Path(__file__).parent
OURS: Mapping[str, Mapping[str, Any]] = {
    "learned": LEARNED,
    "learned, equalised": {**LEARNED, "equalize": True},
    "nearest": {},
}
ITERATIONS = 10_000  # AIMET's default
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Peer:
    """A program that runs in an environment of its own.

    child: the script that it runs; methods: name -> steps; bounds: whether it can bound sums.
    """

    program: str
    child: str
    methods: Mapping[str, Sequence[str]]
    bounds: bool = False


AIMET = {"nearest": (), "CLE": ("cle",), "SeqMSE": ("seq_mse",), "AdaRound": ("adaround",)}
AIMET |= {"SeqMSE, AdaRound": ("seq_mse", "adaround")}
PEERS = {
    "aimet": Peer("AIMET-ONNX", "peer_aimet.py", AIMET),
    "brevitas": Peer("Brevitas", "peer_brevitas.py", {"GPTQ": ("gptq",), "GPFQ": ("gpfq",)}, True),
}
METHODS = [method for peer in PEERS.values() for method in peer.methods]
DEFAULT_SETTINGS = ["w4_channel", "w4_tensor"]
BOUNDED = {name for name, options in SETTINGS.items() if "accumulator_bits" in options}


@dataclass(frozen=True)
class Answer:
    """Scores (N, classes) of a quantised network on the test images; what it took, and of whom."""

    scores: NDArray[Any]
    seconds: float
    versions: str


def ours(model: onnx.ModelProto, seen: Samples, judge: Judge, strategy: Strategy) -> Answer:
    """One of our strategies, calibrated, quantised and run as integers."""
    start = time.process_time()
    calibration = calibrate_for(model, seen.inputs, strategy)
    quantized = quantize(model, calibration, strategy, images=seen.inputs)
    seconds = time.process_time() - start
    return Answer(judge.scores(quantized.executable), seconds, "")


@dataclass(frozen=True)
class Asking:
    """Who is asked, through which folder: peer -> the Python of its environment.

    kept: the folder of what was answered before, or None.
    """

    folder: Path
    pythons: Mapping[str, str]
    methods: Sequence[str]
    iterations: int
    kept: Path | None = None

    def hand_over(self, model: onnx.ModelProto, seen: Samples, test: Samples) -> None:
        """Write network and images, without labels, where every request says they are."""
        onnx.save(model, self.folder / "model.onnx")
        name = model.graph.input[0].name
        images = {"calibration": seen.inputs[name], "test": test.inputs[name]}
        np.savez(self.folder / "images.npz", allow_pickle=False, **images)

    def request(self, setting: str, steps: Sequence[str]) -> dict[str, Any]:
        """What a peer is asked for one setting."""
        options = SETTINGS[setting]
        files = {"network": "model.onnx", "images": "images.npz", "answer": "answer.npz"}
        return {key: str(self.folder / name) for key, name in files.items()} | {
            "weight_bits": options.get("weight_bits", 8),
            "per_channel": options.get("per_channel", True),
            "accumulator_bits": options.get("accumulator_bits"),
            "steps": list(steps),
            "iterations": self.iterations,
        }

    def answers(self, setting: str) -> Iterator[tuple[dict[str, Any], Answer]]:
        """(what the row says first, answer) of every method that can do the setting."""
        for name, python in self.pythons.items():
            peer = PEERS[name]
            for method, steps in peer.methods.items():
                if method in self.methods and (peer.bounds or setting not in BOUNDED):
                    head: dict[str, Any] = {"program": peer.program, "method": method}
                    if "adaround" in steps:
                        head |= {"iterations": self.iterations}
                    yield head, self.answer(python, HERE / peer.child, self.request(setting, steps))

    def answer(self, python: str, child: Path, request: Mapping[str, Any]) -> Answer:
        """What the peer answered before to the same request and files, or answers now."""
        found = Path(request["answer"])
        if self.kept is None:
            run(python, child, request)
            return read(found)
        asked = {key: value for key, value in request.items() if str(self.folder) not in str(value)}
        digest = hashlib.sha256(json.dumps(asked).encode())
        for key in ("network", "images"):
            digest.update(Path(request[key]).read_bytes())
        known = self.kept / f"{child.stem}_{digest.hexdigest()[:16]}.npz"
        if not known.exists():
            run(python, child, request)
            self.kept.mkdir(parents=True, exist_ok=True)
            shutil.move(found, known)
        return read(known)


def read(path: Path) -> Answer:
    """The answer in a file that a peer wrote."""
    with np.load(path) as file:
        return Answer(as_scores(file["scores"]), float(file["seconds"]), str(file["versions"]))


def run(python: str, child: Path, request: Mapping[str, Any]) -> None:
    """Run a peer in its own environment; if it fails, its last line is the `DataError`."""
    process = subprocess.run(
        [python, str(child)],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        env={**os.environ, **ONE_THREAD},
    )
    if process.returncode:
        raise DataError(process.stderr.strip().rpartition("\n")[2], where=child.name)


def row(judge: Judge, answer: Answer, reference: Answer, head: Mapping[str, Any]) -> dict[str, Any]:
    """One line of the table; `ahead` is the paired difference ours (`reference`) less this."""
    ahead = judge.compared(reference.scores, answer.scores)
    return {
        "network": judge.name,
        **head,
        **judge.quality(answer.scores),
        "ahead": ahead.difference,
        "ahead_low": ahead.low,
        "ahead_high": ahead.high,
        "images": len(answer.scores),
        "time_cpu_s": answer.seconds,
        "versions": answer.versions,
    }


def measured(
    judge: Judge, model: onnx.ModelProto, seen: Samples, setting: str, asking: Asking
) -> Iterator[dict[str, Any]]:
    """Rows of one network in one setting; the first of OURS is what all are compared with."""
    reference = None
    for method, extra in OURS.items():
        if setting in BOUNDED and "rounding" not in extra:
            continue  # nearest codes cannot be bounded
        found = ours(model, seen, judge, Strategy(setting, **{**SETTINGS[setting], **extra}))
        reference = reference or found
        head = {"setting": setting, "program": "EdgeINT8", "method": method}
        yield row(judge, found, reference, head)
    assert reference is not None  # the first of OURS learns
    for head, found in asking.answers(setting):
        yield row(judge, found, reference, {"setting": setting, **head})


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for name, peer in PEERS.items():
        parser.add_argument(f"--{name}", help=f"the Python of {peer.program}'s environment")
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("networks", type=Path, nargs="+")
    parser.add_argument("--settings", nargs="+", choices=SETTINGS, default=DEFAULT_SETTINGS)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--iterations", type=int, default=ITERATIONS, help="of AdaRound, a layer")
    parser.add_argument("--answers", type=Path, help="folder to keep the peers' answers in")
    parser.add_argument("--images", type=int, help="of the test split; all by default")
    parser.add_argument("--output", type=Path, default=Path("results/benchmarks/ptq_peers.csv"))
    return parser.parse_args()


def main() -> None:
    """Measure every network, print as it goes, keep the rows."""
    options = arguments()
    pythons = {name: python for name in PEERS if (python := getattr(options, name))}
    train = load_samples(options.dataset, "calibration")
    seen = train.rows(calibration_draws(len(train), IMAGES, seed=0)[0])
    test = load_samples(options.dataset, "test").first(options.images)
    found, rows = circumstances(f"{IMAGES} images; versions stand in the rows"), []
    for path in options.networks:
        model = prepare_model(onnx.load(path))
        judge = Judge(path.parent.name, model, test)
        with tempfile.TemporaryDirectory() as folder:
            asking = Asking(
                Path(folder), pythons, options.methods, options.iterations, options.answers
            )
            asking.hand_over(model, seen, test)
            for setting in options.settings:
                for made in measured(judge, model, seen, setting, asking):
                    rows.append(made | {"data_source": test.source})
                    shown = (f"{v:.4g}" if isinstance(v, float) else v for v in made.values())
                    print(*shown, flush=True)
                    keep(options.output, rows, found)  # broken off, it leaves what it measured


if __name__ == "__main__":
    main()
