"""Hostile HDF5 files are refused in a sentence, quickly, by either way of reading."""

import functools
import zlib

import h5py
import numpy as np
import pytest

from nqs.measurement import file, formats
from nqs.measurement.problems import FormatError
from nqs.measurement.quarantine import look, read_tree

SECRET = b"what another file holds, 32 bytes"


@functools.cache
def zeros_deflated(size: int) -> bytes:
    return zlib.compress(bytes(size), 6)


def external_link(f, folder):
    with h5py.File(folder / "other.h5", "w") as other:
        other["outcomes"] = np.zeros((2, 2), "u1")
    f["outcomes"] = h5py.ExternalLink("other.h5", "/outcomes")


def external_storage(f, folder):
    (folder / "secret").write_bytes(SECRET)
    f.create_dataset("outcomes", (4, 8), "u1", external=[(str(folder / "secret"), 0, 32)])


def virtual_data_set(f, folder):
    with h5py.File(folder / "other.h5", "w") as other:
        other["a"] = np.zeros(4, "u1")
    layout = h5py.VirtualLayout((4,), "u1")
    layout[:] = h5py.VirtualSource(str(folder / "other.h5"), "a", (4,))
    f.create_virtual_dataset("outcomes", layout)


def soft_link_loop(f, folder):
    f["a"] = h5py.SoftLink("/b")
    f["b"] = h5py.SoftLink("/a")


def hard_link_loop(f, folder):
    f.create_group("a")["again"] = f["/"]


def shape_bomb(f, folder):
    f.create_dataset("outcomes", (2**20, 2**20), "u1", chunks=(1024, 64), compression="gzip")


def uncompressed_shape_bomb(f, folder):
    f.create_dataset("outcomes", (2**40,), "u1")


def gzip_bomb(f, folder):
    """Honest zeros, but 300 MB of them in 0.3 MB."""
    f.create_dataset("outcomes", (300, 2**20), "u1", chunks=(1, 2**20), compression="gzip")
    for row in range(300):
        f["outcomes"].id.write_direct_chunk((row, 0), zeros_deflated(2**20))


def chunk_bomb(f, folder):
    f.create_dataset("outcomes", (1,), "u1", maxshape=(None,), chunks=(2**31,), compression="gzip")


def overlong_deflate_stream(f, folder):
    """A chunk declared as 64 bytes whose stream expands to 256 MiB."""
    f.create_dataset("outcomes", (64,), "u1", chunks=(64,), compression="gzip")
    f["outcomes"].id.write_direct_chunk((0,), zeros_deflated(2**28))


def unknown_filter(f, folder):
    f.create_dataset("outcomes", data=np.zeros(100, "u1"), chunks=(10,), compression="lzf")


def object_references(f, folder):
    f["outcomes"] = np.zeros(3, "u1")
    f.create_dataset("pointers", (3,), h5py.ref_dtype)[:] = f["outcomes"].ref


def ten_thousand_groups(f, folder):
    for number in range(10_000):
        f.create_group(str(number))


def deep_nesting(f, folder):
    f.create_group("/".join("a" * 200))


def huge_attribute(f, folder):
    large = np.zeros(10**7, "u1") if f.libver[0] == "latest" else "x" * 10**7
    f.attrs["description"] = large  # the old layout holds only text of this size


def many_attributes(f, folder):
    for number in range(100):
        f.attrs[str(number)] = number


def committed_type(f, folder):
    f["kind"] = np.dtype("i4")


def long_strings(f, folder):
    f.create_dataset("bases", (2,), h5py.string_dtype())[:] = ["Z", "Z" * 200_000]


HOSTILE = [
    (external_link, "link"),
    (external_storage, "another file"),
    (virtual_data_set, "virtual"),
    (soft_link_loop, "link"),
    (hard_link_loop, "nested"),
    (shape_bomb, "declares"),
    (uncompressed_shape_bomb, "declares"),
    (gzip_bomb, "declares"),
    (chunk_bomb, "chunks"),
    (overlong_deflate_stream, ""),
    (unknown_filter, "filter"),
    (object_references, "neither numbers nor text"),
    (ten_thousand_groups, "objects"),
    (deep_nesting, "nested"),
    (huge_attribute, "attribute"),
    (many_attributes, "attributes"),
    (committed_type, "neither a group nor a data set"),
    (long_strings, "longer"),
]


@pytest.mark.parametrize("version", ["earliest", "latest"])
@pytest.mark.parametrize(("build", "said"), HOSTILE, ids=[b.__name__ for b, _ in HOSTILE])
def test_hostile_structures_are_refused(tmp_path, build, said, version):
    """In a sentence naming the file, whether or not it claims to be ours."""
    path = tmp_path / "hostile.h5"
    with h5py.File(path, "w", libver=version) as f:
        if version == "latest":
            f.attrs["format"] = np.bytes_(file.FORMAT)
        build(f, tmp_path)
    with pytest.raises(FormatError) as refusal:
        file.read(path)
    assert "hostile.h5" in str(refusal.value)
    assert said in str(refusal.value)
    assert SECRET.decode() not in str(refusal.value)


def test_honest_files_pass_whole(tmp_path):
    """Numbers, booleans, complex numbers and both kinds of text, at the root and in groups."""
    path = tmp_path / "honest.h5"
    text = np.array([["XZ", "Y"], ["", "Zé"]], dtype=object)
    with h5py.File(path, "w") as f:
        f["group/numbers"] = np.arange(6.0).reshape(2, 3)
        f["flags"] = np.array([True, False])
        f["amplitudes"] = np.array([1j, 2])
        f.create_dataset("words", data=text, dtype=h5py.string_dtype())
        f["scalar"] = 5
        f["group"].attrs["order"] = ["a1", "a2"]
        f.attrs["label"] = "shots"
    tree = read_tree(path)
    assert tree.arrays["/group/numbers"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert tree.arrays["/flags"].tolist() == [True, False]
    assert tree.arrays["/amplitudes"].tolist() == [1j, 2]
    assert tree.arrays["/words"].tolist() == text.tolist()
    assert tree.arrays["/scalar"] == 5
    assert tree.attributes["/group"]["order"].tolist() == ["a1", "a2"]
    assert tree.attributes["/"]["label"] == "shots"
    assert look(path).arrays == {}
    assert look(path).shapes["/group/numbers"] == (2, 3)


def test_a_file_that_is_no_hdf5_beyond_its_signature_is_damaged(tmp_path):
    path = tmp_path / "junk.h5"
    path.write_bytes(file.SIGNATURE + b"\0" + bytes(range(256)))
    with pytest.raises(FormatError, match=r"junk\.h5.*damaged"):
        formats.read(path)


def test_an_unknown_layout_is_answered_with_what_it_holds(tmp_path):
    path = tmp_path / "other.h5"
    with h5py.File(path, "w") as f:
        f["spectrum\x1b[31m"] = np.zeros(3)
    with pytest.raises(FormatError) as refusal:
        formats.read(path)
    assert "spectrum\\x1b[31m" in str(refusal.value)
    assert "no known layout" in str(refusal.value)
