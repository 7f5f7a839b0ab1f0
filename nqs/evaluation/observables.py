"""Expectation values of Pauli strings and their sums, exact from a state vector."""

import re

import numpy as np

from nqs.measurement.effects import pauli_matrix

_FACTOR = re.compile(r"([XYZ])(\d+)$")


def pauli_string(text: str, sites: int) -> dict[int, str]:
    """Letters by site of a string such as "X0 Z3"; ValueError says what is wrong with it."""
    letters: dict[int, str] = {}
    for factor in text.split():
        match = _FACTOR.match(factor)
        if match is None:
            raise ValueError(
                f"{factor!r} in observable {text!r} is not a Pauli letter with a site, such as X0."
            )
        letter, site = match[1], int(match[2])
        if site >= sites:
            raise ValueError(
                f"observable {text!r} names site {site}; the sites are 0 to {sites - 1}."
            )
        if site in letters:
            raise ValueError(f"observable {text!r} names site {site} twice.")
        letters[site] = letter
    return letters


def expectation(vector: np.ndarray, text: str) -> float:
    """⟨ψ|P|ψ⟩ of a Pauli string for a normalised state vector (2**sites,), exact."""
    sites = int(np.log2(vector.size))
    image = np.asarray(vector, dtype=complex)
    for site, letter in pauli_string(text, sites).items():
        block = image.reshape(2**site, 2, -1)
        image = np.einsum("ob,lbr->lor", pauli_matrix(letter), block).reshape(-1)
    return float(np.vdot(vector, image).real)
