"""Files of other programs and of real devices, where NQS_DATA says where they are."""

import os
from pathlib import Path

import numpy as np
import pytest

from nqs.measurement import file, formats
from nqs.measurement.effects import outcome_probabilities
from nqs.measurement.formats import FormatError, Options
from nqs.measurement.target import read_target

FOLDER = Path(os.environ.get("NQS_DATA", ""))
pytestmark = pytest.mark.skipif(
    not os.environ.get("NQS_DATA"), reason="NQS_DATA does not name the folder of real files"
)

ISING = FOLDER / "qucumber/Tutorial1_TrainPosRealWaveFunction"
PAIR = FOLDER / "qucumber/Tutorial2_TrainComplexWaveFunction"
MIXED = FOLDER / "qucumber/Tutorial3_TrainDensityMatrix"
IONS = FOLDER / "trapped_ion_3q/three_qubit_tomograms.h5"


def nll(data, state) -> float:
    """Negative log-likelihood of the shots under a known state, nats per shot."""
    probability = np.array([outcome_probabilities(state, s) for s in data.settings])
    table = data.table()
    seen = table > 0
    return float(-(table[seen] * np.log(probability[seen])).sum() / data.shots)


def test_ising_chain_of_qucumber():
    """Order and signs are right: the likelihood under the truth is the published one."""
    data = formats.read(ISING / "tfim1d_data.txt")
    assert (data.shots, data.sites, data.settings) == (10_000, 10, ("Z" * 10,))
    assert nll(data, read_target(ISING / "tfim1d_psi.txt", 10)) == pytest.approx(5.29692, abs=1e-5)


def test_complex_pair_of_qucumber():
    """The truth cannot beat the best fit, and comes within its parameters' share of it."""
    data = formats.read(PAIR / "qubits_train.txt", Options(bases=PAIR / "qubits_train_bases.txt"))
    assert sorted(data.settings) == ["XZ", "YZ", "ZX", "ZY", "ZZ"]
    assert data.shots_per_setting.tolist() == [200] * 5
    best = 1.06478
    assert best - 1e-5 < nll(data, read_target(PAIR / "qubits_psi.txt", 2)) < best + 0.01


@pytest.mark.parametrize("shots", [100, 1000])
def test_mixed_state_of_qucumber(shots):
    data = formats.read(
        MIXED / f"N2_W_state_{shots}_samples_data.txt",
        Options(bases=MIXED / f"N2_W_state_{shots}_samples_bases.txt"),
    )
    assert data.shots_per_setting.tolist() == [shots] * 9
    rho = read_target([MIXED / f"N2_W_state_target_{part}.txt" for part in ("real", "imag")], 2)
    assert np.linalg.eigvalsh(rho) == pytest.approx([0.125, 0.125, 0.125, 0.625])
    table = data.table() / shots
    expected = np.array([outcome_probabilities(rho, s) for s in data.settings])
    assert np.abs(table - expected).max() < 5 * 0.5 / np.sqrt(shots)


def test_the_list_of_distinct_bases_is_recognised_as_such():
    with pytest.raises(FormatError, match="list of distinct settings"):
        formats.read(PAIR / "qubits_train.txt", Options(bases=PAIR / "qubits_bases.txt"))


def test_ghz_of_a_real_device():
    """Most shots of ZZZ are 000 or 111; XXX has even parity, XYY odd."""
    data = formats.read(FOLDER / "ibm_ghz_3q/3_2700.npy")
    assert data.shots_per_setting.tolist() == [100] * 27
    table = dict(zip(data.settings, data.table() / 100, strict=True))
    assert table["ZZZ"][0] + table["ZZZ"][7] > 0.85
    parity = np.array([1, -1, -1, 1, -1, 1, 1, -1])
    assert parity @ table["XXX"] > 0.7
    for setting in ("XYY", "YXY", "YYX"):
        assert parity @ table[setting] < -0.7


def test_trapped_ions():
    """Every experiment has 200 shots in 27 settings, and agrees with the authors' estimate."""
    names = formats.choices(IONS)
    assert len(names) == 20
    assert names[3] == "ions_024/a4"
    data = formats.read(IONS, Options(select="ions_024/a4", shots_per_setting=200))
    assert data.shots_per_setting.tolist() == [200] * 27
    same = formats.read(IONS, Options(select="ions_024/3", shots_per_setting=200))
    assert np.array_equal(same.table(), data.table())
    estimate = file.hdf5_tree(FOLDER / "trapped_ion_3q/reconstructed_three_qubit_states.h5")
    rho = estimate.arrays["/rho_024"][3]
    expected = np.array([outcome_probabilities(rho, s) for s in data.settings])
    assert np.abs(data.table() / 200 - expected).max() < 5 * 0.5 / np.sqrt(200)


def test_process_tomography_is_refused():
    with pytest.raises(FormatError, match="process tomography"):
        formats.read(FOLDER / "pastaq/test_data_writesamples.h5")


ATOMS = FOLDER / "rydberg_256/KZ_data_16x16_30_MHz_per_us.npz"


def test_atoms_of_a_real_array():
    """More atoms are excited at every step of the sweep, fewest at the beginning: 1 is excited."""
    assert formats.choices(ATOMS) == [f"detuning={i}" for i in range(24)]
    with pytest.raises(FormatError, match=r"24 experiments.*detuning=0 to detuning=23"):
        formats.read(ATOMS)
    density = []
    for name in formats.choices(ATOMS):
        data = formats.read(ATOMS, Options(select=name))
        assert (data.shots, data.sites, data.settings) == (500, 256, ("Z" * 256,))
        density.append(data.outcomes.mean())
    assert density[0] < 0.07
    assert 0.48 < density[-1] < 0.5
    assert np.all(np.diff(density) > 0)


def test_neighbours_of_a_real_array_avoid_each_other():
    """Rows and columns are where they belong: atoms side by side are rarely both excited."""
    data = formats.read(ATOMS, Options(select="detuning=23"))
    assert "params' 3.645" in data.source
    assert "11 shots flagged in 'rearrange_mask' are kept" in data.source
    atoms = data.outcomes.reshape(500, 16, 16).astype(float)
    for pairs in (atoms[:, 1:] * atoms[:, :-1], atoms[:, :, 1:] * atoms[:, :, :-1]):
        assert pairs.mean() < 0.2 * atoms.mean()
    assert (atoms[:, 1:, 1:] * atoms[:, :-1, :-1]).mean() > 0.6 * atoms.mean()
