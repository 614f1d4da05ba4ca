"""CMSIS-NN's C interface: its structs in their order, and calls of its functions.

Written for versions 4.0 to 7.0 and the sources of 2026, which agree in all that is used here; older
ones had other names. Source: ARM-software/CMSIS-NN, ``Include/arm_nn_types.h`` (V.3.6.0) and
``Include/arm_nnfunctions.h``.
"""

import ctypes
import hashlib
from ctypes import Structure, c_int32, c_void_p
from pathlib import Path
from typing import Any

import numpy as np

from edgeint8.conventions import Array
from edgeint8.errors import ConfigError, ModelError

VARIABLE = "CMSIS_NN_LIBRARY"
"""The environment variable with the path of a shared object."""
STATUS = {-1: "ARG_ERROR", -2: "NO_IMPL_ERROR", -3: "FAILURE"}
WITHOUT_STATUS = ("arm_softmax_s8",)


class Tile(Structure):
    """``cmsis_nn_tile``."""

    _fields_ = [("w", c_int32), ("h", c_int32)]


class Activation(Structure):
    """``cmsis_nn_activation``."""

    _fields_ = [("min", c_int32), ("max", c_int32)]


class Dims(Structure):
    """``cmsis_nn_dims``."""

    _fields_ = [("n", c_int32), ("h", c_int32), ("w", c_int32), ("c", c_int32)]


class Scratch(Structure):
    """``cmsis_nn_context``."""

    _fields_ = [("buf", c_void_p), ("size", c_int32)]


class PerTensor(Structure):
    """``cmsis_nn_per_tensor_quant_params``."""

    _fields_ = [("multiplier", c_int32), ("shift", c_int32)]


class PerChannel(Structure):
    """``cmsis_nn_per_channel_quant_params``."""

    _fields_ = [("multiplier", c_void_p), ("shift", c_void_p)]


class Either(Structure):
    """``cmsis_nn_quant_params``."""

    _fields_ = [("multiplier", c_void_p), ("shift", c_void_p), ("is_per_channel", c_int32)]


class Convolution(Structure):
    """``cmsis_nn_conv_params``."""

    _fields_ = [
        ("input_offset", c_int32),
        ("output_offset", c_int32),
        ("stride", Tile),
        ("padding", Tile),
        ("dilation", Tile),
        ("activation", Activation),
    ]


class Depthwise(Structure):
    """``cmsis_nn_dw_conv_params``."""

    _fields_ = [
        ("input_offset", c_int32),
        ("output_offset", c_int32),
        ("ch_mult", c_int32),
        ("stride", Tile),
        ("padding", Tile),
        ("dilation", Tile),
        ("activation", Activation),
    ]


class FullyConnected(Structure):
    """``cmsis_nn_fc_params``."""

    _fields_ = [
        ("input_offset", c_int32),
        ("filter_offset", c_int32),
        ("output_offset", c_int32),
        ("activation", Activation),
    ]


class Pool(Structure):
    """``cmsis_nn_pool_params``."""

    _fields_ = [("stride", Tile), ("padding", Tile), ("activation", Activation)]


class Library:
    """A shared object with CMSIS-NN's functions. Raises `ConfigError` where it cannot be loaded.

    groups : whether it convolves in groups, which the first versions do not; `check` finds out
    """

    def __init__(self, path: str | Path) -> None:
        self.path, self.groups = Path(path), False
        try:
            self._library = ctypes.CDLL(str(self.path.resolve()))
            self._digest = hashlib.sha256(self.path.read_bytes()).hexdigest()[:12]
        except OSError as error:
            raise ConfigError(
                f"no library: {error}", where=VARIABLE, allowed="a shared object of CMSIS-NN"
            ) from None

    def name(self, roundings: int) -> str:
        """What tables call it: CMSIS-NN has no function that tells its version."""
        words = "one rounding" if roundings == 1 else "two roundings"
        return f"CMSIS-NN, {words}, {self.path.name} sha256 {self._digest}"

    def has(self, name: str) -> bool:
        """Whether it exports a function."""
        return bool(name) and hasattr(self._library, name)

    def call(self, name: str, *arguments: Any) -> int:
        """Call a function with structs, arrays, integers and None; gives what it returns.

        Raises `ModelError` where a function that has a status does not end with success.
        """
        answer = int(getattr(self._library, name)(*map(_in_c, arguments)))
        if answer < 0 and name not in WITHOUT_STATUS:
            raise ModelError(f"{name} answers {STATUS.get(answer, answer)}", where=VARIABLE)
        return answer

    def scratch(self, function: str, *arguments: Any) -> tuple[Scratch, Array]:
        """The buffer that a function asks for, and the array that must live as long."""
        asks = f"{function}_get_buffer_size"
        size = self.call(asks, *arguments) if self.has(asks) else 0
        memory = np.zeros(size // 8 + 1, np.int64)
        return Scratch(memory.ctypes.data, size), memory


def _in_c(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return c_void_p(value.ctypes.data)
    if isinstance(value, Structure):
        return ctypes.byref(value)
    return c_void_p(None) if value is None else c_int32(value)
