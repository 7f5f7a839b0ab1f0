"""Named Hamiltonians against dense sums written out from their formulas, with couplings all different."""

import numpy as np
import pytest
from exact import pauli
from numpy.testing import assert_allclose

from nqs.systems.exact import lanczos
from nqs.systems.hamiltonians import cluster, heisenberg, ising, j1j2, rydberg, toric, xxz, xyz
from nqs.systems.lattices import chain, from_edges, kagome, square

RNG = np.random.default_rng(5)
GRAPH = from_edges([[0, 1], [2, 1], [3, 0]])
SITES = GRAPH.sites


def on(letters: dict[int, str]) -> np.ndarray:
    return pauli("".join(letters.get(site, "I") for site in range(SITES)))


def matrix(total) -> np.ndarray:
    columns = [total.times(column) for column in np.eye(2**total.sites, dtype=complex)]
    return np.stack(columns, axis=1)


def test_ising_is_its_formula():
    J, h, g = RNG.normal(size=3), RNG.normal(size=SITES), RNG.normal(size=SITES)
    expected = -sum(c * on({i: "Z", j: "Z"}) for c, (i, j) in zip(J, GRAPH.edges, strict=True))
    expected = expected - sum(h[i] * on({i: "X"}) + g[i] * on({i: "Z"}) for i in range(SITES))
    assert_allclose(matrix(ising(GRAPH, J, h, g)), expected, atol=1e-12)


def test_xxz_is_its_formula():
    J, hx, hz = RNG.normal(size=3), RNG.normal(size=SITES), RNG.normal(size=SITES)
    expected = sum(
        c * (on({i: "X", j: "X"}) + on({i: "Y", j: "Y"}) + 0.3 * on({i: "Z", j: "Z"}))
        for c, (i, j) in zip(J, GRAPH.edges, strict=True)
    )
    expected = expected - sum(hx[i] * on({i: "X"}) + hz[i] * on({i: "Z"}) for i in range(SITES))
    assert_allclose(matrix(xxz(GRAPH, J, 0.3, hx, hz)), expected, atol=1e-12)
    assert_allclose(matrix(heisenberg(GRAPH, J)), matrix(xxz(GRAPH, J)), atol=1e-12)


def test_xyz_is_its_formula():
    J = {"X": RNG.normal(size=3), "Y": RNG.normal(size=3), "Z": RNG.normal(size=3)}
    h = {"X": RNG.normal(size=SITES), "Y": RNG.normal(size=SITES), "Z": RNG.normal(size=SITES)}
    expected = sum(
        J[c][n] * on({i: c, j: c}) for n, (i, j) in enumerate(GRAPH.edges.tolist()) for c in "XYZ"
    ) - sum(h[c][i] * on({i: c}) for i in range(SITES) for c in "XYZ")
    assert_allclose(matrix(xyz(GRAPH, *J.values(), *h.values())), expected, atol=1e-12)


def test_with_alpha_every_pair_is_coupled_by_its_distance():
    """On a ring of four: neighbours at 1, opposite sites at 2."""
    ring, pairs = chain(4, True), [(i, j) for i in range(4) for j in range(i)]
    apart = ring.distances()
    expected = -sum(0.8 / apart[i, j] ** 1.7 * on({i: "Z", j: "Z"}) for i, j in pairs)
    expected = expected - sum(0.3 * on({i: "X"}) for i in range(4))
    assert_allclose(matrix(ising(ring, 0.8, 0.3, alpha=1.7)), expected, atol=1e-12)
    near = matrix(heisenberg(ring, 0.8)) + 0.8 / 2**1.7 * sum(
        on({i: c, i + 2: c}) for i in (0, 1) for c in "XYZ"
    )
    assert_allclose(matrix(heisenberg(ring, 0.8, alpha=1.7)), near, atol=1e-12)
    for made in (ising, heisenberg):
        with pytest.raises(
            ValueError, match=r"^J is one for each edge, and alpha couples every pair"
        ):
            made(ring, [1.0, 2.0, 3.0, 4.0], alpha=2.0)


def test_cluster_is_its_formula():
    """X with Z on the neighbours of each site of a graph that is no chain."""
    stabilisers = [{0: "X", 1: "Z", 3: "Z"}, {1: "X", 0: "Z", 2: "Z"}, {2: "X", 1: "Z"}]
    expected = -0.6 * sum(on(k) for k in [*stabilisers, {3: "X", 0: "Z"}])
    expected = expected - sum(0.2 * on({i: "X"}) + 0.1 * on({i: "Z"}) for i in range(SITES))
    assert_allclose(matrix(cluster(GRAPH, 0.6, 0.2, 0.1)), expected, atol=1e-12)
    assert_allclose(lanczos(cluster(square(2, 3))).energy, -6, atol=1e-10)


def test_the_toric_code_has_commuting_stars_and_faces():
    total = toric(square(3, 3, True), 0.7, 1.3)
    assert total.sites == 18
    overlap = total.x.astype(int) @ total.z.T  # strings anticommute where it is odd
    assert ((overlap + overlap.T) % 2 == 0).all()
    assert total.x.sum(axis=1).tolist() + total.z.sum(axis=1).tolist() == [
        *np.where(total.x.any(axis=1), 4, 0),
        *np.where(total.z.any(axis=1), 4, 0),
    ]
    assert_allclose(lanczos(total).energy, -9 * (0.7 + 1.3), atol=1e-9)
    with pytest.raises(ValueError, match="of three rows and columns at least"):
        toric(square(2, 3))


def test_kagome_of_twelve_sites_has_its_published_energy():
    """−0.453740 a site in spins of one half: Leung and Elser, Phys. Rev. B 47, 5459 (1993)."""
    found = lanczos(heisenberg(kagome(2, 2, True)), 0).energy / 4 / 12
    assert_allclose(found, -0.453740, atol=1e-6)


def test_rydberg_is_its_formula():
    """On a 2 × 2 array, pairs at distance 1 and √2; bit 1 is the Rydberg state."""
    one = {i: (np.eye(16) - on({i: "Z"})) / 2 for i in range(SITES)}
    apart = square(2, 2).distances()
    expected = sum(-0.7 / 2 * on({i: "X"}) - 0.4 * one[i] for i in range(SITES))
    pairs = [(i, j) for i in range(SITES) for j in range(i)]
    expected = expected + sum(3.0 / apart[i, j] ** 6 * one[i] @ one[j] for i, j in pairs)
    assert_allclose(matrix(rydberg(square(2, 2), 0.7, 0.4, 3.0)), expected, atol=1e-12)
    near = sum(-0.7 / 2 * on({i: "X"}) - 0.4 * one[i] for i in range(SITES))
    near = near + sum(3.0 * one[i] @ one[j] for i, j in pairs if apart[i, j] == 1)
    assert_allclose(matrix(rydberg(square(2, 2), 0.7, 0.4, 3.0, cutoff=1)), near, atol=1e-12)


def test_published_energies_are_reached():
    """J1-J2 4×4 with J2 = 0.5 and the 20-site ring of Heisenberg, both by Lanczos elsewhere."""
    assert_allclose(lanczos(j1j2(square(4, 4, True)), 0).energy, -33.8316934, atol=1e-7)
    ring = lanczos(heisenberg(chain(12, True)), 0).energy
    assert_allclose(ring / 4, -5.38739091744, atol=1e-8)  # Bethe ansatz, 12 spins 1/2


def test_neighbouring_rydberg_atoms_block_each_other():
    """V ≫ Ω: the weight of |11⟩ falls as (Ω/V)²."""
    found = lanczos(rydberg(chain(2), 1.0, 1.0, 1e4))
    assert abs(found.psi[found.states == 3][0]) < 1e-3


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ising(chain(4), J=[1, 2]), "J has 2 numbers .* each of the 3 edges"),
        (lambda: ising(chain(4), h=[1, 2]), "h has 2 numbers .* each of the 4 sites"),
        (lambda: ising(chain(4), g=np.inf), "g holds a number that is not finite"),
        (lambda: rydberg(from_edges([[0, 1]])), "no distances"),
    ],
)
def test_couplings_that_do_not_fit_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
