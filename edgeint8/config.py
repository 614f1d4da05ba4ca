"""The only place where YAML becomes types.

`load_study` validates a merged configuration against ``workflow/schemas/config.schema.yaml``,
fills in defaults, checks what a schema cannot say (selections name definitions, every hardware
id parses) and returns a `Study`. It imports nothing heavy: every job of a run pays for it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Literal

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match

from edgeint8.errors import ConfigError

Kind = Literal["trained", "topology"]
AGGREGATES = (
    *("part_a", "part_b", "part_c", "part_d", "quantize", "golden", "crosscheck"),
    *("explore", "rtl", "report", "all"),
)


@dataclass(frozen=True)
class Workload:
    """One network of the study; `options` are its other keys, with defaults filled in."""

    name: str
    kind: Kind
    options: Mapping[str, Any]

    @property
    def dataset(self) -> str:
        """Name of the dataset that a trained network uses."""
        return str(self.options["dataset"])


@dataclass(frozen=True)
class Study:
    """A validated study: what to run and where results go."""

    seed: int
    data_dir: Path
    results_dir: Path
    workloads: tuple[Workload, ...]
    strategies: Mapping[str, Mapping[str, Any]]
    detail_strategies: tuple[str, ...]
    hardware: tuple[str, ...]
    datasets: Mapping[str, Mapping[str, Any]]
    explore: Mapping[str, Any]
    calibration_draws: Mapping[str, Any]
    sensitivity: Mapping[str, Any]
    golden: Mapping[str, Any]
    requantize: Mapping[str, Any]
    overflow: Mapping[str, Any]
    vectors: Mapping[str, Any]

    @property
    def networks(self) -> tuple[str, ...]:
        """Names of the workloads that have a model: all but topologies."""
        return tuple(w.name for w in self.workloads if w.kind != "topology")

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
            f"no workload {name!r}", where="$.run.workloads", allowed=_listed(self.names)
        )


def load_study(config: Mapping[str, Any], schema_path: str | Path) -> Study:
    """Validate a merged configuration and turn it into a `Study`.

    Raises
    ------
    ConfigError
        With the path of the wrong entry and what is allowed there.
    """
    schema = yaml.safe_load(Path(schema_path).read_text(encoding="utf-8"))
    values = with_defaults(schema, config, schema)
    error = best_match(Draft202012Validator(schema).iter_errors(values))
    if error is not None:
        raise _readable(error)
    run = values["run"]
    workloads = tuple(
        _workload(name, values["workloads"]) for name in _known(run, "workloads", values)
    )
    strategies = {name: values["strategies"][name] for name in _known(run, "strategies", values)}
    for name in run["detail_strategies"]:
        if name not in strategies:
            raise ConfigError(
                f"{name!r} is not selected",
                where="$.run.detail_strategies",
                allowed=_listed(strategies),
            )
    _refuse_shared_names(workloads, strategies)
    low, high = values["overflow"]["bits"]
    if low > high:
        raise ConfigError(
            f"{low} bits to {high} bits", where="$.overflow.bits", allowed="narrowest, then widest"
        )
    return Study(
        seed=values["seed"],
        data_dir=Path(values["data_dir"]),
        results_dir=Path(values["results_dir"]),
        workloads=workloads,
        strategies=strategies,
        detail_strategies=tuple(run["detail_strategies"]),
        hardware=hardware_ids(values["hardware"]),
        datasets=values["datasets"],
        explore=values["explore"],
        calibration_draws=values["calibration_draws"],
        sensitivity=values["sensitivity"],
        golden=values["golden"],
        requantize=values["requantize"],
        overflow=values["overflow"],
        vectors=values["vectors"],
    )


def hardware_ids(hardware: Mapping[str, Any]) -> tuple[str, ...]:
    """Ids of every combination of the lists, of the single points and presets, each once."""
    grid = (
        f"{dataflow}_{array}_{kb}kB_{bandwidth if bandwidth == 'unlimited' else f'{bandwidth}Bpc'}"
        for array, dataflow, kb, bandwidth in product(
            hardware["arrays"], hardware["dataflows"], hardware["sram_kb"], hardware["bandwidth"]
        )
    )
    return tuple(dict.fromkeys([*grid, *hardware["points"], *hardware["presets"]]))


def with_defaults(schema: Mapping[str, Any], value: Any, root: Mapping[str, Any]) -> Any:
    """A copy of `value` in which every absent property that has a default holds it."""
    if not isinstance(value, Mapping):
        return value
    properties = {key: _resolved(sub, root) for key, sub in schema.get("properties", {}).items()}
    defaults = {key: sub["default"] for key, sub in properties.items() if "default" in sub}
    others = schema.get("additionalProperties")
    other = _resolved(others, root) if isinstance(others, Mapping) else {}
    return {
        key: with_defaults(properties.get(key, other), item, root)
        for key, item in {**defaults, **value}.items()
    }


def _resolved(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """`schema` with its ``$ref`` replaced by what that points to; its own keys win."""
    if "$ref" not in schema:
        return schema
    target: Any = root
    for part in schema["$ref"].removeprefix("#/").split("/"):
        target = target[part]
    return {**target, **{key: item for key, item in schema.items() if key != "$ref"}}


def _workload(name: str, definitions: Mapping[str, Mapping[str, Any]]) -> Workload:
    options = definitions[name]
    where = f"$.workloads.{name}"
    kinds = [key for key in ("model", "topology") if key in options]
    if len(kinds) != 1:
        raise ConfigError(
            f"{' and '.join(kinds) or 'neither'} given", where=where, allowed="model or topology"
        )
    if "model" in options and "dataset" not in options:
        raise ConfigError("a model without a dataset", where=where, allowed="add dataset")
    if "topology" in options and not Path(options["topology"]).is_file():
        raise ConfigError(
            f"no file {options['topology']!r}", where=f"{where}.topology", allowed="a CSV file"
        )
    return Workload(name, "trained" if "model" in options else "topology", options)


def _known(run: Mapping[str, Any], key: str, values: Mapping[str, Any]) -> Iterable[str]:
    for index, name in enumerate(run[key]):
        if name not in values[key]:
            raise ConfigError(
                f"no {key} entry is called {name!r}",
                where=f"$.run.{key}[{index}]",
                allowed=_listed(values[key]),
            )
    return list(run[key])


def _refuse_shared_names(
    workloads: tuple[Workload, ...], strategies: Mapping[str, Mapping[str, Any]]
) -> None:
    for name in [workload.name for workload in workloads] + list(strategies):
        if name in AGGREGATES:
            raise ConfigError(
                f"{name!r} is the name of a target", where="$", allowed="any other name"
            )


def _readable(error: ValidationError) -> ConfigError:
    """One line for a schema violation: the value, its path, what would be allowed."""
    rule, schema, where = error.validator, error.schema, error.json_path
    if rule == "additionalProperties":
        known = list(schema.get("properties", {}))
        unknown = [key for key in error.instance if key not in known]
        return ConfigError(f"unknown key {unknown[0]!r}", where=where, allowed=_listed(known))
    if rule == "required":
        missing = [key for key in error.validator_value if key not in error.instance]
        return ConfigError(f"{missing[0]!r} is missing", where=where, allowed="add it")
    if rule in ("pattern", "not", "propertyNames") or error.parent is not None:
        return ConfigError(
            f"{error.instance!r} is not accepted", where=where, allowed=_described(error)
        )
    if rule == "enum":
        return ConfigError(
            f"{error.instance!r} is unknown", where=where, allowed=_listed(error.validator_value)
        )
    if rule == "type":
        kind = type(error.instance).__name__
        return ConfigError(
            f"{error.instance!r} is a {kind}", where=where, allowed=_described(error)
        )
    if rule == "anyOf":
        return ConfigError(
            f"{error.instance!r} is not accepted", where=where, allowed=_alternatives(schema)
        )
    return ConfigError(error.message, where=where, allowed=_described(error))


def _alternatives(schema: Mapping[str, Any]) -> str:
    return " or ".join(
        str(item["const"])
        if "const" in item
        else " ".join(f"{key} {value}" for key, value in item.items())
        for item in schema["anyOf"]
    )


def _described(error: ValidationError) -> str:
    schema = error.schema
    limits = [
        f"{key} {schema[key]}"
        for key in ("type", "minimum", "exclusiveMinimum", "maximum", "pattern")
        if key in schema
    ]
    description = [schema["description"]] if "description" in schema else []
    return "; ".join(description + limits) or str(error.validator_value)


def _listed(names: Iterable[Any]) -> str:
    return ", ".join(str(name) for name in names) or "nothing is defined"
