"""Free fermions and Lanczos agree, whatever the signs; sectors are what they say."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from nqs.systems.exact import heisenberg_ring_energy, ising_chain_energy, lanczos
from nqs.systems.hamiltonians import heisenberg, ising, xxz
from nqs.systems.lattices import chain, square
from nqs.systems.pauli import PauliSum
from nqs.systems.sectors import sector


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("periodic", [False, True])
def test_free_fermions_are_right_for_couplings_of_any_sign(periodic, seed):
    rng = np.random.default_rng(seed)
    sites = int(rng.integers(3, 9))
    J, h = rng.normal(size=sites if periodic else sites - 1), rng.normal(size=sites)
    found = lanczos(ising(chain(sites, periodic), J, h)).energy
    assert_allclose(ising_chain_energy(J, h, periodic=periodic), found, atol=1e-9)


@pytest.mark.parametrize("sites", [4, 6, 10, 14])
def test_rapidities_give_the_energy_of_a_ring(sites):
    found = lanczos(heisenberg(chain(sites, True)), 0).energy
    assert_allclose(heisenberg_ring_energy(sites), found, atol=1e-9)


def test_long_rings_approach_hulthens_energy():
    """1 − 4 ln 2 a site, from below, by about π² / (3 N²) a site in Pauli matrices."""
    assert_allclose(heisenberg_ring_energy(100), -177.2918283, atol=1e-6)
    apart = 1 - 4 * np.log(2) - heisenberg_ring_energy(400) / 400
    assert_allclose(apart, np.pi**2 / (3 * 400**2), rtol=0.03)
    with pytest.raises(ValueError, match="ring of 5 sites; expected an even number"):
        heisenberg_ring_energy(5)


@pytest.mark.parametrize(
    ("sites", "periodic", "energy"),
    [(40, False, -50.5694338), (100, False, -126.9618767), (32, True, -40.7600325)],
)
def test_long_chains_have_their_known_energies(sites, periodic, energy):
    bonds = np.ones(sites if periodic else sites - 1)
    assert_allclose(ising_chain_energy(bonds, np.ones(sites), periodic=periodic), energy, atol=1e-7)


def test_the_lowest_state_of_a_sector_is_an_eigenvector():
    hamiltonian = xxz(chain(10, True), 1.0, 0.4, hz=0.3)
    for magnetisation in (0, 4, -10):
        found = lanczos(hamiltonian, magnetisation)
        residual = hamiltonian.action(found.states)(found.psi) - found.energy * found.psi
        assert np.linalg.norm(residual) < 1e-8
        assert_allclose(np.linalg.norm(found.psi), 1)
    energies = [lanczos(hamiltonian, m).energy for m in range(-10, 11, 2)]
    assert_allclose(min(energies), lanczos(hamiltonian).energy, atol=1e-9)


def test_a_complex_hamiltonian_has_a_complex_ground_state():
    """Dzyaloshinskii-Moriya coupling on a ring of three, against dense algebra."""
    terms = [(1.0, f"X{i} Y{(i + 1) % 3}") for i in range(3)]
    terms += [(-1.0, f"Y{i} X{(i + 1) % 3}") for i in range(3)] + [(0.2, "Z0")]
    total = PauliSum.from_terms(terms)
    dense = np.stack([total.times(c) for c in np.eye(8, dtype=complex)], axis=1)
    assert_allclose(dense, dense.conj().T)
    assert not total.real
    assert_allclose(lanczos(total).energy, np.linalg.eigvalsh(dense)[0], atol=1e-10)


def test_a_small_sector_of_a_long_chain_is_within_reach():
    """One flipped spin in a ferromagnet of forty: free magnons, E = E_0 + 8 J (1 − cos k), k = π n / 40."""
    assert sector(40, 38).tolist() == [1 << n for n in range(40)]
    total = heisenberg(chain(40), -1.0)
    assert_allclose(lanczos(total, 40).energy, -39.0)
    magnon = 39 - 8 * 0.5 * (1 - np.cos(np.pi / 40))
    levels = np.linalg.eigvalsh(
        np.stack([total.action(sector(40, 38))(column) for column in np.eye(40)], 1)
    )
    assert_allclose(levels[:2], [-39.0, -magnon], atol=1e-9)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: lanczos(ising(chain(4)), 0), "does not conserve Σ Z"),
        (lambda: lanczos(heisenberg(chain(4)), (0, 0)), "does not conserve Σ Z"),
        (lambda: lanczos(heisenberg(square(4, 6), 1.0), None), "too many for Lanczos"),
        (lambda: ising_chain_energy([1, 1], [1, 1]), "2 bonds were given for 2 sites; expected 1"),
    ],
)
def test_what_is_out_of_reach_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
