"""Shots of a state that is too large for a vector, in given settings, with noise."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from nqs.ansatz.mps import MatrixProduct
from nqs.measurement.dataset import Measurements
from nqs.measurement.effects import UNMEASURED
from nqs.measurement.spool import pieces, room
from nqs.state.simulate import (
    calibrated,
    described,
    flips_of,
    lost_locally,
    misread,
    refuse_wrong,
)
from nqs.state.state import State

_NOISE = 0x401E
_AT_ONCE = 2**17
"""Shots drawn at a time."""


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
    local: float = 0.0,
    readout=None,
    calibration: int = 0,
) -> Measurements:
    """As `simulate`, from samples of a state of any size; no target travels along.

    ValueError where a setting rotates more sites than its amplitudes can be written out for.
    """
    settings = tuple(settings)
    refuse_wrong(settings, state.sites, shots, depolarising, local)
    flips = None if readout is None else flips_of(readout, state.sites)
    outcomes = room((len(settings) * shots, state.sites), np.uint8)
    for place, setting in enumerate(settings):
        rng = np.random.default_rng([seed, _NOISE, place])
        measured = np.array([letter != UNMEASURED for letter in setting])
        for some in pieces(shots, _AT_ONCE):
            own = np.random.SeedSequence([seed, _NOISE, place, some.start]).generate_state(1)[0]
            drawn = state.sample(some.stop - some.start, int(own), setting).bits
            lost = rng.random(len(drawn)) < depolarising
            drawn = np.where(lost[:, None], rng.integers(0, 2, drawn.shape), drawn)
            if local:
                drawn = misread(drawn, lost_locally(local, state.sites), rng)
            if flips is not None:
                drawn = misread(drawn, flips, rng)
            first = place * shots
            outcomes[first + some.start : first + some.stop] = drawn * measured
    return Measurements(
        outcomes=outcomes,
        settings=settings,
        setting_index=np.repeat(np.arange(len(settings), dtype=np.uint32), shots),
        readout=flips,
        calibration=calibrated(state.sites, flips, calibration, seed) if calibration else None,
        source=described(state.sites, settings, shots, seed, depolarising, local, readout),
    ).merged()
