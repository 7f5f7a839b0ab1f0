"""Sites that are misread together: told by calibration, undone in likelihoods and in means of shots."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from exact import asymmetric_state
from numpy.testing import assert_allclose

import nqs
from nqs.ansatz import build
from nqs.evaluation import checks
from nqs.evaluation.correlations import of_shots, structure_factor_of_shots, structure_factors
from nqs.evaluation.observables import expectation
from nqs.evaluation.shots import from_shots
from nqs.measurement import file
from nqs.measurement.calibration import Calibration
from nqs.measurement.dataset import Measurements, joined
from nqs.measurement.effects import basis_bits, named_effects
from nqs.measurement.readout import Pair, composed, refuse_blind_readout
from nqs.state.born import misread_by, rotations, rotations_of, vector_log_probabilities
from nqs.state.simulate import flips_of
from nqs.state.state import State
from nqs.systems.observable import observable

SITES = 3
FLIPS = flips_of([(0.02, 0.10), (0.05, 0.01), (0.03, 0.06)], SITES)
CROSSED = np.array(
    [
        [0.90, 0.06, 0.02, 0.10],
        [0.05, 0.80, 0.01, 0.07],
        [0.01, 0.04, 0.95, 0.03],
        [0.04, 0.10, 0.02, 0.80],
    ]
)
PAIR = Pair((2, 0), CROSSED)
SETTINGS = ("ZZZ", "XYZ", "YIX", "IZI", "XXY", "YYY")


def misread(p):
    """The outcomes of three sites as they are read, (…, 8), written out."""
    found = np.zeros_like(p)
    for read, true in product(range(8), repeat=2):
        (r0, r1, r2), (t0, t1, t2) = basis_bits(SITES)[[read, true]]
        chance = CROSSED[2 * r2 + r0, 2 * t2 + t0] * FLIPS[1, r1, t1]
        found[..., read] += chance * p[..., true]
    return found


def shots_of(psi, settings, number=10**8):
    """As many of each outcome as are expected, to one in `number`."""
    p = misread(np.exp(vector_log_probabilities(psi, rotations(settings))))
    counts = np.rint(number * p).astype(np.int64) + 1
    rows = np.tile(basis_bits(SITES).astype(np.uint8), (len(settings), 1))
    index = np.repeat(np.arange(len(settings)), 8)
    return Measurements(
        rows, settings, index, counts.reshape(-1), readout=FLIPS, readout_pairs=(PAIR,)
    )


def calibration(shots=4000, seed=1):
    """Shots of each of the eight basis states, misread as above."""
    rng = np.random.default_rng(seed)
    bits = basis_bits(SITES).astype(np.uint8)
    counts = np.stack([rng.multinomial(shots, p) for p in misread(np.eye(8))])
    prepared, read = np.nonzero(counts)
    return Calibration(bits[prepared], bits[read], counts[prepared, read])


def test_probabilities_are_those_of_outcomes_misread_one_by_one():
    """Also where neither site of the pair is measured, or the one between them."""
    psi = asymmetric_state(SITES)
    plain = np.exp(vector_log_probabilities(psi, rotations(("ZZZ", "XYZ", "YZX", "ZZX"))))
    expected = misread(plain)
    for site, row in ((1, 2), (0, 3), (2, 3)):
        block = expected[row].reshape(2**site, 2, -1)
        expected[row] = np.repeat(block.sum(axis=1, keepdims=True), 2, axis=1).reshape(-1)
    data = shots_of(psi, SETTINGS[:4])
    found = np.exp(vector_log_probabilities(psi, rotations_of(data)))
    assert_allclose(found, expected, atol=1e-12)
    turned = misread_by(
        rotations_of(data), FLIPS, [Pair((0, 2), CROSSED[[0, 2, 1, 3]][:, [0, 2, 1, 3]])]
    )
    assert_allclose(np.exp(vector_log_probabilities(psi, turned)), expected, atol=1e-12)
    single = replace(data, readout_pairs=())
    apart = np.exp(vector_log_probabilities(psi, rotations_of(single)))
    assert np.abs(apart - expected).max() > 0.02


def test_a_pair_of_which_a_setting_reads_one_site_alone_counts_site_by_site():
    """In the likelihood as in the means of shots."""
    psi = asymmetric_state(SITES)
    data = shots_of(psi, ("ZZZ", "IZZ"))
    assert not data.undone_pairs
    single = replace(data, readout_pairs=())
    found, expected = (vector_log_probabilities(psi, rotations_of(d)) for d in (data, single))
    assert_allclose(found, expected, atol=1e-12)
    total = observable("Z2", SITES)
    assert from_shots(data, total) == from_shots(single, total)


def test_errors_after_others_are_those_of_the_product():
    after = flips_of([(0.2, 0.1), (0.0, 0.3), (0.1, 0.05)], SITES)
    psi = asymmetric_state(SITES)
    single, pairs = composed(after, FLIPS, [PAIR])
    plan = rotations(("XYZ",))
    once = np.exp(vector_log_probabilities(psi, misread_by(plan, FLIPS, [PAIR])))
    twice = np.einsum("ax,by,cz,xyz->abc", *after, once.reshape(2, 2, 2)).reshape(1, 8)
    found = np.exp(vector_log_probabilities(psi, misread_by(plan, single, pairs)))
    assert_allclose(found, twice, atol=1e-12)


def test_means_of_shots_are_those_of_the_state():
    """Of as many shots as are expected: exact to one in a million."""
    psi = asymmetric_state(SITES)
    data = shots_of(psi, SETTINGS)
    for text in ("Z0", "Z2", "Z0 Z2", "Z0 Z1 Z2", "X0 Z2", "Y0 Y1 Y2", "X1 X0 Y2 + 2 Z1"):
        total = observable(text, SITES)
        told = from_shots(data, total)
        assert told is not None
        assert told.value == pytest.approx(expectation(psi, total), abs=1e-5)
        alone = from_shots(replace(data, readout_pairs=()), total)
        if {"0", "2"} <= set(text):
            assert abs(alone.value - expectation(psi, total)) > 1e-3
    found = of_shots(shots_of(psi, ("ZZZ", "XXX", "YYY")))
    for number, letter in enumerate("XYZ"):
        for i, j in ((0, 1), (0, 2), (1, 2)):
            known = expectation(psi, observable(f"{letter}{i} {letter}{j}", SITES))
            assert found.pair[number, i, j] == pytest.approx(known, abs=1e-5)
            assert found.pair[number, j, i] == pytest.approx(known, abs=1e-5)
    values, _ = structure_factor_of_shots(data, (3,))
    signs = 1 - 2 * basis_bits(SITES).astype(float)
    exact = np.abs(psi) ** 2 @ structure_factors(signs, (3,))
    assert_allclose(values, exact, atol=1e-5)


def test_a_state_says_how_its_outcomes_are_read():
    data = shots_of(asymmetric_state(SITES), SETTINGS, 1000)
    state = State.initial(build("recurrent", SITES, hidden=4), SITES, 2)
    found = state.log_probabilities(data.settings, None, data.readout, data.undone_pairs)
    assert_allclose(found, state.log_table(rotations_of(data)), atol=1e-12)
    tetrahedral = {"T": named_effects("tetrahedral")}
    with pytest.raises(ValueError, match="leave the matrices out"):
        state.log_probabilities(("TTT",), tetrahedral, data.readout)


def test_calibration_of_all_four_states_tells_the_matrix():
    """Five standard errors of 8,000 shots a state: one number in two million is farther by chance."""
    found = calibration().pairs()
    assert [pair.sites for pair in found] == [(0, 2)]
    turned = CROSSED[[0, 2, 1, 3]][:, [0, 2, 1, 3]]
    assert (np.abs(found[0].matrix - turned) < 5 * np.sqrt(turned / 8000) + 1e-3).all()
    known = calibration()
    same = known.prepared[:, 0] == known.prepared[:, 2]
    two = Calibration(known.prepared[same], known.outcomes[same], known.counts[same])
    assert two.together()
    assert not two.pairs()  # 01 and 10 were never prepared
    rng = np.random.default_rng(3)
    (again,) = known.pairs_drawn_again(rng, found)
    assert 0 < np.abs(again.matrix - found[0].matrix).max() < 0.03
    assert_allclose(again.matrix.sum(axis=0), 1)
    bits = np.repeat(basis_bits(2), 50, axis=0)
    never_misread, pair = Calibration(bits, bits), Pair((0, 1), np.eye(4))
    scattered = [never_misread.pairs_drawn_again(rng, [pair])[0].matrix for _ in range(20)]
    assert np.std(scattered, axis=0).max() > 0  # nothing seen in 50 shots is no rate of nothing


def test_a_mixed_fit_undoes_errors_of_pairs(tmp_path):
    """A pure state in all 27 settings: what is misread together looks like another state where each is undone alone."""
    psi = asymmetric_state(SITES)
    settings = tuple(map("".join, product("XYZ", repeat=SITES)))
    rng = np.random.default_rng(4)
    expected = shots_of(psi, settings)
    counts = rng.poisson(expected.counts / 10**8 * 4000)
    seen = counts > 0
    data = replace(
        expected,
        outcomes=expected.outcomes[seen],
        setting_index=expected.setting_index[seen],
        counts=counts[seen],
        readout=None,
        readout_pairs=(),
        calibration=calibration(20_000),
    )
    file.write(tmp_path / "shots.h5", data)
    options = {"ansatz": "low-rank", "rank": 1, "target": psi, "seed": 1}
    together = nqs.tomography(tmp_path / "shots.h5", out=tmp_path / "run", **options)
    known = replace(data, readout=data.calibration.confusion().readout, calibration=None)
    alone = nqs.tomography(known, **options)
    fidelity, other = (r.summary["fidelity"]["fitted"] for r in (together, alone))
    assert 1 - fidelity < 0.3 * (1 - other)
    assert together.summary["likelihood"]["p_value"] > 1e-3 > alone.summary["likelihood"]["p_value"]
    assert together.summary["data"]["readout"]["pairs"][0]["sites"] == [0, 2]
    page = (tmp_path / "run" / "report.html").read_text()
    assert "Sites 0 and 2 together" in page


def test_files_keep_pairs_and_joined_parts_must_agree(tmp_path):
    data = shots_of(asymmetric_state(SITES), SETTINGS, 1000)
    file.write(tmp_path / "shots.h5", data)
    (again,) = file.read(tmp_path / "shots.h5").readout_pairs
    assert again.sites == (2, 0)
    assert_allclose(again.matrix, CROSSED)
    assert joined([data, data]).readout_pairs[0].sites == (2, 0)
    with pytest.raises(ValueError, match="other readout errors"):
        joined([data, replace(data, readout_pairs=())])
    alarm = checks.of_pairs(data).alarm
    assert alarm is not None
    assert "Sites 2 and 0" in alarm
    assert checks.of_pairs(data, data.undone_pairs).alarm is None
    told = replace(
        data, readout_pairs=(), calibration=calibration()
    )  # by shots, and no matrix is kept
    assert "0 and 2" in str(checks.of_pairs(told).alarm)
    assert checks.of_pairs(replace(told, readout=None)).alarm is None
    assert checks.of_pairs(replace(data, readout_pairs=())).alarm is None


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([Pair((0, 0), CROSSED)], "expected two of 0 to 2"),
        ([Pair((0, 3), CROSSED)], "expected two of 0 to 2"),
        ([PAIR, Pair((1, 2), CROSSED)], "each in one pair at most"),
        ([Pair((0, 1), np.eye(2))], "shape"),
        ([Pair((0, 1), CROSSED.T)], "sums to"),
        ([Pair((0, 1), 1.5 * np.eye(4) - 0.125)], "negative"),
    ],
)
def test_what_is_no_pair_is_refused(pairs, message):
    data = shots_of(asymmetric_state(SITES), SETTINGS, 1000)
    with pytest.raises(ValueError, match=message):
        replace(data, readout_pairs=tuple(pairs))
    with pytest.raises(ValueError, match="give both"):
        replace(data, readout=None)
    with pytest.raises(ValueError, match="cannot be undone"):
        refuse_blind_readout(FLIPS, [Pair((0, 1), np.kron(np.eye(2), np.full((2, 2), 0.5)))])
