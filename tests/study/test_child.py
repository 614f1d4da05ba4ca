"""A child process dies alone; what it raises is raised again."""

import ctypes
import faulthandler
import os
import signal

import pytest

from edgeint8.errors import ModelError, ResourceError
from edgeint8.study.child import in_child


def test_what_it_writes_stays(tmp_path):
    in_child(lambda: (tmp_path / "file").write_text("made"), where="net.onnx")
    assert (tmp_path / "file").read_text() == "made"


def test_what_it_raises_is_raised():
    def refuse():
        raise ModelError("bad", where="node a", allowed="good")

    with pytest.raises(ModelError, match=r"^bad @ node a; allowed: good$"):
        in_child(refuse, where="net.onnx")
    with pytest.raises(ZeroDivisionError):
        in_child(lambda: 1 / 0, where="net.onnx")


def test_what_cannot_be_pickled_keeps_its_words():
    class Odd(Exception):
        pass

    def odd():
        raise Odd("of a local kind")

    with pytest.raises(RuntimeError, match="Odd: of a local kind"):
        in_child(odd, where="net.onnx")


def crash():
    faulthandler.disable()  # pytest's own; it would fill the terminal
    ctypes.string_at(0)


def test_a_native_crash_is_the_fault_of_the_file():
    with pytest.raises(ModelError, match=r"SIGSEGV on it @ net\.onnx"):
        in_child(crash, where="net.onnx")
    with pytest.raises(ModelError, match="SIGILL"):
        in_child(lambda: os.kill(os.getpid(), signal.SIGILL), where="net.onnx")


def test_one_that_was_killed_had_too_little_memory():
    with pytest.raises(ResourceError, match="more memory"):
        in_child(lambda: os.kill(os.getpid(), signal.SIGKILL), where="net.onnx")
    with pytest.raises(ModelError, match="ended early"):
        in_child(lambda: os._exit(3), where="net.onnx")
