"""One asymmetric Hamiltonian in every format; what is wrong is named with its place."""

import json

import h5py
import numpy as np
import pytest
from numpy.testing import assert_allclose

from nqs.systems.pauli import PauliSum
from nqs.systems.pauli_files import from_data_sets, is_hdf5, read_pauli_sum

TERMS = [(0.5, "X0 Y3"), (-1.25, "Z1"), (0.125, "Z0 X2 X3"), (2.0, "")]
WHOLE = [(0.5, "XIIY"), (-1.25, "IZII"), (0.125, "ZIXX"), (2.0, "IIII")]
EXPECTED = PauliSum.from_terms(TERMS)


DATA_SETS = {
    "/strings": np.array([s for _, s in TERMS]),
    "/coefficients": np.array([c for c, _ in TERMS], complex),
}
"""Of an HDF5 file that has been read."""


WAYS = {
    "text": "# ours\n" + "\n".join(f"{c} {s}" for c, s in TERMS) + "\n",
    "letters": "\n".join(f"{c}   {s}  # a term" for c, s in WHOLE),
    "tabs": "\n".join(f"{c}\t{s}" for c, s in TERMS),
    "openfermion": " +\n".join(f"({c}+0j) [{s}]" for c, s in TERMS),
    "one line": " + ".join(f"{c} [{s}]" for c, s in TERMS),
    "json list": json.dumps([[[c, 0.0], s] for c, s in TERMS]),
    "json letters": json.dumps([[c, s] for c, s in WHOLE]),
    "json table": json.dumps({s: c for c, s in TERMS}),
}


@pytest.mark.parametrize("way", [*WAYS, "hdf5"])
def test_every_format_gives_the_same_sum(way, tmp_path):
    path = tmp_path / "h"
    if way == "hdf5":
        found = from_data_sets(path, DATA_SETS)
    else:
        path.write_text(WAYS[way])
        found = read_pauli_sum(path)
    psi = np.random.default_rng(0).normal(size=16)
    assert found.sites == 4
    assert_allclose(found.times(psi), EXPECTED.times(psi), atol=1e-14)


def test_letters_tell_the_sites_and_a_string_given_twice_is_added_up(tmp_path):
    (tmp_path / "h").write_text("1.0 XII\n0.5 ZII")
    assert read_pauli_sum(tmp_path / "h").sites == 3
    (tmp_path / "twice").write_text('{"X0": 0.5, "Z1": 1.0, "X0": 0.25}')
    found = {string: c for c, string in read_pauli_sum(tmp_path / "twice").terms()}
    assert found["X0"] == 0.75


def test_more_sites_than_are_named(tmp_path):
    (tmp_path / "h").write_text("1.0 Z0")
    assert read_pauli_sum(tmp_path / "h", 5).sites == 5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0.5 X0\nhalf Z1", "line 2 has the coefficient 'half'; expected a number"),
        ("0.5 X0\n0.5 W1", "term 1 .* holds 'W1'"),
        ("(0.5 [X0]", r"line 1 has the coefficient '\(0.5'"),
        ("0.5 [X0] junk", "line 1 holds 'junk'"),
        ("0.5j X0", "not hermitian"),
        ("", "empty"),
        ("[1, 2", "not valid JSON"),
        ("[1, 2]", "term 0 is 1; expected"),
        ('{"X0": true}', "coefficient 'True'"),
        ("nan X0", "not finite"),
        ("1.0 XX\n0.5 XIY", "'XIY' has 3 letters and 'XX' 2"),
        ("1.0 Z10000000000000", "limit is 10,000"),
        ("[[1" + "0" * 400 + ', "X0"]]', "expected a number"),
    ],
)
def test_what_is_no_sum_is_refused(text, message, tmp_path):
    (tmp_path / "h").write_text(text)
    with pytest.raises(ValueError, match=message) as refusal:
        read_pauli_sum(tmp_path / "h")
    assert str(tmp_path / "h") in str(refusal.value)


def test_files_that_cannot_be_read_are_refused(tmp_path):
    with pytest.raises(ValueError, match="check the name"):
        read_pauli_sum(tmp_path / "nothing")
    (tmp_path / "noise").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(ValueError, match="neither text nor HDF5"):
        read_pauli_sum(tmp_path / "noise")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"/coefficients": None}, "expected /strings and /coefficients"),
        ({"/strings": None} | {f"/{i}": 0 for i in range(90)}, "/0, /1, /10, /11 and 87 more;"),
        ({"/coefficients": np.ones(3)}, "two lists of equal length"),
        ({"/strings": np.arange(4)}, "row 0 of /strings is '0'; expected text"),
        ({"/strings": np.array(["X0", "Y1", "Q2", "Z0"])}, "Q2"),
    ],
)
def test_data_sets_that_are_no_sum_are_refused(wrong, message):
    arrays = {k: v for k, v in (DATA_SETS | wrong).items() if v is not None}
    with pytest.raises(ValueError, match=message) as refusal:
        from_data_sets("file.h5", arrays)
    assert "file.h5" in str(refusal.value)


def test_hdf5_is_known_by_its_first_bytes(tmp_path):
    with h5py.File(tmp_path / "a", "w"):
        pass
    (tmp_path / "b").write_text("1.0 Z0")
    found = [is_hdf5(tmp_path / name) for name in ("a", "b", "no such file")]
    assert found == [True, False, False]
