"""Shots of a state that is too large for a vector, in given settings, with noise."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from nqs.ansatz.mps import MatrixProduct
from nqs.measurement.dataset import Measurements
from nqs.measurement.effects import UNMEASURED
from nqs.state.simulate import described, flips_of, refuse_wrong
from nqs.state.state import State

_NOISE = 0x401E


def of_matrices(matrices: Sequence[np.ndarray]) -> State:
    """The state of matrices A_n[σ], (2, left, right) of every site, filled up to one size with zeros."""
    bond = max(max(m.shape[1:]) for m in matrices)
    filled = np.zeros((len(matrices), 2, bond, bond), complex)
    for whole, own in zip(filled, matrices, strict=True):
        whole[:, : own.shape[1], : own.shape[2]] = own
    variables = {
        "params": {
            "matrices": jnp.asarray(filled.real),
            "matrices_imaginary": jnp.asarray(filled.imag),
        }
    }
    sites = len(matrices)
    return State(MatrixProduct(sites=sites, bond=bond), variables, sites)


def simulate_large(
    state: State,
    settings: Sequence[str],
    shots: int,
    seed: int,
    *,
    depolarising: float = 0.0,
    readout=None,
) -> Measurements:
    """As `simulate`, from samples of a state of any size; no target travels along.

    ValueError where a setting rotates more sites than its amplitudes can be written out for.
    """
    settings = tuple(settings)
    refuse_wrong(settings, state.sites, shots, depolarising)
    flips = None if readout is None else flips_of(readout, state.sites)
    rows = []
    for place, setting in enumerate(settings):
        outcomes = state.sample(shots, seed + place, setting).bits
        rng = np.random.default_rng([seed, _NOISE, place])
        lost = rng.random(shots) < depolarising
        outcomes = np.where(lost[:, None], rng.integers(0, 2, outcomes.shape), outcomes)
        if flips is not None:
            one = flips[np.arange(state.sites), 1, outcomes]  # P(read 1 | outcome)
            outcomes = rng.random(outcomes.shape) < one
        measured = np.array([letter != UNMEASURED for letter in setting])
        rows.append((outcomes * measured).astype(np.uint8))
    return Measurements(
        outcomes=np.concatenate(rows),
        settings=settings,
        setting_index=np.repeat(np.arange(len(settings)), shots),
        readout=flips,
        source=described(state.sites, settings, shots, seed, depolarising, readout),
    ).merged()
