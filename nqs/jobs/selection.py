"""Which state of each restart is kept, and which restarts are equally good, by shots held out."""

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from flax import linen as nn

from nqs.evaluation.heldout import is_worse, nll
from nqs.measurement.dataset import Measurements
from nqs.state.born import Rotations
from nqs.state.state import State
from nqs.training.fit import Progress


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


def repeated(tree: Any, times: int) -> Any:
    """One restart's tree, that many times in front."""
    return jax.tree.map(lambda leaf: np.broadcast_to(leaf, (times, *np.shape(leaf))), tree)


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
