"""More shots than memory: what lies on disk, in many files or repeated, is what lies in memory."""

import h5py
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from nqs.evaluation.correlations import of_shots
from nqs.evaluation.shots import from_shots
from nqs.measurement import file, formats, spool, strata
from nqs.measurement.dataset import Measurements, joined
from nqs.systems.observable import observable

SITES, ROWS = 13, 3000


def some_shots(seed=1, counts=True):
    rng = np.random.default_rng(seed)
    bias = rng.uniform(0.1, 0.9, SITES)
    settings = ("Z" * SITES, "XI" + "Z" * (SITES - 2), "Z" * (SITES - 1) + "Y")
    return Measurements(
        (rng.random((ROWS, SITES)) < bias).astype(np.uint8),
        settings,
        rng.integers(0, 3, ROWS).astype(np.uint32),
        rng.integers(1, 5, ROWS) if counts else None,
    )


@pytest.fixture
def on_disk(monkeypatch):
    """Every array of more than a kilobyte goes to the disk, and is worked on in small pieces."""
    monkeypatch.setattr(spool, "IN_MEMORY", 1024)
    monkeypatch.setattr("nqs.measurement.quarantine.IN_MEMORY", 1024)
    monkeypatch.setattr("nqs.measurement.hdf5_tree._AT_ONCE", 1024)
    monkeypatch.setattr(strata, "_AT_ONCE", 100)
    monkeypatch.setattr(strata, "_SHUFFLED", 2000)


def lies_on_disk(array):
    while array is not None and not isinstance(array, np.memmap):
        array = getattr(array, "base", None)
    return array is not None


def assert_same(one, other):
    assert one.settings == other.settings
    for name in ("outcomes", "setting_index", "counts"):
        assert_array_equal(getattr(one, name), getattr(other, name))


def test_a_large_file_is_read_to_disk(tmp_path, on_disk):
    data = some_shots()
    file.write(tmp_path / "shots.h5", data)
    read = file.read(tmp_path / "shots.h5")
    assert lies_on_disk(read.outcomes)
    assert_same(read, data)


def test_so_is_a_file_that_others_wrote(tmp_path, on_disk):
    data = some_shots()
    file.write(tmp_path / "shots.h5", data)
    with h5py.File(tmp_path / "shots.h5") as whole, h5py.File(tmp_path / "old.h5", "w") as old:
        for name in ("outcomes", "settings", "setting_index", "counts"):
            old.create_dataset(name, data=whole[name][()])
        old.attrs.update(whole.attrs)
    read = file.read(tmp_path / "old.h5")
    assert lies_on_disk(read.outcomes)
    assert_same(read, data)


def test_a_full_disk_is_told_with_what_to_do(tmp_path, on_disk, monkeypatch):
    file.write(tmp_path / "shots.h5", some_shots())
    monkeypatch.setattr(spool.shutil, "disk_usage", lambda folder: type("Disk", (), {"free": 0}))
    with pytest.raises(formats.FormatError, match=r"shots.h5: 0.0 GB of shots do not.*TMPDIR"):
        formats.read(tmp_path / "shots.h5")


def test_many_files_are_one_experiment(on_disk):
    parts = [some_shots(seed) for seed in (1, 2, 3)]
    whole = joined(parts)
    assert lies_on_disk(whole.outcomes)
    assert whole.shots == sum(p.shots for p in parts)
    assert_array_equal(whole.outcomes, np.concatenate([p.outcomes for p in parts]))


def test_a_row_that_is_there_once_needs_no_count():
    data = some_shots(counts=False)
    assert data.counts.strides == (0,)
    assert data.shots == ROWS
    assert_same(data, Measurements(data.outcomes, data.settings, data.setting_index, [1] * ROWS))


def test_merging_counts_the_same_shots_in_pieces(monkeypatch):
    data = some_shots()
    once = data.merged()
    monkeypatch.setattr("nqs.measurement.spool.ROWS", 70)
    monkeypatch.setattr("nqs.measurement.spool.IN_MEMORY", 1024)
    assert_same(data.merged(), once)
    assert once.shots == data.shots
    assert len(np.unique(np.c_[once.setting_index, once.outcomes], axis=0)) == len(once.counts)


def test_shots_in_random_order_lose_none_in_many_parts(on_disk):
    data = some_shots()
    (part,) = strata.strata(data, lambda setting: "all", seed=3).values()
    assert lies_on_disk(part.packed)
    bits, index = part.taken(slice(None))
    again = Measurements(bits, part.settings, index).merged()
    assert_same(again, data.merged())
    assert part.shots == data.shots


def test_the_order_says_nothing(on_disk):
    """Each part of the order holds its share of the beginning: 5 σ, 1 in 10⁵ by chance."""
    rows = 4000
    first = (np.arange(rows) < rows // 2).astype(np.uint8)[:, None]
    data = Measurements(first, ("Z",), np.zeros(rows, np.uint32))
    (part,) = strata.strata(data, lambda setting: "all", seed=3).values()
    bits = part.taken(slice(None))[0][:, 0]
    for quarter in np.split(bits, 4):
        assert abs(quarter.mean() - 0.5) < 5 * 0.5 / np.sqrt(rows / 4)


@pytest.mark.parametrize("text", ["Z0 Z3", "0.5 Z0 - X0 + Z4 Z5"])
def test_means_do_not_depend_on_the_pieces(text, monkeypatch):
    data, total = some_shots(), observable(text, SITES)
    whole, moments = from_shots(data, total), of_shots(data)
    monkeypatch.setattr("nqs.evaluation.correlations._ROWS", 77)
    monkeypatch.setattr(spool, "ROWS", 77)
    assert from_shots(data, total) == pytest.approx(whole, rel=1e-12)
    for one, other in zip(of_shots(data), moments, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)
