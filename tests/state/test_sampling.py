"""Samples follow |ψ|², and say when they do not."""

import jax.numpy as jnp
import numpy as np
import pytest
from exact import FALSE_ALARM, asymmetric_state, chance, frequencies, probabilities
from flax import linen as nn
from lively import lively
from numpy.testing import assert_allclose, assert_array_equal

from nqs.measurement.effects import index_bits
from nqs.state import sampling
from nqs.state.sampling import Samples, sample, sample_setting
from nqs.state.state import State

SITES = 4
SHOTS = 4096
WAYS = [
    ("recurrent", None, "direct"),
    ("rbm-positive", "gibbs", "gibbs"),
    ("rbm-phase", "gibbs", "gibbs"),
    ("rbm", None, "exact"),
    ("rbm-phase", "metropolis", "metropolis"),
    ("rbm", "exact", "exact"),
]


class TwoValleys(nn.Module):
    """All bits equal or nothing: each flip costs `depth` in log |ψ|."""

    depth: float

    def __call__(self, bits):
        ones = bits.sum(-1)
        return -self.depth * jnp.minimum(ones, bits.shape[-1] - ones) + 0j


class Broken(nn.Module):
    """What a diverged network gives."""

    def __call__(self, bits):
        return jnp.full(bits.shape[:-1], jnp.nan + 0j)


class Corner(nn.Module):
    """ψ vanishes unless the first two bits are 1."""

    def __call__(self, bits):
        return jnp.where(bits[..., 0] * bits[..., 1] == 1, 0.0, -jnp.inf) + 0j


class Origin(nn.Module):
    """|00…0⟩."""

    def __call__(self, bits):
        return jnp.where(bits.sum(-1) == 0, 0.0, -1e3) + 0j


def draw(state, shots, seed, **options):
    return sample(state.model, state.variables, state.sites, shots, seed, **options)


@pytest.mark.parametrize(("name", "asked", "used"), WAYS)
def test_every_way_of_sampling_follows_the_born_rule(name, asked, used):
    """Chi-square over all 16 outcomes, by chance once in 10,000; |ψ| for |ψ|² is found out."""
    # couplings of a Boltzmann machine must be strong to show; single flips would freeze there
    state = lively(name, SITES, seed=1, strength=1.0 if used == "gibbs" else 0.5)
    drawn = draw(state, SHOTS, 1, method=asked)
    assert drawn.method == used
    assert drawn.bits.shape == (SHOTS, SITES)
    assert drawn.bits.dtype == np.uint8
    modulus = np.abs(state.vector())
    assert chance(frequencies(drawn.bits), modulus**2) > FALSE_ALARM
    assert chance(frequencies(drawn.bits), modulus / modulus.sum()) < FALSE_ALARM
    assert SHOTS / 3 < drawn.effective_samples <= SHOTS
    if used in ("direct", "exact"):
        assert drawn.r_hat is None
        assert drawn.chains == drawn.effective_samples == SHOTS
    else:
        assert drawn.r_hat < 1.05
    assert (drawn.acceptance is None) == (used != "metropolis")


@pytest.mark.parametrize("name", ["recurrent", "rbm-phase", "rbm"])
def test_samples_are_a_function_of_the_seed(name):
    state = lively(name, SITES)
    first, again, other = (draw(state, 256, seed).bits for seed in (1, 1, 2))
    assert_array_equal(first, again)
    assert (first != other).any()


def test_direct_samples_carry_the_log_psi_that_the_module_gives_them():
    """Drawing site by site and reading the whole row are one state."""
    state = lively("recurrent", SITES)
    key = sampling._key(3, "direct")
    bits, log_modulus = sampling.draw_directly(state.model, state.variables, key, 256)
    assert_allclose(log_modulus, state.log_psi(bits).real, atol=1e-10)


def test_large_orders_are_drawn_in_batches(monkeypatch):
    """Three batches of 64 and a rest: the right number, and no batch is drawn twice."""
    monkeypatch.setattr(sampling, "_LARGEST_BATCH", 64)
    bits = draw(lively("recurrent", 12), 200, 1).bits
    assert bits.shape == (200, 12)
    parts = [bits[first : first + 64].tolist() for first in (0, 64, 128)]
    assert parts[0] != parts[1] != parts[2] != parts[0]


def test_a_batch_fits_into_memory(monkeypatch):
    """16 numbers of 8 bytes remembered a row; the batch is a power of two below the limit."""
    state = lively("recurrent", SITES)
    monkeypatch.setattr(sampling, "_BATCH_BYTES", 1000 * 16 * 8)
    assert sampling._batch(state.model, state.variables, 10**6) == 512
    assert sampling._batch(state.model, state.variables, 100) == 128


def test_chains_that_never_meet_are_reported():
    """Either valley of a GHZ state has the same |ψ|: only the bits tell, by R̂ and worth."""
    drawn = sample(TwoValleys(8.0), {}, SITES, 1024, 0, method="metropolis")
    assert drawn.method == "metropolis"
    assert drawn.r_hat > 3
    assert drawn.effective_samples < 300
    assert drawn.acceptance < 0.05


def test_chains_that_meet_are_not_reported():
    drawn = sample(TwoValleys(0.3), {}, SITES, 1024, 0, method="metropolis")
    assert drawn.r_hat < 1.1
    assert drawn.effective_samples > 500


def test_a_flat_state_does_not_keep_the_parity_of_its_chains():
    """Where all flips are accepted, ⟨ZZZZ⟩ of each chain still averages out.

    64 chains of 16 draws; by chance once in ten thousand, a parity kept is always found.
    """
    drawn = sample(TwoValleys(0.0), {}, SITES, 1024, 0, method="metropolis")
    assert drawn.acceptance == 1
    parity = (1 - 2 * (drawn.bits.sum(axis=1).astype(int) % 2)).reshape(-1, drawn.chains)
    assert np.mean(parity.mean(axis=0) ** 2) < 0.2


def test_chains_find_a_state_that_vanishes_where_they_begin():
    drawn = sample(Corner(), {}, SITES, 512, 0, method="metropolis")
    assert drawn.bits[:, :2].min() == 1
    assert 0.3 < drawn.bits[:, 2:].mean() < 0.7


def test_samples_of_a_broken_state_are_refused():
    with pytest.raises(FloatingPointError, match="not finite"):
        sample(Broken(), {}, SITES, 16, 0)


def test_an_unknown_method_is_answered_with_the_menu():
    state = lively("rbm", SITES)
    with pytest.raises(
        ValueError, match="'gibs'; choose one of direct, gibbs, metropolis, exchange, exact"
    ):
        draw(state, 10, 0, method="gibs")
    with pytest.raises(ValueError, match="RBMComplex has no conditionals"):
        draw(state, 10, 0, method="direct")
    with pytest.raises(ValueError, match="RBMComplex has no hidden units"):
        draw(state, 10, 0, method="gibbs")
    with pytest.raises(ValueError, match="shots is 0"):
        draw(state, 0, 0)


@pytest.mark.parametrize("setting", ["XYZX", "YYXZ", "IYZX", "ZZIZ"])
def test_shots_in_a_setting_follow_its_probabilities(setting):
    """Chi-square against dense algebra, by chance once in 10,000; ignored sites read 0."""
    state = lively("recurrent", SITES)
    drawn = state.sample(SHOTS, 1, setting)
    p = probabilities(state.vector(), setting).reshape((2,) * SITES).copy()
    for site in np.flatnonzero([letter == "I" for letter in setting]):
        p[(slice(None),) * site + (1,)] = 0
        assert drawn.bits[:, site].max() == 0
    assert chance(frequencies(drawn.bits), p.reshape(-1)) > FALSE_ALARM
    assert drawn.method == ("direct" if set(setting) <= {"Z", "I"} else "exact")


def test_shots_without_a_setting_are_those_of_all_sites_in_z():
    state = lively("recurrent", SITES)
    assert_array_equal(state.sample(64, 1).bits, state.sample(64, 1, "ZZZZ").bits)
    assert_array_equal(state.sample(64, 1).bits, draw(state, 64, 1).bits)


def test_shots_of_different_settings_are_independent():
    """|0000⟩ is uniform in X and in Y: only random numbers of their own tell the two apart.

    64 shots of 16 outcomes agree in 4 on average; by chance in more than 20 never seen.
    """
    state = State(Origin(), {}, SITES)
    x, y, again = (state.sample(64, 1, setting).bits for setting in ("XXXX", "YYYY", "XXXX"))
    assert_array_equal(x, again)
    assert (x == y).all(axis=1).sum() <= 20


def test_a_rotated_setting_out_of_reach_is_refused_with_its_terms():
    state = lively("recurrent", 17)
    with pytest.raises(ValueError, match=r"2\^17 = 131,072 amplitudes"):
        state.sample(10, 0, "X" * 17)
    assert state.sample(10, 0).bits.shape == (10, 17)


def test_a_setting_that_does_not_fit_is_refused():
    state = lively("recurrent", SITES)
    with pytest.raises(ValueError, match="'XX' names 2 sites; the state has 4"):
        state.sample(10, 0, "XX")
    with pytest.raises(ValueError, match="draws in Z only"):
        sample_setting(state.model, state.variables, SITES, "XXXX", 10, 0, method="direct")
    with pytest.raises(ValueError, match="unknown measurement letter 'Q'"):
        state.sample(10, 0, "QXXX")


def test_a_table_of_probabilities_is_drawn_as_it_stands():
    """Chi-square, by chance once in 10,000; a certain outcome is drawn every time."""
    p = np.abs(asymmetric_state(SITES)) ** 2
    bits = sampling._categorical(np.log(p), SITES, SHOTS, sampling._key(0, "here"))
    assert chance(frequencies(bits), p) > FALSE_ALARM
    certain = np.where(np.arange(16) == 11, 0.0, -1e3)
    bits = sampling._categorical(certain, SITES, 50, sampling._key(0, "here"))
    assert_array_equal(bits, [[1, 0, 1, 1]] * 50)


@pytest.mark.parametrize("chains", [7, 30])
def test_halves_share_no_chain(chains):
    """Of chains, and where every shot is a chain of its own."""
    number = np.arange(30)
    bits = np.array(index_bits(number if chains == 30 else number % chains, 5))
    drawn = Samples(bits, "exchange", chains, effective_samples=15.0, r_hat=1.0)
    one, other = drawn.halves()
    assert len(one.bits) == len(other.bits) == 30 // chains * (chains // 2)
    assert one.chains == other.chains == chains // 2
    assert not {*map(tuple, one.bits)} & {*map(tuple, other.bits)}
    assert one.effective_samples == pytest.approx(15 * len(one.bits) / 30)


def test_the_first_of_independent_shots_are_independent():
    drawn = Samples(np.zeros((30, 4), np.uint8), "direct", 30, effective_samples=30.0)
    assert drawn.first(40) is drawn
    assert drawn.first(12).chains == len(drawn.first(12).bits) == 12
    assert drawn.first(12).dependent is None


def test_fewer_shots_than_chains_are_one_of_some_chains():
    drawn = Samples(np.zeros((300, 4), np.uint8), "exchange", 30, effective_samples=99.0, r_hat=1.0)
    few = drawn.first(12)
    assert few.chains == few.dependent == len(few.bits) == 12
    assert len(few.halves()[0].bits) == 6
