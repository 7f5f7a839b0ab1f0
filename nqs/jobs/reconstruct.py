"""Learning a state from shots: search, choice, training on all shots, and the conjugate."""

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from flax import linen as nn

from nqs import ansatz as menu
from nqs.config.tomography import Tomography
from nqs.evaluation.fidelity import fidelity
from nqs.evaluation.heldout import nll, nll_difference
from nqs.evaluation.identifiability import SAME_STATE, blind_to_conjugation, conjugate_is_same
from nqs.jobs import choices
from nqs.jobs.selection import Kept, equally_good, keep, restart, stopping_is_visible
from nqs.measurement.dataset import Measurements
from nqs.state.born import conjugated
from nqs.state.reach import refuse_out_of_reach
from nqs.state.state import State, initial_variables
from nqs.training.fit import Progress, Recipe, begin, equal_travel
from nqs.training.likelihood import NegativeLogLikelihood, Shots, shots
from nqs.training.run import Run, train

SEARCH, REFIT, MIRROR = "search", "refit", "mirror"

_SHARES = {SEARCH: 0.6, REFIT: 0.8, MIRROR: 0.9}
"""How much of a budget or time limit may be used at the end of each phase; the rest judges."""


@dataclass(frozen=True)
class Reconstruction:
    """What training hands to the judges.

    kept: the restarts as chosen on held-out shots; best: which of them is the best;
    peers: those equally good. final: the state trained on all shots, and finals its
    peers. conjugate_excluded: whether ψ* explains the shots worse, None where not
    tried.
    """

    data: Measurements
    train: Measurements
    held_out: Measurements | None
    kept: list[Kept]
    best: int
    peers: list[int]
    final: State
    finals: list[State]
    refit_steps: int | None
    conjugate_excluded: bool | None
    skipped: int


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


def reconstruct(data: Measurements, config: Tomography, model: nn.Module, run: Run) -> Reconstruction:
    """Search with shots held out, choose, train again on all shots, and try the conjugate."""
    steps = int(config.training.steps or 0)
    train_shots, held_out = data.split(config.data.held_out, config.seed)
    objective = NegativeLogLikelihood(model, data.sites)
    starts = initial_variables(model, data.sites, config.seed, int(config.training.restarts or 1))

    def fit(phase: str, variables: Any, batch: Shots, length: int) -> Progress:
        return train(
            run,
            phase,
            objective,
            Recipe(float(config.training.rate or 0), choices.restarts_together(data)),
            variables,
            batch,
            steps=length,
            share=_SHARES[phase],
            steps_per_dispatch=choices.steps_per_dispatch(data),
        )

    with run.listening():
        batch = jax.device_put(shots(train_shots, held_out))
        search = fit(SEARCH, starts, batch, steps)
        judge_counts = np.asarray(batch.train if held_out is None else batch.held_out)
        visible = held_out is not None and stopping_is_visible(
            data.sites, data.only_z, State(model, restart(starts, 0), data.sites).parameters,
            config.data.held_out,
        )
        kept = keep(
            search, model, data, batch.plan, judge_counts,
            may_stop_early=visible or run.stopped is not None,
        )
        best, peers = equally_good(kept, judge_counts)

        finals, refit_steps = {i: kept[i].state for i in peers}, None
        everything = jax.device_put(shots(data))
        variables = jax.tree.map(lambda *leaves: np.stack(leaves), *(k.state.variables for k in kept))
        if config.data.refit and held_out is not None and run.stopped is None:
            stopped_early = kept[best].step < steps
            refit_steps = equal_travel(kept[best].step, steps) if stopped_early else steps
            again = fit(REFIT, starts, everything, refit_steps)
            if run.stopped is None:  # a refit cut short is no better than what was kept
                variables = again.variables
                finals = {i: State(model, restart(variables, i), data.sites) for i in peers}

        counts = np.asarray(everything.train)
        tables = {i: s.log_table(everything.plan) for i, s in finals.items()}
        winner = min(finals, key=lambda i: nll(tables[i], counts).value)
        excluded = None
        if not data.only_z and run.stopped is None:
            mirrored = everything._replace(plan=conjugated(everything.plan))

            def from_conjugate() -> Progress:
                return fit(MIRROR, variables, mirrored, refit_steps or steps)

            excluded = _conjugate_excluded(
                finals[winner], tables[winner], data, counts, mirrored, from_conjugate
            )
    return Reconstruction(
        data=data,
        train=train_shots,
        held_out=held_out,
        kept=kept,
        best=best,
        peers=peers,
        final=finals[winner],
        finals=[finals[i] for i in peers if i != winner],
        refit_steps=refit_steps,
        conjugate_excluded=excluded,
        skipped=int(sum(np.sum(p.skipped) for p in run.phases.values())),
    )


def _conjugate_excluded(final, table, data, counts, mirrored, from_conjugate) -> bool:
    """Whether a fit begun at ψ* ends worse than ψ by two paired errors, or back at ψ.

    Reading every shot with conjugated effects turns ψ* into ψ, so the same network
    with the same parameters is the place to begin.
    """
    psi = final.vector()
    if conjugate_is_same(psi):
        return True
    if blind_to_conjugation(data):
        return False
    progress = from_conjugate()
    for index in range(len(progress.step)):
        state = State(final.model, restart(progress.variables, index), data.sites)
        if fidelity(state.vector().conj(), psi) >= SAME_STATE:
            continue
        worse = nll_difference(state.log_table(mirrored.plan), table, counts)
        if worse.value <= 2 * worse.error:
            return False
    return True


def templates(config: Tomography, model: nn.Module, sites: int) -> dict[str, Progress]:
    """Progress of every phase as it would begin: the shape of a checkpoint."""
    progress = begin(initial_variables(model, sites, config.seed, int(config.training.restarts or 1)))
    return {SEARCH: progress, REFIT: progress, MIRROR: progress}
