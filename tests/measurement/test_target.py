"""Known states: the same state whichever way it is written."""

import h5py
import numpy as np
import pytest
from numpy.testing import assert_allclose

from nqs.measurement import file
from nqs.measurement.dataset import Measurements
from nqs.measurement.problems import FormatError
from nqs.measurement.target import read_target

SITES = 3
RNG = np.random.default_rng(5)
PSI = RNG.normal(size=8) + 1j * RNG.normal(size=8)
PSI /= np.linalg.norm(PSI)
RHO = 0.7 * np.outer(PSI, PSI.conj()) + 0.3 * np.eye(8) / 8


def as_text(path):
    path.write_text("".join(f"{a.real:.17g} {a.imag:.17g}\n" for a in PSI) + "\n")


def as_npy(path):
    with path.open("wb") as out:
        np.save(out, PSI)


def as_column(path):
    with path.open("wb") as out:
        np.save(out, PSI[:, None])


def as_state_file(path):
    with h5py.File(path, "w") as f:
        f["statevector"] = PSI


def as_native(path):
    data = Measurements(np.zeros((1, 3), int), ("ZZZ",), np.zeros(1, int), target=PSI)
    file.write(path, data)


@pytest.mark.parametrize("write", [as_text, as_npy, as_column, as_state_file, as_native])
def test_a_vector_comes_back_from_every_spelling(tmp_path, write):
    write(tmp_path / "state")
    assert_allclose(read_target(tmp_path / "state", SITES), PSI, atol=1e-15)


def test_a_real_column_is_a_vector(tmp_path):
    (tmp_path / "psi.txt").write_text("0.6\r\n0.8\r\n")
    assert_allclose(read_target(tmp_path / "psi.txt", 1), [0.6, 0.8])


def test_a_rounded_vector_is_normalised_exactly(tmp_path):
    np.savetxt(tmp_path / "psi.txt", np.c_[PSI.real, PSI.imag], fmt="%.4f")
    assert np.linalg.norm(read_target(tmp_path / "psi.txt", SITES)) == pytest.approx(1, abs=1e-15)


@pytest.mark.parametrize("kind", ["text", "npy", "h5"])
def test_a_density_matrix_comes_back(tmp_path, kind):
    if kind == "text":
        paths = [tmp_path / "real.txt", tmp_path / "imag.txt"]
        np.savetxt(paths[0], RHO.real)
        np.savetxt(paths[1], RHO.imag)
    elif kind == "npy":
        paths = tmp_path / "rho.npy"
        np.save(paths, RHO)
    else:
        paths = tmp_path / "rho.h5"
        with h5py.File(paths, "w") as f:
            f["target/density_matrix"] = RHO
    assert_allclose(read_target(paths, SITES), RHO, atol=1e-15)


def text(words):
    return lambda path: path.write_text(words)


def npy(array):
    def write(path):
        with path.open("wb") as out:
            np.save(out, array)

    return write


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (text("1 0\n0 0\n0 0\n"), "3 lines; expected 2"),
        (text("1 0\n0\n"), "line 2: it holds 1 numbers"),
        (text("1 0 0\n0 0 0\n"), "line 1: it holds 3"),
        (text("1 0\nzero 0\n"), "line 2: 'zero' is not a number"),
        (text("1 0\n1 0\n"), "norm 1.41421"),
        (text("nan 0\n1 0\n"), "row 1: the target holds a number that is not finite"),
        (text(""), "0 lines"),
        (text("1 0\n" + "0" * 10**6), "more than"),
        (npy(np.ones(3)), "shape (3,)"),
        (npy(np.array(["a", "b"])), "type"),
        (npy(np.array([{}, {}], dtype=object)), "Python objects"),
        (npy(np.array([[0.5, 0.5j], [0.5j, 0.5]])), "adjoint"),
        (npy(np.eye(2)), "trace 2"),
        (npy(np.diag([1.1, -0.1])), "eigenvalue -0.1"),
        (lambda path: path.mkdir(), "cannot be opened"),
        (lambda path: None, "cannot be opened"),
    ],
)
def test_what_is_no_state_of_these_sites_is_refused(tmp_path, write, said):
    write(tmp_path / "odd.state")
    with pytest.raises(FormatError) as refusal:
        read_target(tmp_path / "odd.state", 1)
    assert said in str(refusal.value)
    assert "odd.state" in str(refusal.value)


def test_too_many_files_and_sites_are_refused(tmp_path):
    with pytest.raises(FormatError, match="3 target files"):
        read_target([tmp_path / n for n in "abc"], 2)
    with pytest.raises(FormatError, match="60 sites"):
        read_target(tmp_path / "a", 60)
