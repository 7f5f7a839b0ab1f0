"""Magnetisation of every site and correlations of every pair, of a state and of shots."""

from itertools import combinations
from typing import NamedTuple

import numpy as np

from nqs.evaluation import observables
from nqs.evaluation.shots import error_of_mean, outcome_values
from nqs.measurement.dataset import Measurements
from nqs.measurement.effects import PAULI_LETTERS, outcome_probabilities, signed_sums
from nqs.measurement.spool import pieces
from nqs.state.sampling import Samples
from nqs.state.state import State
from nqs.systems.pauli import PauliSum

MOST_PAIRED = 100
"""Sites up to which pairs are looked at."""

_ROWS = 2**14
"""Rows of shots looked at together."""


class Moments(NamedTuple):
    """⟨P_i⟩ and ⟨P_i P_j⟩ with the same letter P = X, Y, Z on both sites.

    site: (3, sites). pair: (3, sites, sites), 1 where i = j. Their errors: 0 where exact. NaN
    where nothing is known.
    """

    site: np.ndarray
    site_error: np.ndarray
    pair: np.ndarray
    pair_error: np.ndarray

    @property
    def connected(self) -> np.ndarray:
        """⟨P_i P_j⟩ − ⟨P_i⟩⟨P_j⟩, (3, sites, sites)."""
        return self.pair - self.site[:, :, None] * self.site[:, None, :]


def of_exact(state: np.ndarray) -> Moments:
    """Exact, of a normalised state vector (2**sites,) or density matrix (2**sites, 2**sites)."""
    sites = int(np.log2(len(state)))
    place = 1 << np.arange(sites - 1, -1, -1)
    means = [signed_sums(outcome_probabilities(state, letter * sites)) for letter in PAULI_LETTERS]
    both = place[:, None] ^ place  # 0, the empty product, where i = j
    site = np.stack([mean[place] for mean in means])
    pair = np.stack([mean[both] for mean in means])
    return Moments(site, np.zeros_like(site), pair, np.zeros_like(pair))


def of_samples(state: State, drawn: Samples, letters: str = PAULI_LETTERS) -> Moments:
    """From samples of |ψ|², of a mixed state those of its `whole`: each site in each of `letters`, and pairs in
    Z up to 100 sites."""
    sites = state.sites
    singles = [(letter, site) for letter in letters for site in range(sites)]
    pairs = list(combinations(range(sites), 2)) if sites <= MOST_PAIRED else []
    strings = [f"{letter}{site}" for letter, site in singles] + [f"Z{i} Z{j}" for i, j in pairs]
    totals = [PauliSum.from_terms([(1.0, text)], sites) for text in strings]
    found = observables.of_whole(state, drawn, totals)
    value, error = np.array([(e.value, e.error or 0.0) for e in found]).T
    moments = unknown(sites)
    for number, (letter, site) in enumerate(singles):
        where = PAULI_LETTERS.index(letter), site
        moments.site[where], moments.site_error[where] = value[number], error[number]
    if pairs:
        i, j = np.array(pairs).T
        for to, of in ((moments.pair, value), (moments.pair_error, error)):
            to[2, i, j] = to[2, j, i] = of[len(singles) :]
    return moments


def of_shots(data: Measurements) -> Moments:
    """From all shots whose setting has the letter on the site, or on both sites of a pair."""
    sites, index = data.sites, data.setting_index
    paired = sites if sites <= MOST_PAIRED else 0
    site = np.zeros((3, 3, sites))  # shots, sum and sum of squares
    pair = np.zeros((3, 3, paired, paired))
    settings = np.array(data.settings).view("U1").reshape(len(data.settings), sites)
    read = {number: settings == letter for number, letter in enumerate(PAULI_LETTERS)}
    read = {number: where.astype(float) for number, where in read.items() if where.any()}
    signs = data.readout is None  # whose square is 1
    for rows in pieces(len(index), _ROWS, of=data.outcomes):
        told, weight = outcome_values(data, rows), data.counts[rows, None]
        values = told.site
        for number, where in read.items():
            here = where[index[rows]]
            powers = (here, here * values) if signs else (here, here * values, here * values**2)
            for power, x in enumerate(powers):
                site[power, number] += (weight * x).sum(axis=0)
                if paired:
                    every = (weight * x).T @ x
                    for (i, j), value in told.pair.items():
                        both = here[:, i] * here[:, j] * value**power
                        every[i, j] = every[j, i] = weight[:, 0] @ both
                    pair[power, number] += every
    if signs:
        site[2], pair[2] = site[0], pair[0]
    moments = unknown(sites)
    with np.errstate(invalid="ignore", divide="ignore"):
        for sums, mean, error in (
            (site, moments.site, moments.site_error),
            (pair, moments.pair, moments.pair_error),
        ):
            if sums.size:
                mean[:] = sums[1] / sums[0]
                error[:] = error_of_mean(mean, sums[2] / sums[0], sums[0])
    diagonal = np.arange(sites)
    moments.pair[:, diagonal, diagonal], moments.pair_error[:, diagonal, diagonal] = 1, 0
    return moments


def unknown(sites: int) -> Moments:
    """Of which nothing is known."""
    site, pair = np.full((3, sites), np.nan), np.full((3, sites, sites), np.nan)
    diagonal = np.arange(sites)
    moments = Moments(site, site.copy(), pair, pair.copy())
    moments.pair[:, diagonal, diagonal], moments.pair_error[:, diagonal, diagonal] = 1, 0
    return moments


def structure_factor(pair: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """S(q) = Σ_ij e^{−iq·(r_i − r_j)} ⟨Z_i Z_j⟩ / N at q = 2π k / size, real, shape `size`.

    pair: (sites, sites) of ⟨Z_i Z_j⟩. size: lengths of the lattice, its sites row by row.
    """
    waves = np.ones((1, 1), complex)
    for length in size:
        phase = np.outer(np.arange(length), np.arange(length)) / length
        waves = np.kron(waves, np.exp(-2j * np.pi * phase))
    return ((waves @ pair) * waves.conj()).sum(axis=1).real.reshape(size) / len(pair)


def structure_factors(values: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Of each row of outcomes ±1 (rows, sites), (rows, *size); S(q) is their mean.

    Outcomes whose readout errors are undone are not ±1: Z_i² = 1 all the same.
    """
    axes = tuple(range(1, 1 + len(size)))
    waves = np.abs(np.fft.fftn(values.reshape(len(values), *size), axes=axes)) ** 2
    own = (values**2).sum(axis=1).reshape(-1, *(1 for _ in size))
    return (waves - own) / values.shape[1] + 1


def _wave(i: int, j: int, size: tuple[int, ...]) -> np.ndarray:
    """cos q·(r_i − r_j) of every q, shape `size`."""
    apart = np.subtract(np.unravel_index(i, size), np.unravel_index(j, size))
    angles = (2 * np.pi * np.arange(n) / n * d for n, d in zip(size, apart, strict=True))
    return np.cos(sum(np.meshgrid(*angles, indexing="ij")))


def structure_factor_of_shots(
    data: Measurements, size: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray] | None:
    """S(q) and its standard error, from the shots in Z on all sites; None without."""
    setting = "Z" * data.sites
    if setting not in data.settings:
        return None
    rows = np.flatnonzero(data.setting_index == data.settings.index(setting))
    if not data.counts[rows].sum():
        return None
    sums = np.zeros((3, *size))  # shots, S and S²
    for part in pieces(len(rows), _ROWS, of=data.outcomes):
        some = rows[part]
        told = outcome_values(data, some)
        found = structure_factors(told.site, size)
        for (i, j), value in told.pair.items():
            more = 2 * (value - told.site[:, i] * told.site[:, j]) / data.sites
            found = found + np.multiply.outer(more, _wave(i, j, size))
        for power in range(3):
            sums[power] += np.tensordot(data.counts[some], found**power, axes=1)
    shots = sums[0].max()
    mean, square = sums[1:] / shots
    return mean, np.sqrt(np.maximum(square - mean**2, 0) / max(shots - 1, 1))
