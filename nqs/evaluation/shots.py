"""Expectation values of Pauli strings from shots alone, wherever a setting tells them."""

import numpy as np

from nqs.evaluation.heldout import Estimate
from nqs.measurement.dataset import Measurements, refuse_blind_readout
from nqs.systems.pauli import PauliSum

_PRIOR = 4.0
"""Shots, half of each sign, that an error supposes beside those taken: where all shots agree,
they do not exclude that few would not. Agresti and Coull, Am. Stat. 52, 119 (1998)."""


def error_of_mean(mean, square, shots):
    """Standard error of a mean over `shots` of values with this mean and mean square."""
    shrunk = mean * shots / (shots + _PRIOR)
    return np.sqrt(np.maximum(square - shrunk**2, 0) / shots)


def outcome_values(data: Measurements, outcomes: np.ndarray | None = None) -> np.ndarray:
    """The ±1 that each outcome stands for, (rows, sites), unbiased by readout errors.

    With readout errors R[r, t] a read r counts as f(r), Σ_r f(r) R[r, t] = (−1)^t. ValueError where
    they leave nothing of a site.
    """
    outcomes = data.outcomes if outcomes is None else outcomes
    signs = np.tile([1.0, -1.0], (data.sites, 1))
    if data.readout is not None:
        refuse_blind_readout(data.readout)
        signs = np.linalg.solve(data.readout.swapaxes(1, 2), signs[:, :, None])[:, :, 0]
    return np.where(outcomes == 0, signs[:, 0], signs[:, 1])


def from_shots(data: Measurements, total: PauliSum) -> Estimate | None:
    """⟨A⟩ of a sum of Pauli strings; None where a string of it is in no setting.

    Each string is told by all shots whose setting has its letters. Flammia and Liu, Phys. Rev.
    Lett. 106, 230501 (2011).
    """
    letters = np.array(data.settings).view("U1").reshape(len(data.settings), data.sites)
    values = outcome_values(data)
    per_row = np.zeros(len(data.outcomes))
    squares, least = 0.0, 0.0
    for x, z, coefficient in zip(total.x, total.z, total.coefficients, strict=True):
        support = np.flatnonzero(x | z)
        wanted = np.array(["I", "Z", "X", "Y"])[2 * x[support] + z[support]]
        rows = (letters[:, support] == wanted).all(axis=1)[data.setting_index]
        shots = float(data.counts[rows].sum())
        if not shots:
            return None
        value = values[np.ix_(rows, support)].prod(axis=1)
        per_row[rows] += coefficient * value / shots
        squares = float(data.counts[rows] @ value**2) / shots
        least += (coefficient / shots) ** 2
    mean = float(data.counts @ per_row)
    if len(total.coefficients) == 1:
        c = float(total.coefficients[0])
        error = abs(c) * float(error_of_mean(mean / c, squares, shots))
    else:
        error = max(_within_settings(per_row, data), float(np.sqrt(2 * _PRIOR * least)))
    return Estimate(total.constant + mean, error if len(total.coefficients) else None)


def _within_settings(per_row: np.ndarray, data: Measurements) -> float:
    """Standard error of Σ counts · per_row, whose expectation differs from setting to setting."""
    number = len(data.settings)
    shots, first, second = (
        np.bincount(data.setting_index, weights=data.counts * weight, minlength=number)
        for weight in (np.ones(len(per_row)), per_row, per_row**2)
    )
    taken = shots > 0
    scatter = second[taken] - first[taken] ** 2 / shots[taken]
    spare = shots[taken] - 1
    # a setting of one shot has no scatter of its own and borrows that of the others
    if spare.sum() > 0:
        common = scatter.sum() / spare.sum()
    else:
        common = float(np.var(per_row, ddof=1)) if len(per_row) > 1 else 0.0
    variance = np.where(spare > 0, scatter / np.maximum(spare, 1), common)
    return float(np.sqrt((shots[taken] * variance).sum()))
