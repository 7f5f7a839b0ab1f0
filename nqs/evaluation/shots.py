"""Expectation values of Pauli strings from shots alone, wherever a setting tells them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nqs.evaluation.heldout import Estimate
from nqs.measurement.dataset import Measurements
from nqs.measurement.readout import refuse_blind_readout
from nqs.measurement.spool import pieces
from nqs.systems.pauli import PauliSum

_PRIOR = 4.0
"""Shots, half of each sign, that an error supposes beside those taken: where all shots agree,
they do not exclude that few would not. Agresti and Coull, Am. Stat. 52, 119 (1998)."""


def error_of_mean(mean, square, shots):
    """Standard error of a mean over `shots` of values with this mean and mean square."""
    shrunk = mean * shots / (shots + _PRIOR)
    return np.sqrt(np.maximum(square - shrunk**2, 0) / shots)


class OutcomeValues(NamedTuple):
    """What the outcomes of some shots stand for, unbiased by readout errors.

    site: (rows, sites) ±1 in the mean. pair: of two sites that are misread together, their product, (rows,).
    """

    site: np.ndarray
    pair: dict[tuple[int, int], np.ndarray]

    def product(self, support: Sequence[int], rows: np.ndarray) -> np.ndarray:
        """Of some sites in some rows, (rows,)."""
        alone, found = list(support), 1.0
        for pair, value in self.pair.items():
            if set(pair) <= set(alone):
                alone = [site for site in alone if site not in pair]
                found = found * value[rows]
        return found * self.site[np.ix_(rows, np.array(alone, int))].prod(axis=1)


def outcome_values(data: Measurements, rows: slice | np.ndarray) -> OutcomeValues:
    """Of some rows of shots.

    With readout errors R[r, t] a read r counts as f(r), Σ_r f(r) R[r, t] = (−1)^t; of a pair both outcomes as one.
    ValueError where they leave nothing of a site.
    """
    outcomes, signs = data.outcomes[rows], np.tile([1.0, -1.0], (data.sites, 1))
    if data.readout is None:
        return OutcomeValues(np.where(outcomes == 0, signs[:, 0], signs[:, 1]), {})
    refuse_blind_readout(data.readout, data.readout_pairs)
    signs = np.linalg.solve(data.readout.swapaxes(1, 2), signs[:, :, None])[:, :, 0]
    values, pairs = np.where(outcomes == 0, signs[:, 0], signs[:, 1]), {}
    for (i, j), matrix in data.undone_pairs:
        true = np.array([[1, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]])  # of i, of j, of both
        read = np.linalg.solve(matrix.T, true.T)[2 * outcomes[:, i] + outcomes[:, j]]
        values[:, i], values[:, j], pairs[i, j] = read.T
    return OutcomeValues(values, pairs)


def from_shots(data: Measurements, total: PauliSum) -> Estimate | None:
    """⟨A⟩ of a sum of Pauli strings; None where a string of it is in no setting.

    Each string is told by all shots whose setting has its letters. Flammia and Liu, Phys. Rev.
    Lett. 106, 230501 (2011).
    """
    letters = np.array(data.settings).view("U1").reshape(len(data.settings), data.sites)
    strings, least = [], 0.0
    for x, z, coefficient in zip(total.x, total.z, total.coefficients, strict=True):
        support = np.flatnonzero(x | z)
        wanted = np.array(["I", "Z", "X", "Y"])[2 * x[support] + z[support]]
        telling = (letters[:, support] == wanted).all(axis=1)
        shots = float(data.shots_per_setting[telling].sum())
        if not shots:
            return None
        strings.append((support, telling, coefficient / shots))
        least += (coefficient / shots) ** 2
    first, second = _sums(data, strings)
    mean = float(first.sum())
    if len(strings) == 1:
        c, shots = float(total.coefficients[0]), data.shots_per_setting[strings[0][1]].sum()
        square = float(second.sum()) * shots / c**2
        error = abs(c) * float(error_of_mean(mean / c, square, shots))
    else:
        error = max(_within_settings(data, first, second), float(np.sqrt(2 * _PRIOR * least)))
    return Estimate(total.constant + mean, error if len(strings) else None)


def _sums(data: Measurements, strings: list[tuple]) -> tuple[np.ndarray, np.ndarray]:
    """Of what each shot adds to a mean, and of its square, for every setting, (settings,) each.

    strings: sites, which settings tell them, and the weight of each shot.
    """
    first, second = np.zeros((2, len(data.settings)))
    for rows in pieces(len(data.counts), of=data.outcomes):
        index, counts = data.setting_index[rows], data.counts[rows]
        values = outcome_values(data, rows)
        added = np.zeros(len(index))
        for support, telling, weight in strings:
            here = np.flatnonzero(telling[index])
            added[here] += weight * values.product(support, here)
        np.add.at(first, index, counts * added)
        np.add.at(second, index, counts * added**2)
    return first, second


def _within_settings(data: Measurements, first: np.ndarray, second: np.ndarray) -> float:
    """Standard error of a sum over shots whose expectation differs from setting to setting."""
    taken = data.shots_per_setting > 0
    shots = data.shots_per_setting[taken]
    scatter = second[taken] - first[taken] ** 2 / shots
    spare = shots - 1
    # a setting of one shot has no scatter of its own and borrows that of the others
    if spare.sum() > 0:
        common = scatter.sum() / spare.sum()
    else:
        common = float(np.var(first[taken], ddof=1)) if len(shots) > 1 else 0.0
    variance = np.where(spare > 0, scatter / np.maximum(spare, 1), common)
    return float(np.sqrt((shots * variance).sum()))
