"""|ψ|² averaged over symmetries: invariant, normalised, sampled exactly."""

from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from exact import FALSE_ALARM, chance, frequencies
from lively import lively
from numpy.testing import assert_allclose

from nqs.ansatz import build
from nqs.measurement.effects import basis_bits
from nqs.state.local_energy import joined
from nqs.state.state import State

SIZE, SITES = (2, 3), 6
BITS = basis_bits(SITES)
ARRAY = BITS.reshape(-1, *SIZE)
MOVED = {
    "flip": [1 - ARRAY],
    "translations": [np.roll(ARRAY, 1, 1), np.roll(ARRAY, 2, 2)],
    "point": [ARRAY[:, ::-1], ARRAY[:, :, ::-1]],
}
"""Every configuration after some of the moves of each symmetry."""

CASES = {
    "flip": ("recurrent", ("flip",), {}),
    "point": ("recurrent-2d", ("point",), {}),
    "all, positive": ("recurrent", ("flip", "translations", "point"), {"phase": False}),
    "in a sector": ("transformer", ("translations",), {"ones": 2}),
    "signed": ("recurrent", ("flip", "point"), {"phase": False, "ones": 3, "rotated": (0, 2, 4)}),
}
of_every_case = pytest.mark.parametrize("case", CASES)


def averaged_state(case):
    name, average, options = CASES[case]
    return lively(name, SITES, seed=3, average=average, lengths=SIZE, **options), average


def inside(state):
    """The state that is averaged, on its own."""
    return State(state.model.inner, {"params": state.variables["params"]["inner"]}, SITES)


@of_every_case
def test_what_is_averaged_is_the_square_of_psi(case):
    """Invariant and normalised; its mean over the images, counted one by one."""
    state, average = averaged_state(case)
    psi = np.exp(state.log_psi(BITS))
    assert_allclose(np.sum(np.abs(psi) ** 2), 1, atol=1e-12)
    assert_allclose(state.vector(), psi, atol=1e-12)
    images = [ARRAY]
    if "flip" in average:
        images += [1 - ARRAY]
    if "translations" in average:
        shifts = product(range(2), range(3))
        images = [np.roll(a, s, (1, 2)) for a, s in product(images, list(shifts))]
    if "point" in average:
        turns = [(1, 1), (1, -1), (-1, 1), (-1, -1)]
        images = [a[:, ::s, ::t] for a, (s, t) in product(images, turns)]
    p = [np.exp(2 * inside(state).log_psi(a.reshape(-1, SITES)).real) for a in images]
    assert_allclose(np.abs(psi) ** 2, np.mean(p, axis=0), atol=1e-12)
    for name in average:
        for image in MOVED[name]:
            moved = state.log_psi(image.reshape(-1, SITES))
            assert_allclose(np.abs(np.exp(moved)), np.abs(psi), atol=1e-12)
    assert np.abs(p[0] - np.mean(p, axis=0)).max() > 1e-3


@of_every_case
def test_samples_follow_the_average(case):
    """By chance wrong once in ten million."""
    state, _ = averaged_state(case)
    drawn = state.sample(4000, seed=1)
    assert drawn.method == "direct"
    assert chance(frequencies(drawn.bits), np.abs(state.vector()) ** 2) > FALSE_ALARM


@of_every_case
def test_flipped_rows_are_read_as_alone(case):
    state, _ = averaged_state(case)
    flips = np.eye(SITES, dtype=bool)[[0, 1, 3]] | np.eye(SITES, dtype=bool)[[2, 4, 5]]
    bits = jnp.asarray(BITS[::5], jnp.int32)
    rows = np.concatenate([BITS[None, ::5], BITS[::5] ^ flips[:, None]])
    found = state.model.apply(
        state.variables, bits, jnp.asarray(flips), joined(flips), method="flipped_log_psi"
    )
    expected = state.log_psi(rows.reshape(-1, SITES)).reshape(rows.shape[:2])
    assert_allclose(np.exp(found), np.exp(expected), atol=1e-12)


def test_marshalls_signs_multiply_what_is_averaged():
    state, _ = averaged_state("signed")
    plain = lively(
        "recurrent", SITES, 3, average=("flip", "point"), lengths=SIZE, phase=False, ones=3
    )
    signs = (-1.0) ** BITS[:, [0, 2, 4]].sum(axis=1)
    assert_allclose(state.vector(), signs * plain.vector(), atol=1e-12)


def test_the_phase_is_that_of_the_mean_of_the_phases():
    state, _ = averaged_state("flip")
    phases = np.exp(1j * inside(state).log_psi(BITS).imag)
    mean = phases + phases[::-1]
    expected = mean / np.abs(mean)
    assert_allclose(np.exp(1j * state.log_psi(BITS).imag), expected, atol=1e-9)


def test_a_state_without_conditionals_is_not_averaged():
    with pytest.raises(
        ValueError, match=r"average is for recurrent, .*leave it out for rbm-positive"
    ):
        build("rbm-positive", 4, average=("flip",))


def test_a_flip_is_asked_for_once_and_a_lattice_fits():
    with pytest.raises(ValueError, match=r"ansatz.even is the flip that ansatz.average names"):
        build("recurrent", 4, even=True, average=("flip",))
    with pytest.raises(ValueError, match=r"size \[3, 2\] has no 4 sites"):
        build("recurrent", 4, average=("point",), size=(3, 2))


def test_its_derivatives_are_finite_where_images_agree():
    state = lively("recurrent", 4, average=("flip", "point"), lengths=(4,))
    row = jnp.asarray([[0, 1, 1, 0]], jnp.int32)
    slopes = jax.jit(jax.grad(lambda v: state.model.apply(v, row)[0].real))(state.variables)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(slopes))
