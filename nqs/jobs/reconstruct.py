"""Learning a state from shots: search, choice, training on all shots, and the conjugate."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import numpy as np
from flax import linen as nn

from nqs import ansatz as menu
from nqs.config.tomography import Tomography
from nqs.evaluation.fidelity import fidelity
from nqs.evaluation.heldout import is_worse, nll
from nqs.evaluation.identifiability import SAME_AS_CONJUGATE, blind_to_conjugation
from nqs.jobs import choices
from nqs.jobs.selection import Kept, equally_good, keep, past_the_best, restart, stopping_is_visible
from nqs.jobs.start import meanwhile
from nqs.measurement.dataset import Measurements
from nqs.state.born import conjugated
from nqs.state.reach import refuse_out_of_reach
from nqs.state.state import State, initial_variables
from nqs.training.fit import Progress, Recipe, begin, equal_travel
from nqs.training.likelihood import NegativeLogLikelihood, Shots, shots
from nqs.training.run import NumericalFailure, Run, train

SEARCH, REFIT, MIRROR = "search", "refit", "mirror"

_SHARES = {SEARCH: 0.6, REFIT: 0.8, MIRROR: 0.9}
"""How much of a budget or time limit may be used at the end of each phase; the rest judges."""

_SMALL_TABLE = 2**20
"""Entries of a table of probabilities that may be made while the training compiles."""


@dataclass(frozen=True)
class Reconstruction:
    """What training hands to the judges.

    kept: the restarts as chosen on held-out shots. best: which of them is the best.
    final: the state trained on all shots. finals: those of the other restarts equally
    good, where two paired errors do not set them apart; one that got stuck when
    trained again says nothing of the shots. conjugate_excluded: whether ψ* explains
    the shots worse, None where not tried. refit_failed: whether numbers failed in
    training on all shots, so that the states are those of the search.
    """

    data: Measurements
    train: Measurements
    held_out: Measurements | None
    kept: list[Kept]
    best: int
    final: State
    finals: list[State]
    refit_steps: int | None
    conjugate_excluded: bool | None
    skipped: int
    refit_failed: bool


def choose(config: Tomography, data: Measurements, model: nn.Module | None = None):
    """The config with its gaps filled from the data, the choices made, and the ansatz."""
    refuse_out_of_reach(data.sites, len(data.settings))
    if model is not None:
        config = config.model_copy(deep=True)
        config.ansatz.name = type(model).__name__
        return (*choices.choose(config, data), model)
    config, made = choices.choose(config, data)
    options = config.ansatz.model_dump(exclude={"name"}, exclude_none=True)
    return config, made, menu.build(str(config.ansatz.name), data.sites, **options)


def reconstruct(
    data: Measurements, config: Tomography, model: nn.Module, run: Run
) -> Reconstruction:
    """Search with shots held out, choose, train again on all shots, and try the conjugate."""
    fit = _Fit(data, config, model, run)
    train_shots, held_out = data.split(config.data.held_out, config.seed)
    everything = jax.device_put(shots(data))
    if everything.train.size <= _SMALL_TABLE:
        first = State(model, restart(fit.starts, 0), data.sites)
        meanwhile(partial(first.log_table, everything.plan))  # compiles what is wanted next
    kept, judge_counts = _search(fit, train_shots, held_out)
    best, peers = equally_good(kept, judge_counts)
    states, refit_steps, refit_failed = [k.state for k in kept], None, False
    if config.data.refit and held_out is not None and run.stopped is None:
        steps = fit.refit_steps(kept[best].step)
        try:
            again = fit.states(fit(REFIT, fit.starts, everything, steps))
        except NumericalFailure:
            refit_failed = True
        else:
            if run.stopped is None:  # cut short by the clock it is no better than what was kept
                refit_steps, states = steps, _unless_stuck(again, states, everything)
    tables = [state.log_table(everything.plan) for state in states]
    counts = np.asarray(everything.train)
    # a restart that was stopped early is no better for being closer to the shots
    early = kept[best].step < fit.steps
    winner = best if early else min(peers, key=lambda i: nll(tables[i], counts).value)
    excluded = None
    if not data.only_z and run.stopped is None:
        excluded = _conjugate_excluded(
            fit, states, winner, tables[winner], everything, refit_steps or fit.steps
        )
    return Reconstruction(
        data=data,
        train=train_shots,
        held_out=held_out,
        kept=kept,
        best=best,
        final=states[winner],
        finals=[
            states[i]
            for i in peers
            if i != winner and not _worse(tables[i], tables[winner], counts)
        ],
        refit_steps=refit_steps,
        conjugate_excluded=excluded,
        skipped=int(sum(np.asarray(p.skipped).sum() for p in run.phases.values())),
        refit_failed=refit_failed,
    )


class _Fit:
    """One training loop, set up once and used by every phase: same program, other shots."""

    def __init__(self, data: Measurements, config: Tomography, model: nn.Module, run: Run):
        self.data, self.held_out, self.model, self.run = data, config.data.held_out, model, run
        self.steps = int(config.training.steps or 0)
        self.starts = starts(config, model, data.sites)
        self._objective = NegativeLogLikelihood(model, data.sites)
        self._recipe = Recipe(float(config.training.rate or 0), choices.restarts_together(data))

    def __call__(
        self, phase: str, variables: Any, batch: Shots, steps: int, **more: Any
    ) -> Progress:
        return train(
            self.run,
            phase,
            self._objective,
            self._recipe,
            variables,
            batch,
            steps=steps,
            share=_SHARES[phase],
            steps_per_dispatch=choices.steps_per_dispatch(self.data),
            **more,
        )

    def refit_steps(self, best_step: int) -> int:
        return equal_travel(best_step, self.steps) if best_step < self.steps else self.steps

    def states(self, progress: Progress) -> list[State]:
        variables = jax.device_get(progress.variables)
        return [
            State(self.model, restart(variables, index), self.data.sites)
            for index in range(len(progress.step))
        ]


def _search(
    fit: _Fit, train_shots: Measurements, held_out: Measurements | None
) -> tuple[list[Kept], np.ndarray]:
    """Every restart as it is kept, and the counts (settings, 2**sites) that judged it."""
    batch = jax.device_put(shots(train_shots, held_out))
    counts = np.asarray(batch.train if held_out is None else batch.held_out)
    parameters = State(fit.model, restart(fit.starts, 0), fit.data.sites).parameters
    visible = held_out is not None and stopping_is_visible(
        fit.data.sites, fit.data.only_z, parameters, fit.held_out
    )

    def enough(progress: Progress, rows: list[dict]) -> bool:
        return visible and past_the_best(progress, rows, int(counts.sum()))

    progress = fit(SEARCH, fit.starts, batch, fit.steps, enough=enough)
    early = visible or fit.run.stopped is not None
    return keep(progress, fit.model, fit.data, batch.plan, counts, may_stop_early=early), counts


def _unless_stuck(again: list[State], kept: list[State], everything: Shots) -> list[State]:
    """Each state trained again; as it was kept where it is now worse by two paired errors."""
    counts, plan = np.asarray(everything.train), everything.plan
    return [
        old if _worse(new.log_table(plan), old.log_table(plan), counts) else new
        for new, old in zip(again, kept, strict=True)
    ]


def _conjugate_excluded(
    fit: _Fit, states: list[State], winner: int, table: np.ndarray, everything: Shots, steps: int
) -> bool | None:
    """Whether a fit begun at ψ* ends worse than ψ by two paired errors, or back at ψ.

    Reading every shot with conjugated effects turns ψ* into ψ, so the same networks
    with the same parameters are the place to begin.
    """
    psi = states[winner].vector()
    if fidelity(psi, psi.conj()) >= SAME_AS_CONJUGATE:
        return True
    if blind_to_conjugation(fit.data):
        return False
    mirrored = everything._replace(plan=conjugated(everything.plan))
    variables = jax.tree.map(lambda *leaves: np.stack(leaves), *(s.variables for s in states))
    counts = np.asarray(everything.train)
    try:
        mirror = fit.states(fit(MIRROR, variables, mirrored, steps))
    except NumericalFailure:
        return None
    if fit.run.stopped is not None:
        return None  # cut short, it would look worse than it is
    return all(
        fidelity(state.vector().conj(), psi) >= SAME_AS_CONJUGATE
        or _worse(state.log_table(mirrored.plan), table, counts)
        for state in mirror
    )


def _worse(log_p: np.ndarray, reference: np.ndarray, counts: np.ndarray) -> bool:
    return is_worse(log_p, reference, counts, errors=2)


def starts(config: Tomography, model: nn.Module, sites: int) -> Any:
    """Variables of all restarts before the first step."""
    return initial_variables(model, sites, config.seed, int(config.training.restarts or 1))


def templates(config: Tomography, model: nn.Module, sites: int) -> dict[str, Progress]:
    """Progress of every phase as it would begin: the shape of a checkpoint."""
    progress = begin(starts(config, model, sites))
    return {SEARCH: progress, REFIT: progress, MIRROR: progress}
