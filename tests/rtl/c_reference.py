"""rtl/reference through ctypes: the nodes of a graph that the C99 reference computes."""

import ctypes
import subprocess
from ctypes import POINTER, Structure, byref, c_bool, c_double, c_float, c_int, c_int32, c_int64
from pathlib import Path

import numpy as np

from edgeint8.fixed_point.arithmetic.geometry import ConvGeometry
from edgeint8.fixed_point.arithmetic.requantize import Scheme, code_range
from edgeint8.fixed_point.operators.context import Context, scalar
from edgeint8.fixed_point.operators.pooling import pool_geometry

REFERENCE = Path(__file__).parents[2] / "rtl/reference"
FLAGS = ["-std=c99", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"]
SCHEMES = list(Scheme)  # the order of e8_scheme
POLICIES = ["exact", "wrap", "saturate_final", "saturate_step", "saturate_tile"]
F32 = np.float32


class Range(Structure):
    _fields_ = [(name, c_int32) for name in ("low", "high", "zero_point")]


class Accumulator(Structure):
    _fields_ = [(name, c_int) for name in ("policy", "bits", "tile_rows")]


class Window(Structure):
    _fields_ = [
        (name, c_int)
        for name in (
            *("kernel_h", "kernel_w", "stride_h", "stride_w", "dilation_h", "dilation_w"),
            *("pad_top", "pad_left", "pad_bottom", "pad_right"),
        )
    ]


class Conv(Structure):
    _fields_ = [
        *((n, c_int) for n in ("images", "channels", "height", "width", "filters", "groups")),
        ("window", Window),
        ("accumulator", Accumulator),
    ]


class Dense(Structure):
    _fields_ = [
        *((name, c_int) for name in ("rows", "depth", "columns")),
        ("accumulator", Accumulator),
    ]


class Tensor(Structure):
    _fields_ = [
        ("codes", POINTER(c_int32)), ("count", c_int), ("scale", c_float), ("zero_point", c_int32),
    ]  # fmt: skip


class Pool(Structure):
    _fields_ = [
        *((name, c_int) for name in ("planes", "height", "width", "out_h", "out_w")),
        ("window", Window),
    ]


def build(folder: Path, *flags: str) -> ctypes.CDLL:
    """The library, compiled without a warning."""
    sources = sorted(str(path) for path in REFERENCE.glob("*.c"))
    library = folder / "libedgeint8.so"
    command = [
        "cc",
        *FLAGS,
        "-ffp-contract=off",
        *flags,
        "-shared",
        "-fPIC",
        *sources,
        "-lm",
        "-o",
        str(library),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, done.stderr
    lib = ctypes.CDLL(str(library))
    lib.e8_requantize.argtypes = [c_int64, c_double, c_int, Range]
    lib.e8_combined_scale.argtypes = [c_int, c_float, c_float, c_float]
    lib.e8_combined_scale.restype = c_double
    lib.e8_quantize.argtypes = [c_float, c_float, Range]
    lib.e8_dequantize.argtypes = [c_int32, c_float, c_int32]
    lib.e8_dequantize.restype = c_float
    lib.e8_add_ort.argtypes = lib.e8_add_gemmlowp.argtypes = [Tensor, Tensor, c_float, Range, INT32]
    lib.e8_positions.argtypes = [c_int] * 6 + [c_bool]
    return lib


INT32, INT64 = POINTER(c_int32), POINTER(c_int64)


def codes_of(array: np.ndarray) -> np.ndarray:
    """Contiguous int32."""
    return np.ascontiguousarray(array, dtype=np.int32)


def at(array: np.ndarray):
    """The address of a contiguous array, typed."""
    return array.ctypes.data_as(INT32 if array.dtype == np.int32 else INT64)


def range_of(zero_point: np.ndarray) -> Range:
    """Codes of the type of a zero-point."""
    return Range(*code_range(zero_point.dtype), scalar(zero_point))


def window_of(geometry: ConvGeometry) -> Window:
    """Height and width; a signal has height 1."""
    lead = (2 - len(geometry.kernel)) * ((1,), (0,))
    values = [(*lead[0], *v) if lead else v for v in (geometry.kernel, geometry.strides)]
    values.append((*lead[0], *geometry.dilations) if lead else geometry.dilations)
    pads = [(*lead[1], *v) if lead else v for v in (geometry.pads_begin, geometry.pads_end)]
    return Window(*(n for pair in (*values, *pads) for n in pair))


def plane_of(x: np.ndarray) -> tuple[int, int]:
    """Height and width of (N, C, *S)."""
    return (1, x.shape[2]) if x.ndim == 3 else x.shape[2:]


class Reference:
    """What the executor computes, computed in C; nodes are those of a graph."""

    def __init__(self, lib, scheme=Scheme.ORT_FLOAT32, policy="exact", bits=32, tile_rows=16):
        self.lib, self.scheme = lib, scheme
        self.accumulator = Accumulator(POLICIES.index(policy), bits, tile_rows)
        self.operators = {
            "QLinearConv": self.conv,
            "QLinearMatMul": self.matmul,
            "QGemm": self.gemm,
            "QLinearAdd": self.add,
            "MaxPool": self.max_pool,
            "QLinearAveragePool": self.average,
            "QLinearGlobalAveragePool": self.global_average,
            "QuantizeLinear": self.quantize,
            "DequantizeLinear": self.dequantize,
        }

    def run(self, node, inputs):
        """The output of a node, or None where the reference has no such function."""
        operator = self.operators.get(node.op_type)
        if operator is None or any(x is not None and x.ndim > 4 for x in inputs):
            return None
        return operator(Context(node, 17, self.scheme, None, None), *inputs)

    def scales(self, x_scale, w_scale, y_scale, channels):
        """S of each channel, as the scheme combines it."""
        each = np.broadcast_to(w_scale.reshape(-1), channels)
        args = SCHEMES.index(self.scheme), x_scale.item()
        found = [self.lib.e8_combined_scale(*args, w.item(), y_scale.item()) for w in each]
        return np.array(found, np.float64)

    def codes(self, acc, inner, scale, zero):
        """Accumulators (outer, M, inner) requantised."""
        y = np.empty(acc.shape, np.int32)
        channels = len(scale)
        self.lib.e8_requantize_all(
            at(acc), acc.size // channels // inner, channels, inner,
            scale.ctypes.data_as(POINTER(c_double)), SCHEMES.index(self.scheme), range_of(zero),
            at(y),
        )  # fmt: skip
        return y.astype(zero.dtype)

    def conv_sums(self, x, x_zero, w, w_zero, bias, geometry):
        """Accumulators (N, M, *O) int64."""
        sizes = geometry.output_size(x.shape[2:])
        acc = np.empty((len(x), len(w), *sizes), np.int64)
        shape = Conv(
            len(x), x.shape[1], *plane_of(x), len(w), geometry.groups, window_of(geometry),
            self.accumulator,
        )  # fmt: skip
        x, w, zeros = codes_of(x), codes_of(w), codes_of(np.broadcast_to(w_zero, len(w)))
        bias = None if bias is None else codes_of(bias)
        offset = None if bias is None else at(bias)
        self.lib.e8_convolve(byref(shape), at(x), scalar(x_zero), at(w), at(zeros), offset, at(acc))
        return acc

    def conv(self, context, x, xs, xz, w, ws, wz, ys, yz, bias=None):
        attributes = context.node.attributes
        geometry = ConvGeometry.from_attributes(attributes, w.shape[2:], x.shape[2:])
        acc = self.conv_sums(x, xz, w, wz.reshape(-1), bias, geometry)
        return self.codes(acc, acc[0, 0].size, self.scales(xs, ws, ys, len(w)), yz)

    def dense_sums(self, x, x_zero, w, w_zero, bias):
        """Accumulators (rows, M) int64."""
        acc = np.empty((len(x), w.shape[1]), np.int64)
        shape = Dense(len(x), *w.shape, self.accumulator)
        x, w, zeros = codes_of(x), codes_of(w), codes_of(np.broadcast_to(w_zero, w.shape[1]))
        bias = None if bias is None else codes_of(bias.reshape(-1))
        offset = None if bias is None else at(bias)
        self.lib.e8_multiply(byref(shape), at(x), scalar(x_zero), at(w), at(zeros), offset, at(acc))
        return acc

    def matmul(self, context, a, a_s, az, b, bs, bz, ys, yz):
        return self.gemm(context, a, a_s, az, b, bs, bz, None, ys, yz)

    def gemm(self, context, a, a_s, az, b, bs, bz, bias, ys, yz):
        if a.ndim != 2 or b.ndim != 2:
            return None
        acc = self.dense_sums(a, az, b, bz.reshape(-1), bias)
        return self.codes(acc, 1, self.scales(a_s, bs, ys, b.shape[1]), yz)

    def add(self, context, a, a_s, az, b, bs, bz, ys, yz):
        x, w = codes_of(a), codes_of(b)
        if 1 not in (x.size, w.size) and a.shape != b.shape:
            return None
        shape = a.shape if a.size >= b.size else b.shape
        y = np.empty(shape, np.int32)
        pair = (
            Tensor(at(c), c.size, s.item(), scalar(z)) for c, s, z in ((x, a_s, az), (w, bs, bz))
        )
        gemmlowp = self.scheme is Scheme.GEMMLOWP
        function = self.lib.e8_add_gemmlowp if gemmlowp else self.lib.e8_add_ort
        function(*pair, ys.item(), range_of(yz), at(y))
        return y.astype(yz.dtype)

    def pool(self, context, x):
        """The pool of a node and its empty output."""
        geometry = pool_geometry(context, x.shape[2:])
        sizes = geometry.output_size(x.shape[2:])
        y = np.empty((*x.shape[:2], *sizes), np.int32)
        out = sizes if len(sizes) == 2 else (1, *sizes)
        return Pool(x.shape[0] * x.shape[1], *plane_of(x), *out, window_of(geometry)), y

    def max_pool(self, context, x):
        pool, y = self.pool(context, x)
        codes = codes_of(x)
        self.lib.e8_max_pool(byref(pool), at(codes), at(y))
        return y.astype(x.dtype)

    def average(self, context, x, xs, xz, ys, yz):
        kernel = tuple(context.node.attributes["kernel_shape"])
        if kernel == x.shape[2:] and not any(context.attribute("pads", (0,))):
            return self.global_average(context, x, xs, xz, ys, yz)
        pool, y = self.pool(context, x)
        codes, counted = codes_of(x), bool(context.attribute("count_include_pad", 0))
        self.lib.e8_average_ort(
            byref(pool), at(codes), c_float(xs.item()), scalar(xz), c_float(ys.item()),
            c_bool(counted), range_of(yz), at(y),
        )  # fmt: skip
        return y.astype(yz.dtype)

    def global_average(self, context, x, xs, xz, ys, yz):
        codes = codes_of(x)
        y = np.empty((*x.shape[:2], *(1,) * (x.ndim - 2)), np.int32)
        pool = Pool(y.size, *plane_of(x), 1, 1, Window())
        self.lib.e8_global_average_ort(
            byref(pool), at(codes), c_float(xs.item()), scalar(xz), c_float(ys.item()),
            SCHEMES.index(self.scheme), range_of(yz), at(y),
        )  # fmt: skip
        return y.astype(yz.dtype)

    def quantize(self, context, x, ys, yz):
        codes = [self.lib.e8_quantize(v, ys.item(), range_of(yz)) for v in x.reshape(-1)]
        return np.array(codes, np.int64).reshape(x.shape).astype(yz.dtype)

    def dequantize(self, context, x, xs, xz):
        real = [self.lib.e8_dequantize(int(v), xs.item(), scalar(xz)) for v in x.reshape(-1)]
        return np.array(real, F32).reshape(x.shape)
