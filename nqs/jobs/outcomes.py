"""Learning the distribution of outcomes itself, where no density operator is affordable."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from flax import linen as nn

from nqs.config.tomography import Tomography
from nqs.jobs.choices import Choice, filler, optimiser
from nqs.jobs.rungs import Rung, climb
from nqs.jobs.tried import Tried, gain, simplest
from nqs.jobs.wide_fit import LADDER, SEARCH, SHORTER, Fit, Templates, built
from nqs.jobs.wide_shots import Shots, divided, near
from nqs.measurement.dataset import Measurements
from nqs.measurement.outcomes import Outcomes, bits_of, coded, outcomes_of
from nqs.state.outcomes import OutcomeModel
from nqs.state.state import State
from nqs.training.run import Run

JUDGE = "nqs.jobs.outcomes_judge"

NAME = "outcome"

_SIZES = (16, 32, 64)
_RATE = 0.01


@dataclass(frozen=True)
class Learnt:
    """What the training of a model of outcomes hands to the judges. ladder: all sizes tried, on a shorter schedule."""

    data: Measurements
    outcomes: Outcomes
    shots: Shots
    ladder: list[Tried]
    chosen: Tried

    @property
    def final(self) -> OutcomeModel:
        state = self.chosen.state
        return OutcomeModel(state.model, state.variables, self.outcomes.effects)

    def named(self, config: Tomography) -> tuple[str, dict[str, Any]]:
        """The ansatz and its options, with the effects, enough to build it again."""
        effects = self.outcomes.effects
        parts = {"real": effects.real.tolist(), "imaginary": effects.imag.tolist()}
        return NAME, {**_options(self.chosen.rung), "effects": parts}


def _options(rung: Rung) -> dict[str, Any]:
    return {"hidden": rung.options["hidden"]}


def choose(
    config: Tomography, data: Measurements, model: nn.Module | None = None
) -> tuple[Tomography, list[Choice], nn.Module | None]:
    """The config with its gaps filled, the choices made, and no module."""
    config, fill, made = filler(config)
    optimiser(config.training, fill, ())
    fill(config.training, "rate", _RATE, "for recurrent states")
    fill(config.training, "restarts", 2, "of the size chosen")
    fill(config.training, "steps", 1500, "of the size chosen; a third of them for each size tried")
    return config, made, None


def rungs(config: Tomography) -> list[Rung]:
    """Sizes tried; the one asked for where it is."""
    sizes = [config.ansatz.hidden] if config.ansatz.hidden else _SIZES
    shared = {"phase": False, "site_dependent": True, "precision": "float32"}
    return [Rung("recurrent", {"hidden": n, **shared}) for n in sizes]


def in_bits(data: Measurements) -> tuple[Outcomes, Measurements]:
    """Outcomes, and the bits that code them as shots in Z."""
    found = outcomes_of(data)
    bits = coded(found.symbols, found.levels)
    index = np.zeros(len(bits), np.uint32)
    return found, Measurements(bits, ("Z" * bits.shape[1],), index, counts=found.counts)


def reconstruct(
    data: Measurements, config: Tomography, model: nn.Module | None, run: Run
) -> Learnt:
    """Climb the sizes on short schedules, and train the one that shots held out choose."""
    begun = time.monotonic()
    outcomes, bits = in_bits(data)
    shots = divided(bits, config)
    run.seconds_reading += time.monotonic() - begun
    fit = Fit(shots, config, bits.sites, None, run, near(shots))
    sizes, ladder = rungs(config), []
    if len(sizes) > 1:
        ladder = climb([sizes], fit.briefly, gain)
        best = simplest(ladder)
        chosen = fit(SEARCH, best.rung, best)
    else:
        chosen = fit(SEARCH, sizes[0])
    return Learnt(data, outcomes, shots, ladder, chosen)


def cost(config: Tomography, data: Measurements, own: nn.Module | None) -> dict[str, float]:
    """Parameters of the largest size tried, and roughly the memory (MB) and time (s) of a run."""
    sites = data.sites * bits_of(outcomes_of(data).levels)
    sizes, steps = rungs(config), int(config.training.steps or 1)
    parameters = [State.initial(built(r, sites), sites, config.seed).parameters for r in sizes]
    work = sum(4096 * sites * 5e-10 * int(r.options["hidden"]) ** 1.5 for r in sizes)
    schedules = int(config.training.restarts or 1) + (1 / SHORTER if len(sizes) > 1 else 0)
    return {
        "parameters": max(parameters),
        "memory_mb": 500 + 4096 * sites * int(sizes[-1].options["hidden"]) * 40 / 1e6,
        "seconds": 10 + work * steps * schedules / len(sizes),
    }


def templates(config: Tomography, model: nn.Module | None, data: Measurements) -> Templates:
    sites = data.sites * bits_of(outcomes_of(data).levels)
    return Templates(config, sites, None, {LADDER: rungs(config), SEARCH: rungs(config)})


def loaded(options: dict[str, Any], sites: int) -> tuple[nn.Module, State, np.ndarray]:
    """The network, a state of its shape, and the effects, from what `named` says."""
    parts = options["effects"]
    effects = np.array(parts["real"]) + 1j * np.array(parts["imaginary"])
    config = Tomography.model_validate({"ansatz": {"name": NAME, "hidden": options["hidden"]}})
    (rung,) = rungs(config)
    bits = sites * bits_of(effects.shape[1])
    model = built(rung, bits)
    return model, State.initial(model, bits, 0), effects
