"""Ansätze as they were trained, compared by the shots held out of all of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nqs.evaluation.heldout import Estimate, mean_of_strata
from nqs.evaluation.norm import Norm
from nqs.jobs.rungs import Rung
from nqs.state.state import State


@dataclass(frozen=True)
class Tried:
    """An ansatz as it was trained.

    states: of each restart its best in training or its last, at step `steps`. norms: log Z of
    each. log_p: of the shots held out, by stratum, for each restart, normalised by it.
    chains: of each restart at the end of its training, (chains, sites); none of normalised ones.
    best: the restart that explains them best.
    """

    rung: Rung
    states: list[State]
    steps: list[int]
    norms: list[Norm]
    log_p: list[list[np.ndarray]]
    chains: list[np.ndarray]
    shares: tuple[float, ...]
    skipped: int

    @property
    def best(self) -> int:
        return int(np.nanargmin([self.nll(r).value for r in range(len(self.states))]))

    @property
    def state(self) -> State:
        return self.states[self.best]

    @property
    def norm(self) -> Norm:
        return self.norms[self.best]

    def nll(self, number: int | None = None) -> Estimate:
        """Of the shots held out, nats per shot; its error with that of log Z."""
        number = self.best if number is None else number
        found = mean_of_strata(self.log_p[number], self.shares)
        return Estimate(-found.value, both(found.error, self.norms[number].error))

    def above(self, other: "Tried", number: int | None = None) -> Estimate:
        """Held-out NLL minus that of another's best, paired; its error with those of log Z."""
        number = self.best if number is None else number
        found = self.told_apart(other, number)
        if other is self and number == self.best:
            return found
        return Estimate(found.value, both(found.error, self.norms[number].error, other.norm.error))

    def told_apart(self, other: "Tried", number: int | None = None) -> Estimate:
        """The same, its error that of the shots alone."""
        own = self.log_p[self.best if number is None else number]
        pairs = zip(other.log_p[other.best], own, strict=True)
        return mean_of_strata([theirs - ours for theirs, ours in pairs], self.shares)


def both(*errors: float | None) -> float:
    """The error of a sum of independent numbers."""
    return float(np.sqrt(sum((e or 0.0) ** 2 for e in errors)))


def less_log_z(log_p: list[np.ndarray], norm: Norm) -> list[np.ndarray]:
    """log P of shots, of what a state that is not normalised gives them."""
    return [values - norm.value for values in log_p]


def gain(new: Tried, old: Tried) -> float:
    """Nats per shot held out; 0 where it is no more than one paired error."""
    above = new.above(old)
    return -above.value if abs(above.value) > (above.error or 0.0) else 0.0


def simplest(tried: Sequence[Tried]) -> Tried:
    """The state of fewest parameters that is within one paired error of the best."""
    best = min(tried, key=lambda t: t.nll().value)
    above = {id(t): t.above(best) for t in tried}
    close = [t for t in tried if above[id(t)].value <= (above[id(t)].error or 0.0)]
    return min(close, key=lambda t: t.state.parameters)
