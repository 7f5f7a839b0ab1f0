"""The native file: what is written is read, and what was damaged is noticed."""

import os
import stat
from dataclasses import replace

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nqs.config.atomic import replacing
from nqs.measurement import file
from nqs.measurement.dataset import Measurements
from nqs.measurement.problems import FormatError

TRINE = (
    np.array(
        [
            [[1 + np.cos(a), np.sin(a)], [np.sin(a), 1 - np.cos(a)]]
            for a in 2 * np.pi * np.arange(3) / 3
        ]
    )
    / 3
    + 0j
)
"""Three effects in the x-z plane, (3, 2, 2): positive and summing to the identity."""

FIELDS = ("outcomes", "settings", "setting_index", "counts", "block", "readout", "target", "source")


def same(one: Measurements, other: Measurements) -> bool:
    """Equal to the last bit, types included."""
    for name in FIELDS:
        a, b = getattr(one, name), getattr(other, name)
        if isinstance(a, np.ndarray):
            if a.dtype != b.dtype or a.shape != b.shape or a.tobytes() != b.tobytes():
                return False
        elif a != b:
            return False
    return one.effects.keys() == other.effects.keys() and all(
        np.array_equal(one.effects[k], other.effects[k]) for k in one.effects
    )


TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)


@st.composite
def measurements(draw):
    """Any shots the dataset allows, with each optional part present or not."""
    sites = draw(st.integers(1, 6))
    rows = draw(st.integers(1, 30))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    letters = "XYZI" + ("T" if draw(st.booleans()) else "")
    names = draw(
        st.lists(st.text(letters, min_size=sites, max_size=sites), min_size=1, unique=True)
    )
    target = None
    if draw(st.booleans()):
        shape = (2**sites,) * draw(st.integers(1, 2))
        target = rng.normal(size=shape) + 1j * rng.normal(size=shape)
    flips = rng.random((sites, 2))
    return Measurements(
        rng.integers(0, 2, (rows, sites)),
        tuple(names),
        rng.integers(0, len(names), rows),
        counts=rng.integers(1, 2**32, rows) if draw(st.booleans()) else None,
        block=rng.integers(0, 9, rows) if draw(st.booleans()) else None,
        effects={"T": TRINE} if "T" in letters else {},
        readout=np.stack([1 - flips, flips], axis=1) if draw(st.booleans()) else None,
        target=target,
        source=draw(TEXT),
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=measurements(), words=TEXT)
def test_reading_gives_back_what_was_written(tmp_path_factory, data, words):
    path = tmp_path_factory.mktemp("round") / "shots.h5"
    file.write(path, data, description=words)
    assert same(file.read(path), data)
    assert file.description(path) == words


def example(rows=400) -> Measurements:
    rng = np.random.default_rng(7)
    return Measurements(
        rng.integers(0, 2, (rows, 3)),
        ("XYZ", "ZZI", "TXZ"),
        rng.integers(0, 3, rows),
        counts=rng.integers(1, 9, rows),
        effects={"T": TRINE},
        target=np.full(8, 8**-0.5),
        source="an example",
    )


def test_outcomes_beyond_two_levels_survive(tmp_path):
    data = Measurements(np.array([[2, 1], [0, 0]]), ("TZ",), np.zeros(2, int), effects={"T": TRINE})
    file.write(tmp_path / "a.h5", data)
    assert file.read(tmp_path / "a.h5").outcomes.tolist() == [[2, 1], [0, 0]]


def test_many_chunks_and_wide_rows_survive(tmp_path):
    rng = np.random.default_rng(3)
    data = Measurements(rng.integers(0, 2, (2_000, 300)), ("Z" * 300,), np.zeros(2_000, int))
    file.write(tmp_path / "wide.h5", data)
    assert same(file.read(tmp_path / "wide.h5"), data)


def test_a_flipped_bit_is_noticed_or_harmless(tmp_path):
    """Every byte that matters lies under a checksum."""
    path = tmp_path / "shots.h5"
    data = example()
    file.write(path, data)
    raw = path.read_bytes()
    rng = np.random.default_rng(11)
    noticed = 0
    for place in rng.choice(len(raw), 250, replace=False):
        if place == 8:  # an older superblock version goes through the quarantine, tested there
            continue
        damaged = bytearray(raw)
        damaged[place] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        try:
            assert same(file.read(path), data)
        except FormatError:
            noticed += 1
    assert noticed > 150


@pytest.mark.parametrize("part", [0.01, 0.3, 0.6, 0.99])
def test_a_truncated_file_is_refused(tmp_path, part):
    path = tmp_path / "shots.h5"
    file.write(path, example())
    raw = path.read_bytes()
    path.write_bytes(raw[: int(part * len(raw))])
    with pytest.raises(FormatError, match=r"shots\.h5"):
        file.read(path)


def rewritten(path, change):
    """The example file after `change(h5file)`, its checksum made to fit again."""
    import h5py

    from nqs.measurement.layout import digest

    file.write(path, example())
    with h5py.File(path, "r+", libver="latest") as f:
        change(f)
        arrays = {}
        f.visititems(
            lambda name, item: (
                arrays.update({"/" + name: item[()]}) if isinstance(item, h5py.Dataset) else None
            )
        )
        f.attrs.modify("sha256", np.bytes_(digest(arrays)))
    return path


def replaced(name, value):
    def change(f):
        del f[name]
        f[name] = value

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f: f.attrs.modify("version", 2), "version '2'"),
        (lambda f: f.attrs.modify("sites", 4), "sites"),
        (lambda f: f.__delitem__("settings"), "/settings is missing"),
        (replaced("settings", np.array([b"XY", b"ZZ", b"XZ"])), "names 2"),
        (replaced("settings", np.array([b"XYZ", b"ZZI", b"T\xffZ"])), "ASCII"),
        (replaced("setting_index", np.full(400, 3, "u4")), "3 settings"),
        (replaced("setting_index", np.zeros(399, "u4")), "setting_index"),
        (replaced("counts", np.zeros(400, "u4")), "count 0"),
        (replaced("outcomes", np.zeros((400, 3))), "/outcomes has type float64"),
        (replaced("effects/T", 2 * TRINE), "identity"),
        (replaced("effects/T", np.array([[[2, 0], [0, 0]], [[-1, 0], [0, 1]]]) + 0j), "positive"),
        (replaced("effects/T", TRINE[0]), "(outcomes, 2, 2)"),
        (replaced("target/statevector", np.ones(4) + 0j), "target has shape"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(tmp_path, change, said):
    path = rewritten(tmp_path / "odd.h5", change)
    with pytest.raises(FormatError) as refusal:
        file.read(path)
    assert said in str(refusal.value)
    assert "odd.h5" in str(refusal.value)


def test_changed_data_do_not_match_the_checksum(tmp_path):
    import h5py

    path = tmp_path / "shots.h5"
    file.write(path, example())
    with h5py.File(path, "r+") as f:
        f["outcomes"][0, 0] ^= 1
    with pytest.raises(FormatError, match="SHA-256"):
        file.read(path)


def test_a_native_file_with_an_old_superblock_is_still_understood(tmp_path):
    """Written with h5py's defaults by someone else: it takes the way through quarantine."""
    import h5py

    file.write(tmp_path / "new.h5", example())
    with h5py.File(tmp_path / "new.h5") as new, h5py.File(tmp_path / "old.h5", "w") as old:
        for name in new:
            new.copy(name, old)
        for name, value in new.attrs.items():
            old.attrs[name] = value
    assert (tmp_path / "old.h5").read_bytes()[8] < 2
    assert same(file.read(tmp_path / "old.h5"), example())


@pytest.mark.parametrize("count", [2**32, 2**40])
def test_a_count_too_large_for_the_file_is_refused(tmp_path, count):
    data = Measurements(np.zeros((1, 1), int), ("Z",), np.zeros(1, int), counts=np.array([count]))
    with pytest.raises(ValueError, match="row 0"):
        file.write(tmp_path / "a.h5", data)
    assert list(tmp_path.iterdir()) == []


def test_replacing_leaves_the_old_file_where_writing_fails(tmp_path):
    path = tmp_path / "kept.txt"
    path.write_text("old")

    def write_half():
        with replacing(path) as part:
            part.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["kept.txt"]


def test_replacing_gives_the_permissions_of_an_ordinary_file(tmp_path):
    (tmp_path / "plain").write_text("")
    with replacing(tmp_path / "new") as part:
        part.write_text("whole")
    assert (tmp_path / "new").read_text() == "whole"
    modes = [stat.S_IMODE(os.stat(tmp_path / n).st_mode) for n in ("plain", "new")]
    assert modes[0] == modes[1]


def test_a_lattice_is_kept_and_has_to_fit(tmp_path):
    data = Measurements(np.zeros((3, 6), np.uint8), ("Z" * 6,), np.zeros(3, int), lattice=(2, 3))
    file.write(tmp_path / "grid.h5", data)
    read = file.read(tmp_path / "grid.h5")
    assert read.lattice == (2, 3)
    assert read.merged().lattice == (2, 3)
    with pytest.raises(ValueError, match=r"lattice is \[2, 2\].*6 sites"):
        replace(data, lattice=(2, 2))
    with h5py.File(tmp_path / "grid.h5", "r+") as stored:
        stored.attrs["lattice"] = [0.5, 12.0]
    with pytest.raises(FormatError, match="attribute lattice"):
        file.read(tmp_path / "grid.h5")
