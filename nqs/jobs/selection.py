"""Choices that the held-out shots make: when to stop, and which restarts are equally good."""

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from flax import linen as nn

from nqs.evaluation.heldout import is_worse, nll
from nqs.measurement.dataset import Measurements
from nqs.state.born import Rotations
from nqs.state.state import State
from nqs.training.fit import STEPS_PER_JUDGEMENT, Progress

_LOOK_BACK = 200 // STEPS_PER_JUDGEMENT


@dataclass(frozen=True)
class Kept:
    """The state one restart is kept in.

    step: when it was reached. log_p: its table (settings, 2**sites). judged: its
    NLL on the shots that judge it, held out where there are any.
    """

    state: State
    step: int
    log_p: np.ndarray
    judged: float


def restart(tree: Any, index: int) -> Any:
    """One restart of a tree with the restarts in front, as NumPy arrays."""
    return jax.tree.map(lambda leaf: np.asarray(leaf)[index], tree)


def stopping_is_visible(sites: int, only_z: bool, parameters: int, held_out: float) -> bool:
    """Whether held-out shots can show that training went on for too long.

    A fit of d directions to n shots overfits by d/2n nats per shot. On f·n shots
    held out that is seen with a paired error of √(2·(d/2n)/(f·n)), a ratio of
    √(d·f/4). Below two, early stopping would follow noise.
    """
    directions = 2**sites - 1 if only_z else 2 * 2**sites - 2
    return min(directions, parameters) * held_out / 4 >= 4


def past_the_best(progress: Progress, rows: list[dict], held_out_shots: int) -> bool:
    """Whether every restart has left its best state behind for good, so that search may end.

    For the last 200 steps its held-out NLL lay above its best by Δ of at least three
    paired errors √(2Δ/shots), the error between two states that differ by Δ.
    """
    if len(rows) < _LOOK_BACK or rows[-1]["held_out_nll"] is None:
        return False
    recent = [row["held_out_nll"] for row in rows[-_LOOK_BACK:]]
    lowest = np.min(np.array(recent, dtype=float), axis=0)  # a null is NaN and compares as False
    return bool(np.all(lowest - np.asarray(progress.best_judged) > 18 / held_out_shots))


def keep(
    progress: Progress,
    model: nn.Module,
    data: Measurements,
    plan: Rotations,
    judge_counts: np.ndarray,
    *,
    may_stop_early: bool,
) -> list[Kept]:
    """Each restart at its end, or at its best earlier average where that is better for certain.

    For certain: by more than one paired error on the shots that judge.
    """

    def at(variables: Any, step: Any) -> Kept:
        state = State(model, variables, data.sites)
        log_p = state.log_table(plan)
        return Kept(state, int(step), log_p, nll(log_p, judge_counts).value)

    progress = jax.device_get(progress)
    kept = []
    for index in range(len(progress.step)):
        chosen = at(restart(progress.variables, index), progress.step[index])
        if may_stop_early and np.isfinite(progress.best_judged[index]):
            best = at(restart(progress.best, index), progress.best_step[index])
            if is_worse(chosen.log_p, best.log_p, judge_counts, errors=1):
                chosen = best
        kept.append(chosen)
    return kept


def equally_good(kept: list[Kept], judge_counts: np.ndarray) -> tuple[int, list[int]]:
    """The best restart, and all that are not worse than it by more than one paired error."""
    best = int(np.nanargmin([k.judged for k in kept]))
    peers = [
        index
        for index, other in enumerate(kept)
        if not is_worse(other.log_p, kept[best].log_p, judge_counts, errors=1)
    ]
    return best, peers
