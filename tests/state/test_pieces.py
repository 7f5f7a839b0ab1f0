"""Rows are evaluated piece by piece and each distinct one once, and nothing else changes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from nqs.state.pieces import in_turn, once_each


@pytest.mark.parametrize("at_once", [1, 7, 20, 50])
def test_pieces_in_turn_are_the_whole(at_once):
    rows = jnp.asarray(np.random.default_rng(1).normal(size=(20, 3)))
    assert_allclose(in_turn(lambda x: x.sum(axis=1), rows, at_once), rows.sum(axis=1))


@pytest.mark.parametrize("sites", [5, 32, 33, 70])
@pytest.mark.parametrize("at_once", [1, 7, 200])
def test_each_distinct_row_is_evaluated_once(sites, at_once):
    """Rows that differ in one bit anywhere, some many times: each gets the value of its own."""
    rng = np.random.default_rng(sites)
    base = rng.integers(0, 2, sites)
    several = base ^ np.concatenate([np.zeros((1, sites), int), np.eye(sites, dtype=int)])
    bits = several[rng.choice(len(several) // 2, 40)].astype(np.int32)
    weights = rng.normal(size=sites)
    seen = []

    def weighed(rows):
        jax.debug.callback(seen.append, rows)
        return rows @ weights

    found = jax.jit(once_each, static_argnums=(0, 2))(weighed, jnp.asarray(bits), at_once)
    jax.effects_barrier()
    assert_allclose(found, bits @ weights)
    number = len(np.unique(bits, axis=0))
    assert number < len(bits)
    assert len(seen) == -(-number // at_once)
    assert len(np.unique(np.concatenate(seen), axis=0)) == number
