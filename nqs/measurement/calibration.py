"""Calibration of a readout: basis states that were prepared, and what was read of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.special import chdtrc, pdtrc, xlogy

from nqs.measurement.readout import Pair


def of_rates(rates: np.ndarray) -> np.ndarray:
    """P(read r | true t) as [site, r, t], (sites, 2, 2), of P(1 | 0) and P(0 | 1) of every site, (sites, 2)."""
    up, down = np.asarray(rates, float).T
    return np.stack([np.stack([1 - up, down], 1), np.stack([up, 1 - down], 1)], 1)


def rates_of(readout: np.ndarray) -> np.ndarray:
    """P(1 | 0) and P(0 | 1) of every site, (sites, 2)."""
    return np.stack([readout[:, 1, 0], readout[:, 0, 1]], axis=1)


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

    def refuse_inverted(self, name: str) -> None:
        """ValueError where a site is read wrongly more often than not: no device does, but a file may be in another
        order or have its bits inverted."""
        rates = rates_of(self.confusion().readout)
        if rates.max() > 0.5:
            site, state = (int(i) for i in np.unravel_index(np.argmax(rates), rates.shape))
            raise ValueError(
                f"{name}: site {site} prepared as {state} is read as {1 - state} with a chance of "
                f"{rates[site, state]:.0%}; its bits look inverted, or its sites in another order. Mend the file, or "
                "say --leftmost."
            )

    def tells(self, readout: np.ndarray) -> bool:
        """Whether readout errors (sites, 2, 2) are those of these shots."""
        shots = self.seen().sum(axis=1)
        return bool((shots > 0).all()) and np.array_equal(readout, self.confusion().readout)

    def drawn_again(self, rng: np.random.Generator) -> np.ndarray:
        """Readout errors (sites, 2, 2) as other calibration shots of the same device would have told them."""
        seen = self.seen()
        shots = seen.sum(axis=1).astype(int)
        wrong = np.stack([seen[:, 1, 0], seen[:, 0, 1]], axis=1)  # read as 1 of 0, as 0 of 1
        rate = np.minimum((wrong + 0.5) / (shots + 1), 1.0)
        return of_rates(rng.binomial(shots, rate) / np.maximum(shots, 1))

    def pairs(self) -> tuple[Pair, ...]:
        """Errors of the sites that are misread `together`, the surest pairs first and each site in one at most; of
        those that were prepared in all four states."""
        found: list[Pair] = []
        for i, j, _ in self.together():
            taken = {site for pair in found for site in pair.sites}
            seen = self._seen_of(i, j)
            if not {i, j} & taken and (seen.sum(axis=0) > 0).all():
                found.append(Pair((i, j), seen / seen.sum(axis=0)))
        return tuple(found)

    def _seen_of(self, i: int, j: int) -> np.ndarray:
        """How often two sites were read as 2 r_i + r_j when they were prepared as 2 t_i + t_j, (4, 4)."""
        read, true = (2 * bits[:, i] + bits[:, j] for bits in (self.outcomes, self.prepared))
        seen = np.zeros((4, 4))
        np.add.at(seen, (read, true), self.counts)
        return seen

    def pairs_drawn_again(
        self, rng: np.random.Generator, pairs: Sequence[Pair]
    ) -> tuple[Pair, ...]:
        """As `drawn_again`, of pairs."""
        found = []
        for (i, j), matrix in pairs:
            seen = self._seen_of(i, j)
            shots = seen.sum(axis=0).astype(int)
            chance = (seen + 0.25) / (shots + 1)  # what was not seen is not excluded, as above
            again = np.stack([rng.multinomial(n, p) for n, p in zip(shots, chance.T, strict=True)])
            # what was never prepared is not known by these shots
            found.append(Pair((i, j), np.where(shots > 0, again.T / np.maximum(shots, 1), matrix)))
        return tuple(found)

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
        """Pairs of sites that are misread at once more often than by chance: (i, j, p-value), p below 1e-3 over
        the number of pairs.

        Coincidences are expected by the rates of both sites in the states that they were prepared in, and
        scatter as those of Poisson, as they are rare.
        """
        wrong = (self.outcomes != self.prepared).astype(float)
        counts = self.seen()
        shots = np.maximum(counts.sum(axis=1), 1)
        rates = np.stack([counts[:, 1, 0], counts[:, 0, 1]], axis=1) / shots
        expected_wrong = rates[np.arange(self.sites), self.prepared]
        seen, expected = ((x * self.counts[:, None]).T @ x for x in (wrong, expected_wrong))
        pairs = [(i, j) for i in range(self.sites) for j in range(i + 1, self.sites)]
        found = [(i, j, float(pdtrc(max(seen[i, j] - 1, 0), expected[i, j]))) for i, j in pairs]
        told = [pair for pair in found if seen[pair[0], pair[1]] > 1]
        sure = [pair for pair in told if pair[2] < 1e-3 / len(pairs)]
        # of many shots all p-values are 0: then by how many more there are than by chance
        return sorted(sure, key=lambda p: (p[2], expected[p[:2]] - seen[p[:2]]))


def joined(parts: list["Calibration | None"]) -> "Calibration | None":
    """All calibration shots there are, as those of one experiment."""
    there: list[Calibration] = []
    for part in parts:
        # beside two files of one experiment may lie the same shots
        if part is not None and not any(_same(part, other) for other in there):
            there.append(part)
    if not there:
        return None
    return Calibration(
        np.concatenate([part.prepared for part in there]),
        np.concatenate([part.outcomes for part in there]),
        np.concatenate([part.counts for part in there]),
    )


def _same(one: Calibration, other: Calibration) -> bool:
    names = ("prepared", "outcomes", "counts")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)
