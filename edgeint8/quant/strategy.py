"""One way to quantise a network, as the study file writes it."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Self

from edgeint8.errors import ConfigError
from edgeint8.extensions import CALIBRATIONS

CALIBRATION_METHODS = ("minmax", "percentile", "entropy", "mse")
FORMATS = ("qoperator", "qdq")
ROUNDINGS = ("nearest", "learned")
# Set before any result was seen: 2,048 bins over [-t, t], as many as TensorRT and PyTorch use, and
# two tails of 0.005 % each.
DEFAULT_BINS = 2048
DEFAULT_PERCENTILE = 99.99


def calibration_methods() -> tuple[str, ...]:
    """Ours, and those that extensions have registered; none of these may bear a name of ours."""
    if taken := sorted(CALIBRATIONS.keys() & set(CALIBRATION_METHODS)):
        raise ConfigError(f"calibration method {taken[0]!r} is ours", allowed="any other name")
    return (*CALIBRATION_METHODS, *CALIBRATIONS)


SETTLED = ("choice", "layer_bits")  # found on the hold-out: no keys of a study


@dataclass(frozen=True)
class Choice:
    """The nodes that `auto_exclude` keeps float, and the numbers that chose them, in words."""

    nodes: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class Budget:
    """What the bits of all weights may cost together; ``quant.bits`` spends it layer by layer.

    mean
        Bits a weight, the mean over all weights.
    energy_share
        Share of what eight-bit weights cost in energy: products, and weights moved and stored.
    """

    mean: float | None = None
    energy_share: float | None = None

    @property
    def description(self) -> str:
        """What is bounded, in a few words."""
        if self.mean is not None:
            return f"{self.mean:g} bits a weight in the mean"
        return f"weights for {self.energy_share:g} of the energy of 8 bits"


@dataclass(frozen=True)
class Strategy:
    """A named quantisation strategy.

    symmetric
        Activations: int8 with zero-point 0 (True) or uint8 with its own (False). Weights are
        symmetric int8 either way.
    per_channel
        One weight scale per output channel (True) or per tensor (False).
    calibration
        How activation ranges are chosen, one of `calibration_methods`.
    format
        ``qoperator`` (integer operators) or ``qdq`` (float operators between Q and DQ).
    calibration_samples, percentile, bins
        Images seen; mass kept inside the range in percent; histogram bins over [-t, t].
    bias_bits
        Raise weight scales until every quantised bias fits this many bits; None: leave them.
    dynamic
        Activation scales computed at run time from each batch; calibration is not used.
    power_of_two
        Every scale is a power of two, chosen at calibration, so that requantisation is a shift.
    exclude
        What stays float: node names, patterns of them (``/head/*``) or operators (``Softmax``).
    auto_exclude
        Keep those nodes float besides whose quantisation costs most on the hold-out: by the rule of
        ``quant.auto_exclude``, which makes the `choice` before anything is quantised.
    split_outputs
        An output that is joined of several tensors keeps a scale for each: the Concat and what only
        moves its elements stay out of the integers. Before the Concat all may be integer.
    clamp_masks
        Constants below -100 that only a Softmax sees become -100, before anything is calibrated.
    weight_bits
        Weights use the levels of this many bits, -(2^(b-1) - 1) to 2^(b-1) - 1, held in int8; or a
        `Budget` for the bits of all of them.
    layer_bits
        What was spent of a budget, by the names of weights; no option of a study file.
    rounding
        Weight codes: the ``nearest`` levels, or ``learned`` from the integer activations of the
        calibration images, biases included (``quant.learn``).
    equalize
        Level the weight ranges of neighbouring layers first, by powers of two that change no bit
        of the float network.
    accumulator_bits
        Learned codes only: no input whatever makes any partial sum, the bias loaded first, leave
        this many bits.
    tile_rows, tile_bits
        Learned codes only: no `tile_rows` consecutive products of K, without the bias, leave
        `tile_bits` bits.
    learning_samples
        Images that codes are learned from; None: as many as calibrate, and the same.
    choice
        Made of `auto_exclude` for one network; no option of the study file.
    """

    name: str
    symmetric: bool = False
    per_channel: bool = True
    calibration: str = "minmax"
    format: str = "qoperator"
    calibration_samples: int = 512
    percentile: float = DEFAULT_PERCENTILE
    bins: int = DEFAULT_BINS
    bias_bits: int | None = None
    dynamic: bool = False
    power_of_two: bool = False
    weight_bits: int | Budget = 8
    exclude: tuple[str, ...] = ()
    auto_exclude: bool = False
    split_outputs: bool = False
    clamp_masks: bool = True
    rounding: str = "nearest"
    equalize: bool = False
    accumulator_bits: int | None = None
    tile_rows: int | None = None
    tile_bits: int | None = None
    learning_samples: int | None = None
    choice: Choice | None = None
    layer_bits: tuple[tuple[str, int], ...] = ()

    def __post_init__(self) -> None:
        flags = ("symmetric", "per_channel", "dynamic", "power_of_two")
        for flag in (*flags, "auto_exclude", "split_outputs", "clamp_masks", "equalize"):
            self._require(flag, isinstance(getattr(self, flag), bool), "true or false")
        methods, formats = calibration_methods(), ", ".join(FORMATS)
        self._require("calibration", self.calibration in methods, ", ".join(methods))
        self._require("format", self.format in FORMATS, formats)
        self._require("calibration_samples", self.calibration_samples >= 1, "1 or more")
        self._require("percentile", 50 < self.percentile <= 100, "above 50, at most 100")
        self._require("bins", self.bins >= 2 and self.bins % 2 == 0, "an even number from 2")
        bias_fits = self.bias_bits is None or 8 <= self.bias_bits <= 32
        self._require("bias_bits", bias_fits, "8 to 32, or null")
        self._check_bits()
        self._check_learning()
        if self.dynamic:
            self._check_dynamic()

    def _check_bits(self) -> None:
        """One number for all layers, or a budget of one kind; bits a layer lie in 2 to 8 too."""
        budget = self.weight_bits
        if isinstance(budget, Budget):
            mean, share = budget.mean, budget.energy_share
            one = (mean is None) != (share is None)
            inside = (mean is None or 2 <= mean <= 8) and (share is None or 0 < share <= 1)
            allowed = "mean from 2 to 8, or energy_share above 0 and at most 1"
            self._require("weight_bits", one and inside, allowed)
        else:
            self._require("weight_bits", 2 <= budget <= 8, "2 to 8, or a mapping of mean")
        spent = all(2 <= bits <= 8 for _, bits in self.layer_bits)
        self._require("layer_bits", spent, "2 to 8 in every layer")

    def _check_learning(self) -> None:
        """Options of learned codes: their ranges, and that codes are learned at all."""
        self._require("rounding", self.rounding in ROUNDINGS, ", ".join(ROUNDINGS))
        for field, low, high in (
            ("accumulator_bits", 8, 32),
            ("tile_bits", 8, 32),
            ("tile_rows", 1, 2**16),
            ("learning_samples", 1, 2**31),
        ):
            value = getattr(self, field)
            inside = value is None or low <= value <= high
            self._require(field, inside, f"{low} to {high}, or null")
            alone = value is None or self.rounding == "learned"
            self._require(field, alone, "null, or rounding: learned beside it")
        together = (self.tile_rows is None) == (self.tile_bits is None)
        self._require("tile_bits", together, "tile_rows and tile_bits together, or neither")

    def _check_dynamic(self) -> None:
        """Scales at run time leave nothing to impose, and no integer activations to learn from."""
        imposed = self.bias_bits is not None or self.power_of_two or self.weight_bits != 8
        imposed = imposed or self.equalize or self.auto_exclude or self.rounding != "nearest"
        plain = self.format == "qoperator" and not imposed
        allowed = (
            "with no format qdq, bias_bits, power_of_two, weight_bits, rounding, equalize or "
            "auto_exclude"
        )
        self._require("dynamic", plain, allowed)
        self._require("symmetric", not self.symmetric, "false: dynamic activations are uint8")

    @classmethod
    def from_name(cls, name: str) -> Self:
        """A strategy from a name of the usual form: ``asym_channel_minmax``, ``dynamic_channel``.

        >>> Strategy.from_name("sym_tensor_mse").description
        'symmetric activations, weights per tensor, mse'
        """
        kind, _, rest = name.partition("_")
        granularity, _, calibration = rest.partition("_")
        forms = {"asym": "", "sym": "symmetric", "pow2": "power_of_two", "dynamic": "dynamic"}
        fits = kind in forms and granularity in ("channel", "tensor")
        if not fits or (kind == "dynamic") == bool(calibration):
            raise ConfigError(
                f"strategy {name!r}",
                allowed=f"(asym|sym|pow2)_(channel|tensor)_({'|'.join(calibration_methods())}), "
                "dynamic_(channel|tensor)",
            )
        options: dict[str, Any] = {forms[kind]: True} if forms[kind] else {}
        options |= {"calibration": calibration} if calibration else {}
        return cls(name=name, per_channel=granularity == "channel", **options)

    @classmethod
    def from_mapping(cls, name: str, mapping: Mapping[str, Any]) -> Self:
        """A strategy from its entry in the study file; unknown keys are refused."""
        known = [field.name for field in fields(cls) if field.name not in ("name", *SETTLED)]
        if unknown := sorted(set(mapping) - set(known)):
            raise ConfigError(
                f"unknown key {unknown[0]}", where=f"$.strategies.{name}", allowed=", ".join(known)
            )
        options = dict(mapping)
        options["exclude"] = tuple(options.get("exclude", ()))
        if isinstance(budget := options.get("weight_bits"), Mapping):
            kinds = [field.name for field in fields(Budget)]
            if unknown := sorted(set(budget) - set(kinds)):
                raise ConfigError(
                    f"unknown key {unknown[0]}",
                    where=f"$.strategies.{name}.weight_bits",
                    allowed=", ".join(kinds),
                )
            options["weight_bits"] = Budget(**budget)
        return cls(name=name, **options)

    def as_chosen(self, facts: Mapping[str, Any]) -> Self:
        """With the choice that was made when it was quantised and is kept in ``quantize.json``."""
        if not self.auto_exclude:
            return self
        nodes = tuple(facts["auto_excluded"])
        return replace(self, choice=Choice(nodes, facts["auto_exclude_reason"]))

    @property
    def nearest(self) -> Self:
        """The same with the nearest codes, whose sums nothing bounds."""
        return replace(
            self,
            rounding="nearest",
            learning_samples=None,
            accumulator_bits=None,
            tile_rows=None,
            tile_bits=None,
        )

    @property
    def symmetry(self) -> str:
        """``symmetric`` or ``asymmetric`` activations."""
        return "symmetric" if self.symmetric else "asymmetric"

    @property
    def granularity(self) -> str:
        """``channel`` or ``tensor``: one weight scale per what."""
        return "channel" if self.per_channel else "tensor"

    @property
    def calibration_id(self) -> str:
        """Names the calibration this strategy needs: equal for strategies that can share one."""
        parts = [self.calibration, str(self.calibration_samples)]
        parts += [] if self.calibration == "minmax" else [str(self.bins)]
        parts += [f"{self.percentile:g}"] if self.calibration == "percentile" else []
        parts += [] if self.clamp_masks else ["unclamped"]
        parts += ["equalized"] if self.equalize else []
        return "_".join(parts)

    @property
    def unspent(self) -> Budget | None:
        """The budget, as long as it has still to be spent on layers."""
        budget = self.weight_bits
        return budget if isinstance(budget, Budget) and not self.layer_bits else None

    def spent(self, bits: Mapping[str, int]) -> Self:
        """This strategy with the bits of every layer, by the name of its weights."""
        return replace(self, layer_bits=tuple(bits.items()))

    def bits_of(self, weight_name: str) -> int:
        """Bits of one layer's weights; those that no budget was spent on keep eight."""
        if isinstance(self.weight_bits, int):
            return self.weight_bits
        return dict(self.layer_bits).get(weight_name, 8)

    def largest_code(self, weight_name: str) -> int:
        """The largest level that the weights of one layer may take."""
        return int(2 ** (self.bits_of(weight_name) - 1) - 1)

    @property
    def widest_bits(self) -> int:
        """Bits of the widest weights: what a multiplier must take."""
        if isinstance(self.weight_bits, int):
            return self.weight_bits
        return max((bits for _, bits in self.layer_bits), default=8)

    @property
    def bounded(self) -> bool:
        """Whether sums or tiles have a width that codes must keep."""
        return self.accumulator_bits is not None or self.tile_bits is not None

    @property
    def images_learned(self) -> int:
        """Images that codes are learned from."""
        return self.learning_samples or self.calibration_samples

    @property
    def description(self) -> str:
        """One line for tables and the report."""
        source = "dynamic" if self.dynamic else self.calibration
        extras = [self.format] if self.format != "qoperator" else []
        extras += ["power-of-two scales"] if self.power_of_two else []
        extras += [f"bias in {self.bias_bits} bits"] if self.bias_bits is not None else []
        if isinstance(self.weight_bits, Budget):
            extras += [self.weight_bits.description]
        else:
            extras += [f"{self.weight_bits}-bit weights"] if self.weight_bits < 8 else []
        extras += ["a scale per output branch"] if self.split_outputs else []
        extras += [f"float: {' '.join(self.exclude)}"] if self.exclude else []
        extras += ["costliest nodes float"] if self.auto_exclude else []
        extras += [] if self.clamp_masks else ["masks as they are"]
        extras += ["equalised layers"] if self.equalize else []
        extras += ["learned codes"] if self.rounding == "learned" else []
        bits, rows = self.accumulator_bits, self.tile_rows
        extras += [f"sums in {bits} bits"] if bits is not None else []
        extras += [f"tiles of {rows} in {self.tile_bits} bits"] if rows is not None else []
        return ", ".join(
            [f"{self.symmetry} activations", f"weights per {self.granularity}", source, *extras]
        )

    def _require(self, field: str, holds: bool, allowed: str) -> None:
        if not holds:
            raise ConfigError(
                f"{field} = {getattr(self, field)!r}",
                where=f"$.strategies.{self.name}.{field}",
                allowed=allowed,
            )
