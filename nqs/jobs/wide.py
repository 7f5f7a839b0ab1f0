"""Learning a state of more sites than a vector holds: a ladder of sizes, the choice, the baseline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from nqs import ansatz as menu
from nqs.ansatz.autoregressive import Autoregressive
from nqs.ansatz.bias import biased
from nqs.config.tomography import Tomography
from nqs.evaluation.heldout import Estimate, mean_of_strata
from nqs.evaluation.norm import Norm, log_norm
from nqs.jobs import stopping
from nqs.jobs.choices import Choice, refuse_large_matrix
from nqs.jobs.recipes import recipe
from nqs.jobs.rungs import Rung, climb, families, matrix_products, rate_of, strings_of
from nqs.jobs.rungs import choose as chosen_for
from nqs.jobs.selection import restart
from nqs.measurement.dataset import Measurements, joined
from nqs.measurement.effects import UNMEASURED
from nqs.measurement.kinds import BRANCH_TERMS, kind
from nqs.measurement.means import product_start, site_means
from nqs.measurement.strata import Stratum, shares, strata
from nqs.state.partition import Partition, partition_of
from nqs.state.reading import Reader, shot_log_probabilities
from nqs.state.sampling import chain_method
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

JUDGE = "nqs.jobs.wide_judge"

SEARCH, BASELINE, LADDER = "search", "baseline", "ladder"
_SHARES = {LADDER: 0.5, SEARCH: 0.75, BASELINE: 0.85}
"""How much of a budget or time limit may be used at the end of each phase; the rest judges."""

_SHORTER = 3
"""Times that the schedule of the ladder is shorter than that of the state chosen."""

_JUDGED_STRINGS = 2**18
"""Strings of the shots held out, of all together."""

_SMALL = 0.05
"""Error of log Z that is small enough, in errors of the NLL of shots held out: those of paired
differences are a tenth of them."""

_MEANT = 2**16
"""Shots of each kind whose single-site means tell where training begins."""

_LOOKED_AT = 4
"""Batches' worth of held-out shots that are looked at in training."""


@dataclass(frozen=True)
class Shots:
    """Shots of every stratum: those trained on, and those held out."""

    train: tuple[Stratum, ...]
    held_out: tuple[Stratum, ...]
    shares: tuple[float, ...]
    effects: Mapping[str, np.ndarray]

    @property
    def groups(self) -> list[tuple[str, ...]]:
        return [part.settings for part in self.train]


@dataclass(frozen=True)
class Tried:
    """An ansatz as it was trained.

    states: of each restart, at its best held-out NLL, reached at step `steps`. norms: log Z of
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


def normalised(log_p: list[np.ndarray], norm: Norm) -> list[np.ndarray]:
    """log P of shots, of what a state that is not normalised gives them."""
    return [values - norm.value for values in log_p]


@dataclass(frozen=True)
class Wide:
    """What the training of a wide reconstruction hands to the judges.

    ladder: all sizes tried, on a shorter schedule. chosen: the one kept, trained in full.
    baseline: the best matrix-product state, trained as long; None where not wanted.
    """

    data: Measurements
    shots: Shots
    ladder: list[Tried]
    chosen: Tried
    baseline: Tried | None

    @property
    def final(self) -> State:
        return self.chosen.state

    def named(self, config: Tomography) -> tuple[str, dict[str, Any]]:
        """The ansatz and its options, enough to build it again."""
        return self.chosen.rung.name, self.chosen.rung.options


def choose(
    config: Tomography, data: Measurements, model: nn.Module | None = None
) -> tuple[Tomography, list[Choice], nn.Module | None]:
    """The config with its gaps filled from the data, the choices made, and a module of the user's."""
    if model is not None:
        config = config.model_copy(deep=True)
        config.ansatz.name = type(model).__name__
    config, made = chosen_for(config, data)
    if config.training.optimiser == "natural":
        _refuse_large(config, data, model)
    return config, made, model


def _refuse_large(config: Tomography, data: Measurements, own: nn.Module | None) -> None:
    """ValueError where a step of natural gradients is out of reach; of a ladder, of its first sizes."""
    for rung, *_ in families(config, data):
        model = built(rung, data.sites, own)
        reader = Reader.of(model, [(s,) for s in data.settings], data.effects)
        least = min(reader.cost(g) for g in range(len(reader.groups)))
        most = strings_of(rung, config, reader.contracted) // least
        parameters = State.initial(model, data.sites, config.seed).parameters
        refuse_large_matrix(parameters * most, f"{parameters:,} parameters and {most:,} shots")


def divided(data: Measurements, config: Tomography) -> Shots:
    """Shots by the number of sites rotated, and of each the part held out.

    No more are held out than tell states apart: the paired error of a difference Δ is √(2Δ/shots).
    """

    def of(setting):
        return kind(setting, data.effects)

    parts = list(strata(data, of, config.seed).values())
    share = shares(parts)
    cost = [min(2 ** sum(of(p.settings[0])), BRANCH_TERMS) for p in parts]
    wanted = share / np.sqrt(cost)
    most = wanted * _JUDGED_STRINGS / (wanted @ cost)
    held = [
        int(np.clip(min(config.data.held_out * p.shots, m), 1, max(p.shots - 1, 1)))
        for p, m in zip(parts, most, strict=True)
    ]
    return Shots(
        # a lone shot of its kind does both
        train=tuple(p.part(slice(n % p.shots, None)) for p, n in zip(parts, held, strict=True)),
        held_out=tuple(p.part(slice(0, n)) for p, n in zip(parts, held, strict=True)),
        shares=tuple(share.tolist()),
        effects=data.effects,
    )


def reconstruct(data: Measurements, config: Tomography, model: nn.Module | None, run: Run) -> Wide:
    """Climb the ladders on short schedules, train what shots held out choose, and the baseline."""
    shots = divided(data, config)
    fit = _Fit(shots, config, data.sites, model, run, _near(shots))
    named = families(config, data)
    ladder: list[Tried] = []
    if sum(map(len, named)) > 1:
        ladder = climb(named, fit.briefly, _gain)
        rung = simplest(ladder).rung
    else:
        rung = named[0][0]
    chosen = fit(SEARCH, rung, fit.steps)
    baseline = None
    if config.baseline.method == "mps":
        baseline = chosen
        if rung.name != "mps":
            tried = [t for t in ladder if t.rung.name == "mps"]
            tried = tried or climb([matrix_products(data)], fit.briefly, _gain)
            baseline = fit(BASELINE, simplest(tried).rung, fit.steps)
    return Wide(data, fit.shots, ladder, chosen, baseline)


def _near(shots: Shots) -> tuple[np.ndarray, np.ndarray]:
    """The product state of single-site means, of shots that are trained on."""
    some = []
    for part in shots.train:
        bits, index = part.taken(slice(0, _MEANT))
        some.append(Measurements(bits, part.settings, index, effects=shots.effects))
    return product_start(site_means(joined(some)))


def _gain(new: Tried, old: Tried) -> float:
    """Nats per shot held out; 0 where it is no more than one paired error."""
    above = new.above(old)
    return -above.value if abs(above.value) > (above.error or 0.0) else 0.0


def simplest(tried: Sequence[Tried]) -> Tried:
    """The state of fewest parameters that is within one paired error of the best."""
    best = min(tried, key=lambda t: t.nll().value)
    above = {id(t): t.above(best) for t in tried}
    close = [t for t in tried if above[id(t)].value <= (above[id(t)].error or 0.0)]
    return min(close, key=lambda t: t.state.parameters)


@dataclass
class _Fit:
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

    def briefly(self, rung: Rung) -> Tried:
        return self(LADDER, rung, max(self.steps // _SHORTER, 10))

    def __call__(self, purpose: str, rung: Rung, steps: int) -> Tried:
        shots, model = self.shots, built(rung, self.sites, self.own)
        reader = Reader.of(model, shots.groups, shots.effects)
        strings = strings_of(rung, self.config, reader.contracted)
        objective = BatchLikelihood(model, partition(model, self.sites, self.config))
        held = Batches.of(reader, shots.held_out, shots.shares, strings)
        looked_at = held.in_pieces(strings, _LOOKED_AT * strings)
        progress = train_on(
            self.run,
            phase_of(purpose, rung),
            objective,
            recipe(self.config, rate_of(rung, self.config), sampled=True),
            partial(self._start, objective, purpose),
            Batches.of(reader, shots.train, shots.shares, strings),
            steps=steps,
            judge=judged_by(objective, looked_at),
            share=_SHARES[purpose],
            enough=partial(self._enough, objective, worth(looked_at)),
        )
        return self._tried(rung, model, reader, progress)

    def _enough(
        self, objective: BatchLikelihood, held_out: float, progress: Progress, rows: list[dict]
    ) -> bool:
        """Whether all restarts overfit: what they are kept in lies behind them."""
        doubt = log_z_errors(objective, progress)
        return stopping.past_the_best(progress, rows, held_out, STEPS_PER_DISPATCH, doubt)

    def _start(self, objective: BatchLikelihood, purpose: str) -> Progress:
        """Every restart near the product state of single-site means.

        Between two phases of a site that fit one setting each lie outcomes that a product
        state excludes: a wall that no gradient climbs, at any of many sites.
        """
        number = restarts(self.config, purpose)
        seed = self.config.seed
        variables = initial_variables(objective.model, self.sites, seed, number)
        variables = biased(variables, *map(jnp.asarray, self.tilt))
        memory = objective.partition.begun(variables, self.tilt[0], seed)
        return begin(variables, str(self.config.training.optimiser), memory)

    def _tried(self, rung, model, reader: Reader, progress: Progress) -> Tried:
        progress = jax.device_get(progress)
        kept = [self._kept(model, reader, progress, r) for r in range(len(progress.step))]
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

    def _kept(self, model, reader: Reader, progress: Progress, number: int) -> "_Kept":
        """Of one restart its best state; or its last, where log Z was in doubt in training."""
        best = self._looked_at(
            model, reader, restart(progress.best, number), int(progress.best_step[number])
        )
        if not progress.memory:
            return best
        last = self._looked_at(
            model, reader, restart(progress.average, number), int(progress.step[number])
        )
        return min(best, last, key=lambda kept: -self._mean(kept.log_p).value)

    def _looked_at(self, model, reader: Reader, variables: Any, step: int) -> "_Kept":
        state = State(model, variables, self.sites)
        parts = [part.taken(slice(None)) for part in self.shots.held_out]
        log_p = shot_log_probabilities(model, variables, reader, parts)
        wanted = _SMALL * (self._mean(log_p).error or 0.0)
        norm = log_norm(state, self.tilt[0], self.config.seed, wanted)
        return _Kept(state, step, norm, normalised(log_p, norm))

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


def cost(config: Tomography, data: Measurements, own: nn.Module | None) -> dict[str, float]:
    """Parameters of the largest size tried, and roughly the memory (MB) and time (s) of a run."""
    ladders = families(config, data)
    most, seconds, memory = 0, 10.0, 500.0
    for ladder in ladders:
        for rung in ladder:
            model = built(rung, data.sites, own)
            parameters = State.initial(model, data.sites, config.seed).parameters
            reader = Reader.of(model, [(s,) for s in data.settings], data.effects)
            strings = strings_of(rung, config, reader.contracted)
            work = strings * data.sites * restarts(config)
            width = rung.options.get("bond", rung.options.get("hidden", 32))
            step = work * (5e-8 + 2e-9 * width**2 / (1 if reader.contracted else 4))
            if not isinstance(model, Autoregressive):
                step = (work + _moves(config, data.sites, model) * restarts(config)) * width * 2e-9
            seconds += step * int(config.training.steps or 1) / (_SHORTER if len(ladder) > 1 else 1)
            memory = max(memory, 500 + strings * data.sites * width * 40 / 1e6)
            most = max(most, parameters)
    return {"parameters": most, "memory_mb": memory, "seconds": seconds}


def _moves(config: Tomography, sites: int, model: nn.Module) -> float:
    """Sites read by the chains at each step: all of them for every site where one moves at a time."""
    training = config.training
    sweep = 6 if chain_method(model) == "gibbs" else 6 * sites
    return (training.chains or 256) * (training.sweeps or 1) * sites * sweep


def templates(config: Tomography, model: nn.Module | None, data: Measurements) -> "Templates":
    return Templates(config, data, model)


class Templates(Mapping[str, Progress]):
    """Progress of every phase as it would begin: the shape of a checkpoint; made when asked for."""

    def __init__(self, config: Tomography, data: Measurements, own: nn.Module | None):
        self._config, self._own, self._sites = config, own, data.sites
        named, beside = families(config, data), [matrix_products(data)]
        # what is named may share its label with a rung of the baseline's, and not its options
        ladders = {SEARCH: named, LADDER: [*beside, *named], BASELINE: beside}
        self._rungs = {
            phase_of(purpose, rung): (purpose, rung)
            for purpose in _SHARES
            for ladder in ladders[purpose]
            for rung in ladder
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


def letters_that_rotate_nothing(data: Measurements) -> frozenset[str]:
    return frozenset({"Z", UNMEASURED} - set(data.effects))
