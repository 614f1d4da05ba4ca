"""The first call says that it compiles; later ones say nothing."""

import numba

from edgeint8.first_use import told_of_compilation


def test_the_first_compilation_is_told_once(capsys):
    @numba.njit
    def double(x):
        return 2 * x

    with told_of_compilation():
        assert (double(1), double(1.5)) == (2, 3.0)  # two types: compiled twice
    assert capsys.readouterr().err.count("compiling for this machine") == 1
    with told_of_compilation():
        assert double(2) == 4
    double(1j)  # outside: a library says nothing
    assert capsys.readouterr().err == ""
