"""What a file looks like → what comes out of it, or the sentence it is refused with.

Every file holds the same shots, known by hand and lopsided: no setting and no outcome
is the mirror image or the complement of another, so a wrong order or a wrong bit fails.
"""

from pathlib import Path

import numpy as np
import pytest
from every_file import ACCEPTED, EVERY, REFUSED, TREES
from numpy.testing import assert_allclose, assert_array_equal
from shots_by_hand import ATOMS, IN_Z, OF_RANDOM_MEASUREMENTS, SHOTS, SWEEP, UNITARY, npz

from nqs.measurement import file, formats
from nqs.measurement.effects import projectors
from nqs.measurement.formats import FormatError, Options


def written(folder: Path, name: str) -> tuple[Path, Options]:
    """A case's files in a folder, and the options that belong to them."""
    one = EVERY[name]
    path = folder / "shots.data"
    if callable(one.content):
        one.content(path)
    else:
        path.write_bytes(one.content.encode() if isinstance(one.content, str) else one.content)
    if one.bases is not None:
        (folder / "bases.txt").write_text(one.bases, newline="")
    bases = None if one.bases is None else folder / "bases.txt"
    return path, Options(bases=bases, **one.options)


def counted(data) -> dict[str, dict[str, int]]:
    """Setting → outcome → count of what was read; unmeasured sites have outcome 0."""
    found: dict = {setting: {} for setting in data.settings}
    merged = data.merged()
    for outcome, setting, n in zip(
        merged.outcomes.tolist(), merged.setting_index, merged.counts.tolist(), strict=True
    ):
        found[merged.settings[setting]]["".join(map(str, outcome))] = n
    return found


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_file_is_read_as_it_was_meant(tmp_path, name):
    path, options = written(tmp_path, name)
    data = formats.read(path, options)
    assert counted(data) == EVERY[name].expected
    assert data.source.startswith("shots.data")
    file.write(tmp_path / "native.h5", data)
    assert counted(formats.read(tmp_path / "native.h5")) == EVERY[name].expected


@pytest.mark.parametrize("name", REFUSED)
def test_a_doubtful_file_is_refused_in_a_sentence(tmp_path, name):
    path, options = written(tmp_path, name)
    with pytest.raises(FormatError) as refusal:
        formats.read(path, options)
    said = str(refusal.value)
    assert EVERY[name].expected in said
    assert "shots.data" in said or "bases.txt" in said
    assert said.isprintable()
    assert len(said) < 900


def test_the_shots_show_every_wrong_order():
    """No reordering of sites, in settings and outcomes or in one, and no flip leaves them alone."""
    for shots in (SHOTS, IN_Z, OF_RANDOM_MEASUREMENTS):
        for order in ((0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)):
            turned = {
                setting: {"".join(o[i] for i in order): n for o, n in counts.items()}
                for setting, counts in shots.items()
            }
            assert turned != shots
        flipped = {
            s: {o.translate(str.maketrans("01", "10")): n for o, n in c.items()}
            for s, c in shots.items()
        }
        assert flipped != shots


# Measurements that are no Pauli operators


def haar(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    matrix, _ = np.linalg.qr(rng.normal(size=(2, 2)) + 1j * rng.normal(size=(2, 2)))
    return matrix


def test_random_unitaries_become_effects(tmp_path):
    """The effect of outcome 0 projects on the first row of U, whose outcome the file calls 1."""
    one, other = haar(1), haar(2)
    unitaries = np.array([[one, UNITARY["Z"]], [other, np.diag([1j, -1]) @ one]])
    npz(measurement_results=np.array([[[1, 0]], [[0, 0]]]), measurement_settings=unitaries)(
        tmp_path / "random.npz"
    )
    data = formats.read(tmp_path / "random.npz")
    assert counted(data) == {"AZ": {"01": 1}, "BA": {"11": 1}}
    assert_allclose(data.effects["A"], projectors(one), atol=1e-12)
    assert_allclose(data.effects["B"], projectors(other), atol=1e-12)
    assert "1 in measurement_results is the first basis state" in data.source


def test_too_many_random_unitaries_are_counted(tmp_path):
    unitaries = np.array([[haar(seed)] for seed in range(60)])
    npz(measurement_results=np.zeros((60, 4, 1), int), measurement_settings=unitaries)(
        tmp_path / "random.npz"
    )
    with pytest.raises(FormatError, match=r"60 distinct bases.*48 can be told apart.*Pauli bases"):
        formats.read(tmp_path / "random.npz")


# Several files, several experiments


MIXED = [
    "PastaQ: Julia's axes",
    "qiskit-experiments: a list of data",
    "results by setting",
    "classical shadows",
    "PennyLane: bits and recipes",
    "coded .npy: basis + 3·bit",
    "CSV: setting, outcome, count",
    "Counters by setting",
    "Qiskit: counts of each setting, qubit 0 rightmost",
]


def test_files_of_different_formats_are_one_experiment(tmp_path):
    paths = []
    for number, name in enumerate(MIXED):
        (tmp_path / str(number)).mkdir()
        paths.append(written(tmp_path / str(number), name)[0])
    data = formats.read(paths)
    times = len(MIXED)
    assert counted(data) == {
        s: {o: times * n for o, n in counts.items()} for s, counts in SHOTS.items()
    }


def test_letters_of_several_files_keep_their_meaning(tmp_path):
    """A is one basis in the first file and another in the second; both also know a third one."""
    first, second, both = haar(1), haar(2), haar(3)
    for name, pair in (("a.npz", (first, both)), ("b.npz", (second, both))):
        npz(
            measurement_results=np.array([[[1, 0]]]), measurement_settings=np.array([pair])[None, 0]
        )(tmp_path / name)
    (tmp_path / "z.txt").write_text("1 1\n")
    data = formats.read([tmp_path / name for name in ("a.npz", "b.npz", "z.txt")])
    assert counted(data) == {"AB": {"01": 1}, "CB": {"01": 1}, "ZZ": {"11": 1}}
    for letter, unitary in (("A", first), ("B", both), ("C", second)):
        assert_allclose(data.effects[letter], projectors(unitary), atol=1e-12)


def test_the_detunings_of_a_sweep_are_listed(tmp_path):
    npz(rydberg_data=SWEEP, params=np.array([-1.5, 2.5]), lost=np.zeros((2, 3), bool))(
        tmp_path / "sweep.npz"
    )
    assert formats.choices(tmp_path / "sweep.npz") == ["detuning=0", "detuning=1"]
    data = formats.read(tmp_path / "sweep.npz", Options(select="detuning=0"))
    assert_array_equal(data.outcomes, 1 - ATOMS.reshape(6, 3).T)
    said = "detuning=0 ('params' -1.5); 1 in 'rydberg_data' is the Rydberg state"
    assert said in data.source
    assert "0 shots flagged in 'lost' are kept" in data.source


FRAGMENTS = [
    b"[",
    b"}",
    b"null",
    b"1e999",
    b"-1",
    b"NaN",
    b"'",
    b'"',
    b",",
    b":",
    b"\0",
    b"\xff",
    b"9" * 20,
]


@pytest.mark.parametrize("name", sorted(EVERY.keys() - TREES.keys()))
def test_a_damaged_file_is_read_or_refused(tmp_path, name):
    """Never anything else, wherever a piece is lost, doubled or replaced."""
    path, options = written(tmp_path, name)
    raw = path.read_bytes()
    rng = np.random.default_rng(len(name))
    for _ in range(8):
        place = int(rng.integers(len(raw)))
        pieces = [*FRAGMENTS, b"", raw[place : place + 9] * 2]
        inserted = pieces[rng.integers(len(pieces))]
        path.write_bytes(raw[:place] + inserted + raw[place + int(rng.integers(8)) :])
        try:
            formats.read(path, options)
        except FormatError as refusal:
            assert str(refusal).isprintable()
