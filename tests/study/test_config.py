"""A study is refused with the path and what is allowed, before anything runs."""

import copy
from pathlib import Path

import pytest
import yaml
from snakemake.utils import update_config

from edgeint8.arch.machine.hardware import parse_hardware_id
from edgeint8.errors import ConfigError
from edgeint8.models.networks.facts import input_shape
from edgeint8.models.networks.registry import MODELS
from edgeint8.study.config import DATASET_OF, hardware_ids, load_study

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "edgeint8/data/study.schema.yaml"


def study_config():
    return yaml.safe_load((ROOT / "config/config.yaml").read_text())


def changed(path, value):
    """The default study with one entry replaced; a path is a tuple of keys."""
    config = copy.deepcopy(study_config())
    entry = config
    for key in path[:-1]:
        entry = entry.setdefault(key, {})
    entry[path[-1]] = value
    return config


def test_default_study_is_valid_and_complete():
    study = load_study(study_config(), SCHEMA)
    assert study.networks == study.names == ("signal_cnn_1d", "tiny_cnn_2d", "mobile_cnn_2d")
    assert set(study.detail_strategies) <= set(study.strategies)
    for hardware in study.hardware:
        assert parse_hardware_id(hardware).id == hardware


def test_defaults_are_filled_in_at_every_depth():
    study = load_study(changed(("datasets",), {}), SCHEMA)
    assert study.datasets["cifar10"]["sources"][0] == "data_dir"
    assert study.datasets["synthetic_signals"] == {"train_samples": None, "test_samples": None}
    assert study.workload("signal_cnn_1d").options["batch_size"] == 256
    assert study.strategies["asym_channel_minmax"]["format"] == "qoperator"


def test_a_need_is_no_option_of_the_network():
    """Else a new rate would train again: the options are a parameter of training."""
    study = load_study(changed(("workloads", "tiny_cnn_2d", "rate"), 60), SCHEMA)
    workload, before = study.workload("tiny_cnn_2d"), load_study(study_config(), SCHEMA)
    assert workload.need == {"rate": 60}
    assert workload.options == before.workload("tiny_cnn_2d").options
    both = changed(("workloads", "tiny_cnn_2d", "deadline_ms"), 5)
    with pytest.raises(ConfigError, match=r"rate and deadline_ms given @ .*one of the two"):
        load_study(both, SCHEMA)


def test_the_costed_strategy_is_one_of_the_study() -> None:
    assert load_study(study_config(), SCHEMA).architecture == {
        "strategy": "recommended",
        "fuse": True,
    }
    named = changed(("architecture",), {"strategy": "sym_tensor_minmax", "fuse": False})
    assert load_study(named, SCHEMA).architecture["strategy"] == "sym_tensor_minmax"
    with pytest.raises(ConfigError, match=r"'best' is not selected @ \$.architecture.strategy"):
        load_study(changed(("architecture",), {"strategy": "best"}), SCHEMA)


def overlaid(own):
    """The default study under a user's file, as Snakemake merges them."""
    config = study_config()
    update_config(config, own)
    return load_study(config, SCHEMA, own)


def test_default_detail_strategies_give_way_to_a_selection():
    """The default ones are asym_channel_minmax and sym_tensor_minmax."""
    assert overlaid({"seed": 1}).detail_strategies == ("asym_channel_minmax", "sym_tensor_minmax")
    tiny = {"workloads": ["tiny_cnn_2d"]}
    one = overlaid({"run": {**tiny, "strategies": ["asym_tensor_minmax", "sym_tensor_minmax"]}})
    assert one.detail_strategies == ("sym_tensor_minmax",)
    none = {**tiny, "strategies": ["asym_tensor_minmax"]}
    assert overlaid({"run": none}).detail_strategies == ()
    by_name = {"run": {**none, "detail_strategies": ["sym_tensor_minmax"]}}
    with pytest.raises(ConfigError, match=r"'sym_tensor_minmax' is not selected @ \$\.run\.detail"):
        overlaid(by_name)
    own_default = changed(("run", "strategies"), ["asym_tensor_minmax"])
    own_default["run"]["workloads"] = ["tiny_cnn_2d"]
    with pytest.raises(ConfigError, match="'asym_channel_minmax' is not selected"):
        load_study(own_default, SCHEMA)


def test_a_deadline_takes_the_place_of_the_default_rate():
    assert overlaid({"workloads": {"tiny_cnn_2d": {"deadline_ms": 5}}}).workload(
        "tiny_cnn_2d"
    ).need == {"deadline_ms": 5}
    with pytest.raises(ConfigError, match=r"rate and deadline_ms given @ \$\.workloads\.tiny"):
        overlaid({"workloads": {"tiny_cnn_2d": {"deadline_ms": 5, "rate": 30}}})


def test_hardware_grid_is_every_combination_then_points_each_once():
    ids = hardware_ids(
        {
            "arrays": ["8x8", "4x16"],
            "dataflows": ["ws", "os"],
            "sram_kb": [32],
            "bandwidth": ["unlimited", 8],
            "points": ["ws_8x8_32kB_8Bpc", "is_1x1_1kB_1Bpc"],
            "presets": ["gemmini"],
        }
    )
    assert len(ids) == len(set(ids)) == 10
    assert ids[0] == "ws_8x8_32kB_unlimited" and ids[-2:] == ("is_1x1_1kB_1Bpc", "gemmini")


def test_a_workload_may_have_a_selection_of_its_own():
    """It replaces the study's; the study knows everything that any workload uses, each once."""
    config = changed(("workloads", "tiny_cnn_2d", "strategies"), ["w5_tensor_minmax"])
    config["run"]["strategies"] = ["sym_tensor_minmax", "asym_channel_minmax"]
    config["hardware"] = {"arrays": [], "points": ["ws_4x4_1kB_2Bpc", "os_4x4_1kB_2Bpc"]}
    config["workloads"]["tiny_cnn_2d"]["hardware"] = ["gemmini", "ws_4x4_1kB_2Bpc"]
    config["run"]["workloads"] = ["signal_cnn_1d", "tiny_cnn_2d"]
    study = load_study(config, SCHEMA)
    signal, tiny = (study.workload(name) for name in study.names)
    assert signal.strategies == ("sym_tensor_minmax", "asym_channel_minmax")
    assert signal.hardware == ("ws_4x4_1kB_2Bpc", "os_4x4_1kB_2Bpc")
    assert tiny.strategies == ("w5_tensor_minmax",)
    assert tiny.hardware == ("gemmini", "ws_4x4_1kB_2Bpc")
    assert tuple(study.strategies) == (*signal.strategies, *tiny.strategies)
    assert study.hardware == (*signal.hardware, "gemmini")
    assert not {"strategies", "hardware"} & set(tiny.options), "options decide what is trained anew"


def test_the_third_network_gets_six_strategies_and_six_machines():
    """Two of fewer bits; the default study has to end within 25 minutes."""
    study = load_study(study_config(), SCHEMA)
    mobile = study.workload("mobile_cnn_2d")
    bits = [study.strategies[name]["weight_bits"] for name in mobile.strategies]
    assert len(bits) == len(mobile.hardware) == 6 and sum(b < 8 for b in bits) == 2
    for name in ("signal_cnn_1d", "tiny_cnn_2d"):
        assert len(study.workload(name).strategies) == 20
        assert len(study.workload(name).hardware) == 42


REFUSED = [
    (("run", "workloads"), ["tiny_cnn"], "$.run.workloads[0]", "tiny_cnn_2d"),
    (("run", "strategies"), ["sym"], "$.run.strategies[0]", "sym_tensor_minmax"),
    (("run", "detail_strategies"), ["other"], "$.run.detail_strategies", "asym_channel_minmax"),
    (("run", "workloads"), ["tiny_cnn_2d"] * 2, "$.run.workloads", "each once"),
    (("sede",), 1, "'sede' @ $", "seed"),
    (("seed",), "1", "$.seed", "a whole number from 0"),
    (("seed",), -1, "$.seed", "a whole number from 0"),
    (("seed",), True, "$.seed", "a whole number from 0"),
    (("run",), None, "$.run", "keys with values"),
    (("workloads", "data"), {}, "$.workloads", "lower-case"),
    (("workloads", "Net"), {}, "$.workloads", "lower-case"),
    (("workloads", "x"), {"model": "resnet"}, "$.workloads.x.model", "tiny_cnn_2d"),
    (("workloads", "x"), {"model": "tiny_cnn_2d", "epoch": 1}, "$.workloads.x", "epochs"),
    (("workloads", "tiny_cnn_2d", "epochs"), 0, "$.workloads.tiny_cnn_2d.epochs", "from 1 to 1000"),
    (("strategies", "s"), {"symmetric": True}, "$.strategies.s", "per_channel"),
    (("strategies", "sym_tensor_minmax", "calibration"), "max", "calibration", "entropy"),
    (("hardware", "points"), ["xs_1x1_1kB_unlimited"], "$.hardware.points[0]", "ws|os|is"),
    (("hardware", "arrays"), ["0x4"], "$.hardware.arrays[0]", "rows x columns"),
    (("hardware", "bandwidth"), ["8"], "$.hardware.bandwidth[0]", "unlimited or a whole number"),
    (("datasets", "cifar10", "sources"), ["web"], "$.datasets.cifar10.sources[0]", "stand_in"),
    (("datasets", "cifar10", "sources"), [], "$.datasets.cifar10.sources", "tried in this order"),
    (("workloads", "tiny_cnn_2d", "strategies"), ["x"], "tiny_cnn_2d.strategies[0]", "w5_"),
    (("workloads", "tiny_cnn_2d", "hardware"), ["8x8"], "tiny_cnn_2d.hardware[0]", "preset"),
    (("workloads", "tiny_cnn_2d", "crop"), 0, "$.workloads.tiny_cnn_2d.crop", "or null"),
    (("golden", "images"), 0, "$.golden.images", "a whole number from 1 or null"),
    (("overflow", "bits"), [24, 16], "$.overflow.bits", "smallest first"),
]


@pytest.mark.parametrize(("path", "value", "place", "allowed"), REFUSED)
def test_refusal_names_the_place_and_what_is_allowed(path, value, place, allowed):
    with pytest.raises(ConfigError) as caught:
        load_study(changed(path, value), SCHEMA)
    message = str(caught.value)
    assert place in message and allowed in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "nothing given"),
        ({"model": "tiny_cnn_2d", "topology": "x.csv"}, "model and topology given"),
        ({"model": "tiny_cnn_2d"}, "a model without a dataset"),
        ({"onnx": "missing.onnx"}, r"no file 'missing\.onnx' @ \$\.workloads\.x\.onnx"),
        ({"topology": "t.csv", "data": "d.npz"}, "data for a topology"),
        ({"topology": "missing.csv"}, r"no file 'missing\.csv' @ \$\.workloads\.x\.topology"),
    ],
)
def test_a_workload_is_exactly_one_thing(options, message):
    config = changed(("workloads", "x"), options)
    config["run"]["workloads"] = ["x"]
    with pytest.raises(ConfigError, match=message):
        load_study(config, SCHEMA)


def test_every_built_in_network_has_the_dataset_that_its_input_fits():
    shapes = {"cifar10": (3, 32, 32), "synthetic_signals": (1, 128)}
    assert set(DATASET_OF) == set(MODELS)
    for name, dataset in DATASET_OF.items():
        assert input_shape(MODELS[name]()) == shapes[dataset]


def test_names_of_targets_are_refused():
    config = changed(("workloads", "part_a"), {"model": "tiny_cnn_2d", "dataset": "cifar10"})
    config["run"]["workloads"] = ["part_a"]
    with pytest.raises(ConfigError, match="name of a target"):
        load_study(config, SCHEMA)


def test_schema_describes_every_top_level_key_and_knows_every_model():
    schema = yaml.safe_load(SCHEMA.read_text())
    workload = schema["properties"]["workloads"]["additionalProperties"]["properties"]
    assert workload["model"]["enum"] == list(MODELS)
    for key, entry in schema["properties"].items():
        assert "description" in entry, key
