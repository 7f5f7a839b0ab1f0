"""Learning a state of more sites than a vector holds: sizes and descriptions tried, the choice, the baseline."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from flax import linen as nn

from nqs.ansatz.autoregressive import Normalised
from nqs.config.menu import PRODUCTS
from nqs.config.tomography import Tomography
from nqs.jobs.choices import Choice, refuse_large_matrix
from nqs.jobs.rungs import (
    Rung,
    an_ancilla_a_site,
    behind,
    climb,
    families,
    locally_purified,
    matrix_products,
    mixtures,
    purifications,
    strings_of,
    with_white_noise,
)
from nqs.jobs.rungs import choose as chosen_for
from nqs.jobs.tried import Tried, gain, simplest
from nqs.jobs.wide_fit import (
    BASELINE,
    BEFORE_BASELINE,
    LADDER,
    SEARCH,
    SHORTER,
    Fit,
    Templates,
    built,
    restarts,
)
from nqs.jobs.wide_shots import Shots, divided, near
from nqs.measurement.dataset import Measurements
from nqs.state.dilation import dilation
from nqs.state.reading import Reader
from nqs.state.sampling import chain_method
from nqs.state.state import State
from nqs.training.run import Run

JUDGE = "nqs.jobs.wide_judge"


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
        most = strings_of(config, reader) // least
        parameters = State.initial(model, data.sites, config.seed).parameters
        refuse_large_matrix(parameters * most, f"{parameters:,} parameters and {most:,} shots")


def reconstruct(data: Measurements, config: Tomography, model: nn.Module | None, run: Run) -> Wide:
    """Climb the ladders on short schedules, train what shots held out choose, and the baseline."""
    begun = time.monotonic()
    shots = divided(data, config)
    run.seconds_reading += time.monotonic() - begun
    fit = Fit(shots, config, data.sites, model, run, near(shots))
    named = families(config, data)
    ladder: list[Tried] = []
    if sum(map(len, named)) > 1:
        ladder = climb(named, fit.briefly, gain)
        if not data.only_z:
            ladder += mixed_beside(ladder, data, fit.briefly)
        best = simplest(ladder)
        chosen = fit(SEARCH, best.rung, best)
    else:
        chosen = _named(named[0][0], fit)
    baseline = None
    if config.baseline.method == "mps":
        baseline = chosen
        if chosen.rung.name not in PRODUCTS:
            best = simplest(_products(ladder, config, data, fit))
            baseline = fit(BASELINE, best.rung, best)
    return Wide(data, fit.shots, ladder, chosen, baseline)


def _named(rung: Rung, fit: Fit) -> Tried:
    pure = behind(rung)
    return fit(SEARCH, rung, None if pure is None else fit.briefly(pure))


def mixed_beside(
    ladder: list[Tried], data: Measurements, train: Callable[..., Tried]
) -> list[Tried]:
    """Mixed states tried beside the pure ones of a ladder, each family for as long as it gains: white noise beside
    the best, ancillas of the best recurrent state, and matrix products with an ancilla a site. A recurrent one with
    as many takes the longest, and is tried where those of the matrix products are the best so far."""
    best = simplest(ladder)
    noisy = train(with_white_noise(best.rung), tried=best)
    found = [noisy]
    recurrent = [t for t in ladder if t.rung.name == "recurrent"]
    if recurrent:
        begun = simplest(recurrent)
        if begun is best and gain(noisy, best) > 0:
            begun = noisy
        found += _further(purifications(begun.rung, data), begun, train)
    products = [t for t in ladder if t.rung.name == "mps"]
    if products:
        first = simplest(products)
        local = _further(locally_purified(first.rung), first, train)
        worth = recurrent and gain(simplest(local), simplest([*ladder, *found])) > 0
        found += local
        if worth:
            found += _further(an_ancilla_a_site(begun.rung, data), begun, train)
    return found


def _further(rungs: list[Rung], begun: Tried, train: Callable[..., Tried]) -> list[Tried]:
    """What is made of each rung that is tried, every one begun at the one before it, until one gains nothing."""
    found: list[Tried] = []
    for rung in rungs:
        tried = train(rung, tried=begun)
        found.append(tried)
        if gain(tried, begun) <= 0:
            break
        begun = tried
    return found


def _products(ladder: list[Tried], config: Tomography, data: Measurements, fit: Fit) -> list[Tried]:
    """Matrix products of some sizes, and those of mixed states where such are asked for."""
    tried = [t for t in ladder if t.rung.name in PRODUCTS]
    late = partial(fit.briefly, share=BEFORE_BASELINE)
    tried = tried or climb([matrix_products(data)], late, gain)
    if not ladder and mixtures([], config, data):
        begun = simplest(tried)
        tried = [*tried, *_further(locally_purified(begun.rung), begun, late)]
    return tried


def cost(config: Tomography, data: Measurements, own: nn.Module | None) -> dict[str, float]:
    """Parameters of the largest size tried, and roughly the memory (MB) and time (s) of a run."""
    ladders = families(config, data)
    sizes = [rung for ladder in ladders for rung in ladder]
    largest = sizes[-1]
    share = 1 / SHORTER if len(sizes) > 1 else 1.0
    if len(sizes) > 1 and not data.only_z:  # the first of what may be tried beside them
        sizes += [with_white_noise(sizes[-1]), *purifications(sizes[-1], data)[:1]]
        sizes += locally_purified()[-1:]
    most, seconds, memory = 0, 10.0, 500.0
    if not data.only_z and len(sizes) > 1:
        for rung in an_ancilla_a_site(largest, data):  # seldom tried, so that its time is left out
            strings, _ = _step(rung, built(rung, data.sites, own), config, data)
            memory = max(memory, _megabytes(rung, strings, 2 * data.sites))
    for rung in sizes:
        model = built(rung, data.sites, own)
        parameters = State.initial(model, data.sites, config.seed).parameters
        strings, step = _step(rung, model, config, data)
        seconds += step * int(config.training.steps or 1) * share
        memory = max(memory, _megabytes(rung, strings, data.sites))
        most = max(most, parameters)
    return {"parameters": most, "memory_mb": memory, "seconds": seconds}


def _megabytes(rung: Rung, strings: int, sites: int) -> float:
    return 500 + strings * sites * _width(rung) * 40 / 1e6


def _width(rung: Rung) -> int:
    return int(rung.options.get("bond", rung.options.get("hidden", 32)))


def _step(
    rung: Rung, model: nn.Module, config: Tomography, data: Measurements
) -> tuple[int, float]:
    """Strings read in a step of all restarts, and seconds that it takes, as measured on two cores."""
    reader = Reader.of(model, [(s,) for s in data.settings], data.effects, data.readout)
    strings = strings_of(config, reader)
    work = strings * data.sites * restarts(config)
    width = _width(rung)
    if not isinstance(dilation(model).whole, Normalised):
        walked = _moves(config, data.sites, model) * restarts(config)
        return strings, (work + walked) * width * 2e-9
    if rung.name == "lpdo":
        return strings, work * (5e-8 + 1.2e-8 * width**3)
    if reader.drawn:  # as many ancillas as sites are read as well
        work *= 2
    return strings, work * (5e-8 + 2e-9 * width**2 / (1 if reader.contracted else 4))


def _moves(config: Tomography, sites: int, model: nn.Module) -> float:
    """Sites read by the chains at each step: all of them for every site where one moves at a time."""
    training = config.training
    sweep = 6 if chain_method(model) == "gibbs" else 6 * sites
    return (training.chains or 256) * (training.sweeps or 1) * sites * sweep


def templates(config: Tomography, model: nn.Module | None, data: Measurements) -> "Templates":
    """Progress of every phase that a run may come to."""
    named = [rung for ladder in families(config, data) for rung in ladder]
    beside = matrix_products(data)
    # any of them may turn out to be what mixed states are tried beside
    further = mixtures([*beside, *named], config, data)
    further += [pure for rung in named if (pure := behind(rung)) is not None]
    # what is named may share its label with a rung of the baseline's, and not its options
    every = [*beside, *further, *named]
    rungs = {SEARCH: every, LADDER: every, BASELINE: [*beside, *further]}
    return Templates(config, data.sites, model, rungs)
