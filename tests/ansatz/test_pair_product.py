"""Products of pairs: what symmetry and spin promise, and the start that is known to be good."""

from itertools import permutations

import jax
import jax.flatten_util
import numpy as np
import pytest
from lively import lively
from numpy.testing import assert_allclose

from nqs.ansatz import build
from nqs.ansatz.pair_product import _log_determinant, _pairing
from nqs.groups import point_group
from nqs.measurement.effects import basis_bits
from nqs.state.state import State
from nqs.systems.hamiltonians import j1j2
from nqs.systems.lattices import square

SIZES = [(8,), (2, 4), (3, 4), (2, 2, 2), (4, 4)]


def balanced(sites):
    bits = basis_bits(sites)
    return bits[bits.sum(axis=1) == sites // 2]


def bare(size, **options):
    """Pairs as they begin, with none of what looks at the spins about them."""
    sites = int(np.prod(size))
    state = State.initial(build("pair-product", sites, size=size, **options), sites, 1)

    def kept(path, leaf):
        return leaf if path[-1].key in ("pair", "mean_backflow") else 0 * leaf

    return State(state.model, jax.tree_util.tree_map_with_path(kept, state.variables), sites)


def pfaffian(matrix):
    """By all perfect matchings."""
    if not len(matrix):
        return 1.0
    rest = range(1, len(matrix))
    return sum(
        (-1) ** (k - 1)
        * matrix[0, k]
        * pfaffian(np.delete(np.delete(matrix, [0, k], 0), [0, k], 1))
        for k in rest
    )


def test_amplitudes_are_those_of_electrons_in_pairs_one_at_each_site():
    """P (Σ f_ij c†_i↑ c†_j↓)^n |0⟩ with sites in their order is a Pfaffian of ± f_ij, + where the first of
    the two is up."""
    state, bits = bare((2, 4)), balanced(8)
    parameters = state.variables["params"]
    pairing = _pairing((2, 4))
    mean = np.asarray(parameters["mean_backflow"]) ** 2
    f = np.einsum("c,cij->ij", mean, np.asarray(parameters["pair"])[:, pairing.kind])
    f = f * pairing.sign
    assert_allclose(f, f.T, atol=1e-15)
    z = 1 - 2.0 * bits
    amplitudes = [pfaffian(f * (np.subtract.outer(s, s) / 2)) for s in z]
    psi = np.exp(state.log_psi(bits)).real
    ratio = psi @ amplitudes / np.linalg.norm(amplitudes) ** 2
    assert abs(ratio) == pytest.approx(1)
    assert_allclose(psi, ratio * np.array(amplitudes), atol=1e-12 * np.abs(psi).max())


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_pairs_alone_have_no_spin(size):
    """S² = 3N/4 + Σ_{i<j} (exchange of i and j − 1/2)."""
    sites = int(np.prod(size))
    bits = balanced(sites)
    psi = np.exp(bare(size, point_group=True).log_psi(bits)).real
    place = {tuple(row): number for number, row in enumerate(bits)}
    image = 3 * sites / 4 * psi
    for i, j in permutations(range(sites), 2):
        if i < j:
            order = np.arange(sites)
            order[[i, j]] = j, i
            image += psi[[place[tuple(row)] for row in bits[:, order]]] - psi / 2
    assert_allclose(image, 0, atol=1e-12 * np.abs(psi).max())
    assert np.linalg.norm(psi) > 0.1


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("point", [False, True])
def test_translations_and_the_flip_change_nothing_nor_the_point_group_where_asked_for(size, point):
    sites = int(np.prod(size))
    state = lively("pair-product", sites, seed=1, strength=0.2, size=size, point_group=point)
    bits = balanced(sites)[::7]
    psi = np.exp(state.log_psi(bits))
    most = np.abs(psi).max()
    assert_allclose(psi.imag, 0, atol=1e-9 * most)
    assert (psi.real > 0).any()
    assert (psi.real < 0).any()
    array, axes = bits.reshape(-1, *size), tuple(range(1, 1 + len(size)))
    images = [np.roll(array, shift, axes).reshape(-1, sites) for shift in np.ndindex(size)]
    images.append(1 - bits)
    if point:
        images += [bits[:, order] for order in point_group(size)]
    for image in images:
        assert_allclose(np.exp(state.log_psi(image)), psi, atol=1e-9 * most)


def test_a_square_whose_rotations_turn_an_odd_number_of_pairs_of_sites_keeps_them():
    """6 × 6: a quarter turn is nine cycles of four, of electrons an odd permutation."""
    rng = np.random.default_rng(5)
    bits = rng.permuted(np.tile([0, 1], (6, 18)), axis=1)
    state = lively("pair-product", 36, seed=3, strength=0.02, size=(6, 6), point_group=True)
    log_psi = state.log_psi(bits)
    assert np.ptp(log_psi.real) > 1
    for order in point_group((6, 6)):
        assert_allclose(np.exp(state.log_psi(bits[:, order]) - log_psi), 1, rtol=1e-8)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_it_begins_close_to_the_ground_state_of_a_frustrated_magnet(seed):
    """4 × 4, J2 = 0.5: −33.83 exactly, −33.1 with Marshall's signs at their best, −16 of Néel's state."""
    total = j1j2(square(4, 4, periodic=True), 1.0, 0.5)
    model = build("pair-product", 16, size=(4, 4), point_group=True)
    begins, alone = State.initial(model, 16, seed), bare((4, 4), point_group=True)
    for state, bound in [(begins, -32), (alone, -32.5)]:
        psi = state.vector()
        assert np.vdot(psi, total.times(psi)).real / np.vdot(psi, psi).real < bound


def test_elsewhere_it_is_zero_and_has_no_derivative():
    state, bits = lively("pair-product", 4, seed=2), basis_bits(4)
    log_psi, there = state.log_psi(bits).real, bits.sum(axis=1) == 2
    assert np.isneginf(log_psi[~there]).all()
    assert np.isfinite(log_psi[there]).all()

    def summed(variables, rows):
        return state.model.apply(variables, rows).real.sum()

    for rows, most in [(bits[~there], 0), (bits[there], np.inf)]:
        slopes = jax.tree.leaves(jax.jit(jax.grad(summed))(state.variables, rows))
        assert all(np.isfinite(slope).all() for slope in slopes)
        assert max(np.abs(slope).max() for slope in slopes) <= most


@pytest.mark.parametrize("options", [{}, {"reach": 1, "layers": 3, "features": 2}], ids=str)
def test_its_derivatives_are_those_of_finite_differences(options):
    state = lively(
        "pair-product", 8, seed=4, strength=0.1, size=(2, 4), point_group=True, **options
    )
    every = balanced(8)
    bits = every[np.argsort(state.log_psi(every).real)[-30::6]]  # of a node there is no derivative
    vector, rebuilt = jax.flatten_util.ravel_pytree(state.variables)
    direction = np.random.default_rng(0).normal(size=vector.shape)

    @jax.jit
    def log_psi(vector):
        return state.model.apply(rebuilt(vector), bits).real

    _, slope = jax.jit(lambda v, d: jax.jvp(log_psi, (v,), (d,)))(vector, direction)
    low, high = (log_psi(vector + s * 1e-6 * direction) for s in (-1, 1))
    assert_allclose(slope, (high - low) / 2e-6, rtol=1e-6, atol=1e-7)
    each = [log_psi_of[None] for log_psi_of in bits]
    alone = [state.log_psi(row).real[0] for row in each]
    assert_allclose(alone, log_psi(vector), rtol=1e-12)


def test_a_determinant_has_the_derivative_of_its_logarithm_and_none_where_it_is_zero():
    rng = np.random.default_rng(3)
    matrix, change = rng.normal(size=(2, 2, 4, 4))
    matrix[1, 0] = matrix[1, 2]
    value, slope = jax.jvp(lambda m: _log_determinant(m)[1], (matrix,), (change,))
    step = 1e-6 * change[0]
    beside = [np.linalg.slogdet(matrix[0] + s * step)[1] for s in (-1, 1)]
    assert_allclose(slope[0], (beside[1] - beside[0]) / 2e-6, rtol=1e-6)
    assert slope[1] == 0
    assert np.isneginf(value[1])


def test_no_pair_product_has_another_number_of_sites():
    with pytest.raises(ValueError, match="multiple of four sites, and there are 6"):
        build("pair-product", 6)
