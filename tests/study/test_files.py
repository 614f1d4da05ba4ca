"""Files are whole or absent."""

import errno
import fcntl

import pytest

from edgeint8.errors import DataError
from edgeint8.files import atomic_path, digest, mentions, read_json, write_csv, write_json


def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "table.csv"
    target.write_text("old")
    with pytest.raises(RuntimeError), atomic_path(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_finished_write_replaces_the_file(tmp_path):
    target = tmp_path / "new" / "table.csv"
    with atomic_path(target) as temporary:
        assert temporary.suffix == ".csv"
        temporary.write_text("whole")
    assert target.read_text() == "whole"


def test_a_file_system_without_locks_will_do(tmp_path, monkeypatch):
    def no_locks(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with atomic_path(tmp_path / "table.csv") as temporary:
        temporary.write_text("new")
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]


@pytest.mark.parametrize("place", [0, (1 << 20) - 3, (1 << 20), 3_000_000])
def test_a_word_is_found_wherever_it_stands(tmp_path, place):
    path = tmp_path / "large"
    path.write_bytes(bytes(place) + b"QGemm" + bytes(9))
    assert mentions(path, [b"Absent", b"QGemm"]) and not mentions(path, [b"QGemN", b"Absent"])


def test_digest_of_a_published_vector(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")  # FIPS 180-2, appendix B.1
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert digest(tmp_path / "abc") == expected
    assert digest(tmp_path / "abc", "md5") == "900150983cd24fb0d6963f7d28e17f72"  # RFC 1321, A.5


@pytest.mark.parametrize("content", [None, "{", "\xff"])
def test_broken_json_names_the_file(tmp_path, content):
    path = tmp_path / "facts.json"
    if content is not None:
        path.write_bytes(content.encode("latin1"))
    with pytest.raises(DataError, match=r"facts\.json"):
        read_json(path)


def test_nan_is_not_json(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "facts.json", {"value": float("nan")})
    assert not list(tmp_path.iterdir())


def test_csv_keeps_every_column_and_every_digit(tmp_path):
    path = tmp_path / "rows.csv"
    write_csv(path, [{"a": 0.1 + 0.2, "b": None}, {"a": True, "c": "x,y"}])
    assert path.read_text() == 'a,b,c\n0.30000000000000004,,\nTrue,,"x,y"\n'
    write_csv(path, [])
    assert path.read_text() == ""
