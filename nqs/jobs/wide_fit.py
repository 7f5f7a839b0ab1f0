"""One training of a wide reconstruction, whatever it is for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from nqs import ansatz as menu
from nqs.ansatz.bias import biased
from nqs.config.tomography import Tomography
from nqs.evaluation.heldout import Estimate, mean_of_strata
from nqs.evaluation.norm import Norm, log_norm
from nqs.jobs import stopping
from nqs.jobs.recipes import recipe
from nqs.jobs.rungs import Rung, rate_of, strings_of
from nqs.jobs.selection import restart
from nqs.jobs.tried import Tried, less_log_z
from nqs.jobs.wide_shots import Shots
from nqs.state.dilation import begun_at, dilation
from nqs.state.partition import Partition, partition_of
from nqs.state.reading import Reader, shot_log_probabilities
from nqs.state.state import State, initial_variables
from nqs.training.batches import Batches, worth
from nqs.training.fit import Progress, begin
from nqs.training.run import Run
from nqs.training.stream import (
    STEPS_PER_DISPATCH,
    BatchLikelihood,
    judged_by,
    log_z_errors,
    train_on,
)

SEARCH, BASELINE, LADDER = "search", "baseline", "ladder"

_SHARES = {LADDER: 0.5, SEARCH: 0.75, BASELINE: 0.85}
"""How much of a budget or time limit may be used at the end of each phase; the rest judges."""

BEFORE_BASELINE = 0.8
"""The same of the sizes that are tried for the baseline alone."""

_NORMED = 0.05
"""How much more of them log Z may take after its training."""

SHORTER = 3
"""Times that the schedule of the ladder is shorter than that of the state chosen."""

_SMALL = 0.05
"""Error of log Z that is small enough, in errors of the NLL of shots held out: those of paired
differences are a tenth of them."""

_LOOKED_AT = 4
"""Batches' worth of held-out shots that are looked at in training."""


@dataclass
class Fit:
    """Trains ansätze on the same shots."""

    shots: Shots
    config: Tomography
    sites: int
    own: nn.Module | None
    run: Run
    tilt: tuple[np.ndarray, np.ndarray]

    @property
    def steps(self) -> int:
        return int(self.config.training.steps or 1)

    def briefly(
        self, rung: Rung, share: float = _SHARES[LADDER], tried: Tried | None = None
    ) -> Tried:
        return self._fitted(LADDER, rung, max(self.steps // SHORTER, 10), share, tried)

    def __call__(self, purpose: str, rung: Rung, tried: Tried | None = None) -> Tried:
        """In full. tried: the same ansatz after less, or a part of it, which one of the restarts goes on from."""
        return self._fitted(purpose, rung, self.steps, _SHARES[purpose], tried)

    def _fitted(
        self, purpose: str, rung: Rung, steps: int, share: float, tried: Tried | None = None
    ) -> Tried:
        shots, model = self.shots, built(rung, self.sites, self.own)
        reader = shots.reader(model)
        strings = strings_of(self.config, reader)
        objective = BatchLikelihood(model, partition(model, self.sites, self.config))
        held = Batches.of(reader, shots.held_out, shots.shares, strings)
        looked_at = held.in_pieces(strings, _LOOKED_AT * strings)
        progress = train_on(
            self.run,
            phase_of(purpose, rung),
            objective,
            recipe(self.config, rate_of(rung, self.config), sampled=True),
            partial(self._start, objective, purpose, tried),
            Batches.of(reader, shots.train, shots.shares, strings),
            steps=steps,
            judge=judged_by(objective, looked_at),
            share=share,
            enough=partial(self._enough, objective, worth(looked_at)),
        )
        return self._tried(rung, model, reader, progress, share)

    def _enough(
        self, objective: BatchLikelihood, held_out: float, progress: Progress, rows: list[dict]
    ) -> bool:
        """Whether all restarts overfit: their best lies behind them."""
        doubt = log_z_errors(objective, progress)
        return stopping.past_the_best(progress, rows, held_out, STEPS_PER_DISPATCH, doubt)

    def _start(self, objective: BatchLikelihood, purpose: str, tried: Tried | None) -> Progress:
        """Every restart near the product state of single-site means, but for one that was tried.

        Between two phases of a site that fit one setting each lie outcomes that a product
        state excludes: a wall that no gradient climbs, at any of many sites.
        """
        number = restarts(self.config, purpose)
        seed = self.config.seed
        form = dilation(objective.model)
        variables = initial_variables(objective.model, self.sites, seed, number)
        places = form.places(self.sites)
        tilt = [np.zeros(self.sites + form.ancillas) for _ in self.tilt]
        for whole, own in zip(tilt, self.tilt, strict=True):
            whole[places] = own
        own = biased(form.variables(variables), *map(jnp.asarray, tilt))
        variables = form.with_variables(variables, own)
        if tried is not None:
            first = jax.tree.map(lambda leaf: leaf[0], variables)
            begun = begun_at(objective.model, first, tried.state.model, tried.state.variables)
            variables = jax.tree.map(lambda all, one: all.at[0].set(one), variables, begun)
        memory = objective.partition.begun(variables, self.tilt[0], seed)
        return begin(variables, str(self.config.training.optimiser), memory)

    def _tried(self, rung, model, reader: Reader, progress: Progress, share: float) -> Tried:
        progress = jax.device_get(progress)
        look = partial(self._looked_at, model, reader, share + _NORMED)
        kept = [self._kept(look, progress, r) for r in range(len(progress.step))]
        return Tried(
            rung=rung,
            states=[each.state for each in kept],
            steps=[each.step for each in kept],
            norms=[each.norm for each in kept],
            log_p=[each.log_p for each in kept],
            chains=list(progress.memory.teachers.bits) if progress.memory else [],
            shares=self.shots.shares,
            skipped=int(progress.skipped.sum()),
        )

    def _kept(self, look: Callable, progress: Progress, number: int) -> "_Kept":
        """Of one restart its best state or its last, by all shots held out: training looks at some of them, with a
        log Z that may be in doubt, and the last has come to rest."""
        best_step, last_step = int(progress.best_step[number]), int(progress.step[number])
        best = look(restart(progress.best, number), best_step)
        if best_step == last_step:
            return best
        last = look(restart(progress.average, number), last_step)
        return max(best, last, key=lambda kept: self._mean(kept.log_p).value)

    def _looked_at(self, model, reader: Reader, share: float, variables: Any, step: int) -> "_Kept":
        state = State(model, variables, self.sites)
        parts = [part.taken(slice(None)) for part in self.shots.held_out]
        log_p = shot_log_probabilities(model, variables, reader.judging(), parts)
        wanted = _SMALL * (self._mean(log_p).error or 0.0)
        late = partial(self._late, share)
        norm = log_norm(state, self.tilt[0], self.config.seed, wanted, late)
        return _Kept(state, step, norm, less_log_z(log_p, norm))

    def _late(self, share: float, ahead: float) -> bool:
        self.run.heed()
        return self.run.out_of_time(share, ahead=ahead)

    def _mean(self, log_p: list[np.ndarray]) -> Estimate:
        return mean_of_strata(log_p, self.shots.shares)


class _Kept(NamedTuple):
    """A state of a training, log Z, and log P of the shots held out."""

    state: State
    step: int
    norm: Norm
    log_p: list[np.ndarray]


def restarts(config: Tomography, purpose: str = SEARCH) -> int:
    """How many there are of each training; sizes are tried with one."""
    return 1 if purpose == LADDER else int(config.training.restarts or 1)


def partition(model: nn.Module, sites: int, config: Tomography) -> Partition:
    """log Z of the state in training."""
    return partition_of(model, sites, config.training.chains or 256, config.training.sweeps or 1)


def built(rung: Rung, sites: int, own: nn.Module | None = None) -> nn.Module:
    """The ansatz of a rung. own: a module of the user's, where that is the one named."""
    if own is not None and rung.name == type(own).__name__:
        return own
    return menu.build(rung.name, sites, **rung.options)


def phase_of(purpose: str, rung: Rung) -> str:
    return f"{purpose} {rung.label}"


class Templates(Mapping[str, Progress]):
    """Progress of every phase as it would begin: the shape of a checkpoint; made when asked for."""

    def __init__(
        self,
        config: Tomography,
        sites: int,
        own: nn.Module | None,
        rungs: Mapping[str, Sequence[Rung]],
    ):
        """rungs: what each purpose may train; of those with one label the last."""
        self._config, self._own, self._sites = config, own, sites
        self._rungs = {
            phase_of(purpose, rung): (purpose, rung) for purpose in rungs for rung in rungs[purpose]
        }

    def __getitem__(self, phase: str) -> Progress:
        purpose, rung = self._rungs[phase]
        model = built(rung, self._sites, self._own)
        number = restarts(self._config, purpose)
        first = initial_variables(model, self._sites, self._config.seed, number)
        memory = partition(model, self._sites, self._config).blank(number)
        return begin(first, str(self._config.training.optimiser), memory)

    def __iter__(self):
        return iter(self._rungs)

    def __len__(self) -> int:
        return len(self._rungs)
