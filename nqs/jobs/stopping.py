"""When to stop: told by shots held out once, or in turn where one part is too small to tell."""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from nqs.training.fit import STEPS_PER_JUDGEMENT, Progress
from nqs.training.likelihood import Shots

FOLDS = 5
_TOLD = 2.0
_TOLD_BY_ONE_PART = 5.0
"""Paired errors that overfitting amounts to on shots held out: where it can be told at all,
and where one part of the shots tells it well enough."""

_PURPOSE = 0xF01D
_LOOK_BACK_STEPS = 200
_LOOK_BACK = _LOOK_BACK_STEPS // STEPS_PER_JUDGEMENT
_NEVER_BEST = 1e300
"""In place of what was not finite, so that differences are."""


def parts_held_out(sites: int, only_z: bool, parameters: int, share: float) -> int:
    """How many parts of the shots to hold out in turn: `FOLDS`, 1, or 0 where none would tell.

    A fit of d directions to n shots overfits by d/2n nats per shot. On f·n shots
    held out that is seen with a paired error of √(2·(d/2n)/(f·n)), a ratio of
    √(d·f/4); all shots are held out in turn for f = 1. Below two, early stopping would
    follow noise. share: of the shots that are held out from the search.
    """
    directions = min(2**sites - 1 if only_z else 2 * 2**sites - 2, parameters)
    if not share:
        return 0
    if np.sqrt(directions * share / 4) >= _TOLD_BY_ONE_PART:
        return 1
    return FOLDS if np.sqrt(directions / 4) >= _TOLD else 0


def past_the_best(
    progress: Progress,
    rows: Sequence[dict],
    held_out_shots: float,
    every: int = STEPS_PER_JUDGEMENT,
    doubt: Any = 0.0,
) -> bool:
    """Whether every restart has left its best state behind for good, so that search may end.

    For the last 200 steps its held-out NLL lay above its best by Δ of at least three
    paired errors √(2Δ/shots), the error between two states that differ by Δ. every: steps
    between two rows. doubt: other errors of Δ, of which there have to be three as well.
    """
    look_back = _LOOK_BACK_STEPS // every
    if len(rows) < look_back:
        return False
    behind = _judged(rows[-look_back:]).min(axis=0) - np.asarray(progress.best_judged)
    return bool(np.all(behind > 18 / held_out_shots + 3 * np.asarray(doubt)))


def folds_are_past_the_best(rows: Sequence[dict], shots: int) -> bool:
    """The same of all folds together: their mean is one curve, judged on all shots."""
    pooled = _judged(rows).mean(axis=1)
    return len(pooled) > _LOOK_BACK and bool(pooled[-_LOOK_BACK:].min() - pooled.min() > 18 / shots)


def told_by_folds(rows: Sequence[dict], shots: int) -> int | None:
    """The step at which the mean held-out NLL of all folds was least.

    None where the end is not worse than it by more than two paired errors √(2Δ/shots).
    """
    if not rows:
        return None
    pooled = _judged(rows).mean(axis=1)
    best = int(np.argmin(pooled))
    if not pooled[-1] - pooled[best] > 8 / shots:
        return None
    return int(rows[best]["step"])


def gap_of_folds(rows: Sequence[dict], step: int) -> float:
    """Held-out NLL minus training NLL of the folds at a step, nats per shot."""
    (row,) = [row for row in rows if row["step"] == step]
    return float(np.mean(row["held_out_nll"]) - np.mean(row["train_nll"]))


def _judged(rows: Sequence[dict]) -> np.ndarray:
    """Held-out NLL (judgements, restarts) of logged rows; huge where it was not finite."""
    restarts = len(rows[0]["train_nll"]) if rows else 1
    none = [None] * restarts
    values = [none if row["held_out_nll"] is None else row["held_out_nll"] for row in rows]
    judged = np.array(values, dtype=float).reshape(len(rows), restarts)
    return np.where(np.isnan(judged), _NEVER_BEST, judged)


# Parts of shots


def shots_in_turn(everything: Shots, seed: int) -> Shots:
    """Every fold held out once and trained on in the others, as `OWN_SHOTS` lays them out."""
    counts = np.asarray(everything.train)
    held_out = folds(counts, np.random.default_rng([seed, _PURPOSE]))
    return everything._replace(train=jnp.asarray(counts - held_out), held_out=jnp.asarray(held_out))


def folds(counts: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """All shots in parts of equal size, (FOLDS, *counts.shape), which add up to them.

    counts: (..., outcomes). What is left over in one setting goes to the parts that follow
    those which took what was left over in the setting before.
    """
    shots = counts.reshape(-1, counts.shape[-1]).sum(axis=1).astype(int)
    left_over = shots % FOLDS
    first = np.cumsum(left_over) - left_over
    takes = (np.arange(FOLDS) - first[:, None]) % FOLDS < left_over[:, None]
    return deal(counts, shots[:, None] // FOLDS + takes, rng)


def one_part(counts: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """That share of every setting's shots, rounded up or down at random, (1, *counts.shape)."""
    shots = counts.reshape(-1, counts.shape[-1]).sum(axis=1)
    sizes = np.floor(share * shots + rng.random(len(shots))).astype(int)
    return deal(counts, sizes[:, None], rng)


def deal(counts: np.ndarray, sizes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Parts of so many shots, drawn without putting back, (parts, *counts.shape).

    counts: (..., outcomes). sizes: (settings in all, parts).
    """
    left = counts.astype(int).reshape(-1, counts.shape[-1])
    dealt = []
    for part in sizes.T:
        drawn = np.stack(
            [
                rng.multivariate_hypergeometric(row, size, method="marginals")
                for row, size in zip(left, part, strict=True)
            ]
        )
        left = left - drawn
        dealt.append(drawn.reshape(counts.shape).astype(float))
    return np.stack(dealt)
