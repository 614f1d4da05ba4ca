"""The public face: one call a question; see ``import edgeint8 as e8``.

Files are ONNX or INT8 .tflite, or, where said, a SCALE-Sim topology ``.csv``. `shape` fixes sizes
that a network leaves open: ``{"x": [1, 3, 224, 224]}``, None keeps the batch free. Bad input raises
an `EdgeInt8Error` of one line: what is wrong, where, and what is allowed.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgeint8.answers.hardware import Cost, Front, Layers, Prediction
from edgeint8.answers.integers import (
    Quantized,
    RuntimeVerification,
    Vectors,
    Verification,
    Widths,
)
from edgeint8.arch.cost.physical import Options
from edgeint8.arch.machine.hardware import Hardware
from edgeint8.arch.machine.technology import Technology, load_technology, using
from edgeint8.arch.network.fusion import fuse
from edgeint8.arch.network.inputs import find_hardware, preset_names
from edgeint8.arch.network.totals import mac_count
from edgeint8.codesign.prices import weight_prices
from edgeint8.conventions import IMAGES_AT_ONCE, Array
from edgeint8.costs import cost_of, front_of
from edgeint8.errors import ConfigError, ModelError
from edgeint8.fixed_point.arithmetic.graph import Node
from edgeint8.fixed_point.arithmetic.operands import Operands
from edgeint8.fixed_point.arithmetic.requantize import scheme_named
from edgeint8.fixed_point.compare import compare_model
from edgeint8.fixed_point.executor import exact_accumulate, pieces
from edgeint8.fixed_point.runtimes.known import runtime_named
from edgeint8.fixed_point.studies.bit_growth import DEFAULT_TILE_ROWS, exact_widths, model_widths
from edgeint8.fixed_point.vectors.design import Design
from edgeint8.fixed_point.vectors.vectors import write_vectors
from edgeint8.inputs import (
    Arrays,
    Shape,
    arrays_of,
    float_network,
    integer_feeds,
    integer_network,
    is_tflite,
    network_layers,
    network_memory,
    refuse_shape,
    strategy_of,
    tflite_arrays,
    tflite_memory,
)
from edgeint8.quant.auto_exclude import IMAGES, settled
from edgeint8.quant.bits.spend import spend_bits
from edgeint8.quant.ort.reference import batches
from edgeint8.quant.prepare.prepare import prepare_model
from edgeint8.quant.prequantized.detection import is_quantized
from edgeint8.quant.prequantized.own_network import check_weights
from edgeint8.quant.ptq import QuantizedModel, calibrate_for
from edgeint8.quant.ptq import quantize as quantize_model
from edgeint8.quant.session import cpu_flags, has_exact_u8s8
from edgeint8.quant.strategy import Strategy
from edgeint8.scale_sim.predict import check_rows, predicted_rows
from edgeint8.tflite.verify import verify_tflite

VECTOR_IMAGES = 1
NOTHING: Mapping[str, Any] = {}


def hardware(name: str | Path | Hardware) -> Hardware:
    """A machine: a preset's name, an id such as ``ws_16x16_64kB_16Bpc``, or a YAML file."""
    return _machine(name)


def hardware_names() -> tuple[str, ...]:
    """Names of the presets: real machines, each with its source in its file."""
    return tuple(preset_names())


def layers(network: str | Path, *, shape: Shape | None = None, **reading: Any) -> Layers:
    """The layers of a network with their edges: what each asks of a systolic array.

    `reading`: ``batch`` images at once (default: as the file has it), ``constants`` of inputs that
    are settings (``{"sr": 16000}``), ``batch_axis`` of the inputs (0).
    """
    found = network_layers(network, shape, **reading)
    needed = network_memory(network, found, reading.get("batch"))
    return Layers(found, needed, mac_count(found).warning)


def cost(
    network: str | Path,
    hardware: str | Path | Hardware = "gemmini",
    *,
    batch: int | None = None,
    shape: Shape | None = None,
    fused: bool = True,
    on_chip: bool = False,
    technology: str | Path | None = None,
    dram: str = "mixed",
    **reading: Any,
) -> Cost:
    """Cycles, DRAM bytes, energy and what binds them, layer by layer and for one inference.

    batch
        Images of a run; None as the file has it. Totals are of one image. The bound's share their
        weights, the machine that waits fetches those of a convolution for each.
    fused
        Pools, additions and element-wise layers work on the way out.
    on_chip
        Tensors that fit stay on chip between layers.
    technology
        A YAML file whose constants stand in for the published ones (docs/technology.md).
    dram
        ``mixed``, ``none``, ``lpddr4``, ``ddr3`` or ``hbm2``: what a byte from DRAM costs.
    reading
        ``constants`` and ``batch_axis``, as for `layers`.
    """
    found = network_layers(network, shape, batch=batch, **reading)
    machine, options = _machine(hardware), Options(on_chip=on_chip, fused=fused)
    needed = network_memory(network, found, batch)
    with using(_technology(technology), dram):
        return cost_of(found, machine, options, needed)


def explore(
    network: str | Path,
    rows: tuple[int, int] = (4, 256),
    cols: tuple[int, int] = (4, 256),
    *,
    shape: Shape | None = None,
    fused: bool = True,
    technology: str | Path | None = None,
    dram: str = "mixed",
    reading: Mapping[str, Any] = NOTHING,
    rate: float | None = None,
    deadline_ms: float | None = None,
    **options: Any,
) -> Front:
    """The exact front of cycles, energy, area and bandwidth over every array in the ranges.

    The recommended design is the smallest within 10 % of the least energy for `rate` (inferences a
    second) or `deadline_ms`, idle time included; without either, least energy times delay.
    `options` are the keys of ``explore`` in a study file, with its defaults: ``sram_kb``,
    ``bandwidth``, ``dataflows``, ``pipelined``, ``constraints``, ``dram_gb_per_s`` and so on;
    `fused`, `technology` and `dram` are those of `cost`, `reading` as for `layers`.
    """
    with using(_technology(technology), dram):
        found = network_layers(network, shape, **reading)
        found = fuse(found) if fused else found
        return front_of(found, rows, cols, options, {"rate": rate, "deadline_ms": deadline_ms})


def quantize(
    network: str | Path,
    calibration: Arrays = None,
    strategy: str | Mapping[str, Any] | Strategy = "asym_channel_minmax",
    *,
    holdout: Arrays = None,
    hardware: str | Path | Hardware = "gemmini",
    shape: Shape | None = None,
    **reading: Any,
) -> Quantized:
    """A float network quantised to INT8 by ONNX Runtime with our ranges; `save` writes it.

    calibration
        Inputs whose ranges the scales shall cover; the first ``calibration_samples`` are used.
    strategy
        ``(asym|sym|pow2)_(channel|tensor)_(minmax|percentile|entropy|mse)``, or options as in a
        study file, or a `Strategy`.
    holdout
        Inputs, none of them among `calibration`, that choose the bits of every layer where
        `weight_bits` is a budget, and the nodes that ``auto_exclude`` keeps float.
    hardware
        The machine that prices an `energy_share`.
    reading
        ``constants`` and ``batch_axis``, as for `layers`; the arrays have samples first.
    """
    chosen = strategy_of(strategy)
    given = float_network(network, shape, **reading)
    check_weights(given)
    model = prepare_model(given)
    if chosen.dynamic:
        return _in_integers(quantize_model(model, None, chosen), network)
    if calibration is None:
        raise ModelError(
            "nothing to calibrate with", where="calibration", allowed="arrays or an NPZ file"
        )
    inputs = arrays_of(model, calibration, "calibration", chosen.calibration_samples)
    ranges = calibrate_for(model, inputs, chosen)
    images = arrays_of(model, calibration, "calibration", chosen.images_learned)
    if chosen.auto_exclude or chosen.unspent is not None:
        if holdout is None:
            raise ModelError(
                "nothing to choose by", where="holdout", allowed="arrays or an NPZ file"
            )
        judged = arrays_of(model, holdout, "holdout")
        if chosen.unspent is not None:
            found = fuse(network_layers(network, shape, **reading))
            prices = weight_prices(found, _machine(hardware))
            chosen = chosen.spent(spend_bits(model, ranges, chosen, images, judged, prices).bits)
        first = {name: array[:IMAGES] for name, array in judged.items()}
        chosen = settled(model, ranges, chosen, (first, None))
    learned = chosen.rounding == "learned"
    made = quantize_model(model, ranges, chosen, images=images if learned else None)
    return _in_integers(made, network)


def _in_integers(made: QuantizedModel, network: str | Path) -> Quantized:
    """The answer, unless every layer stayed as it was."""
    if not is_quantized(made.model):
        raise ModelError(
            f"nothing is quantised ({made.note})",
            where=str(network),
            allowed="a Conv, Gemm or MatMul with constant weights",
        )
    return Quantized(made)


def verify(
    network: str | Path,
    inputs: Arrays = None,
    *,
    shape: Shape | None = None,
    most: int | None = None,
) -> Verification | RuntimeVerification:
    """Every tensor of a quantised network, our integers against ONNX Runtime's.

    Of a .tflite file: against every runtime that takes it, each with its own arithmetic (real ones
    run where the extra ``tflite`` is installed). A QDQ file is verified as the integer graph that
    ONNX Runtime makes of it. Raises `ModelError` if no integer layer ran: then nothing has been
    verified.

    inputs
        Arrays, by input name where there are several, or an NPZ file with the array ``inputs``;
        None takes random ones.
    most
        At most so many images.
    """
    if is_tflite(network):
        refuse_shape(network, shape)
        report = verify_tflite(network, tflite_arrays(network, inputs, most))
        return RuntimeVerification(report, tflite_memory(network))
    model = integer_network(network, shape)
    feeds = arrays_of(model, inputs, "inputs", most)
    ran: dict[str, None] = {}

    def note_layer(node: Node, operands: Operands) -> Array:
        ran[node.name] = None
        return exact_accumulate(node, operands)

    dynamic = any(node.op_type == "DynamicQuantizeLinear" for node in model.graph.node)
    compared = compare_model(
        model, batches(model, feeds, batch=1 if dynamic else None), accumulate=note_layer
    )
    if not ran:
        raise ModelError(
            "no integer layer ran, so nothing is verified",
            where=str(network),
            allowed="at least one Conv, Gemm or MatMul in integers",
        )
    return Verification("ort", compared, tuple(ran), has_exact_u8s8(cpu_flags()))


def accumulator_widths(
    network: str | Path,
    inputs: Arrays = None,
    *,
    shape: Shape | None = None,
    tile_rows: int = DEFAULT_TILE_ROWS,
    most: int | None = None,
) -> Widths:
    """How wide the sums of every integer layer can get; exact for any input, and seen on `inputs`.

    Exact bounds need no data: they come from weights, biases and code ranges.
    """
    model = integer_network(network, shape)
    if inputs is None:
        found = exact_widths(model, arrays_of(model, None, most=1), tile_rows)
    else:
        feeds = integer_feeds(network, model, inputs, most)
        found = model_widths(model, pieces(feeds, IMAGES_AT_ONCE), tile_rows)
    if not found:
        raise ModelError(
            "no integer layer", where=str(network), allowed="at least one with constant weights"
        )
    return Widths(tuple(found))


def predict_scalesim(
    network: str | Path,
    hardware: str | Path | Hardware,
    check: bool = False,
    *,
    shape: Shape | None = None,
    **reading: Any,
) -> Prediction:
    """What SCALE-Sim 3.0.0 reports of every layer, without running it; with `check` it is run.

    Checking needs the extra ``scalesim`` and, for large layers, time. `reading` as for `layers`.
    """
    found, machine = network_layers(network, shape, **reading), _machine(hardware)
    rows = tuple(predicted_rows(found, machine))
    lacks = mac_count(found).warning
    if not check:
        return Prediction(machine, rows, incomplete=lacks)
    with tempfile.TemporaryDirectory() as folder:
        checked = check_rows(found, machine, folder)
    differing = tuple(row for row in checked if row["difference"])
    return Prediction(machine, rows, len(checked), differing, lacks)


def vectors(
    network: str | Path,
    folder: str | Path,
    inputs: Arrays = None,
    *,
    shape: Shape | None = None,
    images: int = VECTOR_IMAGES,
    rounding: str | None = None,
    runtime: str | None = None,
) -> Vectors:
    """Test vectors of every node for the first `images` of `inputs`, with a manifest.

    rounding
        Names the requantiser of all layers, so that each feeds the next as it would there;
        ``ort_float32`` by default.
    runtime
        In its place, of a .tflite file: whose arithmetic every node has, as `verify` names them
        (docs/runtimes.md).
    """
    if rounding is not None and runtime is not None:
        raise ConfigError(
            "a rounding and a runtime", where="vectors", allowed="one: a runtime rounds as it does"
        )
    if runtime not in (None, "ort") and not is_tflite(network):
        raise ConfigError(
            f"runtime {runtime} of {network}", where="vectors", allowed="ort, or a .tflite file"
        )
    chosen = runtime_named(runtime or "ort")
    model = integer_network(network, shape, chosen)
    feeds = integer_feeds(network, model, inputs, images)
    design = Design(scheme_named(rounding)) if rounding else Design.of(chosen)
    return Vectors(Path(folder), write_vectors(model, feeds, folder, design))


def _technology(path: str | Path | None) -> Technology | None:
    return None if path is None else load_technology(path)


def _machine(name: str | Path | Hardware) -> Hardware:
    return name if isinstance(name, Hardware) else find_hardware(str(name), where="hardware")
