"""Fidelity from samples of two states, against the same of their vectors."""

import numpy as np
import pytest
from lively import lively
from numpy.testing import assert_allclose

from nqs.evaluation.fidelity import fidelity
from nqs.evaluation.overlap import OverlapTooSmall, Ratios, fidelity_of_ratios, sampled_fidelity

OPTIMISED = True


def neighbours(sites, seed, apart):
    """Two random complex vectors, not normalised."""
    rng = np.random.default_rng(seed)
    one, other = rng.normal(size=(2, 2, 2**sites))
    one = (one[0] + 1j * one[1]) * rng.uniform(0.2, 2, 2**sites)
    return one, 3.0 * (one + apart * (other[0] + 1j * other[1]))


def sampled(one, other, samples, seed):
    rng = np.random.default_rng(seed)
    found = []
    with np.errstate(divide="ignore"):
        ratio = np.log(other.astype(complex)) - np.log(one.astype(complex))
    for psi in (one, other):
        p = np.abs(psi) ** 2 / np.sum(np.abs(psi) ** 2)
        drawn = ratio[rng.choice(len(psi), samples, p=p)]
        found.append(Ratios(drawn, np.arange(samples) % 64))
    return found


@pytest.mark.parametrize("apart", [0.1, 0.5, 2.0])
@pytest.mark.parametrize("normalised", [False, True])
def test_errors_cover_in_180_to_199_of_200(apart, normalised):
    """Binomial(200, 0.95) lies outside once in a thousand; seeds are fixed."""
    one, other = neighbours(6, 1, apart)
    if normalised:
        one, other = (psi / np.linalg.norm(psi) for psi in (one, other))
    truth, inside = fidelity(one, other), 0
    for seed in range(200):
        value, error = fidelity_of_ratios(*sampled(one, other, 6400, seed), normalised=normalised)
        inside += abs(value - truth) < 1.96 * error
    assert 180 <= inside <= 199


def test_the_square_of_the_mean_is_corrected():
    """A small overlap, of few samples: the plain square would be too large by a third."""
    one, other = neighbours(6, 3, 6.0)
    truth = fidelity(one, other)
    found = [
        fidelity_of_ratios(*sampled(one, other, 128, s), normalised=False).value for s in range(400)
    ]
    assert abs(np.mean(found) - truth) < 4 * np.std(found) / 20


def test_the_same_state_times_a_number_has_fidelity_one_exactly():
    one, _ = neighbours(5, 2, 0.0)
    found = fidelity_of_ratios(*sampled(one, 2j * one, 640, 1), normalised=False)
    assert_allclose(found.value, 1)
    assert found.error is None


def test_states_that_vanish_in_places_have_no_infinite_ratio():
    one, other = neighbours(5, 4, 0.3)
    one[::3], other[1::3] = 0, 0
    value, error = fidelity_of_ratios(*sampled(one, other, 6400, 1), normalised=False)
    assert abs(value - fidelity(one, other)) < 4 * error


@pytest.mark.parametrize("name", ["recurrent", "rbm"])
def test_states_are_compared_by_their_samples(name):
    """Chance of four standard errors: once in ten thousand."""
    a = lively(name, 6, seed=1, strength=0.3)
    b = lively(name, 6, seed=2, strength=0.3)
    truth = fidelity(a.vector(), b.vector())
    value, error = sampled_fidelity(a, b, 8000)
    assert error < 0.05
    assert abs(value - truth) < 4 * error


def test_product_states_of_sixty_sites_with_a_known_overlap():
    """Overlap ½ in all, as autoregressive states: a bias for each site, and a phase."""
    sites = 60
    angle = np.arccos(0.5 ** (1 / (2 * sites)))

    def tilted(theta, phase):
        state = lively("recurrent", sites, seed=0, strength=0.0)
        p = {k: np.zeros_like(v) for k, v in state.variables["params"].items()}
        p["amplitude_bias"] = np.full(sites, 2 * np.log(np.tan(theta)))
        p["phase_bias"] = np.full(sites, phase)
        return type(state)(state.model, {"params": p}, sites)

    start = 0.6
    value, error = sampled_fidelity(tilted(start, 0.4), tilted(start + angle, 0.4), 16384)
    assert abs(value - 0.5) < 4 * error
    assert error < 0.02
    with pytest.raises(OverlapTooSmall, match="below"):
        sampled_fidelity(tilted(0.3, 0.4), tilted(1.2, 2.0), 1000)
    with pytest.raises(ValueError, match="60 and 6 sites"):
        sampled_fidelity(tilted(0.3, 0.4), lively("recurrent", 6))
