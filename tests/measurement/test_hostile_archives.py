"""Archives and printed literals that would fill the memory or run code are refused, quickly."""

import io
import os
import struct
import time
import tracemalloc
import zipfile

import numpy as np
import pytest

from nqs.measurement import formats
from nqs.measurement.formats import FormatError
from nqs.measurement.target import read_target

BITS = np.array([[0, 0, 1], [1, 1, 0], [1, 0, 0]])


def npy(array) -> bytes:
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def header(text: str, length: int | None = None) -> bytes:
    """The beginning of a .npy file of version 2, whose header may claim any length."""
    raw = text.encode()
    return b"\x93NUMPY\x02\x00" + struct.pack("<I", len(raw) if length is None else length) + raw


def archive(path, compression=zipfile.ZIP_DEFLATED, **members):
    with zipfile.ZipFile(path, "w", compression) as out:
        for name, raw in members.items():
            out.writestr(f"{name}.npy", raw)


def honest(path):
    archive(path, bits=npy(BITS), recipes=npy(BITS))


def shape_bomb(path):
    archive(path, bits=header(f"{{'descr': '<i8', 'fortran_order': False, 'shape': ({2**36}, 3)}}"))


def impossible_shape(path):
    archive(
        path,
        bits=header("{'descr': '|u1', 'fortran_order': False, 'shape': (0, 1%s)}" % ("0" * 40)),
    )


def deflate_bomb(path):
    """Honest zeros, but 600 MB of them in 0.6 MB."""
    start = header("{'descr': '|u1', 'fortran_order': False, 'shape': (600, 1048576, 1)}")
    archive(path, measurement_results=start + bytes(600 * 2**20))


def header_bomb(path):
    """A header that claims 600 MB."""
    archive(path, bits=header("", length=600 * 2**20) + b" " * 100 * 2**20)


def nested_header(path):
    archive(path, bits=header("(" * 5_000))


def objects(path):
    members = {name: npy(np.array([[{}, 1]], dtype=object)) for name in ("bits", "recipes")}
    archive(path, **members)


def records(path):
    array = np.zeros((2, 2), np.dtype([("a", "i4")]))
    archive(path, bits=npy(array), recipes=npy(array))


def text(path):
    archive(path, bits=npy(np.full((2, 2), "0")), recipes=npy(np.zeros((2, 2), int)))


def two_of_a_name(path):
    with zipfile.ZipFile(path, "w") as out:
        out.writestr("bits.npy", npy(BITS))
        with pytest.warns(UserWarning, match="Duplicate"):
            out.writestr("bits.npy", npy(1 - BITS))


def unusual_compression(path):
    archive(path, zipfile.ZIP_BZIP2, bits=npy(BITS), recipes=npy(BITS))


def many_members(path):
    archive(path, **{str(i): b"" for i in range(5_000)})


def encrypted(path):
    honest(path)
    raw = bytearray(path.read_bytes())
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = raw.find(signature)
        while at >= 0:
            raw[at + place] |= 1
            at = raw.find(signature, at + 4)
    path.write_bytes(raw)


def larger_than_declared(path):
    """The directory says that a member is shorter than its data."""
    honest(path)
    raw = bytearray(path.read_bytes())
    at = raw.find(b"PK\x01\x02") + 24
    raw[at : at + 4] = struct.pack("<I", 100)
    path.write_bytes(raw)


def remark_at_the_end(path):
    honest(path)
    with zipfile.ZipFile(path, "a") as out:
        out.comment = b"x" * 60_000


def control_characters(path):
    archive(path, **{"bits\x1b[31m": npy(BITS), "rydberg\x1b[31m": npy(np.array(["a"]))})


def cut_off(path):
    honest(path)
    path.write_bytes(path.read_bytes()[:-40])


def nothing(path):
    archive(path)
    path.write_bytes(b"PK\x03\x04" + path.read_bytes())


HOSTILE = [
    (shape_bomb, "no known layout"),
    (impossible_shape, "damaged"),
    (deflate_bomb, "declares"),
    (header_bomb, "damaged"),
    (nested_header, "damaged"),
    (objects, "Python objects"),
    (records, "records"),
    (text, "expected numbers 0 and 1"),
    (two_of_a_name, "two arrays called 'bits'"),
    (unusual_compression, "savez_compressed"),
    (many_members, "damaged"),
    (encrypted, "damaged"),
    (larger_than_declared, "damaged"),
    (remark_at_the_end, "damaged"),
    (control_characters, "\\x1b[31m"),
    (cut_off, "damaged"),
    (nothing, ""),
]


@pytest.mark.parametrize(("build", "said"), HOSTILE, ids=[b.__name__ for b, _ in HOSTILE])
def test_hostile_archives_are_refused(tmp_path, build, said):
    """In a sentence, within a second and 100 MB."""
    path = tmp_path / "hostile.npz"
    build(path)
    tracemalloc.start()
    start = time.perf_counter()
    with pytest.raises(FormatError) as refusal:
        formats.read(path)
    seconds, (_, peak) = time.perf_counter() - start, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert said in str(refusal.value)
    assert "hostile.npz" in str(refusal.value)
    assert str(refusal.value).isprintable()
    assert peak < 100e6
    assert seconds < 2


@pytest.mark.parametrize("read", [formats.read, lambda path: read_target(path, 2)])
def test_a_hostile_header_of_a_single_array_is_refused(tmp_path, read):
    """Nested ever deeper, or claiming more than is there."""
    for start in (header("(" * 5_000), header("", length=600 * 2**20)):
        (tmp_path / "hostile.npy").write_bytes(start + bytes(100))
        with pytest.raises(FormatError, match=r"hostile\.npy.*damaged"):
            read(tmp_path / "hostile.npy")


def test_a_shape_that_is_not_stored_is_refused_when_it_is_read(tmp_path):
    shape = f"{{'descr': '<i8', 'fortran_order': False, 'shape': ({2**36}, 3)}}"
    archive(tmp_path / "bomb.npz", bits=header(shape), recipes=npy(BITS))
    with pytest.raises(FormatError, match=r"declares 1,649,267,441,664 bytes but stores 0"):
        formats.read(tmp_path / "bomb.npz")


def test_no_flipped_bit_is_read_as_something_else(tmp_path):
    """Every byte of an archive damaged in turn: refused, or the same shots as before."""
    path = tmp_path / "shadow.npz"
    honest(path)
    whole, raw = formats.read(path), path.read_bytes()
    rng = np.random.default_rng(3)
    refused = 0
    for place in range(len(raw)):
        damaged = bytearray(raw)
        damaged[place] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        try:
            data = formats.read(path)
        except FormatError as refusal:
            refused += 1
            assert str(refusal).isprintable()
        else:
            assert np.array_equal(data.outcomes, whole.outcomes)
            assert data.settings == whole.settings
    assert refused > len(raw) / 2


def test_an_archive_cut_off_anywhere_is_refused(tmp_path):
    path = tmp_path / "shadow.npz"
    honest(path)
    raw = path.read_bytes()
    for length in range(1, len(raw), 7):
        path.write_bytes(raw[:length])
        with pytest.raises(FormatError):
            formats.read(path)


LITERALS = {
    "call": "{'01': __import__('os').mkdir('called')}",
    "call of a Counter": "Counter(open('called', 'w'))",
    "power": "{'01': 9**9**9}",
    "deep": "{'01': " + "(" * 100_000,
    "signs": "{'01': " + "-" * 200_000 + "1}",
    "differences": "{'01': 1" + "-1" * 200_000 + "}",
    "comparisons": "{'01': " + "1<" * 200_000 + "1}",
    "long": "{'01': [" + "0," * 2_000_000 + "]}",
    "digits": "{'01': " + "9" * 100_000 + "}",
    "unpacking": "{'01': 1, **{'10': 2}}",
    "string of control characters": "{'\x1b[31m': 1}",
    "null byte": "{'01': 5\0}",
    "not text": "{'01': 5, '\xff': 1}",
}


@pytest.mark.parametrize("case", LITERALS)
def test_hostile_literals_are_refused(tmp_path, monkeypatch, case):
    """Nothing is called, and no text of any depth or length takes more than a moment."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hostile.txt").write_bytes(LITERALS[case].encode("latin-1"))
    start = time.perf_counter()
    with pytest.raises(FormatError) as refusal:
        formats.read(tmp_path / "hostile.txt")
    assert time.perf_counter() - start < 60  # far from what hangs; speed is not tested
    assert os.listdir(tmp_path) == ["hostile.txt"]
    assert str(refusal.value).isprintable()
