"""Levels above those that other runs have found."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import nqs
from nqs.config.ground_state import Hamiltonian
from nqs.jobs.energy_choices import facts
from nqs.jobs.hamiltonian import pauli_system
from nqs.measurement.effects import basis_bits
from nqs.systems.exact import lanczos
from nqs.systems.hamiltonians import ising, xxz
from nqs.systems.lattices import chain

CHAIN = ising(chain(5), [1.0, 0.8, 1.2, 0.9], 1.3, 0.1)


def vector_energy(state):
    psi = state.vector()
    return np.vdot(psi, CHAIN.times(psi)).real


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    return nqs.ground_state(
        CHAIN, hidden=8, steps=150, out=tmp_path_factory.mktemp("levels") / "ground"
    )


@pytest.fixture(scope="module")
def first(ground, tmp_path_factory):
    out = tmp_path_factory.mktemp("levels") / "first"
    return nqs.ground_state(CHAIN, hidden=8, steps=300, above=[str(ground.folder)], out=out)


def test_the_next_level_is_found_and_its_gap_said(ground, first):
    """Nothing keeps the levels apart: the fields leave no flip of all spins, the bonds no reflection."""
    found, exact = first.summary, [lanczos(CHAIN, level=n).energy for n in (0, 1)]
    assert found["verdict"] == "ok", found["warnings"]
    assert_allclose(found["energy"]["value"], exact[1], atol=1e-3)
    assert_allclose(found["exact"]["energy"], exact[1], rtol=1e-9)
    assert_allclose(found["gap"]["value"], exact[1] - exact[0], atol=2e-3)
    assert found["gap"]["error"] is None
    (below,) = found["levels_below"]
    assert below["energy"]["value"] == ground.summary["energy"]["value"]
    overlap = abs(np.vdot(first.state.vector(), ground.state.vector())) ** 2
    assert_allclose(below["overlap"]["value"], overlap, atol=1e-12)
    assert overlap < 1e-3
    assert_allclose(vector_energy(first.state), found["energy"]["value"], rtol=1e-9)


def test_a_level_may_lie_above_several(ground, first):
    """From samples, whose energy has an error, and so has the gap; the check by vectors."""
    above = [str(ground.folder), str(first.folder)]
    second = nqs.ground_state(CHAIN, hidden=8, steps=40, samples=64, above=above)
    found = second.summary
    assert found["gap"]["error"] == found["energy"]["error"] > 0
    psi = second.state.vector()
    overlaps = [abs(np.vdot(psi, other.state.vector())) ** 2 for other in (ground, first)]
    assert_allclose(
        [row["overlap"]["value"] for row in found["levels_below"]], overlaps, atol=1e-12
    )
    assert max(overlaps) < 0.1
    assert found["energy"]["value"] > first.summary["energy"]["value"]


def test_the_lowest_odd_state_lies_above_the_ground_state_of_a_ring(tmp_path):
    """By exact sums over orbits, without samples; the penalty has nothing to do."""
    ring = ising(chain(6, True), h=1.3)
    made = {"ansatz": "conv", "features": 2, "samples": "all", "steps": 150}
    made |= {"lattice": "chain", "size": [6], "periodic": True}
    ground = nqs.ground_state(ring, **made, out=tmp_path / "ground")
    first = nqs.ground_state(ring, **made, signed=True, odd=True, above=[str(ground.folder)])
    exact = [lanczos(ring, level=n).energy for n in (0, 1)]
    assert_allclose(first.summary["gap"]["value"], exact[1] - exact[0], atol=1e-5)
    assert first.summary["gap"]["error"] is None
    assert first.summary["levels_below"][0]["overlap"]["value"] < 1e-12
    assert_allclose(first.state.vector(), -first.state.vector()[::-1], atol=1e-12)


def test_an_even_level_lies_above_a_ground_state_and_an_odd_one(tmp_path):
    """Orbits of a flip are summed, over which an odd state and an even one do not cancel: it is left out."""
    ring = ising(chain(6, True), h=1.3)
    made = {"ansatz": "conv", "features": 3, "samples": "all", "steps": 250, "signed": True}
    made |= {"lattice": "chain", "size": [6], "periodic": True, "layers": 2}
    above = []
    for name, odd in (("ground", False), ("odd", True)):
        nqs.ground_state(ring, **made, odd=odd, above=list(above), out=tmp_path / name)
        above.append(str(tmp_path / name))
    found = nqs.ground_state(ring, **made, above=above).summary
    dense = np.stack([ring.times(column) for column in np.eye(64)])
    bits = basis_bits(6)
    place_value = 1 << np.arange(6)[::-1]
    moves = [np.roll(bits, n, 1) @ place_value for n in range(6)]
    images = [np.eye(64)[moved] + np.eye(64)[63 - moved] for moved in moves]
    even = sum(images) / 12  # of all translations and the flip
    levels = np.linalg.eigvalsh(dense - 100 * even)[:2] + 100
    assert_allclose(found["energy"]["value"], levels[1], atol=1e-3)
    overlaps = [row["overlap"]["value"] for row in found["levels_below"]]
    assert overlaps[0] < 1e-3
    assert overlaps[1] < 1e-12
    with pytest.raises(ValueError, match=r"whose ansatz\.point_group is false"):
        nqs.ground_state(ring, **made, point_group=True, above=above[:1])


def test_of_an_excited_state_less_is_known():
    """Not its signs, nor Σ Z unless every multiplet has a member there."""
    easy = pauli_system(xxz(chain(6), 1.0, 0.5), Hamiltonian(lattice="chain", size=[6]))
    ground, excited = facts(easy), facts(easy, 1)
    assert (ground.lowest, ground.marshall) == (0, True)
    assert (excited.lowest, excited.marshall, excited.positive) == (None, False, False)
    isotropic = pauli_system(xxz(chain(6), 1.0, 1.0), Hamiltonian(lattice="chain", size=[6]))
    assert facts(isotropic, 1).lowest == 0


def test_what_does_not_lie_below_is_refused(ground, tmp_path):
    name = str(ground.folder)
    for settings, message in (
        ({"above": [str(tmp_path)]}, "no finished run"),
        ({"above": [name, name]}, "twice"),
        ({"penalty": 2.0}, r"excited\.penalty has no effect beside excited\.above = \[\]"),
    ):
        with pytest.raises(ValueError, match=message):
            nqs.ground_state(CHAIN, **settings)
    with pytest.raises(ValueError, match="whose Hamiltonian is another one"):
        nqs.ground_state(ising(chain(5, True)), above=[name])
