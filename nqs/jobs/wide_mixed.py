"""What a mixed state is like, as far as samples of the pure state behind it tell."""

from typing import Any

import numpy as np

from nqs.evaluation import entropy, mixed
from nqs.evaluation.heldout import Estimate
from nqs.jobs.properties import number
from nqs.state.state import State

_SECOND = 0x5EC
"""Added to the seed for the second copy."""

_SHOWN = 16


def mixture(state: State, samples: int, seed: int) -> dict[str, Any]:
    """Purity, and the noise that was learnt: exact where a density matrix is affordable, else from two copies."""
    white = state.white()
    about: dict[str, Any] = {
        "negativity": None,
        "eigenvalues": None,
        "nearest_pure_fidelity": None,
        "white_noise": None if state.dilation.noisy is None else _bare(Estimate(white, None)),
        "readout_errors": None,
    }
    if state.dense:
        rho = state.density_matrix()
        values = np.linalg.eigvalsh(rho)[::-1]
        about |= {
            "negativity": mixed.negativity(rho, range(max(state.sites // 2, 1))),
            "eigenvalues": [float(v) for v in values[:_SHOWN]],
            "nearest_pure_fidelity": float(values[0]),
        }
        purity = Estimate(mixed.purity(rho), None)
        return {
            "purity": _bare(purity),
            "von_neumann": _bare(Estimate(mixed.von_neumann(rho), None)),
            "renyi2": number(Estimate(-float(np.log(purity.value)), None)),
            **about,
        }
    found, renyi2 = _sampled(state, samples, seed)
    return {
        "purity": _bare(found),
        "von_neumann": None,
        "renyi2": None if renyi2 is None else number(renyi2),
        **about,
    }


def _sampled(state: State, samples: int, seed: int) -> tuple[Estimate | None, Estimate | None]:
    whole = state.whole()
    copies = whole.sample(samples, seed), whole.sample(samples, seed + _SECOND)
    try:
        renyi2 = entropy.renyi2_of_part(state, *copies, range(state.sites))
    except entropy.PurityTooSmall:
        return None, None
    purity = float(np.exp(-renyi2.value))
    return Estimate(purity, None if renyi2.error is None else purity * renyi2.error), renyi2


def _bare(found: Estimate | None) -> dict[str, Any] | None:
    """With no interval, which takes refits."""
    return None if found is None else {**number(found), "interval": None}
