# Which strategies, machines and files each network has: functions that inputs of rules ask.


def is_prequantized(name):
    """Whether a workload is an ONNX file that came quantised; only such a file is looked into."""
    workload = STUDY.workload(name)
    if workload.kind != "onnx" or "tflite" in workload.options:
        return "tflite" in workload.options
    from edgeint8.quant.prequantized import (
        detection,
    )  # imports onnx: only for those who need it

    return detection.is_quantized_file(workload.options["onnx"])


def external_files_of(wildcards):
    """The files that hold weights of a workload beside its ONNX file."""
    from edgeint8.quant.prequantized import (
        external_data,
    )  # imports onnx: only for those who need it

    network = options_of(wildcards).get("onnx")
    return external_data.external_files(network) if network else []


STATIC = {name: strategy for name, strategy in STRATEGIES.items() if not strategy.dynamic}
LEARNED = [name for name, strategy in STATIC.items() if strategy.rounding == "learned"]
BUDGETS = [name for name, strategy in STATIC.items() if strategy.unspent is not None]
UNBOUNDED = [name for name in LEARNED if not STATIC[name].bounded]
# One strategy stands for each calibration; all with the same id share the file.
CALIBRATIONS = {strategy.calibration_id: strategy for strategy in STATIC.values()}
DETAIL_STATIC = [name for name in STUDY.detail_strategies if name in STATIC]
STRATEGIES_OF_TABLE = {
    **dict.fromkeys(("sensitivity", "mixed_precision"), DETAIL_STATIC),
    "bits": BUDGETS,
    "learning": LEARNED,
    "ablation": UNBOUNDED,
}
ADOPTED = [name for name in STUDY.networks if is_prequantized(name)]
FLOATS = [name for name in STUDY.networks if name not in ADOPTED]


def strategies_of(name, kept=(*STRATEGIES, GIVEN)):
    """The strategies of a network that are `kept`: the study's, its own, or the one it came with."""
    own = (GIVEN,) if name in ADOPTED else STUDY.workload(name).strategies
    return [strategy for strategy in own if strategy in kept or strategy == GIVEN]


def static_of(name):
    """The strategies of a network whose zero-points are known beforehand."""
    return strategies_of(name, STATIC)


# What has something to choose from, and what has a machine to run on.
CALIBRATED = [name for name in FLOATS if static_of(name)]
MAPPED = [name for name in STUDY.names if STUDY.workload(name).hardware]
PRICED = [name for name in CALIBRATED if name in MAPPED]


def costed_strategies(name):
    """The strategies whose INT8 graph may be what the architecture part costs."""
    chosen = STUDY.architecture["strategy"]
    named = [chosen] if chosen in strategies_of(name) else []
    return [GIVEN] if name in ADOPTED else named or static_of(name)


def pairs(pattern, kept):
    """One path per (network, each strategy of it that is `kept`, or the one that it came with)."""
    return [
        path
        for name in STUDY.networks
        for path in expand(pattern, workload=name, strategy=strategies_of(name, kept))
    ]


def strategy_files(pattern, chosen=strategies_of):
    """An input function: one path per strategy of the network that a job belongs to."""
    return lambda wildcards: expand(
        pattern, workload=wildcards.workload, strategy=chosen(wildcards.workload)
    )


def static_files(pattern):
    """As strategy_files, of the static ones."""
    return strategy_files(pattern, static_of)


def network_files(name, wildcards, networks):
    """The file of this name of the network that a job belongs to, where it is one of these."""
    workload = wildcards.workload
    return [f"{RESULTS}/{workload}/{name}.csv"] if workload in networks else []


def static_options(wildcards):
    """The static strategies of the network that a job belongs to, as the study file writes them."""
    return {name: STUDY.strategies[name] for name in static_of(wildcards.workload)}


def calibrations_of(wildcards):
    """Every calibration that a static strategy of the network uses."""
    names = [STRATEGIES[name].calibration_id for name in static_of(wildcards.workload)]
    return expand(
        f"{NETWORK}/calibration/{{calibration}}.json",
        workload=wildcards.workload,
        calibration=dict.fromkeys(names),
    )


def hardware_of(wildcards):
    """The machines that a workload is mapped onto."""
    return STUDY.workload(wildcards.workload).hardware


def presets_of(wildcards):
    """The files of those of them that are presets."""
    return [str(PRESETS[name]) for name in hardware_of(wildcards) if name in PRESETS]


def constants_of(wildcards):
    """The file of constants that stand in for the published ones, where the study names one."""
    return [] if STUDY.technology is None else [STUDY.technology]


def per_network(pattern):
    """One path per workload that has a model."""
    return expand(pattern, workload=STUDY.networks)


def per_float(pattern):
    """One path per workload whose model came as floats."""
    return expand(pattern, workload=FLOATS)


def per_strategy(pattern):
    """One path per (workload with a model, strategy)."""
    return pairs(pattern, list(STRATEGIES))


def per_static(pattern):
    """As per_strategy, without dynamic strategies: their zero-points are not known beforehand."""
    return pairs(pattern, list(STATIC))


def per_kept(pattern, kept):
    """One path per (network that came as floats, each strategy of it that is `kept`)."""
    return [
        path
        for name in FLOATS
        for path in expand(pattern, workload=name, strategy=strategies_of(name, kept))
    ]


def detail_files(table):
    """What a table of Part B is put together of: a file a network, or a strategy of it."""
    if table in STRATEGIES_OF_TABLE:
        return per_kept(f"{STRATEGY}/{table}.csv", STRATEGIES_OF_TABLE[table])
    networks = dict.fromkeys(("quantization", "outputs"), STUDY.networks) | {"low_sqnr": FLOATS}
    networks = networks.get(table, CALIBRATED)
    return expand(f"{NETWORK}/{table}.csv", workload=networks)


def per_tflite(pattern):
    """One path per workload that came as a .tflite file."""
    return expand(pattern, workload=STUDY.tflite, strategy=GIVEN)


def per_static_detail(pattern):
    """As per_detail, of what the study calibrates itself: there is something to vary."""
    return per_kept(pattern, DETAIL_STATIC)


def per_detail(pattern):
    """One path per (workload with a model, strategy that gets the costly parts)."""
    return pairs(pattern, STUDY.detail_strategies)


TABLES_OF_PART = tables_of_study(
    names=bool(STUDY.names),
    floats=bool(FLOATS),
    strategies=any(strategies_of(name) for name in STUDY.networks),
    static=any(static_of(name) for name in STUDY.networks),
    calibrated=bool(CALIBRATED),
    budgets=any(strategies_of(name, BUDGETS) for name in FLOATS),
    learned=any(strategies_of(name, LEARNED) for name in FLOATS),
    unbounded=any(strategies_of(name, UNBOUNDED) for name in FLOATS),
    static_detail=any(strategies_of(name, DETAIL_STATIC) for name in FLOATS),
    detail=any(strategies_of(name, STUDY.detail_strategies) for name in STUDY.networks),
    hardware=bool(MAPPED),
    priced=bool(PRICED),
    tflite=bool(STUDY.tflite),
    rtl=bool(STUDY.rtl["hardware"]),
    suite=bool(STUDY.explore["suite"]),
)
STUDY_TABLES = sum(TABLES_OF_PART.values(), ())
TIMED = ("latency", "accuracy_latency")  # figures of what `latency: {run: false}` leaves out
STUDY_FIGURES = [
    name
    for name, tables in FIGURE_TABLES.items()
    if set(tables) <= set(STUDY_TABLES) and (STUDY.latency["run"] or name not in TIMED)
]


def calibration_of(wildcards):
    """The calibration that a strategy shares with all others of the same options, if any."""
    strategy = STRATEGIES[wildcards.strategy]
    if strategy.dynamic:
        return []
    return f"{RESULTS}/{wildcards.workload}/calibration/{strategy.calibration_id}.json"


def bits_of(wildcards):
    """The bits of every layer, of a strategy that has a budget for all of them."""
    spent = f"{RESULTS}/{wildcards.workload}/{wildcards.strategy}/bits.json"
    return spent if wildcards.strategy in BUDGETS else []


def bits_tables_of(wildcards):
    """What was spent on each layer, of the strategies of a network that have a budget."""
    chosen = strategies_of(wildcards.workload, BUDGETS)
    return expand(f"{STRATEGY}/bits.csv", workload=wildcards.workload, strategy=chosen)


def dataset_file(name, file):
    """A file of the dataset of a network."""
    return f"{RESULTS}/data/{STUDY.workload(name).dataset}/{file}"


def per_dataset(file):
    """One path per workload that has a model: a file of its dataset."""
    return [dataset_file(name, file) for name in STUDY.networks]


def preset_of(wildcards):
    """The file of a machine that is a preset, so that an edit in it reruns its jobs."""
    return [str(PRESETS[wildcards.hardware])] if wildcards.hardware in PRESETS else []


def one_of(names):
    """A pattern that matches these names only."""
    return "|".join(names) or NOTHING


def options_of(wildcards):
    """The options of the workload that a job belongs to."""
    return dict(STUDY.workload(wildcards.workload).options)


def reading_of(wildcards):
    """How an ONNX file is read: its free sizes, its settings, where samples lie. None: TFLite."""
    if wildcards.workload in STUDY.tflite:
        return None
    options, keys = options_of(wildcards), {"shape": "shapes"}
    found = {keys.get(key, key): options[key] for key in READING if key in options}
    return {"shapes": {}} | found


def metric_of(name):
    """The metric of a network and what may be lost of it, as `evidence.metrics` takes them."""
    options = STUDY.workload(name).options
    found = {"name": options.get("metric"), "margin": options.get("metric_margin")}
    return found if found["name"] else None


JUDGED = [name for name in STUDY.networks if metric_of(name)]


def metric_files(name):
    """The file of a network's own metric, so that an edit in it reruns what it judges."""
    file, colon, _ = STUDY.workload(name).options.get("metric", "").rpartition(":")
    return [file] if colon else []


def chooses(wildcards):
    """Whether a strategy picks its float nodes on the hold-out."""
    return STRATEGIES[wildcards.strategy].auto_exclude


def float_logits(name):
    """The scores of a network in floating point; nothing for one that came quantised."""
    return [] if name in ADOPTED else f"{RESULTS}/{name}/fp32_logits.npz"


def dataset_of(wildcards):
    """The arrays that a network uses."""
    return dataset_file(wildcards.workload, "arrays.npz")


def parts_of_study():
    """(workload, strategy, part, file) of everything that a network may have to leave out."""
    files = [(name, "", "layers", f"{RESULTS}/{name}/layers.json") for name in MAPPED]
    files = files if "dse" in STUDY_TABLES else []
    lists = {
        "quantize.json": per_strategy,
        "logits.npz": per_strategy,
        "golden.csv": per_strategy,
        "runtimes.csv": per_tflite,
        "bit_growth.csv": per_static,
        "requantize.csv": per_detail,
        "overflow.csv": per_detail,
        "vectors": per_detail,
        "runtime_vectors": per_tflite,
        "sensitivity.csv": per_static_detail,
    }
    for file, paths in lists.items():
        for path in paths(f"{STRATEGY}/{file}"):
            workload, strategy = Path(path).parts[-3:-1]
            files.append((workload, strategy, Path(file).stem, path))
    for machine in STUDY.rtl["hardware"] if "rtl" in STUDY_TABLES else ():
        for path in per_detail(f"{STRATEGY}/rtl/{machine}.csv"):
            files.append((*Path(path).parts[-4:-2], "rtl", path))
    for part in ("quantization", "outputs", "low_sqnr", "draws", "layer_traits", "recommendation"):
        if part in STUDY_TABLES:
            files += [(Path(path).parts[-2], "", part, path) for path in detail_files(part)]
    if "codesign" in STUDY_TABLES:
        files += [(name, "", "codesign", f"{RESULTS}/{name}/codesign.csv") for name in PRICED]
    return files


CATEGORIES = {
    "a": "A: the float networks",
    "b": "B: quantisation",
    "c": "C: integer arithmetic",
    "d": "D: systolic arrays",
}


def category_of(page):
    """Where Snakemake's report shows the report, a table or a figure: at the part that it belongs to."""
    table = FIGURE_TABLES.get(page, [page])[0]
    parts = [part for part, tables in TABLES_OF_PART.items() if table in tables]
    return CATEGORIES.get(parts[0], "Report") if parts else "Report"
