"""The errors a user can meet. Every message says what is wrong, where, and what is allowed."""

INTERNAL = "internal error"
"""How the reason begins where a part was left out by a fault of this program."""


class EdgeInt8Error(Exception):
    """Base class of all errors that bad input can cause.

    Parameters
    ----------
    what
        One clause that names the wrong value.
    where
        The place: a config path such as ``$.workloads.my_net.onnx``, a file, a graph node.
    allowed
        What would have been accepted.
    """

    def __init__(self, what: str, *, where: str = "", allowed: str = "") -> None:
        what = " ".join(what.split())  # libraries quote several lines
        self.what, self.where, self.allowed = what, where, allowed
        message = what
        if where:
            message += f" @ {where}"
        if allowed:
            message += f"; allowed: {allowed}"
        super().__init__(message)


def yaml_problem(error: Exception) -> str:
    """What PyYAML complains of, in one clause with its line."""
    mark = getattr(error, "problem_mark", None)
    problem = " ".join(str(getattr(error, "problem", None) or error).split())
    return problem if mark is None else f"line {mark.line + 1}: {problem}"


class ConfigError(EdgeInt8Error):
    """A study file, a selection or a name is wrong."""


class DataError(EdgeInt8Error):
    """A dataset or an array file is missing, cut off, altered or of the wrong shape."""


class ModelError(EdgeInt8Error):
    """A network cannot be loaded, exported, quantised or executed."""


class HardwareError(EdgeInt8Error):
    """A hardware description is wrong or absurd."""


class SimulationError(EdgeInt8Error):
    """The simulator failed, passed its limit, or left incomplete reports."""


class ResourceError(EdgeInt8Error):
    """Memory or disk ran out: the input may be fine, and with more of it a retry may succeed."""


EXHAUSTED = ("bad_alloc", "Failed to allocate memory", "No space left on device")


def model_error(
    error: Exception, what: str, *, where: str = "", allowed: str = ""
) -> EdgeInt8Error:
    """What a library's `error` means: that the model is refused, or that the machine is too small.

    Libraries raise nearly any type for either.
    """
    if isinstance(error, MemoryError) or any(word in str(error) for word in EXHAUSTED):
        return ResourceError(what, where=where, allowed="more memory, or more room on the disk")
    return ModelError(what, where=where, allowed=allowed)
