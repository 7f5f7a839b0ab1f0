"""What the settings leave open: directions of the state that the shots do not pin down."""

from typing import NamedTuple

import numpy as np

from nqs.evaluation.fidelity import fidelity
from nqs.evaluation.fisher import PINNED, fisher_matrix
from nqs.measurement.dataset import Measurements
from nqs.measurement.effects import UNMEASURED, rows_of
from nqs.state.reach import FISHER_SITES, FISHER_WORK

SAME_STATE = 0.99
"""Fidelity above which two fits count as one state."""

SAME_AS_CONJUGATE = 0.95
"""Fidelity of ψ with ψ* above which there is no conjugate to exclude. Lower than for two
fits: the phases of a real state are small in a fit to few shots, but of either sign."""


class Rank(NamedTuple):
    """How many of the real directions of a pure state are fixed; rank None where not computed."""

    rank: int | None
    directions: int


def fisher_rank(psi: np.ndarray, data: Measurements) -> Rank:
    """Directions, of 2·2**sites − 2, that the settings and shots of `data` fix at ψ.

    Counts eigenvalues of the shots' Fisher matrix above 1/0.3²; None where that is out
    of reach, or where the settings that can be looked at do not fix everything alone. A cell that
    expects no shot has a Fisher term along one quadrature of its amplitude only,
    by the accident of which tiny number the fit left there; but seeing nothing in
    it bounds both, each with half the weight, and that is what is counted.
    """
    directions = 2 * psi.size - 2
    if data.only_z and not any(UNMEASURED in s for s in data.settings):
        return Rank(psi.size - 1, directions)  # all moduli, no phase
    if data.sites > FISHER_SITES:
        return Rank(None, directions)
    # information only adds up: once the settings with most shots fix everything, all do
    order = np.argsort(-data.shots_per_setting, kind="stable")
    within_reach = min(len(order), max(1, FISHER_WORK >> (2 * data.sites)))
    fisher, done, fixed = np.zeros((2 * psi.size, 2 * psi.size)), 0, 0
    for upto in sorted({n for n in (16, 64, 256) if n < within_reach} | {within_reach}):
        fisher += fisher_matrix(psi, data, order[done:upto])
        # two null directions, norm and global phase, are no directions of the state
        fixed, done = int((np.linalg.eigvalsh(fisher) > PINNED**-2).sum()), upto
        if fixed >= directions:
            return Rank(directions, directions)
    return Rank(fixed if done == len(order) else None, directions)


def least_agreement(chosen: np.ndarray, others: list[np.ndarray]) -> float | None:
    """Smallest fidelity of other fits, equally good, with the chosen one; None without others."""
    return min((fidelity(chosen, other) for other in others), default=None)


def blind_to_conjugation(data: Measurements) -> bool:
    """True where ψ and ψ* give the same probabilities in every setting: no effect is complex."""
    letters = set("".join(data.settings))
    return all(np.allclose(rows_of(c, data.effects).imag, 0) for c in letters)
