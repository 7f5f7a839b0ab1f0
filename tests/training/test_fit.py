"""The compiled loop: ten steps, a checkpoint and ten more equal twenty, and what it keeps is best."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from teachers import BOWL, NoJudge, Quadratic, starts

from nqs.state import checkpoint
from nqs.state.simulate import simulate
from nqs.state.state import initial_variables
from nqs.training.fit import Recipe, advance, begin, equal_travel, learning_rate
from nqs.training.likelihood import NegativeLogLikelihood, shots

RECIPE = Recipe(0.1)
STEPS = np.int32(60)


def same_bits(a, b):
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert_array_equal(np.asarray(x), np.asarray(y))
        assert x.dtype == y.dtype


def advanced(progress, judgements, batch=BOWL, objective=None, recipe=RECIPE, steps=STEPS):
    return advance(objective or Quadratic(), recipe, progress, batch, steps, judgements)


@pytest.fixture(scope="module")
def likelihood():
    """A network, its starts and shots of a complex state: the real thing, two sites."""
    from exact import asymmetric_state

    from nqs.ansatz import build

    model = build("rbm-phase", 2, hidden=3)
    data = simulate(asymmetric_state(2), ("ZZ", "XY", "YZ"), 200, 1)
    train, held_out = data.split(0.2, 1)
    objective = NegativeLogLikelihood(model, 2)
    return objective, initial_variables(model, 2, 1, 2), jax.device_put(shots(train, held_out))


def test_ten_steps_a_checkpoint_and_ten_more_equal_twenty(tmp_path, likelihood):
    objective, variables, batch = likelihood
    whole = advanced(begin(variables), 1, batch, objective)[0]
    half = whole
    whole, curve = advanced(whole, 1, batch, objective)
    checkpoint.save(tmp_path / "c.h5", half, {"step": 10})
    template = jax.tree.map(jnp.zeros_like, begin(variables))
    found, facts = checkpoint.load(tmp_path / "c.h5", template)
    assert facts == {"step": 10}
    again, curve_again = advanced(jax.device_put(found), 1, batch, objective)
    same_bits(whole, again)
    same_bits(curve, curve_again)
    assert_array_equal(whole.step, 20)
    assert not np.array_equal(*(jax.tree.leaves(p.average)[0] for p in (half, whole)))


def test_one_dispatch_of_forty_steps_equals_four_of_ten():
    one, curve = advanced(begin(starts()), 4)
    progress, curves = begin(starts()), []
    for _ in range(4):
        progress, part = advanced(progress, 1)
        curves.append(part)
    same_bits(one, progress)
    assert_array_equal(curve.value, np.concatenate([c.value for c in curves]))
    assert_array_equal(curve.judged, np.concatenate([c.judged for c in curves]))


def test_a_step_is_that_of_clipped_adam_with_the_scheduled_rate():
    """Thirty steps against optax, written out one by one for every restart alone."""
    adam = optax.chain(optax.clip_by_global_norm(1.0), optax.scale_by_adam(b2=0.99))
    progress, curve = advanced(begin(starts()), 3)
    for restart in range(3):
        x = {"params": {"x": starts()["params"]["x"][restart]}}
        moments, average = adam.init(x), x
        for step in range(30):
            value, slope = jax.value_and_grad(Quadratic())(x, BOWL)
            update, moments = adam.update(slope, moments)
            rate = learning_rate(RECIPE.rate, step, STEPS)
            x = jax.tree.map(lambda a, u, rate=rate: a - rate * u, x, update)
            average = jax.tree.map(lambda a, b: 0.9 * a + 0.1 * b, average, x)
        assert_allclose(progress.variables["params"]["x"][restart], x["params"]["x"], atol=1e-12)
        assert_allclose(
            progress.average["params"]["x"][restart], average["params"]["x"], atol=1e-12
        )
        assert_allclose(curve.value[-1, restart], value, rtol=1e-12)


def test_training_finds_the_minimum():
    progress, _ = advanced(begin(starts()), 60, steps=np.int32(600))
    assert_allclose(progress.variables["params"]["x"], np.tile(BOWL.train, (3, 1)), atol=1e-3)


def test_beyond_the_schedule_nothing_changes():
    end, _ = advanced(begin(starts()), 6)
    beyond, _ = advanced(end, 2)
    same_bits(end, beyond)
    assert_array_equal(end.step, 60)


def test_a_schedule_that_is_no_multiple_of_ten_ends_on_time():
    progress, _ = advanced(begin(starts()), 3, steps=np.int32(25))
    assert_array_equal(progress.step, 25)
    assert_array_equal(progress.best_step <= 25, True)


def test_restarts_in_turn_equal_restarts_together(likelihood):
    objective, variables, batch = likelihood
    together, curve = advanced(begin(variables), 2, batch, objective)
    in_turn, curve_in_turn = advanced(
        begin(variables), 2, batch, objective, Recipe(RECIPE.rate, together=False)
    )
    for a, b in zip(
        jax.tree.leaves((together, curve)), jax.tree.leaves((in_turn, curve_in_turn)), strict=True
    ):
        assert_allclose(a, b, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("together", [True, False])
def test_restarts_with_data_and_a_schedule_of_their_own_are_those_trained_alone(together):
    own = jax.tree.map(lambda x: jnp.stack([x, x + 1, 2 * x]), BOWL)
    axes = jax.tree.map(lambda _: 0, BOWL)
    steps, recipe = jnp.array([60, 20, 40]), Recipe(RECIPE.rate, together)
    every, curve = advance(Quadratic(), recipe, begin(starts()), own, steps, 4, axes)
    for restart in range(3):
        alone = jax.tree.map(lambda x, i=restart: x[i : i + 1], starts())
        batch = jax.tree.map(lambda x, i=restart: x[i], own)
        found, seen = advanced(begin(alone), 4, batch, steps=np.int32(steps[restart]))
        for a, b in zip(jax.tree.leaves(every), jax.tree.leaves(found), strict=True):
            assert_allclose(a[restart], b[0], rtol=1e-12, atol=1e-14)
        assert_allclose(curve.judged[:, restart], seen.judged[:, 0], rtol=1e-12)


def test_a_restart_is_not_disturbed_by_its_neighbours():
    """The others started elsewhere: the middle one goes the same way."""
    variables = starts()
    moved = {"params": {"x": variables["params"]["x"].at[jnp.array([0, 2])].add(3.0)}}
    one, _ = advanced(begin(variables), 3)
    other, _ = advanced(begin(moved), 3)
    assert_allclose(
        one.variables["params"]["x"][1], other.variables["params"]["x"][1], rtol=0, atol=1e-14
    )


def test_the_judge_keeps_the_best_average_it_saw():
    """Followed by hand, ten steps at a time; held-out shots like a place on the way."""
    progress, seen = begin(starts()), []
    for _ in range(6):
        progress, curve = advanced(progress, 1)
        judged = [
            Quadratic().judge({"params": {"x": x}}, BOWL) for x in progress.average["params"]["x"]
        ]
        assert_allclose(curve.judged[0], judged, rtol=1e-14)
        seen.append((curve.judged[0], progress.average["params"]["x"], progress.step))
    best = np.argmin([judged for judged, _, _ in seen], axis=0)
    assert len(set(best.tolist())) > 1  # restarts differ in when they are best
    for restart, block in enumerate(best):
        assert progress.best_judged[restart] == seen[block][0][restart]
        assert progress.best_step[restart] == 10 * (block + 1)
        assert_array_equal(progress.best["params"]["x"][restart], seen[block][1][restart])


def test_without_a_judge_nothing_is_kept():
    progress, curve = advanced(begin(starts()), 2, objective=NoJudge())
    assert np.isnan(curve.judged).all()
    assert np.isinf(progress.best_judged).all()
    assert_array_equal(progress.best_step, 0)
    assert_array_equal(progress.best["params"]["x"], starts()["params"]["x"])


def test_a_gradient_that_is_not_finite_is_skipped_and_counted():
    """Where x[0] lies beyond the edge every step is NaN; the others go on untouched."""
    variables = {"params": {"x": starts()["params"]["x"].at[0, 0].set(5.0).at[1:, 0].set(-1.0)}}
    broken = BOWL._replace(broken=3.0)
    progress, curve = advanced(begin(variables), 2, broken)
    assert_array_equal(progress.skipped, [20, 0, 0])
    assert_array_equal(progress.step, 20)
    assert_array_equal(progress.variables["params"]["x"][0], variables["params"]["x"][0])
    assert np.isnan(curve.value[:, 0]).all()
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(progress))
    whole, _ = advanced(begin(variables), 2)
    assert_array_equal(progress.variables["params"]["x"][1:], whole.variables["params"]["x"][1:])


def test_a_skipped_step_leaves_the_moments_alone():
    variables = {"params": {"x": starts()["params"]["x"].at[:, 0].set(5.0)}}
    progress, _ = advanced(begin(variables), 1, BOWL._replace(broken=3.0))
    same_bits(progress.moments, begin(variables).moments)


@pytest.mark.parametrize("steps", [10, 40, 100, 2000])
def test_the_rate_warms_up_and_comes_to_rest(steps):
    rates = np.asarray(learning_rate(0.3, jnp.arange(steps), steps))
    warm = max(round(0.05 * steps), 1)
    top = int(rates.argmax())
    assert (rates > 0).all()
    assert rates.max() <= 0.3 * (1 + 1e-12)
    assert rates.max() > 0.28
    assert abs(top - (warm - 1)) <= 1
    assert (np.diff(rates[: top + 1]) > 0).all()
    assert (np.diff(rates[top:]) <= 0).all()
    assert_allclose(learning_rate(0.3, steps, steps), 0.003, rtol=1e-12)
    assert rates[-1] < 0.003 + 0.3 * 4 / steps


def test_the_rate_is_linear_in_its_peak_and_a_function_of_the_share_done():
    step = np.arange(100, 1000, 7)
    assert_allclose(learning_rate(0.2, step, 1000), 2 * learning_rate(0.1, step, 1000))
    assert_allclose(
        learning_rate(0.2, 10 * step, 10_000), learning_rate(0.2, step, 1000), rtol=1e-6
    )


def travelled(steps: int, schedule: int) -> float:
    """Sum of the rates of the first steps, written in NumPy."""
    step, warm = np.arange(steps), max(0.05 * schedule, 1)
    phase = np.clip((step - warm) / (schedule - warm), 0, 1)
    decay = 0.01 + 0.99 * np.cos(np.pi / 2 * phase) ** 2
    return float((np.minimum(1, (step + 1) / warm) * decay).sum())


@pytest.mark.parametrize("schedule", [40, 100, 500, 2000])
def test_equal_travel_goes_as_far_and_no_longer(schedule):
    """At most one block of ten steps further than asked, four blocks at least."""
    found = []
    for best in range(0, schedule + 1, schedule // 20):
        steps = equal_travel(best, schedule)
        assert steps % 10 == 0
        assert 40 <= steps <= schedule
        wanted, reached = travelled(best, schedule), travelled(steps, steps)
        # the mean rate of a schedule depends on its length a little, by its warm-up
        assert reached >= 0.995 * wanted or steps == schedule
        assert steps == 40 or travelled(steps - 10, steps - 10) < 1.03 * wanted
        found.append(steps)
    assert found == sorted(found)
    assert found[-1] == schedule


def test_training_does_not_see_the_shots_held_out(likelihood):
    """Other held-out shots, the same path; other training shots, another path."""
    objective, variables, batch = likelihood
    path = advanced(begin(variables), 2, batch, objective)[0].variables
    other = batch._replace(held_out=batch.held_out[:, ::-1] + 3)
    same_bits(path, advanced(begin(variables), 2, other, objective)[0].variables)
    other = batch._replace(train=batch.train[:, ::-1])
    moved = advanced(begin(variables), 2, other, objective)[0].variables
    assert not np.array_equal(jax.tree.leaves(path)[0], jax.tree.leaves(moved)[0])
