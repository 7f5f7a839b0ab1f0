"""Calibration of a readout: basis states that were prepared, and what was read of them."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.special import chdtrc, xlogy


class Confusion(NamedTuple):
    """P(read r | true t) of every site as [site, r, t], (sites, 2, 2), and its standard error."""

    readout: np.ndarray
    error: np.ndarray


@dataclass(frozen=True)
class Calibration:
    """Shots in Z of basis states that are known.

    prepared, outcomes: (rows, sites) uint8, what was prepared and what was read. counts: (rows,)
    multiplicity of each row; one each if left out.
    """

    prepared: np.ndarray
    outcomes: np.ndarray
    counts: np.ndarray = None  # type: ignore[assignment]  # an array once checked

    def __post_init__(self):
        prepared, outcomes = np.asarray(self.prepared), np.asarray(self.outcomes)
        if prepared.ndim != 2 or 0 in prepared.shape or prepared.shape != outcomes.shape:
            raise ValueError(
                f"calibration shots have prepared states of shape {prepared.shape} and outcomes of shape "
                f"{outcomes.shape}; expected (shots, sites) of both."
            )
        counts = (
            np.ones(len(prepared), np.int64) if self.counts is None else np.asarray(self.counts)
        )
        if counts.shape != (len(prepared),) or counts.dtype.kind not in "iu" or counts.min() < 1:
            raise ValueError(
                f"calibration counts have shape {counts.shape}; expected {len(prepared)} positive integers."
            )
        for name, bits in (("prepared states", prepared), ("outcomes", outcomes)):
            if bits.dtype.kind not in "iub" or bits.min() < 0 or bits.max() > 1:
                raise ValueError(f"calibration {name} hold other values than 0 and 1.")
        store: dict[str, Any] = {
            "prepared": prepared.astype(np.uint8),
            "outcomes": outcomes.astype(np.uint8),
            "counts": counts.astype(np.int64),
        }
        for name, value in store.items():
            object.__setattr__(self, name, value)

    @property
    def sites(self) -> int:
        return self.prepared.shape[1]

    @property
    def shots(self) -> int:
        return int(self.counts.sum())

    def seen(self) -> np.ndarray:
        """How often each site was read as r when it was prepared as t, (sites, 2, 2) as [site, r, t]."""
        found = np.zeros((self.sites, 2, 2))
        for r in (0, 1):
            for t in (0, 1):
                both = (self.outcomes == r) & (self.prepared == t)
                found[:, r, t] = self.counts @ both
        return found

    def confusion(self) -> Confusion:
        """The relative frequencies, with binomial errors; ValueError where a site was not prepared in both states."""
        seen = self.seen()
        shots = seen.sum(axis=1)
        if (shots == 0).any():
            site, state = (int(i) for i in np.argwhere(shots == 0)[0])
            raise ValueError(
                f"site {site} was never prepared as {state} in the calibration shots; both are needed to tell "
                "how it is misread."
            )
        readout = seen / shots[:, None]
        # a rate of nothing seen is known to about one shot
        smoothed = (seen + 0.5) / (shots[:, None] + 1)
        return Confusion(readout, np.sqrt(smoothed * (1 - smoothed) / shots[:, None]))

    def p_value(self, readout: np.ndarray | None) -> float:
        """Of these shots under given errors (sites, 2, 2), none where left out: likelihood ratio over all sites and
        both states, χ² with a degree of freedom each."""
        seen = self.seen()
        expected = np.broadcast_to(np.eye(2), seen.shape) if readout is None else readout
        shots = seen.sum(axis=1, keepdims=True)
        if (seen[expected <= 0] > 0).any():
            return 0.0
        ratio = 2 * (xlogy(seen, seen) - xlogy(seen, shots * expected)).sum()
        return float(chdtrc((shots > 0).sum(), max(ratio, 0.0)))

    def together(self) -> list[tuple[int, int, float]]:
        """Pairs of sites that are misread together, or apart, more often than by chance: (i, j, p-value), by
        Fisher's z of the correlation of their errors, p below 1e-3 over the number of pairs."""
        wrong = (self.outcomes != self.prepared).astype(float)
        n = self.shots
        mean = self.counts @ wrong / n
        covariance = (wrong * self.counts[:, None]).T @ wrong / n - np.outer(mean, mean)
        spread = np.sqrt(np.diag(covariance))
        found = []
        for i in range(self.sites):
            for j in range(i):
                if spread[i] * spread[j] == 0:
                    continue
                r = covariance[i, j] / (spread[i] * spread[j])
                p = float(chdtrc(1, n * r * r))
                if p < 1e-3 / max(self.sites * (self.sites - 1) / 2, 1):
                    found.append((j, i, p))
        return sorted(found, key=lambda pair: pair[2])


def joined(parts: list["Calibration | None"]) -> "Calibration | None":
    """All calibration shots there are, as those of one experiment."""
    there = [part for part in parts if part is not None]
    if not there:
        return None
    return Calibration(
        np.concatenate([part.prepared for part in there]),
        np.concatenate([part.outcomes for part in there]),
        np.concatenate([part.counts for part in there]),
    )
