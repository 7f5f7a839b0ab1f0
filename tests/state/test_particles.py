"""Ancillas that are drawn for each shot, against the sum over all of them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from lively import moved
from numpy.testing import assert_allclose, assert_array_equal

from nqs.ansatz import accompanied, build, density
from nqs.evaluation.bound import bias
from nqs.measurement.effects import basis_index
from nqs.measurement.strata import Stratum
from nqs.state import born, reading
from nqs.state.particles import fewer
from nqs.state.reading import Reader, log_probabilities, shot_log_probabilities
from nqs.training.batches import Batches

SITES, ANCILLAS = 4, 4
GROUPS = (("ZZZZ",), ("XZZY", "ZYXZ"), ("ZIXZ",))


@pytest.fixture
def state(monkeypatch):
    """A mixed state that is read as those of many ancillas are."""
    monkeypatch.setattr(density, "SUMMED_ANCILLAS", 1)
    monkeypatch.setattr(accompanied, "_RARE", 0.0)  # both values are likely
    model = build("purification", SITES, ancillas=ANCILLAS, hidden=5, white_noise=True)
    return moved(model, SITES, 3, 0.7)


def test_what_all_ancillas_add_up_to_is_not_said_of_one_string(state):
    with pytest.raises(ValueError, match="sums over 2\\^4 strings"):
        state.model.apply(state.variables, np.zeros((1, SITES), int))


def test_the_same_shots_are_drawn_for_anew_in_every_step(state):
    """And alike in the same step, so that a run that goes on does as it would have done."""
    (bits, index), *_ = some_shots()
    part = Stratum(GROUPS[0], np.packbits(bits, axis=1), index)
    reader = Reader.of(state.model, GROUPS[:1])
    batches = Batches.of(reader, [part], (1.0,), 10**6)
    assert batches.shots == len(bits)
    first, again, next_one = (batches.at(n).reading.draws.uniform for n in (0, 0, 1))
    assert_array_equal(first, again)
    assert np.abs(first - next_one).min() > 0


def some_shots(shots=10):
    rng = np.random.default_rng(5)
    return [
        (rng.integers(0, 2, (shots, SITES)).astype(np.uint8), rng.integers(0, len(group), shots))
        for group in GROUPS
    ]


def by_all(model, variables, parts):
    """log P of shots from all amplitudes, (shots,)."""
    plan = born.rotations(tuple(s for group in GROUPS for s in group))
    table = born.log_probabilities(model, variables, SITES, plan)
    first = np.cumsum([0, *map(len, GROUPS)])
    rows = zip(parts, first, strict=False)
    return jnp.concatenate([table[start + n, basis_index(bits)] for (bits, n), start in rows])


def test_strings_for_all_ancillas_give_the_exact_sum(state, monkeypatch):
    """Value to 1e-10 and gradient to 1e-8."""
    parts, model = some_shots(), state.model
    reader = Reader.of(model, GROUPS)
    assert reader.drawn
    monkeypatch.setattr(reading, "JUDGED", 2**ANCILLAS)
    shots = reader.judging().read(parts)

    def drawn(variables):
        log_p = log_probabilities(model, variables, shots)
        return jnp.arange(len(log_p)) @ log_p, log_p

    def summed(variables):
        log_p = by_all(model, variables, parts)
        return jnp.arange(len(log_p)) @ log_p, log_p

    (ours, found), (theirs, expected) = (
        jax.jit(jax.grad(f, has_aux=True))(state.variables) for f in (drawn, summed)
    )
    assert_allclose(found, expected, atol=1e-10)
    jax.tree.map(lambda a, b: assert_allclose(a, b, atol=1e-8, rtol=1e-8), ours, theirs)


def test_probabilities_by_few_strings_are_unbiased_and_their_logarithms_too_small(
    state, monkeypatch
):
    """Five errors for each of thirty shots, and what is drawn too seldom to have one: fails by chance once in fifty
    thousand."""
    parts, model = some_shots(), state.model
    exact = np.asarray(by_all(model, state.variables, parts))
    read = jax.jit(log_probabilities, static_argnums=0)
    found: dict[int, list] = {2: [], 4: []}
    for number, values in found.items():
        monkeypatch.setattr(reading, "JUDGED", number)
        reader = Reader.of(model, GROUPS).judging()
        for chance in range(400):
            monkeypatch.setattr(reading, "_CHANCE", chance)
            values.append(np.asarray(read(model, state.variables, reader.read(parts))))
    for values in found.values():
        p = np.exp(values)
        assert (p.std(axis=0) / p.mean(axis=0)).max() > 0.1  # something is drawn
        error = p.std(axis=0) / np.sqrt(len(p))
        assert np.all(np.abs(p.mean(axis=0) - np.exp(exact)) < 5 * error + 1e-4 * np.exp(exact))
    few, many = (np.mean(values, axis=0) for values in found.values())
    assert few.mean() < many.mean() < exact.mean()
    left = bias([few], [many], [1.0], 2.0)
    # falls faster than the number of strings, so that what is told is no less than what is left
    assert left.value >= (exact - many).mean() > 0


def test_shots_in_pieces_are_read_as_all_together_in_the_mean(state):
    """Other draws for other pieces: equal within the noise of 32 strings, which hold all sixteen."""
    parts = some_shots(40)
    expected = np.split(np.asarray(by_all(state.model, state.variables, parts)), 3)
    reader = Reader.of(state.model, GROUPS).judging()
    found = shot_log_probabilities(state.model, state.variables, reader, parts, strings=500)
    for ours, theirs in zip(found, expected, strict=True):
        assert_allclose(ours, theirs, atol=1e-10)


@pytest.mark.parametrize("alive", [12, 5, 3, 1])
def test_weights_kept_have_the_mean_of_all(alive):
    """Over a grid of chances, each weight over its chance averages to itself; no more are kept than wanted."""
    rng = np.random.default_rng(alive)
    log_weight = np.full(12, -np.inf)
    log_weight[rng.permutation(12)[:alive]] = rng.normal(0, 2, alive)
    wanted, grid = 4, 20_000
    uniform = (np.arange(grid) + 0.5) / grid
    rows = jnp.broadcast_to(jnp.asarray(log_weight), (grid, 12))
    which, log_chance = map(np.asarray, fewer(rows, wanted, jnp.asarray(uniform)))
    weight = np.exp(np.take(log_weight, which) - log_chance)
    assert np.isfinite(log_chance).sum(axis=1).max() == min(alive, wanted)
    mean = np.zeros(12)
    np.add.at(mean, which, weight / grid)
    total = np.exp(log_weight).sum()
    assert_allclose(
        mean, np.exp(log_weight), atol=total / grid
    )  # a place of the grid is of one or another
    # what is kept by chance weighs as much whichever it is, so that no chance changes the sum
    assert_allclose(weight.sum(axis=1), total)
