"""Intervals from replicas cover where the estimator is biased, and at a boundary."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from nqs.evaluation.interval import corrected


def test_a_biased_estimator_is_corrected():
    """|x|² of a noisy vector is too large by its noise; 300 repeats, four errors of their mean."""
    rng, truth = np.random.default_rng(1), np.array([1.0, -0.4, 0.2])
    found = []
    for _ in range(300):
        seen = truth + 0.2 * rng.normal(size=3)
        again = ((seen + 0.2 * rng.normal(size=(200, 3))) ** 2).sum(axis=1)
        found.append(corrected((seen**2).sum(), again))
    values, exact = np.array([i.value for i in found]), (truth**2).sum()
    assert abs(values.mean() - exact) < 4 * values.std() / np.sqrt(300)
    covered = sum(i.low <= exact <= i.high for i in found)
    assert 270 <= covered <= 297  # 95 % of 300 lies outside once in a thousand
    assert_allclose(np.mean([i.error for i in found]), values.std(), rtol=0.1)


@pytest.mark.parametrize("directions", [2, 30])
def test_at_a_boundary_the_truth_is_inside(directions):
    """A fidelity of one: noise only lowers it. At least 90 % of 300."""
    rng, covered = np.random.default_rng(2), 0
    for _ in range(300):
        off = 0.05 * rng.normal(size=directions)
        again = 1 - ((off + 0.05 * rng.normal(size=(200, directions))) ** 2).sum(axis=1)
        found = corrected(1 - (off**2).sum(), again, least=0, most=1)
        covered += found.low <= 1 <= found.high
        assert found.value <= 1
    assert covered >= 270
