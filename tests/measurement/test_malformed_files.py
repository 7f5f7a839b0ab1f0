"""Malformed and doubtful files end in one sentence: the file, the row, the remedy."""

import json
import os

import h5py
import numpy as np
import pytest

from nqs.measurement import formats
from nqs.measurement.formats import FormatError, Options

TEXT = {
    "mixed with -1": ("0 1\n1 -1\n", "line 2", "--format pm1"),
    "all signs": ("1 -1\n1 1\n", "line 1", "--format pm1"),
    "more levels": ("0 1\n0 2\n", "line 2", "native format"),
    "fractions": ("0 1\n0.5 1\n", "line 2", "neither 0 nor 1"),
    "ragged": ("0 1\n0 1\n0 1 1\n", "line 3", "one value for each site"),
    "ragged compact": ("010\n01\n", "line 2", "one value for each site"),
    "ragged but even in all": ("0 1 1\n0\n1 1\n", "line 2", "one value for each site"),
    "glued and apart": ("0 1\n01\n10 1\n", "line 3", "neither 0 nor 1"),
    "blank in the middle": ("0 1\n\n1 1\n", "line 2", "remove it"),
    "blank at the start": ("\n0 1\n", "line 1", "remove it"),
    "letters": ("0 1\nZ Z\n", "line 2", "--bases"),
    "bases as samples": ("Z Z\nX Z\n", "line 1", "--bases"),
    "comment": ("0 1\n# end\n", "line 2", "correct or remove"),
    "null byte": ("0 1\n0 \0\n", "line 2", "\\x00"),
    "not text": ("0 1\n0 \xff\n", "line 2", "neither 0 nor 1"),
    "escape sequence": ("0 1\n0 \x1b[31m\n", "line 2", "\\x1b[31m"),
    "infinite": ("0 1\n0 inf\n", "line 2", "neither 0 nor 1"),
    "old Mac line ends": ("0 1\r1 1\r", "line 1", "line ends"),
    "huge line": ("0 " * 600_000, "line 1", "line is longer"),
    "many sites": ("0 " * 20_000 + "\n", "line 1", "limit is 10,000"),
    "huge token": ("0 1\n0 " + "9" * 100_000, "line 2", "native format"),
    "table with a wrong bit": ("XZ,01,5\nZZ,02,5\n", "line 2", "native format"),
    "table with a sign": ("q0,q1\n0,-1\n", "line 2", "+1 to 0"),
    "table in lower case": ("XZ,01,5\nxz,01,5\n", "line 2", "upper case"),
    "table with unknown letters": ("XZ,01,5\nXQ,01,5\n", "line 2", "expected X, Y, Z or I"),
    "table with a long setting": ("XZ,01,5\nXZZ,01,5\n", "line 2", "one letter a site"),
    "table that lost zeros": ("XZ,01,5\nXZ,1,5\n", "line 2", "leading zeros"),
    "table with a short row": ("XZ,01,5\nXZ,01\n", "line 2", "complete the row"),
    "table with a negative count": ("XZ,01,5\nXZ,00,-5\n", "line 2", "raw counts"),
    "table with a fraction": ("XZ,01,5\nXZ,00,0.5\n", "line 2", "give counts"),
    "table with a word for a count": ("XZ,01,5\nXZ,00,many\n", "line 2", "whole counts"),
    "table of frequencies": ("XZ,01,0.5\nXZ,00,0.5\n", "", "--shots-per-setting"),
    "table of nothing": ("XZ,01,0\n", "", "at least one shot"),
    "table, header only": ("setting,outcome,count\n", "line 1", "expected rows"),
    "table, qubits backwards": ("q2,q1,q0\n0,1,1\n", "line 1", "leftmost"),
    "table, unknown column": ("q0,q1,time\n0,1,7\n", "line 1", "unknown"),
    "table, column twice": ("outcome,outcome\n01,01\n", "line 1", "twice"),
    "table, no outcomes": ("setting,count\nXZ,5\n", "line 1", "neither"),
    "table, blank in the middle": ("XZ,01\n\nXZ,00\n", "line 2", "remove it"),
    "table, bits and counts": ("01,5\n00,3\n", "line 1", "header"),
    "JSON, cut off": ('{"XZ": {"01": 5,\n', "line 2", "json.dump"),
    "JSON, no quotes": ('{"01": 5, 10: 3}', "line 1", "double quotes"),
    "JSON, list": ('[{"01": 5}]', "", "an object of counts"),
    "JSON, empty": ("{}", "", "expected"),
    "JSON, no counts": ('{"XZ": {}}', "", "at least one"),
    "JSON, mixture": ('{"01": 5, "XZ": {"01": 5}}', "", "mixes"),
    "JSON, key twice": ('{"XZ": {"01": 5, "01": 6}}', "'01'", "add the counts up"),
    "JSON, negative": ('{"XZ": {"01": 5, "11": -1}}', "outcome '11'", "raw counts"),
    "JSON, fraction": ('{"XZ": {"01": 5, "11": 0.25}}', "outcome '11'", "give counts"),
    "JSON, frequencies": ('{"XZ": {"01": 0.5, "11": 0.5}}', "", "--shots-per-setting"),
    "JSON, not a number": ('{"XZ": {"01": NaN}}', "'NaN'", "whole numbers"),
    "JSON, text": ('{"XZ": {"01": "5"}}', "'01'", "whole number"),
    "JSON, true": ('{"XZ": {"01": true}}', "'01'", "whole number"),
    "JSON, enormous": ('{"XZ": {"01": 1' + "0" * 5000 + "}}", "", "limit"),
    "JSON, large": ('{"XZ": {"01": 99999999999}}', "'01'", "2^32"),
    "JSON, lower case": ('{"xz": {"01": 5}}', "'xz'", "upper case"),
    "JSON, unknown letter": ('{"XQ": {"01": 5}}', "'XQ'", "expected X, Y, Z or I"),
    "JSON, long setting": ('{"XZZ": {"01": 5}}', "'XZZ'", "each letter"),
    "JSON, hexadecimal": ('{"0x1": 5}', "'0x1'", "--sites N"),
    "JSON, decimal": ('{"0": 5, "7": 5}', "'0'", "--sites N"),
    "JSON, unequal": ('{"0": 5, "10": 5}', "1, 2", "leading zeros"),
    "JSON, sizes": ('{"XZ": {"01": 5}, "XZZ": {"010": 5}}', "2, 3", "one by one"),
    "JSON, more levels": ('{"02x": 5}', "'02x'", "two levels"),
    "JSON, a third level": ('{"XXX": {"012": 5}}', "'012'", "has the digit 2"),
    "JSON, deep": ('{"a":' * 100_000, "", "nested"),
    "JSON, results": ('{"results": [{}]}', "result 1", "data.counts"),
    "JSON, unnamed circuits": (
        json.dumps({"results": [{"data": {"counts": {"00": 1}}, "header": {"name": "c"}}] * 2}),
        "result 1",
        "name each circuit",
    ),
    "JSON, circuit of other size": (
        '{"results": [{"data": {"counts": {"0x0": 1}}, "header": {"memory_slots": 2,'
        ' "name": "XYZ"}}]}',
        "'XYZ'",
        "each letter",
    ),
    "empty": ("", "", "is empty"),
    "only blanks": (" \n\n\t\n", "", "is empty"),
    "prose": ("Dear colleague,\nhere are the data.\n", "", "readable are"),
    "binary": ("\x7fELF\x02\x01\x01\0\0", "", "readable are"),
    "UTF-16": ("0 1\n".encode("utf-16").decode("latin-1"), "", "readable are"),
}


def refusal_of(path, options=None) -> str:
    """The sentence a file is refused with: one line, printable, of readable length."""
    with pytest.raises(FormatError) as refusal:
        formats.read(path, options)
    said = str(refusal.value)
    assert said.isprintable()
    assert len(said) < 900
    return said


@pytest.mark.parametrize("case", TEXT)
def test_a_malformed_file_is_refused_with_row_and_remedy(tmp_path, case):
    text, row, remedy = TEXT[case]
    path = tmp_path / "odd-file.txt"
    path.write_bytes(text.encode("latin-1"))
    said = refusal_of(path)
    assert "odd-file.txt" in said
    assert row in said
    assert remedy in said


BASES = {
    "short": ("XZ\nZZ\n", "line 3", "line for every shot"),
    "list of distinct ones": ("XZ\nZZ\n", "line 3", "list of distinct settings"),
    "long": ("XZ\n" * 4, "line 4", "line for every shot"),
    "longer settings": ("XZZ\n" * 3, "line 1", "names 3 sites"),
    "ragged": ("XZ\nXZZ\nXZ\n", "line 2", "one value for each site"),
    "lower case": ("XZ\nxz\nXZ\n", "line 2", "upper case"),
    "unknown letter": ("XZ\nX H\nXZ\n", "line 2", "expected X, Y, Z or I"),
    "digits": ("XZ\n0 1\nXZ\n", "line 2", "unknown letter"),
    "words": ("X Z\nXZ Y\nXZ\n", "line 2", "a letter a site"),
    "blank": ("XZ\n\nXZ\n", "line 2", "remove it"),
    "null byte": ("XZ\nX\0\nXZ\n", "line 2", "\\x00"),
    "empty": ("", "", "is empty"),
}


@pytest.mark.parametrize("case", BASES)
def test_bases_that_do_not_fit_are_refused(tmp_path, case):
    text, row, remedy = BASES[case]
    (tmp_path / "samples.txt").write_text("0 1\n1 1\n0 0\n")
    (tmp_path / "odd.bases").write_text(text)
    said = refusal_of(tmp_path / "samples.txt", Options(bases=tmp_path / "odd.bases"))
    assert "odd.bases" in said
    assert row in said
    assert remedy in said


OPTIONS = {
    "signs mixed with 0": ("1 -1\n0 1\n", Options(format="pm1"), "Do not mix"),
    "signs mixed with 2": ("1 -1\n2 1\n", Options(format="pm1"), "line 2"),
    "unknown format": ("0 1\n", Options(format="qucumbr"), "did you mean qucumber"),
    "other sites": ("0 1\n", Options(sites=3), "--sites says 3"),
    "too few sites": ('{"0x9": 5}', Options(sites=3), "needs 4 bits"),
    "sites beside bits": ('{"010": 5}', Options(sites=4), "leading zeros"),
    "idle selection": ("0 1\n", Options(select="a"), "leave out --select"),
    "idle frequencies": ("0 1\n", Options(shots_per_setting=5), "leave it out"),
    "counts already": ('{"01": 5}', Options(shots_per_setting=5), "leave out --shots-per-setting"),
    "no shots": ('{"01": 1.0}', Options(shots_per_setting=0), "at least 1"),
    "wrong shots": ('{"01": 0.5, "00": 0.5}', Options(shots_per_setting=5), "no whole number"),
    "idle bases": ('{"01": 5}', Options(bases=__file__), "leave out --bases"),
    "missing bases": ("0 1\n", Options(bases="nowhere/b.txt"), "no such file"),
    "too many bases": ("0 1\n", Options(bases=["a", "b"]), "one for each"),
    "wrong format": ("0 1\n", Options(format="qiskit"), "line 1"),
    "not native": ("0 1\n", Options(format="native"), "HDF5"),
    "not coded": ("0 1\n", Options(format="coded-npy"), "numpy.save"),
}


@pytest.mark.parametrize("case", OPTIONS)
def test_options_that_do_not_fit_are_refused(tmp_path, case):
    text, options, remedy = OPTIONS[case]
    (tmp_path / "shots.txt").write_text(text)
    assert remedy in refusal_of(tmp_path / "shots.txt", options)


ARRAYS = {
    "out of range": (np.array([[0, 1], [6, 1]]), "row 2"),
    "negative": (np.array([[0, 1], [-1, 1]]), "row 2"),
    "a state": (np.ones(4, complex) / 2, "--target"),
    "no shots": (np.zeros((0, 3), int), "shape (0, 3)"),
    "objects": (np.array([{}], dtype=object), "Python objects"),
}


@pytest.mark.parametrize("case", ARRAYS)
def test_arrays_that_are_not_coded_shots_are_refused(tmp_path, case):
    array, said = ARRAYS[case]
    np.save(tmp_path / "odd.npy", array)
    sentence = refusal_of(tmp_path / "odd.npy")
    assert said in sentence
    assert "odd.npy" in sentence


def test_an_array_that_declares_more_than_it_holds_is_refused(tmp_path):
    np.save(tmp_path / "cut.npy", np.zeros((1000, 3), np.int64))
    raw = (tmp_path / "cut.npy").read_bytes()
    (tmp_path / "cut.npy").write_bytes(raw.replace(b"(1000, 3)", b"(10**9,3)"))
    assert "cut.npy" in refusal_of(tmp_path / "cut.npy")
    (tmp_path / "cut.npy").write_bytes(raw[:-8])
    assert "cut off" in refusal_of(tmp_path / "cut.npy")


TABLES = {
    "sum": ([[[0.5, 0.4]]], ["Z"], "row 1 ('Z'): the frequencies sum to 0.9"),
    "not whole": ([[[0.55, 0.45]]], ["Z"], "no whole number"),
    "shape": ([[[0.5, 0.5]]], ["ZZ"], "2^2 frequencies"),
    "letters": ([[[0.5, 0.5]]], ["Q"], "unknown letter"),
    "not finite": ([[[np.nan, 0.5]]], ["Z"], "row 1"),
}


@pytest.mark.parametrize("case", TABLES)
def test_frequency_tables_that_make_no_sense_are_refused(tmp_path, case):
    values, settings, said = TABLES[case]
    with h5py.File(tmp_path / "odd.h5", "w") as f:
        f["a"] = np.array(values)
        f["a"].attrs["tomo_order"] = settings
    sentence = refusal_of(tmp_path / "odd.h5", Options(shots_per_setting=10))
    assert said in sentence
    assert "odd.h5" in sentence


def test_what_is_no_file_is_refused(tmp_path):
    assert "folder" in refusal_of(tmp_path)
    assert "no such file" in refusal_of(tmp_path / "nowhere.txt")
    assert "cannot be opened" in refusal_of("a\0b")
    os.mkfifo(tmp_path / "pipe")
    assert "no ordinary file" in refusal_of(tmp_path / "pipe")
    with pytest.raises(FormatError, match="name at least one"):
        formats.read([])


def test_files_of_different_size_are_not_joined(tmp_path):
    for name, text in (("a.txt", "0 1\n"), ("b.txt", "0 1 1\n")):
        (tmp_path / name).write_text(text)
    with pytest.raises(FormatError, match=r"a\.txt.*b\.txt"):
        formats.read([tmp_path / "a.txt", tmp_path / "b.txt"])


def test_a_file_name_cannot_write_to_the_terminal(tmp_path):
    path = tmp_path / "a\x1b[31m.txt"
    path.write_text("0 2\n")
    assert "a\\x1b[31m.txt" in refusal_of(path)
