"""The only place where YAML becomes types.

`load_study` validates a merged configuration against ``edgeint8/data/study.schema.yaml``,
fills in defaults, checks what a schema cannot say (selections name definitions, every hardware
id parses) and returns a `Study`. It imports nothing heavy: every job of a run pays for it.
"""

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from math import inf
from pathlib import Path
from typing import Any, Literal

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from edgeint8.data import STUDY_SCHEMA
from edgeint8.errors import ConfigError
from edgeint8.extensions import CALIBRATIONS, load_extensions
from edgeint8.hardware_id import UNLIMITED, HardwareId
from edgeint8.study.overlay import NEEDS, detailed, one_need
from edgeint8.study.schema_words import listed, refusal, resolved

Kind = Literal["trained", "onnx", "topology"]
KIND_OF_KEY: Mapping[str, Kind] = {
    "model": "trained",
    "onnx": "onnx",
    "tflite": "onnx",  # its graph in ONNX is what runs
    "topology": "topology",
}
RECOMMENDED = "recommended"  # of $.architecture: the strategy that part B recommends
GIVEN = "given"  # the one strategy of a network that came quantised
# The samples that each built-in network is made for; its input fits no others.
DATASET_OF = {
    "signal_cnn_1d": "synthetic_signals",
    "tiny_cnn_2d": "cifar10",
    "mobile_cnn_2d": "cifar10",
    "resnet8": "cifar10",
}
READING = ("shape", "constants", "batch_axis")  # keys of a workload that say how to read a file
SELECTIONS = ("strategies", "hardware")  # keys of a workload that narrow the study's, no options
# Keys of the study file that jobs take as they stand there.
SECTIONS = (
    *("datasets", "simulation", "explore", "calibration_draws", "sensitivity", "golden"),
    *("latency", "requantize", "architecture", "codesign", "overflow", "vectors", "rtl", "report"),
)
AGGREGATES = (
    *("part_a", "part_b", "part_c", "part_d", "quantize", "golden", "crosscheck"),
    *("explore", "rtl", "report", "all"),
)


@dataclass(frozen=True)
class Workload:
    """One network of the study, what is tried on it, and its other keys with defaults filled in.

    need: its rate or deadline_ms, where it states one; strategies: the study's, or its own
    selection; hardware: ids, likewise.
    """

    name: str
    kind: Kind
    options: Mapping[str, Any]
    need: Mapping[str, float]
    strategies: tuple[str, ...]
    hardware: tuple[str, ...]

    @property
    def dataset(self) -> str:
        """Name of the dataset that a network uses; one's own data bear the workload's name."""
        return self.name if self.kind == "onnx" else str(self.options["dataset"])


@dataclass(frozen=True)
class Study:
    """A validated study: what to run and where results go.

    strategies, hardware: those of any workload; which are whose, each `Workload` says.
    """

    seed: int
    data_dir: Path
    results_dir: Path
    workloads: tuple[Workload, ...]
    strategies: Mapping[str, Mapping[str, Any]]
    detail_strategies: tuple[str, ...]
    hardware: tuple[str, ...]
    extensions: tuple[str, ...]
    datasets: Mapping[str, Mapping[str, Any]]
    simulation: Mapping[str, Any]
    explore: Mapping[str, Any]
    calibration_draws: Mapping[str, Any]
    sensitivity: Mapping[str, Any]
    golden: Mapping[str, Any]
    latency: Mapping[str, Any]
    requantize: Mapping[str, Any]
    architecture: Mapping[str, Any]
    codesign: Mapping[str, Any]
    overflow: Mapping[str, Any]
    vectors: Mapping[str, Any]
    rtl: Mapping[str, Any]
    report: Mapping[str, Any]
    technology: str | None
    dram: str

    @property
    def networks(self) -> tuple[str, ...]:
        """Names of the workloads that have a model: all but topologies."""
        return tuple(w.name for w in self.workloads if w.kind != "topology")

    @property
    def tflite(self) -> tuple[str, ...]:
        """Names of the workloads that came as .tflite files."""
        return tuple(w.name for w in self.workloads if "tflite" in w.options)

    def of_kind(self, kind: Kind) -> tuple[str, ...]:
        """Names of the workloads of one kind."""
        return tuple(w.name for w in self.workloads if w.kind == kind)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all workloads of the study."""
        return tuple(w.name for w in self.workloads)

    def workload(self, name: str) -> Workload:
        """The workload called `name`."""
        for workload in self.workloads:
            if workload.name == name:
                return workload
        raise ConfigError(
            f"no workload {name!r}", where="$.run.workloads", allowed=listed(self.names)
        )


def load_study(
    config: Mapping[str, Any], schema_path: str | Path, own: Mapping[str, Any] | None = None
) -> Study:
    """Validate a merged configuration and turn it into a `Study`.

    own: what the user's files say of it, so that defaults which contradict them give way.

    Raises
    ------
    ConfigError
        With the path of the wrong entry and what is allowed there.
    """
    values = _validated(config, schema_path)
    run = values["run"]
    machines = hardware_ids(values["hardware"])
    names = _known(run["workloads"], "workloads", values, "$.run.workloads")
    chosen = _known(run["strategies"], "strategies", values, "$.run.strategies")
    workloads = tuple(_workload(name, values, machines, own or {}) for name in names)
    used = dict.fromkeys([*chosen, *(name for w in workloads for name in w.strategies)])
    strategies = {name: values["strategies"][name] for name in used}
    detail_strategies = detailed(run, strategies, own or {})
    costed = values["architecture"]["strategy"]
    if costed not in (RECOMMENDED, *strategies):
        raise ConfigError(
            f"{costed!r} is not selected",
            where="$.architecture.strategy",
            allowed=listed((RECOMMENDED, *strategies)),
        )
    _refuse_strangers(values["explore"]["suite"], workloads, values["explore"]["objective"])
    _refuse_shared_names(workloads, strategies, values["datasets"])
    _refuse_disorder(values)
    _refuse_places(values)
    return Study(
        seed=values["seed"],
        extensions=tuple(values["extensions"]),
        data_dir=Path(values["data_dir"]),
        results_dir=Path(values["results_dir"]),
        workloads=workloads,
        strategies=strategies,
        detail_strategies=detail_strategies,
        hardware=tuple(dict.fromkeys([*machines, *(id for w in workloads for id in w.hardware)])),
        **{name: values[name] for name in SECTIONS},
        technology=values["technology"],
        dram=values["hardware"]["dram"],
    )


def _validated(config: Mapping[str, Any], schema_path: str | Path) -> dict[str, Any]:
    """The configuration with its defaults, after its extensions are loaded."""
    schema = yaml.safe_load(Path(schema_path).read_text(encoding="utf-8"))
    values: dict[str, Any] = with_defaults(schema, config, schema)
    _refuse_endless(values)
    _add_methods(schema, values["extensions"])
    error = best_match(Draft202012Validator(schema).iter_errors(values))
    if error is not None:
        raise refusal(error, schema)
    return values


def _add_methods(schema: dict[str, Any], files: Any) -> None:
    """Load a study's extensions, if the entry is one, and let strategies name their methods."""
    if isinstance(files, list) and all(isinstance(file, str) and file for file in files):
        load_extensions(files)
    strategy = schema["properties"]["strategies"]["additionalProperties"]
    strategy["properties"]["calibration"]["enum"] += CALIBRATIONS


def hardware_ids(hardware: Mapping[str, Any]) -> tuple[str, ...]:
    """Ids of every combination of the lists, of the single points and presets, each once."""
    grid = (
        str(HardwareId(dataflow, *_array(array), kb, None if bandwidth == UNLIMITED else bandwidth))
        for array, dataflow, kb, bandwidth in product(
            hardware["arrays"], hardware["dataflows"], hardware["sram_kb"], hardware["bandwidth"]
        )
    )
    return tuple(dict.fromkeys([*grid, *hardware["points"], *hardware["presets"]]))


def _array(text: str) -> tuple[int, int]:
    rows, cols = map(int, text.split("x"))
    return rows, cols


def section_of(name: str, entries: Mapping[str, Any]) -> dict[str, Any]:
    """One section of a study file, such as ``explore``, checked and with its defaults."""
    schema = yaml.safe_load(STUDY_SCHEMA.read_text(encoding="utf-8"))
    section = schema["properties"][name] | {"$defs": schema["$defs"]}
    values: dict[str, Any] = with_defaults(section, entries, schema)
    _refuse_endless(values)
    error = best_match(Draft202012Validator(section).iter_errors(values))
    if error is not None:
        raise refusal(error, section)
    return values


def _refuse_endless(value: Any, where: str = "$") -> None:
    """NaN and infinity are numbers to JSON Schema, and NaN lies within every limit."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{value} is not accepted", where=where, allowed="a finite number")
    if isinstance(value, Mapping):
        for key, item in value.items():
            _refuse_endless(item, f"{where}.{key}")
    elif isinstance(value, list | tuple):
        for place, item in enumerate(value):
            _refuse_endless(item, f"{where}[{place}]")


def with_defaults(schema: Mapping[str, Any], value: Any, root: Mapping[str, Any]) -> Any:
    """A copy of `value` in which every absent property that has a default holds it."""
    if not isinstance(value, Mapping):
        return value
    properties = {key: resolved(sub, root) for key, sub in schema.get("properties", {}).items()}
    defaults = {key: sub["default"] for key, sub in properties.items() if "default" in sub}
    others = schema.get("additionalProperties")
    other = resolved(others, root) if isinstance(others, Mapping) else {}
    return {
        key: with_defaults(properties.get(key, other), item, root)
        for key, item in {**defaults, **value}.items()
    }


def _workload(
    name: str, values: Mapping[str, Any], machines: tuple[str, ...], written: Mapping[str, Any]
) -> Workload:
    options = values["workloads"][name]
    where = f"$.workloads.{name}"
    kinds = [key for key in KIND_OF_KEY if key in options]
    if len(kinds) != 1:
        raise ConfigError(
            f"{' and '.join(kinds) or 'nothing'} given",
            where=where,
            allowed="model, onnx, tflite or topology",
        )
    if "model" in options and "dataset" not in options:
        raise ConfigError("a model without a dataset", where=where, allowed="add dataset")
    if "model" in options and options["dataset"] != DATASET_OF[options["model"]]:
        raise ConfigError(
            f"{options['model']} on {options['dataset']}",
            where=f"{where}.dataset",
            allowed=DATASET_OF[options["model"]],
        )
    limited = [("data", "onnx or tflite"), *((key, "onnx") for key in READING)]
    for key, takers in (*limited, ("metric", "model or onnx or tflite")):
        if key in options and kinds[0] not in takers.split(" or "):
            raise ConfigError(f"{key} for a {kinds[0]}", where=where, allowed=f"with {takers} only")
    if "metric_margin" in options and "metric" not in options:
        raise ConfigError("a margin without a metric", where=where, allowed="add metric")
    file = str(options.get("metric", "")).rpartition(":")[0]
    if file and not Path(file).is_file():
        raise ConfigError(f"no file {file!r}", where=f"{where}.metric", allowed="a Python file")
    files = {
        "topology": "a CSV file",
        "onnx": "an ONNX file",
        "tflite": "a TFLite file",
        "data": "an NPZ file",
    }
    for key, allowed in files.items():
        if key in options and not Path(options[key]).is_file():
            raise ConfigError(f"no file {options[key]!r}", where=f"{where}.{key}", allowed=allowed)
    own = options.get("strategies", values["run"]["strategies"])
    return Workload(
        name,
        KIND_OF_KEY[kinds[0]],
        {key: value for key, value in options.items() if key not in (*SELECTIONS, *NEEDS)},
        one_need(name, options, written, where),
        tuple(_known(own, "strategies", values, f"{where}.strategies")),
        tuple(options.get("hardware", machines)),
    )


def _known(names: Iterable[str], key: str, values: Mapping[str, Any], where: str) -> Iterable[str]:
    for index, name in enumerate(names):
        if name not in values[key]:
            raise ConfigError(
                f"no {key} entry is called {name!r}",
                where=f"{where}[{index}]",
                allowed=listed(values[key]),
            )
    return list(names)


def _refuse_strangers(
    suite: Iterable[str], workloads: tuple[Workload, ...], objective: str
) -> None:
    """A suite is of selected workloads, which all state a need or are all judged without one."""
    where, needs = "$.explore.suite", {w.name: bool(w.need) for w in workloads}
    for name in suite:
        if name not in needs:
            raise ConfigError(f"{name!r} is not selected", where=where, allowed=listed(needs))
    silent = [name for name in suite if not needs[name]]
    if objective != "edp" and 0 < len(silent) < len(list(suite)):
        raise ConfigError(
            f"no need is stated for {', '.join(silent)}",
            where=where,
            allowed="rate or deadline_ms of every network, of none, or objective: edp",
        )


def _refuse_disorder(values: Mapping[str, Any]) -> None:
    """Ranges run from small to large, lists of sizes too."""
    explore = values["explore"]
    ordered = {
        "$.overflow.bits": values["overflow"]["bits"],
        "$.explore.rows": explore["rows"],
        "$.explore.cols": explore["cols"],
        "$.explore.sram_kb": explore["sram_kb"],
        "$.explore.bandwidth": explore["bandwidth"],
    }
    for where, numbers in ordered.items():
        if numbers != sorted(numbers, key=lambda size: inf if size == "unlimited" else size):
            raise ConfigError(
                f"{numbers} does not ascend",
                where=where,
                allowed="the smallest first, unlimited last",
            )


def _refuse_places(values: Mapping[str, Any]) -> None:
    """Constants can be read, results and downloads written."""
    constants = values["technology"]
    if constants is not None and not Path(constants).is_file():
        raise ConfigError(f"no file {constants!r}", where="$.technology", allowed="a YAML file")
    for key in ("data_dir", "results_dir"):
        path = Path(values[key]).absolute()
        ground = next(parent for parent in (path, *path.parents) if parent.exists())
        if not ground.is_dir() or not os.access(ground, os.W_OK | os.X_OK):
            problem = "cannot be written" if ground.is_dir() else "is a file"
            raise ConfigError(
                f"{ground} {problem}", where=f"$.{key}", allowed="a folder that can be written"
            )


def _refuse_shared_names(
    workloads: tuple[Workload, ...],
    strategies: Mapping[str, Mapping[str, Any]],
    datasets: Iterable[str],
) -> None:
    for name in [workload.name for workload in workloads] + list(strategies):
        if name in AGGREGATES:
            raise ConfigError(
                f"{name!r} is the name of a target", where="$", allowed="any other name"
            )
    if GIVEN in strategies:
        raise ConfigError(
            f"{GIVEN!r} is what a network that came quantised is listed under",
            where="$.run.strategies",
            allowed="any other name",
        )
    for workload in workloads:
        if workload.kind == "onnx" and workload.name in datasets:
            raise ConfigError(
                f"{workload.name!r} is the name of a dataset",
                where="$.run.workloads",
                allowed="any other name for a network with data of its own",
            )
