"""Which description? A ladder from a pure state to a mixed one of any rank, judged by shots held out in turn."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nqs.evaluation.heldout import Estimate, nll, nll_difference
from nqs.evaluation.mixed_likelihood import Description, MostLikely, most_likely
from nqs.jobs.stopping import folds, one_part
from nqs.measurement.dataset import Measurements
from nqs.measurement.effects import generalised
from nqs.state.born import Rotations

_PURPOSE = 0xDE5C

_FEW_SHOTS = 10_000
"""Shots below which all of them are held out, a fifth at a time."""

_ROUNDING = 1e-8
"""Of an optimum, nats per shot."""

_SHARE = 0.2
"""Of more shots, that is held out once."""


@dataclass(frozen=True)
class Tried:
    """One description: fitted to all shots, and to those that are not held out. sites: of the state.

    log_p: (parts, settings, 2**sites) of the fits that did not see a part. held_out: their counts of
    that part, the same of all descriptions.
    """

    description: Description
    whole: MostLikely
    log_p: np.ndarray
    held_out: np.ndarray
    sites: int

    @property
    def nll(self) -> Estimate:
        """Of the shots held out, nats per shot."""
        return nll(_rows(self.log_p), _rows(self.held_out))

    def above(self, other: "Tried") -> Estimate:
        """Held-out NLL above that of another description, paired shot by shot."""
        return nll_difference(_rows(self.log_p), _rows(other.log_p), _rows(self.held_out))


def ladder(sites: int, calibrated: bool) -> list[Description]:
    """From the simplest to a mixed state of full rank.

    calibrated: whether the file declares readout errors, as effects of generalised measurements do: then none
    are looked for beside them.
    """
    ranks = sorted({3, *(2**power for power in range(1, sites + 1))})
    mixed = [Description(rank) for rank in ranks if rank <= 2**sites]
    noisy = [Description(1, white=True)]
    if not calibrated:
        noisy.append(Description(1, readout=True))
    return [Description(), *noisy, *mixed]


def climb(
    data: Measurements,
    plan: Rotations,
    seed: int,
    heed: Callable[[], None] = lambda: None,
    over: Callable[[], bool] = lambda: False,
) -> list[Tried]:
    """Every rung fitted to all shots, and again without the parts held out. heed: called between fits, where
    signals are listened to. over: whether time is, so that no further rung is tried."""
    counts = data.table()
    rng = np.random.default_rng([seed, _PURPOSE])
    few = data.shots < _FEW_SHOTS
    held_out = folds(counts, rng) if few else one_part(counts, _SHARE, rng)
    found: list[Tried] = []
    known = data.readout is not None or generalised(data.settings, data.effects)
    for description in ladder(data.sites, known):
        simpler = max(
            (t for t in found if t.description.rank < description.rank),
            key=lambda t: t.description.rank,
            default=None,
        )
        begin = None if simpler is None else simpler.whole.mixture
        heed()
        if found and over():
            break
        whole = most_likely(counts, plan, description, seed, also_from=begin)
        log_p = [
            most_likely(
                counts - part, plan, description, seed, also_from=whole.mixture, starts=0
            ).log_table(plan)
            for part in held_out
        ]
        found.append(Tried(description, whole, np.stack(log_p), held_out, data.sites))
    return found


def simplest(tried: list[Tried]) -> Tried:
    """The one of fewest parameters that is within one paired error of the best.

    None with readout errors of its own: a mixed state explains most of them as well, and shots alone do not
    tell. Breiman, Friedman, Olshen and Stone, Classification and Regression Trees (1984), section 3.4.3.
    """
    tried = [t for t in tried if not t.description.readout]
    best = min(tried, key=lambda t: t.nll.value)
    good = [t for t in tried if t is best or _within(t.above(best))]
    return min(good, key=lambda t: t.description.parameters(t.sites))


def _within(above: Estimate) -> bool:
    return above.value <= (above.error or 0.0) + _ROUNDING


def _rows(parts: np.ndarray) -> np.ndarray:
    return parts.reshape(-1, parts.shape[-1])
