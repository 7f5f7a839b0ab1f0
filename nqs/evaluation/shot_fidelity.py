"""Fidelity of a state with what was measured, from the shots alone."""

from typing import NamedTuple

import numpy as np

from nqs.evaluation.heldout import Estimate, mean_of_counts
from nqs.measurement.dataset import Measurements
from nqs.measurement.effects import (
    UNMEASURED,
    basis_bits,
    outcome_probabilities,
    signed_sums,
)

MOST_SITES = 10
"""All 4**sites Pauli strings are looked at."""

_COVERED = 1 - 1e-9
_FEWEST_DRAWS = 30
"""Settings drawn, below which nobody can tell whether they are random."""

_UNEVEN = 5.0
"""Standard errors that the letters of random settings may be off one third."""


class ShotFidelity(NamedTuple):
    """⟨ψ|ρ|ψ⟩ with its error. method: how. covered: share of ⟨ψ|P|ψ⟩² of strings that are measured."""

    fidelity: Estimate
    method: str
    covered: float


def fidelity_from_shots(vector: np.ndarray, data: Measurements) -> ShotFidelity:
    """⟨ψ|ρ|ψ⟩ of a normalised vector (2**sites,) and the state ρ that was measured.

    Unbiased as long as ψ does not depend on these shots: take ones that were held out.
    F = Σ_P ⟨ψ|P|ψ⟩ ⟨P⟩ / 2^N over all Pauli strings P, each estimated by all shots whose
    setting tells it: Flammia and Liu, Phys. Rev. Lett. 106, 230501 (2011). Where some that ψ
    needs are in no setting, but settings are random, each counts by how often it should
    have been measured: Huang, Kueng and Preskill, Nat. Phys. 16, 1050 (2020).
    ValueError where neither works, or shots are not of X, Y and Z with perfect readout.
    """
    _refuse(data)
    sites, strings = data.sites, 4**data.sites
    counts = data.table()
    shots = counts.sum(axis=1)
    wanted, measured = np.zeros(strings), np.zeros(strings)
    for setting, number in zip(data.settings, shots, strict=True):
        place, told = _strings(setting)
        expected = signed_sums(outcome_probabilities(vector, setting))
        wanted[place[told]] = expected[told]
        measured[place[told]] += number
    covered = float((wanted[measured > 0] ** 2).sum() / 2**sites)
    method = "direct"
    if covered < _COVERED:
        if not _random(data, shots):
            raise ValueError(
                f"the settings measure {covered:.1%} of what fidelity with this state rests on; measure "
                "more settings, best at random."
            )
        method = "classical shadows"
        measured = shots.sum() / 3.0 ** _weights(sites)
    per_string = np.divide(wanted, measured, out=np.zeros(strings), where=measured > 0) / 2**sites
    per_shot = np.stack([_of_outcomes(per_string, setting) for setting in data.settings])
    if method == "direct":
        mean, error = mean_of_counts(per_shot, counts)
    else:
        mean, error = _of_random_settings(per_shot, counts)
    total = float(shots.sum())
    return ShotFidelity(Estimate(total * mean, total * (error or 0.0)), method, min(covered, 1.0))


def _of_random_settings(per_shot: np.ndarray, counts: np.ndarray) -> Estimate:
    """Mean over shots whose settings fluctuate as well, each or with all shots of a setting."""
    shots, total = counts.sum(axis=1), counts.sum()
    mean = float((counts * per_shot).sum() / total)
    if _each_its_own(shots, counts.shape[1]):
        squares = (counts * (per_shot - mean) ** 2).sum()
        return Estimate(mean, float(np.sqrt(squares / (total - 1) / total)))
    off = (counts * (per_shot - mean)).sum(axis=1)
    return Estimate(mean, float(np.sqrt((off**2).sum() * len(off) / (len(off) - 1)) / total))


def _each_its_own(shots: np.ndarray, outcomes: int) -> bool:
    """Whether settings repeat no more often than by chance, where every shot draws its own."""
    total, settings = shots.sum(), outcomes ** np.log2(3)
    return bool((shots.astype(float) ** 2).sum() <= 2 * (total + total * (total - 1) / settings))


def _refuse(data: Measurements) -> None:
    if data.sites > MOST_SITES:
        raise ValueError(
            f"the shots have {data.sites} sites; fidelity from shots looks at 4^{data.sites} Pauli "
            f"strings, and the limit is {MOST_SITES} sites."
        )
    foreign = set("".join(data.settings)) - set("XYZ" + UNMEASURED)
    if foreign:
        raise ValueError(
            f"the settings hold the letter {sorted(foreign)[0]!r}; expected X, Y and Z."
        )
    if data.readout is not None:
        raise ValueError("the shots have readout errors, which fidelity from shots does not undo.")


def _strings(setting: str) -> tuple[np.ndarray, np.ndarray]:
    """Number of the Pauli string on each subset of sites, (2**sites,), and whether it is measured.

    A number has a digit of 4 for each site: I, X, Y, Z.
    """
    bits = basis_bits(len(setting)).astype(np.int64)
    digits = np.array(["IXYZ".index(letter) for letter in setting])
    place = bits @ (digits * 4 ** np.arange(len(setting) - 1, -1, -1))
    return place, np.logical_not(bits[:, digits == 0].any(axis=1))


def _of_outcomes(per_string: np.ndarray, setting: str) -> np.ndarray:
    place, told = _strings(setting)
    return signed_sums(np.where(told, per_string[place], 0.0))


def _weights(sites: int) -> np.ndarray:
    """Sites that each Pauli string acts on."""
    weights = np.zeros(1, int)
    for _ in range(sites):
        weights = (weights[:, None] + np.array([0, 1, 1, 1])).reshape(-1)
    return weights


def _random(data: Measurements, shots: np.ndarray) -> bool:
    """Whether letters look as if each were drawn for itself: at every site, and every pair of sites."""
    letters = np.array([list(setting) for setting in data.settings])
    if (letters == UNMEASURED).any():
        return False
    total = shots.sum()
    together = 1.0 if _each_its_own(shots, 2**data.sites) else (shots**2).sum() / total
    if total / together < _FEWEST_DRAWS:
        return False
    one_hot = (letters[:, :, None] == np.array(list("XYZ"))).reshape(len(letters), -1).astype(float)
    pairs = (one_hot * shots[:, None]).T @ one_hot / total
    expected = np.full(pairs.shape, 1 / 9)
    for site in range(data.sites):
        block = slice(3 * site, 3 * site + 3)
        expected[block, block] = np.eye(3) / 3
    error = np.sqrt(expected * (1 - expected) * together / total)
    return bool((np.abs(pairs - expected) <= _UNEVEN * error + 1e-12).all())
