"""Training a state against a Hamiltonian: what is trained, how, and on what it grew."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from nqs import ansatz as menu
from nqs.ansatz.growth import grown, widened
from nqs.ansatz.prior import said_of, with_prior
from nqs.config.ground_state import GroundState
from nqs.config.menu import PERIODIC, SINGLE_PRECISION, width_option
from nqs.jobs.beginning import Beginning
from nqs.jobs.energy_choices import options, symmetries
from nqs.jobs.excited import Lower, parity_of
from nqs.jobs.hamiltonian import System, system
from nqs.state.draws import Draws, Given
from nqs.state.levels import Levels
from nqs.state.listed import Listed, listed
from nqs.state.local_energy import joined
from nqs.state.markov import sector_of
from nqs.state.state import State, initial_variables
from nqs.systems.elements import Elements, elements
from nqs.systems.sectors import ones_of, sector_size
from nqs.systems.symmetry import sublattice
from nqs.training.descent import Recipe
from nqs.training.lower import lower
from nqs.training.run import Run
from nqs.training.variational import Descent, Teacher, started

TRAIN = "train"
_GROW_STEPS = 400
_A_SECOND = 3e10
"""Multiplications of a network in single precision on two cores."""

_COMPILING = 20.0
"""Seconds before the first step of a phase, roughly."""

_SHARE = 0.85
"""Of a budget or time limit that training may use; the rest evaluates."""


@dataclass(frozen=True)
class Trained:
    """state: in double precision. steps: of the last phase. skipped, halvings: of all phases."""

    state: State
    steps: int
    skipped: int
    halvings: int


@dataclass(frozen=True)
class Problem:
    """One ground state to be found: a system, its ansatz in both precisions, and the recipe.

    options: that build the ansatz again. quick: the model that is trained.
    own: a module of the user's, or None. below: states that the one that is sought is orthogonal to.
    begun: a state to begin from; None begins at random.
    """

    config: GroundState
    system: System
    model: nn.Module
    quick: nn.Module
    options: dict[str, Any]
    own: nn.Module | None
    below: tuple[Lower, ...] = ()
    begun: Beginning | None = None

    @property
    def sites(self) -> int:
        return self.system.total.sites

    @property
    def symmetric(self) -> bool:
        """Whether all translations and the flip of all spins leave the ansatz as it is."""
        return self.config.ansatz.name in PERIODIC and self.own is None

    @property
    def beside(self) -> tuple[Lower, ...]:
        """Levels below that ψ may overlap with: those of the other parity are orthogonal by symmetry.

        They are left out, since one configuration stands for an orbit of an even ψ, the flip included, and
        over such a sum an odd state would not cancel.
        """
        own = parity_of(str(self.config.ansatz.name), bool(self.config.ansatz.odd))
        own = own if self.symmetric else None
        return tuple(
            known for known in self.below if None in (own, known.parity) or own == known.parity
        )

    @property
    def precision(self) -> str:
        return "float64" if self.quick is self.model else "float32"

    @property
    def parameters(self) -> int:
        return State(self.model, self._shapes(), self.sites).parameters

    def _shapes(self) -> Any:
        bits = jnp.zeros((1, self.sites), jnp.int32)
        return jax.eval_shape(lambda key: self.model.init(key, bits), jax.random.key(0))

    def start(self) -> Any:
        """Variables before the first step."""
        first = initial_variables(self.quick, self.sites, self.config.seed, 1)
        return jax.tree.map(lambda leaf: leaf[0], first)

    def draws(self) -> Draws:
        training = self.config.training
        number = training.samples if isinstance(training.samples, int) else 1
        below = tuple(known.state.model for known in self.beside)
        return Draws(
            str(training.sampler),
            number,
            training.sweeps,
            sector_of(self.model),
            int(training.repeats or 0),
            below,
        )

    @cached_property
    def listed(self) -> Listed | None:
        """All that is summed or drawn from; None where samples come otherwise."""
        if self.config.training.sampler not in ("exact", "all"):
            return None
        return listed(
            self.system.total,
            self.config.ansatz.magnetisation,
            size=self.system.size if self.symmetric else None,
            point=bool(self.symmetric and self.config.ansatz.point_group),
            flip=self.symmetric and not self.config.ansatz.odd,
            odd=self.symmetric and bool(self.config.ansatz.odd),
            rotated=tuple(self.options.get("rotated", ())),
        )

    def given(self) -> Given:
        """What the draws look up."""
        states = None if self.listed is None else jax.tree.map(jnp.asarray, self.listed)
        levels = None
        if self.beside:
            own = tuple(jax.tree.map(jnp.asarray, known.state.variables) for known in self.beside)
            levels = Levels(own, jnp.asarray(self.config.excited.penalty, jnp.float64))
        return Given(self.elements, states, levels)

    def teacher(self) -> Teacher:
        training = self.config.training
        recipe = Recipe(
            optimiser=training.optimiser,
            rate=float(training.rate or 0),
            momentum=training.momentum,
            least_shift=float(training.shift or 0),
            trust=float(training.trust or 0),
            temperature=training.temperature,
            clip=math.inf if training.sampler == "all" else 5.0,
        )
        flips = np.asarray(self.elements.flips)
        return Teacher(self.quick, self.draws(), recipe, joined(flips), self.config.seed)

    @cached_property
    def elements(self) -> Elements:
        return jax.tree.map(jnp.asarray, elements(self.system.total))

    @property
    def lengths(self) -> tuple[int, ...]:
        """Of the array on which the sites lie; a chain where none is known."""
        return self.system.lengths

    @property
    def ceiling(self) -> float:
        """Above the energy of every state, and its penalties."""
        total, penalty = self.system.total, self.config.excited.penalty or 0.0
        strings = float(np.abs(total.coefficients).sum())
        return total.constant + strings + penalty * len(self.beside)

    @property
    def width(self) -> int:
        """Units of an ansatz of the menu."""
        ansatz = self.config.ansatz
        return 0 if self.own is not None else getattr(ansatz, width_option(str(ansatz.name)))

    def of_width(self, width: int) -> "Problem":
        """The same state of fewer units."""
        config = self.config.model_copy(deep=True)
        setattr(config.ansatz, width_option(str(config.ansatz.name)), width)
        return problem(config, self.system, None)

    def phases(self) -> dict[str, "Problem"]:
        """All phases in turn, by their name: smaller states, and this one."""
        smaller = [_smaller(self, i) for i in range(self.config.training.stages)]
        return {**{_named(p, self.config.training): p for p in smaller}, TRAIN: self}

    def templates(self) -> dict[str, Descent]:
        """Progress of every phase as it would begin: the shape of a checkpoint."""
        return {
            name: started(p.teacher(), p.start(), p.sites, int(p.config.training.steps or 0))
            for name, p in self.phases().items()
        }

    def rows(self) -> int:
        """Configurations of a step."""
        training, known = self.config.training, self.config.ansatz
        if isinstance(training.samples, int):
            return training.samples
        number = symmetries(self.config, self.sites) if self.own is None else 1
        return -(-sector_size(self.sites, known.magnetisation) // number)

    def step_seconds(self) -> float:
        """Of a training step, by a rule of thumb for two cores."""
        told, groups = said_of(self.model, "multiplications", None), len(self.elements.flips)
        if told is not None:
            return 0.01 + self.rows() * self._read(groups) * told / _A_SECOND
        groups += 10
        work = self.rows() * groups * self.sites * 0.5 * max(self.parameters / self.sites, 100.0)
        return 0.01 + work / 2e10

    def _read(self, groups: int) -> float:
        """Configurations a step and sample: half of what H connects it with, and proposals."""
        training = self.config.training
        if training.sampler in ("all", "exact"):
            return 1.0
        return groups / 2 + training.sweeps * (self.sites + 1)

    def seconds(self) -> float:
        """Of its training, the compilation included."""
        return _COMPILING + int(self.config.training.steps or 0) * self.step_seconds()


def problem(
    config: GroundState,
    found: System,
    own: nn.Module | None,
    below: tuple[Lower, ...] = (),
    begun: Beginning | None = None,
) -> Problem:
    """What a chosen config trains. own: the user's module, in place of a name. below: lower levels."""
    ansatz, sites = config.ansatz, found.total.sites
    facts: dict[str, Any] = {}
    if ansatz.magnetisation is not None:
        ones = ones_of(sites, ansatz.magnetisation)
        facts["ones"] = ones[0] if len(ones) == 1 else list(ones)
    if ansatz.marshall and found.lattice is not None:
        facts["rotated"] = list(sublattice(found.lattice) or ())
    if own is not None:
        model = with_prior(own, sites, facts.get("ones"), tuple(facts.get("rotated", ())))
        return Problem(config, found, model, model, facts, own, below, begun)
    given = options(config) | facts
    if ansatz.average:
        lengths = [] if found.lattice is None else list(found.lattice.lengths or ())
        given |= {"average": ansatz.average, "lengths": lengths}
    if ansatz.name in PERIODIC and found.size is not None:
        given["size"] = list(found.size)
    model = menu.build(str(ansatz.name), sites, **given)
    quick = model
    if config.training.precision == "float32" and ansatz.name in SINGLE_PRECISION:
        quick = menu.build(str(ansatz.name), sites, precision="float32", **given)
    return Problem(config, found, model, quick, given, None, below, begun)


def _smaller(whole: Problem, number: int) -> Problem:
    """What is trained as the `number`-th before it: on a smaller lattice, or of fewer units, or both."""
    config, found = whole.config.model_copy(deep=True), whole.system
    training = config.training
    if training.grow_from:
        size = training.grow_from[number]
        config.hamiltonian.size = [size] if isinstance(size, int) else size
        if config.ansatz.size is not None:
            config.ansatz.size = config.hamiltonian.size
        found = system(config.hamiltonian)
    if training.grow_width:
        setattr(config.ansatz, width_option(str(config.ansatz.name)), training.grow_width[number])
    training.steps = training.grow_steps[number] if training.grow_steps else _GROW_STEPS
    training.samples = training.grow_samples[number] if training.grow_samples else training.samples
    training.grow_from, training.grow_width = [], []
    return problem(config, found, None)


def _named(part: Problem, training: Any) -> str:
    lengths = f"-{'x'.join(map(str, part.lengths))}" if training.grow_from else ""
    return f"grow{lengths}" + (f"-width{part.width}" if training.grow_width else "")


def _carried(before: Any, was: Problem, part: Problem) -> Any:
    """Variables of a phase from those of the one before."""
    alike = part if was.width == part.width else part.of_width(was.width)
    found = grown(before, alike.start(), was.lengths, part.lengths)
    if alike is part:
        return found
    return widened(found, part.start(), was.width, part.width)


def refuse_other_shapes(made: Problem) -> None:
    """ValueError where what a run begins from has other parameters."""
    if made.begun is None:
        return
    try:
        grown(made.begun.variables, made.start(), made.begun.lengths, made.lengths)
    except ValueError as problem:
        raise ValueError(
            f"training.begin_from names {made.config.training.begin_from}, whose state cannot be taken on: "
            f"{problem}"
        ) from None


def optimise(whole: Problem, run: Run) -> Trained:
    """Train every phase in turn, each from what the one before has learnt."""
    begun = whole.begun
    variables = (
        None
        if begun is None
        else grown(begun.variables, whole.start(), begun.lengths, whole.lengths)
    )
    phases = whole.phases()
    descents, was = [], whole
    seconds = np.cumsum([part.seconds() for part in phases.values()])
    for share, (name, part) in zip(_SHARE * seconds / seconds[-1], phases.items(), strict=True):
        descent = lower(
            run,
            name,
            part.teacher(),
            part.given(),
            part.start() if variables is None else _carried(variables, was, part),
            steps=int(part.config.training.steps or 0),
            share=float(share),
            of_limit=_SHARE,
            ceiling=part.ceiling,
        )
        descents.append(descent)
        variables, was = descent.variables, part
        if run.stopped == "time limit" and part is not whole:
            variables = _carried(variables, part, whole)
            break
    variables = jax.device_get(variables)
    if whole.precision == "float32":
        variables = jax.tree.map(lambda leaf: leaf.astype(np.float64), variables)
    return Trained(
        State(whole.model, variables, whole.sites),
        steps=int(descents[-1].step),
        skipped=sum(int(d.skipped) for d in descents),
        halvings=sum(int(d.halvings) for d in descents),
    )
