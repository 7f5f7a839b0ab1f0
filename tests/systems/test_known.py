"""Known states obey the laws they are known for."""

import numpy as np
import pytest
from exact import ising, pauli
from numpy.testing import assert_allclose

from nqs.systems.known import (
    KNOWN,
    cluster,
    ghz,
    ising_ground_state,
    known,
    product,
    random_state,
    w,
)


@pytest.mark.parametrize("sites", [1, 2, 5])
@pytest.mark.parametrize("name", KNOWN)
def test_every_state_is_normalised_and_repeatable(name, sites):
    psi = known(name, sites, seed=3)
    assert psi.shape == (2**sites,)
    assert psi.dtype == complex
    assert_allclose(np.linalg.norm(psi), 1, atol=1e-12)
    assert_allclose(known(name, sites, seed=3), psi, atol=1e-12)


def test_an_unknown_name_is_answered_with_the_menu():
    with pytest.raises(ValueError, match=r"'gzh'.*ghz, w, cluster"):
        known("gzh", 3)


@pytest.mark.parametrize("word", ["XXXX", "ZZII", "IZZI", "IIZZ"])
def test_ghz_is_fixed_by_its_stabilisers(word):
    psi = ghz(4)
    assert_allclose(pauli(word) @ psi, psi, atol=1e-14)


@pytest.mark.parametrize("word", ["XZII", "ZXZI", "IZXZ", "IIZX"])
def test_cluster_is_fixed_by_its_stabilisers(word):
    """K_i = Z_{i−1} X_i Z_{i+1}."""
    psi = cluster(4)
    assert_allclose(pauli(word) @ psi, psi, atol=1e-14)


def test_cluster_signs_count_neighbouring_pairs_of_ones():
    psi = cluster(3) * np.sqrt(8)
    assert_allclose(psi, [1, 1, 1, -1, 1, 1, -1, 1], atol=1e-14)


def test_w_shares_one_excitation_evenly():
    """Σ Z = N − 2, ⟨X_i X_j⟩ = 2/N, and no amplitude has a sign."""
    sites, psi = 4, w(4)
    total = sum(pauli("".join("Z" if i == s else "I" for i in range(4))) for s in range(4))
    assert_allclose(total @ psi, (sites - 2) * psi, atol=1e-14)
    for word in ("XXII", "XIIX", "IXXI"):
        assert_allclose(np.vdot(psi, pauli(word) @ psi).real, 2 / sites, atol=1e-14)
    assert psi.real.min() >= 0


def test_a_product_points_where_its_angles_say():
    """Site n has the Bloch vector (sin θ cos φ, sin θ sin φ, cos θ)."""
    angles = np.array([[0.3, 1.1], [2.0, -0.7], [1.2, 2.9]])
    psi = product(3, angles=angles)
    for site, (theta, phi) in enumerate(angles):
        bloch = [
            np.vdot(psi, pauli("I" * site + letter + "I" * (2 - site)) @ psi).real
            for letter in "XYZ"
        ]
        expected = [np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)]
        assert_allclose(bloch, expected, atol=1e-14)


def test_random_products_cover_the_sphere():
    """⟨Z²⟩ = 1/3 over 20,000 Bloch vectors; a five-sigma test, by chance once in two million."""
    z = np.array([1 - 2 * abs(product(1, seed)[1]) ** 2 for seed in range(20_000)])
    assert abs(np.mean(z**2) - 1 / 3) < 5 * np.sqrt(4 / 45 / len(z))
    assert abs(np.mean(z)) < 5 * np.sqrt(1 / 3 / len(z))


def test_random_states_have_the_purity_of_haar():
    """E Σ|ψ|⁴ = 2 / (2^N + 1) for complex states (3 / (2^N + 2) for real ones); five sigma."""
    fourth = np.array([np.sum(np.abs(random_state(3, seed)) ** 4) for seed in range(4000)])
    error = fourth.std() / np.sqrt(len(fourth))
    assert abs(fourth.mean() - 2 / 9) < 5 * error
    assert abs(fourth.mean() - 3 / 10) > 5 * error


@pytest.mark.parametrize(("J", "h"), [(1.0, 1.0), (0.7, 1.3), (1.0, 0.4)])
def test_ising_energy_is_that_of_free_fermions(J, h):
    """E₀ = −Σ singular values of the bidiagonal matrix of h and J [Pfeuty, Ann. Phys. 57, 79]."""
    sites = 6
    psi = ising_ground_state(sites, J, h)
    energy = np.vdot(psi, ising(sites, J, h) @ psi).real
    fermions = np.diag(np.full(sites, h)) + np.diag(np.full(sites - 1, J), 1)
    assert_allclose(energy, -np.linalg.svd(fermions, compute_uv=False).sum(), atol=1e-10)
    assert psi.real.min() > 0


@pytest.mark.parametrize("periodic", [False, True])
def test_ising_ground_state_is_the_lowest_eigenvector(periodic):
    psi = ising_ground_state(5, 0.9, 0.8, periodic)
    vectors = np.linalg.eigh(ising(5, 0.9, 0.8, periodic))[1]
    assert_allclose(abs(np.vdot(vectors[:, 0], psi)), 1, atol=1e-10)


def test_couplings_may_differ_from_bond_to_bond():
    """The second of two bonds is between sites 1 and 2, the third field at site 2."""
    J, h = [0.3, 1.7], [0.5, 0.9, 1.4]
    matrix = -J[0] * pauli("ZZI") - J[1] * pauli("IZZ")
    matrix = matrix - h[0] * pauli("XII") - h[1] * pauli("IXI") - h[2] * pauli("IIX")
    lowest = np.linalg.eigh(matrix)[1][:, 0]
    assert_allclose(abs(np.vdot(lowest, ising_ground_state(3, J, h))), 1, atol=1e-10)


def test_a_vector_out_of_memory_is_refused_with_its_size():
    with pytest.raises(ValueError, match=r"2\^40 amplitudes"):
        ghz(40)
