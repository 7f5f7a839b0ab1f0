"""Named Hamiltonians against dense sums written out from their formulas, with couplings all different."""

import numpy as np
import pytest
from exact import pauli
from numpy.testing import assert_allclose

from nqs.systems.exact import lanczos
from nqs.systems.hamiltonians import heisenberg, ising, j1j2, rydberg, xxz
from nqs.systems.lattices import chain, from_edges, square

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
