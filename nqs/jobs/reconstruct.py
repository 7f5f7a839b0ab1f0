"""Learning a state from shots: search, choice, when to stop, training on all shots, the conjugate."""

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np
from flax import linen as nn

from nqs import ansatz as menu
from nqs.config.tomography import Tomography
from nqs.evaluation.fidelity import fidelity
from nqs.evaluation.heldout import is_worse, nll
from nqs.evaluation.identifiability import SAME_AS_CONJUGATE, blind_to_conjugation
from nqs.jobs import choices, stopping
from nqs.jobs.recipes import recipe
from nqs.jobs.selection import Kept, equally_good, keep, repeated, restart
from nqs.jobs.start import meanwhile
from nqs.measurement.dataset import Measurements
from nqs.measurement.effects import generalised
from nqs.state.born import conjugated
from nqs.state.reach import refuse_out_of_reach
from nqs.state.state import State, initial_variables
from nqs.training.fit import Progress, begin, equal_travel
from nqs.training.likelihood import OWN_SHOTS, NegativeLogLikelihood, Shots, shots
from nqs.training.run import NumericalFailure, Run, train

JUDGE = "nqs.jobs.judge"

SEARCH, IN_TURN, REFIT, MIRROR = "search", "folds", "refit", "mirror"

_SHARES = {SEARCH: 0.55, IN_TURN: 0.65, REFIT: 0.8, MIRROR: 0.9}
"""How much of a budget or time limit may be used at the end of each phase; the rest judges."""

_SMALL_TABLE = 2**20
"""Entries of a table of probabilities that may be made while the training compiles."""


class Again(NamedTuple):
    """Every restart trained again, on all shots.

    stop: step of the schedule that shots held out told to stop at, all steps where they told
    nothing. folds: in how many parts all shots were held out in turn for that; 1 where one part
    was for good, 0 where none would have told. gap: held-out NLL minus training NLL of the
    folds at their stop, None where they have none. steps: that were taken,
    of a schedule of its own that goes as far as the stop.
    """

    stop: int
    folds: int
    gap: float | None
    steps: int
    states: list[State]


@dataclass(frozen=True)
class Reconstruction:
    """What training hands to the judges.

    kept: the restarts as chosen on held-out shots. best: which of them is the best.
    final: the state trained on all shots, of restart `winner`. finals: those of the other
    restarts equally good, where two paired errors do not set them apart; one that got stuck
    when trained again says nothing of the shots. again: None where the states are those of
    the search. conjugate_excluded: whether ψ* explains the shots worse, None where not tried.
    refit_failed: whether numbers failed in training on all shots.
    """

    data: Measurements
    train: Measurements
    held_out: Measurements | None
    kept: list[Kept]
    best: int
    winner: int
    final: State
    finals: list[State]
    again: Again | None
    conjugate_excluded: bool | None
    skipped: int
    refit_failed: bool

    def named(self, config: Tomography) -> tuple[str, dict[str, Any]]:
        """The ansatz and its options, enough to build it again."""
        options = config.ansatz.model_dump(exclude={"name"}, exclude_none=True)
        return str(config.ansatz.name), options


def choose(config: Tomography, data: Measurements, model: nn.Module | None = None):
    """The config with its gaps filled from the data, the choices made, and the ansatz."""
    refuse_out_of_reach(data.sites, len(data.settings), data.levels)
    if model is not None:
        config = config.model_copy(deep=True)
        config.ansatz.name = type(model).__name__
        config, made = choices.choose(config, data)
        _refuse_large(config, data, model)
        return config, made, model
    config, made = choices.choose(config, data)
    options = config.ansatz.model_dump(exclude={"name"}, exclude_none=True)
    model = menu.build(str(config.ansatz.name), data.sites, **options)
    _refuse_large(config, data, model)
    return config, made, model


def _refuse_large(config: Tomography, data: Measurements, model: nn.Module) -> None:
    """ValueError where natural gradients are asked for, and out of reach."""
    if config.training.optimiser == "natural":
        parameters = State.initial(model, data.sites, config.seed).parameters
        outcomes = len(data.settings) * 2**data.sites
        choices.refuse_large_matrix(
            choices.natural_entries(data.sites, len(data.settings), parameters),
            f"{parameters:,} parameters and {outcomes:,} outcomes",
        )


def reconstruct(
    data: Measurements, config: Tomography, model: nn.Module, run: Run
) -> Reconstruction:
    """Search with shots held out, choose, train again on all shots, and try the conjugate.

    How long to train again is known from the search where its shots held out tell it, and
    otherwise from all shots, held out in turn.
    """
    fit = _Fit(data, config, model, run)
    train_shots, held_out = data.split(config.data.held_out, config.seed)
    everything = jax.device_put(shots(data))
    if everything.train.size <= _SMALL_TABLE:
        first = State(model, restart(fit.starts, 0), data.sites)
        meanwhile(partial(first.log_table, everything.plan))  # compiles what is wanted next
    kept, judge_counts = _search(fit, train_shots, held_out)
    best, peers = equally_good(kept, judge_counts)
    again, refit_failed = None, False
    if config.data.refit and held_out is not None and run.stopped is None:
        try:
            again = _again(fit, best, kept[best].step, everything)
        except NumericalFailure:
            refit_failed = True
    counts, states, winner = np.asarray(everything.train), [k.state for k in kept], best
    if again is not None:
        states = _unless_stuck(again, kept, everything)
        peers = list(range(len(states)))  # all shots set restarts apart better than a part of them
    tables = [state.log_table(everything.plan) for state in states]
    if again is not None:
        winner = _winner(tables, counts, best if again.stop < fit.steps else None)
    excluded = None
    general = generalised(data.settings, data.effects)
    # where all expectation values are told, as of mixed states, no conjugate is left
    if not (data.only_z or general or run.stopped or states[winner].mixed):
        excluded = _conjugate_excluded(
            fit, states, winner, tables[winner], everything, again.steps if again else fit.steps
        )
    return Reconstruction(
        data=data,
        train=train_shots,
        held_out=held_out,
        kept=kept,
        best=best,
        winner=winner,
        final=states[winner],
        finals=[
            states[i]
            for i in peers
            if i != winner and not _worse(tables[i], tables[winner], counts)
        ],
        again=again,
        conjugate_excluded=excluded,
        skipped=int(sum(np.asarray(p.skipped).sum() for p in run.phases.values())),
        refit_failed=refit_failed,
    )


class _Fit:
    """One training loop, set up once and used by every phase: same program, other shots."""

    def __init__(self, data: Measurements, config: Tomography, model: nn.Module, run: Run):
        self.data, self.seed, self.model, self.run = data, config.seed, model, run
        self.steps = int(config.training.steps or 0)
        self.steps_per_dispatch = choices.steps_per_dispatch(config, data)
        self.starts = starts(config, model, data.sites)
        parameters = State(model, restart(self.starts, 0), data.sites).parameters
        self.parts = stopping.parts_held_out(
            data.sites, data.only_z, parameters, config.data.held_out
        )
        self._objective = NegativeLogLikelihood(model, data.sites)
        rate, together = float(config.training.rate or 0), choices.restarts_together(config, data)
        self._recipe = recipe(config, rate, together=together)

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
            steps_per_dispatch=self.steps_per_dispatch,
            **more,
        )

    def in_turn(self, best: int, everything: Shots) -> list[dict]:
        """Log of fits that begin as that restart did, each without a fold of the shots."""
        total = self.data.shots

        def enough(_: Progress, rows: list[dict]) -> bool:
            return stopping.folds_are_past_the_best(rows, total)

        begin_at = repeated(restart(self.starts, best), stopping.FOLDS)
        batch = jax.device_put(stopping.shots_in_turn(everything, self.seed))
        self(IN_TURN, begin_at, batch, self.steps, enough=enough, axes=OWN_SHOTS)
        return [row for row in self.run.rows if row["phase"] == IN_TURN]

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
    told = held_out is not None and fit.parts > 0

    def enough(progress: Progress, rows: list[dict]) -> bool:
        return told and stopping.past_the_best(progress, rows, int(counts.sum()))

    progress = fit(SEARCH, fit.starts, batch, fit.steps, enough=enough)
    early = told or fit.run.stopped is not None
    return keep(progress, fit.model, fit.data, batch.plan, counts, may_stop_early=early), counts


def _again(fit: _Fit, best: int, searched: int, everything: Shots) -> Again | None:
    """Every restart trained on all shots, for as long as shots held out told.

    searched: where the search would stop restart `best`. None where cut short by the clock:
    it is no better than what was kept.
    """
    stop, gap = searched if fit.parts else fit.steps, None
    if fit.parts == stopping.FOLDS:
        rows = fit.in_turn(best, everything)
        if fit.run.stopped is not None:
            return None
        told = stopping.told_by_folds(rows, fit.data.shots)
        stop = told or fit.steps
        gap = stopping.gap_of_folds(rows, told) if told else None
    steps = equal_travel(stop, fit.steps) if stop < fit.steps else fit.steps
    states = fit.states(fit(REFIT, fit.starts, everything, steps))
    return Again(stop, fit.parts, gap, steps, states) if fit.run.stopped is None else None


def _unless_stuck(again: Again, kept: list[Kept], everything: Shots) -> list[State]:
    """Each state trained again; as it was kept where it is now worse by two paired errors.

    One that the search kept from beyond the stop is no measure: it is closer to the shots.
    """
    counts, plan = np.asarray(everything.train), everything.plan

    def stuck(new: State, old: Kept) -> bool:
        return old.step <= again.stop and _worse(new.log_table(plan), old.log_p, counts)

    return [
        old.state if stuck(new, old) else new for new, old in zip(again.states, kept, strict=True)
    ]


def _winner(tables: list[np.ndarray], counts: np.ndarray, favoured: int | None) -> int:
    """The restart that explains all shots best: trained again, one may end in another minimum.

    favoured: the one that the search liked best, where training was stopped early; being a
    little closer to the shots is then no merit, and it wins where it is within two paired errors.
    """
    closest = int(np.nanargmin([nll(table, counts).value for table in tables]))
    if favoured is not None and not _worse(tables[favoured], tables[closest], counts):
        return favoured
    return closest


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


def cost(config: Tomography, data: Measurements, model: nn.Module) -> dict[str, float]:
    """Parameters, and roughly the memory (MB) and time (s) of a run."""
    parameters = State.initial(model, data.sites, config.seed).parameters
    return {"parameters": parameters, **choices.cost(config, data, parameters)}


def templates(config: Tomography, model: nn.Module, data: Measurements) -> dict[str, Progress]:
    """Progress of every phase as it would begin: the shape of a checkpoint."""
    first, optimiser = starts(config, model, data.sites), str(config.training.optimiser)
    progress = begin(first, optimiser)
    in_turn = begin(repeated(restart(first, 0), stopping.FOLDS), optimiser)
    return {SEARCH: progress, IN_TURN: in_turn, REFIT: progress, MIRROR: progress}
