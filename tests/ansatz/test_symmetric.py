"""Translation-invariant states, Marshall's signs and fixed magnetisation, written out."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from exact import FALSE_ALARM, chance
from lively import lively
from numpy.testing import assert_allclose, assert_array_equal

from nqs.ansatz import build
from nqs.ansatz.convolution import displacements, kinds, spread
from nqs.groups import opposite, point_group, shifts
from nqs.measurement.effects import basis_bits
from nqs.state.state import State

SIZES = [(6,), (2, 3)]
KINDS = [
    ("rbm-symmetric", {}),
    ("conv", {}),
    ("conv", {"signed": True}),
    ("conv", {"signed": True, "point_group": True}),
    ("conv", {"layers": 4, "reach": 1, "features": 3}),
    ("conv", {"signed": True, "odd": True, "layers": 3}),
    ("conv", {"signed": True, "odd": True, "point_group": True}),
]


def rolled(bits, size, shift):
    axes = tuple(range(1, 1 + len(size)))
    return np.roll(bits.reshape(-1, *size), shift, axes).reshape(len(bits), -1)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize(("name", "options"), KINDS)
def test_translations_change_nothing_and_the_flip_of_all_spins_at_most_the_sign(
    name, options, size
):
    state = lively(name, 6, seed=1, size=size, **options)
    bits = basis_bits(6)
    psi = np.exp(state.log_psi(bits))
    assert np.abs(psi).std() > 1e-3 * np.abs(psi).max()
    for shift in np.ndindex(size):
        assert_allclose(np.exp(state.log_psi(rolled(bits, size, shift))), psi, rtol=1e-10)
    turned = np.exp(state.log_psi(1 - bits))
    assert_allclose(turned, -psi if options.get("odd") else psi, rtol=1e-10)
    assert_allclose(psi.imag, 0, atol=1e-9 * np.abs(psi).max())


@pytest.mark.parametrize("name", ["rbm-symmetric", "conv"])
def test_rotations_and_reflections_change_nothing_where_asked_for(name):
    """About any place: those of a rectangle about its middle, beside the translations."""
    size, bits = (2, 5), basis_bits(10)
    array = bits.reshape(-1, *size)
    turned = [array[:, ::-1], array[:, :, ::-1], np.roll(array, 1, 2)[:, :, ::-1]]
    alone, state = (
        lively(name, 10, seed=1, strength=0.1, size=size, point_group=p) for p in (False, True)
    )
    log_psi = state.log_psi(bits)
    for image in turned:
        assert_allclose(state.log_psi(image.reshape(-1, 10)), log_psi, atol=1e-10)
    before, changed = (alone.log_psi(x.reshape(-1, 10)) for x in (bits, turned[1]))
    assert np.abs(changed - before).max() > 1e-3
    images = [array, *turned[:2], array[:, ::-1, ::-1]]
    added = sum(alone.log_psi(image.reshape(-1, 10)) for image in images)
    assert_allclose(log_psi - log_psi[0], added - added[0], atol=1e-9)


def test_the_point_group_of_an_array_is_that_of_its_lengths():
    for size, operations in [((5,), 2), ((2, 3), 4), ((3, 3), 8), ((1, 4), 2), ((2, 2, 2), 48)]:
        found = point_group(size)
        assert len(found) == operations
        assert found[0].tolist() == list(range(np.prod(size)))
        together = {tuple(a[b]) for a in found for b in found}
        assert together == set(map(tuple, found))  # a group


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("options", [{}, {"point_group": True, "layers": 3}, {"reach": 1}], ids=str)
def test_few_rows_are_read_as_many_are(options, size):
    """Up to sixteen of them by waves, and so are their derivatives."""
    state, bits = lively("conv", 6, seed=2, strength=0.1, size=size, **options), basis_bits(6)
    each = [state.log_psi(row[None])[0] for row in bits[:5]]
    assert_allclose(each, state.log_psi(bits)[:5], rtol=1e-12)

    @jax.jit
    def slope(rows):
        gradient = jax.grad(lambda variables: state.model.apply(variables, rows).real.sum())
        return jax.tree.leaves(gradient(state.variables))

    apart = zip(*(slope(row[None]) for row in bits[:20]), strict=True)
    for one, few in zip(slope(bits[:20]), apart, strict=True):
        assert_allclose(one, sum(few), atol=1e-10)


def test_filters_of_a_reach_are_those_of_any_lattice():
    """3 × 3 of them, the same on every lattice that is as large, and 0 farther away."""
    few = np.arange(1.0, 10)
    for size in [(4, 5), (6, 3), (3, 3)]:
        whole = np.asarray(spread(jnp.asarray(few), kinds(size, 1))).reshape(size)
        around = np.roll(whole, (1, 1), (0, 1))
        assert_allclose(around[:3, :3].reshape(-1), few)
        assert np.count_nonzero(whole) == 9
    assert sorted(displacements((2, 3), 2)) == list(range(6))


def test_even_filters_have_one_number_for_a_displacement_and_its_opposite():
    for size, reach, numbers in [
        ((5,), None, 3),
        ((6,), None, 4),
        ((4, 5), 1, 5),
        ((2, 4), None, 6),
    ]:
        which = kinds(size, reach, even=True)
        assert_array_equal(which, which[opposite(size)])
        assert sorted(set(which[which >= 0])) == list(range(numbers))
        assert ((which >= 0) == (kinds(size, reach) >= 0)).all()


def test_networks_that_would_be_none_are_refused():
    with pytest.raises(ValueError, match="two layers or more, and its layers are 1"):
        build("conv", 6, layers=1)
    with pytest.raises(ValueError, match=r"set ansatz\.signed"):
        build("conv", 6, odd=True)


def test_the_signed_network_has_both_signs_and_the_other_one():
    bits = basis_bits(6)
    signs = np.sign(np.exp(lively("conv", 6, seed=1, signed=True).log_psi(bits)).real)
    assert set(signs) == {-1.0, 1.0}
    assert (np.exp(lively("conv", 6, seed=1).log_psi(bits)).real > 0).all()


def test_a_symmetric_boltzmann_machine_is_a_product_of_hyperbolic_cosines():
    state = lively("rbm-symmetric", 4, features=2)
    filters = np.asarray(state.variables["params"]["filters"])
    bits = basis_bits(4)
    z = 1 - 2.0 * bits
    psi = np.prod([np.cosh(z @ np.roll(f, t)) for f in filters for t in range(4)], axis=0)
    assert_allclose(np.exp(state.log_psi(bits)), psi, rtol=1e-12)


def test_shifts_see_a_site_from_every_origin():
    places = shifts((2, 3))
    assert places[0].tolist() == list(range(6))
    assert places[1].tolist() == [2, 0, 1, 5, 3, 4]
    assert places[3].tolist() == [3, 4, 5, 0, 1, 2]


@pytest.mark.parametrize("name", ["recurrent", "rbm"])
def test_a_prior_leaves_one_sector_and_turns_its_signs(name):
    bits = basis_bits(5)
    inside = bits.sum(axis=1) == 2
    signed = lively(name, 5, seed=3, ones=2, rotated=(1, 3))
    plain = State(build(name, 5, ones=2), signed.variables, 5)
    assert_allclose(signed.vector()[~inside], 0, atol=1e-12)
    assert np.abs(signed.vector()[inside]).min() > 1e-4
    signs = (-1.0) ** bits[:, [1, 3]].sum(axis=1)
    assert_allclose(signed.vector(), signs * plain.vector(), atol=1e-12)


def test_a_boltzmann_machine_is_itself_inside_its_sector():
    bits = basis_bits(5)
    inside = bits[bits.sum(axis=1) == 2]
    kept = lively("rbm", 5, seed=3, ones=2)
    free = State(build("rbm", 5), {"params": kept.variables["params"]["inner"]}, 5)
    assert_allclose(kept.log_psi(inside), free.log_psi(inside), atol=1e-12)


def test_a_recurrent_state_is_normalised_inside_its_sector():
    state = lively("recurrent", 5, seed=3, ones=2)
    assert_allclose(np.sum(np.exp(2 * state.log_psi(basis_bits(5)).real)), 1, atol=1e-12)


@pytest.mark.parametrize("name", ["recurrent", "transformer", "rbm"])
def test_a_state_may_hold_the_magnetisation_of_each_half(name):
    """Read site by site, together, and all of them at once; the autoregressive ones normalised."""
    state, bits = lively(name, 6, seed=3, ones=(2, 1), rotated=(1, 3)), basis_bits(6)
    inside = (bits[:, :3].sum(axis=1) == 2) & (bits[:, 3:].sum(axis=1) == 1)
    log_psi = state.log_psi(bits)
    assert np.isfinite(log_psi).tolist() == inside.tolist()
    psi = np.exp(log_psi)
    if name != "rbm":
        assert_allclose(np.sum(np.abs(psi) ** 2), 1, atol=1e-12)
    assert_allclose(state.vector(), psi / np.linalg.norm(psi), atol=1e-12)
    free = lively(name, 6, seed=3)
    free = State(free.model, {"params": state.variables["params"]["inner"]}, 6)
    turned = np.exp(1j * np.angle(psi) - 1j * np.angle(np.exp(free.log_psi(bits))))
    assert_allclose(turned[inside], (-1.0) ** bits[inside][:, [1, 3]].sum(axis=1), atol=1e-9)


def test_samples_of_a_constrained_recurrent_state_stay_in_their_sector():
    state = lively("recurrent", 8, seed=2, ones=3, rotated=(0, 2))
    drawn = state.sample(4000, seed=1)
    assert drawn.method == "direct"
    assert (drawn.bits.sum(axis=1) == 3).all()
    index = drawn.bits @ (1 << np.arange(7, -1, -1))
    expected = 4000 * np.abs(state.vector()) ** 2
    counts = np.bincount(index, minlength=256)
    seen = expected > 5
    chi2 = ((counts - expected)[seen] ** 2 / expected[seen]).sum()
    assert chi2 < seen.sum() + 5 * np.sqrt(2 * seen.sum())  # by chance once in a million


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"site_dependent": True},
        {"ends": True},
        {"ones": 3},
        {"ones": 3, "rotated": (0, 2, 3)},
    ],
    ids=str,
)
def test_an_even_recurrent_state_is_the_same_with_all_spins_flipped(options):
    """Signs aside: Marshall's on an odd number of sites turn with the flip."""
    state = lively("recurrent", 6, seed=3, even=True, **options)
    psi = state.vector()
    assert_allclose(np.exp(state.log_psi(basis_bits(6))), psi, atol=1e-12)
    assert_allclose(np.sum(np.abs(psi) ** 2), 1, atol=1e-12)
    assert np.abs(psi.imag).max() > 0.01
    sign = (-1) ** len(options.get("rotated", ()))
    assert_allclose(psi[::-1], sign * psi, atol=1e-12)
    drawn = state.sample(4000, seed=1)
    assert drawn.method == "direct"
    index = drawn.bits @ (1 << np.arange(5, -1, -1))
    counts = np.bincount(index, minlength=64)
    assert chance(counts, np.abs(psi) ** 2) > FALSE_ALARM


def test_sites_of_a_site_dependent_state_differ():
    uniform, own = (lively("recurrent", 4, site_dependent=s).variables["params"] for s in (0, 1))
    assert own["amplitude_head"].shape == (4, *uniform["amplitude_head"].shape)
    assert own["site_bias"].shape == (4, 3 * uniform["first"].size)


def test_opposite_places_add_up_to_the_origin():
    assert opposite((4,)).tolist() == [0, 3, 2, 1]
    assert opposite((2, 3)).tolist() == [0, 2, 1, 3, 5, 4]
