"""How outcomes are misread: a matrix for every site, and one for two sites that are misread together."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

_LEAST_TOLD = 1e-6
"""Difference of two probabilities below which a readout tells no outcome from the other."""


class Pair(NamedTuple):
    """Two sites that are misread together, as by crosstalk.

    sites: the two. matrix: (4, 4) P(read | true) as [2 r_i + r_j, 2 t_i + t_j].
    """

    sites: tuple[int, int]
    matrix: np.ndarray


def checked_readout(readout: np.ndarray, sites: int) -> np.ndarray:
    """Matrices of all sites; ValueError where they are none of probabilities."""
    if readout.shape != (sites, 2, 2):
        raise ValueError(f"readout has shape {readout.shape}; expected ({sites}, 2, 2).")
    for site, matrix in enumerate(readout):
        _refuse_other(matrix, f"readout of site {site}")
    return readout


def checked_pairs(pairs: Sequence[Pair], sites: int) -> tuple[Pair, ...]:
    """Pairs of sites, no site in two of them; ValueError where they are others, or not of probabilities."""
    found: list[Pair] = []
    named: set[int] = set()
    for of, matrix in pairs:
        i, j = (int(n) for n in of)
        matrix = np.asarray(matrix, float)
        if not (0 <= i < sites and 0 <= j < sites) or i == j or {i, j} & named:
            raise ValueError(
                f"a pair of sites that are misread together is {i} and {j}; expected two of 0 to {sites - 1}, each "
                "in one pair at most."
            )
        if matrix.shape != (4, 4):
            raise ValueError(
                f"readout of sites {i} and {j} has shape {matrix.shape}; expected (4, 4)."
            )
        _refuse_other(matrix, f"readout of sites {i} and {j}")
        named |= {i, j}
        found.append(Pair((i, j), matrix))
    return tuple(found)


def _refuse_other(matrix: np.ndarray, name: str) -> None:
    if not np.isfinite(matrix).all() or matrix.min() < 0:
        raise ValueError(f"{name} holds negative or non-finite numbers; expected probabilities.")
    sums = matrix.sum(axis=0)
    if not np.allclose(sums, 1, atol=1e-6):
        raise ValueError(f"{name} sums to {sums.tolist()} over the read value; expected 1.")


def refuse_blind_readout(readout: np.ndarray | None, pairs: Sequence[Pair] = ()) -> None:
    """ValueError where a site (sites, 2, 2), or a pair, reads the same whatever it is in: that cannot be undone."""
    if readout is None:
        return
    told = np.abs(readout[:, 0, 0] - readout[:, 0, 1])
    if told.min() < _LEAST_TOLD:
        raise ValueError(
            f"readout of site {int(np.argmin(told))} is the same for both outcomes: it says nothing of "
            "the site. Leave the site out, or calibrate it again."
        )
    for (i, j), matrix in pairs:
        if np.linalg.svd(matrix, compute_uv=False).min() < _LEAST_TOLD:
            raise ValueError(
                f"readout of sites {i} and {j} cannot be undone: it is the same for two mixtures of their states. "
                "Leave a site out, or calibrate them again."
            )


def composed(
    after: np.ndarray, readout: np.ndarray | None, pairs: Sequence[Pair]
) -> tuple[np.ndarray, tuple[Pair, ...]]:
    """Errors of every site (sites, 2, 2) that come after others, and all of them as one."""
    single = after if readout is None else after @ readout
    both = [Pair(p.sites, np.kron(*after[list(p.sites)]) @ p.matrix) for p in pairs]
    return single, tuple(both)


def same_pairs(one: Sequence[Pair], other: Sequence[Pair]) -> bool:
    """Whether they are the same, in the same order."""
    return len(one) == len(other) and all(
        p.sites == q.sites and np.array_equal(p.matrix, q.matrix)
        for p, q in zip(one, other, strict=True)
    )
