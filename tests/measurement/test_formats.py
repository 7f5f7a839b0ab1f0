"""Foreign files: one asymmetric state, written in each format, comes back in the right order."""

import json

import h5py
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from nqs.measurement import file, formats
from nqs.measurement.dataset import Measurements
from nqs.measurement.effects import basis_bits, outcome_probabilities
from nqs.measurement.formats import FormatError, Options

SITES, SHOTS = 3, 1000
SETTINGS = ("XYZ", "YXX", "ZZX", "ZZZ")
ANGLES = ((0.4, 0.3), (1.1, 1.9), (2.3, -0.8))
"""Polar and azimuthal angle of each spin: no two sites, letters or directions look alike."""


def product_state() -> np.ndarray:
    state = np.ones(1, complex)
    for theta, phi in ANGLES:
        spin = [np.cos(theta / 2), np.exp(1j * phi) * np.sin(theta / 2)]
        state = np.kron(state, spin)
    return state


def counts_of_all() -> np.ndarray:
    """Whole counts close to the Born probabilities, SHOTS in every setting, (settings, 2^N)."""
    table = np.array([outcome_probabilities(product_state(), s) for s in SETTINGS]) * SHOTS
    counts = np.floor(table).astype(int)
    for row, rest in zip(counts, table - counts, strict=True):
        row[np.argsort(rest)[::-1][: SHOTS - row.sum()]] += 1
    return counts


COUNTS = counts_of_all()
BITS = ["".join(map(str, b)) for b in basis_bits(SITES)]


def cells():
    """Setting, outcome string and count of every cell, site 0 leftmost."""
    for setting, row in zip(SETTINGS, COUNTS.tolist(), strict=True):
        yield from ((setting, bits, n) for bits, n in zip(BITS, row, strict=True))


def shot_by_shot():
    shots = [(s, b) for s, b, n in cells() for _ in range(n)]
    return [shots[i] for i in np.random.default_rng(2).permutation(len(shots))]


def spaced(text):
    return " ".join(text)


# Writers: each returns the options that belong to its file


def qucumber_spaced(path):
    shots = shot_by_shot()
    path.write_text("".join(spaced(b) + " \n" for _, b in shots))
    bases = path.with_suffix(".bases")
    bases.write_text("".join(spaced(s) + "\n" for s, _ in shots))
    return Options(bases=bases)


def qucumber_compact_crlf(path):
    shots = shot_by_shot()
    path.write_bytes("".join(b + "\r\n" for _, b in shots).encode() + b"\r\n \r\n")
    bases = path.with_suffix(".bases")
    bases.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(s for s, _ in shots).encode())
    return Options(bases=bases)


def qucumber_floats(path):
    options = qucumber_spaced(path)
    np.savetxt(path, [[int(c) for c in b] for _, b in shot_by_shot()])
    return options


def qucumber_signs(path):
    shots = shot_by_shot()
    path.write_text(
        "".join(" ".join("-1" if c == "1" else "1" for c in b) + "\n" for _, b in shots)
    )
    options = qucumber_spaced(path.with_name("other"))
    return Options(bases=options.bases, format="pm1")


def nested(flip, key=lambda bits: bits):
    found: dict = {s[::flip]: {} for s in SETTINGS}
    for setting, bits, n in cells():
        found[setting[::flip]][key(bits[::flip])] = n
    return found


def qiskit(path):
    path.write_text(json.dumps(nested(-1)))
    return Options()


def qiskit_registers(path):
    path.write_text(json.dumps(nested(-1, lambda b: b[0] + " " + b[1:]), indent=1))
    return Options()


def qiskit_decimal(path):
    path.write_text(json.dumps(nested(-1, lambda b: str(int(b, 2)))))
    return Options(sites=3)


def qiskit_result(path):
    results = [
        {"data": {"counts": counts}, "header": {"memory_slots": 3, "name": name}}
        for name, counts in nested(-1, lambda b: hex(int(b, 2))).items()
    ]
    path.write_text(json.dumps({"backend_name": "x", "results": results, "success": True}))
    return Options()


def qiskit_frequencies(path):
    found = nested(-1)
    share = {s: {b: n / SHOTS for b, n in c.items()} for s, c in found.items()}
    path.write_text(json.dumps(share))
    return Options(shots_per_setting=SHOTS)


def braket(path):
    path.write_text(json.dumps(nested(1)))
    return Options(format="braket")


def table_rows(path):
    path.write_text("".join(f"{s},{b},{n}\n" for s, b, n in cells()))
    return Options()


def table_with_header(path):
    rows = "".join(f'{n}\t"{b}"\t{s}\r\n' for s, b, n in cells())
    path.write_bytes(f"Count\tOutcome\tSetting\r\n{rows}".encode())
    return Options()


def table_of_shots(path):
    path.write_text("".join(f"{s};{b}\n" for s, b in shot_by_shot()))
    return Options()


def table_of_qubits(path):
    rows = "".join(f"{','.join(b)},{n},{s}\n" for s, b, n in cells())
    path.write_text(f"q0,q1,q2,count,basis\n{rows}\n")
    return Options()


def table_of_frequencies(path):
    rows = "".join(f"{s},{b},{n / SHOTS}\n" for s, b, n in cells())
    path.write_text(f"setting,outcome,frequency\n{rows}")
    return Options(shots_per_setting=SHOTS)


def coded_npy(path):
    values = [
        ["ZXY".index(k) + 3 * int(c) for k, c in zip(s, b, strict=True)] for s, b in shot_by_shot()
    ]
    with path.open("wb") as out:
        np.save(out, np.array(values, np.int64))
    return Options()


def frequency_table(path):
    with h5py.File(path, "w") as f:
        f["ions"] = np.stack([COUNTS[:, ::-1], COUNTS]) / SHOTS
        f["ions"].attrs["tomo_order"] = list(SETTINGS)
        f["ions"].attrs["state_order"] = ["other", "ours"]
    return Options(select="ions/ours", shots_per_setting=SHOTS)


def lone_frequency_table(path):
    with h5py.File(path, "w") as f:
        f["ions"] = COUNTS[None] / SHOTS
        f["ions"].attrs["tomo_order"] = list(SETTINGS)
    return Options(shots_per_setting=SHOTS)


def native(path):
    table = np.repeat(COUNTS.reshape(-1), 1)
    kept = table > 0
    file.write(
        path,
        Measurements(
            np.tile(basis_bits(SITES), (len(SETTINGS), 1))[kept],
            SETTINGS,
            np.repeat(np.arange(len(SETTINGS)), 2**SITES)[kept],
            counts=table[kept],
        ),
    )
    return Options()


WRITERS = [
    qucumber_spaced,
    qucumber_compact_crlf,
    qucumber_floats,
    qucumber_signs,
    qiskit,
    qiskit_registers,
    qiskit_decimal,
    qiskit_result,
    qiskit_frequencies,
    braket,
    table_rows,
    table_with_header,
    table_of_shots,
    table_of_qubits,
    table_of_frequencies,
    coded_npy,
    frequency_table,
    lone_frequency_table,
    native,
]


def test_the_state_shows_every_wrong_order():
    """No reordering of sites or exchange of bits leaves the counts as they are."""
    cube = COUNTS.reshape(-1, 2, 2, 2)
    for order in ((0, 1, 3, 2), (0, 3, 2, 1), (0, 2, 1, 3), (0, 3, 1, 2), (0, 2, 3, 1)):
        assert np.abs(cube.transpose(order) - cube).max() > 100
    assert np.abs(cube[:, ::-1, ::-1, ::-1] - cube).max() > 100


@pytest.mark.parametrize("write", WRITERS, ids=lambda w: w.__name__)
def test_counts_come_back_in_the_right_order(tmp_path, write):
    path = tmp_path / "shots"
    data = formats.read(path, write(path))
    order = [data.settings.index(s) for s in SETTINGS]
    assert_array_equal(data.table()[order], COUNTS)
    assert len(data.settings) == len(SETTINGS)


def test_a_setting_measures_cosines_of_the_angles(tmp_path):
    """⟨Z_j⟩ of each site is the cosine of its polar angle: the order is that of the physics."""
    path = tmp_path / "shots"
    data = formats.read(path, qucumber_spaced(path))
    rows = data.outcomes[data.setting_index == data.settings.index("ZZZ")]
    cosines = [np.cos(theta) for theta, _ in ANGLES]
    assert_allclose(1 - 2 * rows.mean(axis=0), cosines, atol=0.01)


def only_z(path, text):
    path.write_text(text)
    return formats.read(path)


@pytest.mark.parametrize(
    "text",
    [
        "0 0 1\n0 0 1\n1 1 0\n",
        "001\n001\n110",
        '{"100": 2, "011": 1}',
        '{"results": [{"data": {"counts": {"0x4": 2, "0x3": 1}}, "header": {"memory_slots": 3}}]}',
        "outcome,count\n001,2\n110,1\n",
        "0,0,1\n0,0,1\n1,1,0\n",
        "0,1,2\n0,0,1\n0,0,1\n1,1,0\n",
        "site0\tsite1\tsite2\n0\t0\t1\n0\t0\t1\n1\t1\t0\n",
    ],
)
def test_files_without_settings_are_all_z(tmp_path, text):
    data = only_z(tmp_path / "z", text)
    assert data.settings == ("ZZZ",)
    assert data.table()[0].tolist() == [0, 2, 0, 0, 0, 0, 1, 0]
    assert data.source == "z"


def test_identity_letters_and_unequal_shots_are_fine(tmp_path):
    (tmp_path / "s").write_text("0 1\n1 1\n0 0\n")
    (tmp_path / "b").write_text("XI\nXI\nZZ\n")
    data = formats.read(tmp_path / "s", Options(bases=tmp_path / "b"))
    assert dict(zip(data.settings, data.shots_per_setting.tolist(), strict=True)) == {
        "XI": 2,
        "ZZ": 1,
    }


def test_pieces_of_a_long_file_fit_together(tmp_path, monkeypatch):
    """Where the file is cut for reading leaves no trace; slow and fast ways agree."""
    from nqs.measurement.formats import lines

    path = tmp_path / "shots"
    options = qucumber_spaced(path)
    whole = formats.read(path, options)
    path.write_text(path.read_text().replace("1", "1.0", 5) + "\n\n")
    for size in (7, 64, 1000):
        monkeypatch.setattr(lines, "PIECE", size)
        pieces = formats.read(path, options)
        assert_array_equal(pieces.outcomes, whole.outcomes)
        assert_array_equal(pieces.setting_index, whole.setting_index)


def test_settings_of_many_sites_are_told_apart(tmp_path):
    """More letters than fit into one machine word, differing in the last one only."""
    names = ["X" * 69 + "Y", "X" * 70, "X" * 69 + "Z", "X" * 70, "Z" + "X" * 69]
    (tmp_path / "s").write_text("".join("01" * 35 + "\n" for _ in names))
    (tmp_path / "b").write_text("\n".join(names))
    data = formats.read(tmp_path / "s", Options(bases=tmp_path / "b"))
    assert data.settings == tuple(sorted(set(names)))
    assert [data.settings[i] for i in data.setting_index] == names


def test_several_files_are_one_experiment(tmp_path):
    for name, text in (("a", "0 1\n"), ("b", "1 1\n")):
        (tmp_path / f"{name}.txt").write_text(text)
        (tmp_path / f"{name}.bases").write_text(name.upper().replace("A", "XZ").replace("B", "ZZ"))
    data = formats.read(
        [tmp_path / "a.txt", tmp_path / "b.txt"],
        Options(bases=[tmp_path / "a.bases", tmp_path / "b.bases"]),
    )
    assert data.shots_per_setting.tolist() == [1, 1]
    assert data.source == "a.txt, b.txt"


def test_experiments_to_choose_from_are_listed(tmp_path):
    frequency_table(tmp_path / "t.h5")
    assert formats.choices(tmp_path / "t.h5") == ["ions/other", "ions/ours"]
    with pytest.raises(FormatError, match=r"--select, one of ions/other, ions/ours"):
        formats.read(tmp_path / "t.h5")
    qiskit(tmp_path / "c.json")
    assert formats.choices(tmp_path / "c.json") == []
