"""How much of a state the settings ask for: expectation values that they tell, of all that there are."""

from collections.abc import Mapping

import numpy as np

from nqs.measurement.dataset import Measurements
from nqs.measurement.effects import PAULI_LETTERS, UNMEASURED, projectors, rows_of
from nqs.systems.pauli import PauliSum

_PAULI = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
_MOST_CODES = 2**22
"""Strings of all settings together that are listed."""

_DENSE_SITES = 4
"""Sites up to which letters that are no Paulis are compared with the others, by their rank."""


def told(data: Measurements) -> int | None:
    """Independent expectation values, of 4**sites − 1, that the settings of `data` with shots tell.

    A setting of letters tells every Pauli string that has on each site the letter or nothing. None
    where that is out of reach. Where all are told the settings are informationally complete: no two states have
    the same outcomes.
    """
    taken = zip(data.settings, data.shots_per_setting, strict=True)
    settings = [setting for setting, shots in taken if shots]
    if _only_paulis(data):
        return _pauli_strings(settings, data.sites)
    complete = {c for c in set("".join(settings)) if _rank(c, data.effects) == 4}
    if any(set(setting) <= complete for setting in settings):
        return 4**data.sites - 1
    if data.sites > _DENSE_SITES:
        return None
    rows = [_along(setting, data.effects) for setting in settings]
    return int(np.linalg.matrix_rank(np.concatenate(rows), tol=1e-6)) - 1


def tells(data: Measurements, total: PauliSum) -> bool | None:
    """Whether the settings of `data` with shots tell every string of a sum; None where letters are no Paulis."""
    if not _only_paulis(data):
        return None
    settings = [s for s, shots in zip(data.settings, data.shots_per_setting, strict=True) if shots]
    for x, z in zip(total.x, total.z, strict=True):
        word = ["IXZY"[int(a) + 2 * int(b)] for a, b in zip(x, z, strict=True)]
        wanted = [(site, letter) for site, letter in enumerate(word) if letter != UNMEASURED]
        if not any(all(s[site] == letter for site, letter in wanted) for s in settings):
            return False
    return True


def _only_paulis(data: Measurements) -> bool:
    return set("".join(data.settings)) <= {*PAULI_LETTERS, UNMEASURED} - set(data.effects)


def _pauli_strings(settings: list[str], sites: int) -> int | None:
    if sum(2 ** sum(c != UNMEASURED for c in s) for s in settings) > _MOST_CODES:
        return None
    seen: set[int] = set()
    for setting in settings:
        codes = np.zeros(1, np.int64)
        for letter in setting:
            here = [0] if letter == UNMEASURED else [0, 1 + PAULI_LETTERS.index(letter)]
            codes = (4 * codes[:, None] + np.array(here)).reshape(-1)
        seen.update(codes.tolist())
    return len(seen) - 1


def _bloch(letter: str, effects: Mapping[str, np.ndarray]) -> np.ndarray:
    """Effects of a letter as expectation values of 1, X, Y and Z, (outcomes, 4)."""
    operators = effects[letter] if letter in effects else projectors(rows_of(letter))
    vectors = np.einsum("oij,pji->op", operators, _PAULI).real
    return np.hstack([np.trace(operators, axis1=1, axis2=2).real[:, None], vectors])


def _rank(letter: str, effects: Mapping[str, np.ndarray]) -> int:
    return 0 if letter == UNMEASURED else int(np.linalg.matrix_rank(_bloch(letter, effects)))


def _along(setting: str, effects: Mapping[str, np.ndarray]) -> np.ndarray:
    """Outcomes of a setting as rows of expectation values of all Pauli strings, (outcomes, 4**sites)."""
    found = np.ones((1, 1))
    for letter in setting:
        if letter == UNMEASURED:
            site = np.array([[1.0, 0, 0, 0]])
        else:
            site = _bloch(letter, effects)
        found = np.kron(found, site)
    return found
