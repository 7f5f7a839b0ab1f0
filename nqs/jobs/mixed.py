"""Learning a mixed state, or a pure one with noise: by networks, or all that are likely of a description."""

import time
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from flax import linen as nn

from nqs import ansatz as menu
from nqs.config.menu import AUTO
from nqs.config.tomography import Tomography
from nqs.evaluation.mixed_likelihood import Description, MostLikely, most_likely
from nqs.jobs import choices, descriptions
from nqs.jobs import reconstruct as networks
from nqs.measurement.calibration import rates_of
from nqs.measurement.dataset import Measurements
from nqs.state.born import Rotations, rotations_of
from nqs.state.reach import MATRIX_LIKELIEST_SITES
from nqs.state.state import State
from nqs.training.run import Run

JUDGE = "nqs.jobs.mixed_judge"

_LADDER = 0.7
"""Share of a budget or time limit after which no further description is tried."""

EXACT = "low-rank"
"""The ansatz whose most likely state is found without training a network."""


@dataclass(frozen=True)
class Mixed:
    """What learning a mixed state hands to the judges.

    trained: the state that did not see the shots held out; final: that of all shots. others: those of other
    restarts that are as good. description: of an exact fit; None of a network. ladder: all that were tried.
    calibrated: whether readout errors are those of the calibration shots. most_likely, without_held_out: of all mixed states, on all shots and on those trained on; None beyond reach.
    """

    data: Measurements
    plan: Rotations
    train: Measurements
    held_out: Measurements | None
    trained: State
    final: State
    others: list[State]
    description: Description | None
    ladder: list[descriptions.Tried]
    most_likely: MostLikely | None
    without_held_out: MostLikely | None
    skipped: int
    refit_failed: bool
    calibrated: bool
    network: networks.Reconstruction | None = None

    def named(self, config: Tomography) -> tuple[str, dict[str, Any]]:
        """The ansatz and its options, enough to build it again."""
        if self.description is not None:
            return EXACT, options_of(self.description)
        options = config.ansatz.model_dump(exclude={"name"}, exclude_none=True)
        return str(config.ansatz.name), options


def options_of(description: Description) -> dict[str, Any]:
    """Of the ansatz `low-rank` that holds such states."""
    noise = {"white_noise": description.white, "readout_errors": description.readout}
    return {"rank": description.rank, **{key: True for key, there in noise.items() if there}}


def choose(config: Tomography, data: Measurements, model: nn.Module | None = None):
    """The config with its gaps filled from the data, the choices made, and the ansatz."""
    if config.ansatz.name not in (AUTO, EXACT):
        return networks.choose(config, data, model)
    config, fill, made = choices.filler(config)
    choices.readout(config, data, fill, data.undone_pairs)
    fill(config.baseline, "method", "maximum-likelihood", "of all mixed states, exact")
    if config.ansatz.name == AUTO:
        return config, made, None
    fill(config.ansatz, "rank", 2**data.sites, "every mixed state")
    options = config.ansatz.model_dump(exclude={"name"}, exclude_none=True)
    return config, made, menu.build(EXACT, data.sites, **options)


def reconstruct(data: Measurements, config: Tomography, model: nn.Module | None, run: Run) -> Mixed:
    """Fit, choose where that is asked for, and fit again on all shots."""
    plan = rotations_of(data)
    if config.ansatz.name not in (AUTO, EXACT):
        return _by_network(data, config, model, run, plan)
    begun, tried = time.monotonic(), []
    if config.ansatz.name == AUTO:
        tried = descriptions.climb(
            data, plan, config.seed, run.heed, partial(run.out_of_time, _LADDER)
        )
        description = descriptions.simplest(tried).description
    else:
        ansatz = config.ansatz
        description = Description(
            int(ansatz.rank or 1), bool(ansatz.white_noise), bool(ansatz.readout_errors)
        )
    run.heed()
    train, held_out = data.split(config.data.held_out, config.seed)
    fit = partial(most_likely, plan=plan, seed=config.seed)
    final = fit(data.table(), description=description)
    trained = (
        final
        if held_out is None
        else fit(train.table(), description=description, also_from=final.mixture, starts=0)
    )
    run.seconds += time.monotonic() - begun
    everything, rest = _baselines(data, train, plan, config)
    return Mixed(
        data=data,
        plan=plan,
        train=train,
        held_out=held_out,
        trained=state_of(trained, description, data.sites),
        final=state_of(final, description, data.sites),
        others=[],
        description=description,
        ladder=tried,
        most_likely=everything,
        without_held_out=rest,
        skipped=0,
        refit_failed=False,
        calibrated=config.data.readout == "calibrated",
    )


def _by_network(data, config, model, run, plan) -> Mixed:
    found = networks.reconstruct(data, config, model, run)
    everything, rest = _baselines(data, found.train, plan, config)
    return Mixed(
        data=data,
        plan=plan,
        train=found.train,
        held_out=found.held_out,
        trained=found.kept[found.best].state,
        final=found.final,
        others=found.finals,
        description=None,
        ladder=[],
        most_likely=everything,
        without_held_out=rest,
        skipped=found.skipped,
        refit_failed=found.refit_failed,
        calibrated=config.data.readout == "calibrated",
        network=found,
    )


def _baselines(data, train, plan, config) -> tuple[MostLikely | None, MostLikely | None]:
    """The most likely of all mixed states, of all shots and of those trained on; None where not wanted."""
    if config.baseline.method != "maximum-likelihood" or data.sites > MATRIX_LIKELIEST_SITES:
        return None, None
    seed = config.seed
    full = Description(2**data.sites)
    everything = most_likely(data.table(), plan, full, seed)
    rest = most_likely(train.table(), plan, full, seed, also_from=everything.mixture, starts=0)
    return everything, rest


_LEAST_NOISE = 1e-12
"""In place of none at all, which no logistic function reaches."""


def state_of(found: MostLikely, description: Description, sites: int) -> State:
    """The same as a state of the menu."""
    model = menu.build(EXACT, sites, **options_of(description))
    a = found.mixture.amplitudes
    params: dict[str, Any] = {"real_part": a.real, "imaginary_part": a.imag}
    if description.white or description.readout:
        params = {"inner": params}
    if description.white:
        params["noise"] = _log_odds(np.asarray(found.mixture.white))
    if description.readout:
        params["misread"] = _log_odds(rates_of(found.mixture.confusion))
    return State(model, {"params": params}, sites)


def _log_odds(p: np.ndarray) -> np.ndarray:
    p = np.clip(p, _LEAST_NOISE, 1 - _LEAST_NOISE)
    return np.log(p / (1 - p))


def cost(config: Tomography, data: Measurements, model: nn.Module | None) -> dict[str, float]:
    """Parameters, and roughly the memory (MB) and time (s) of a run."""
    if model is not None and config.ansatz.name != EXACT:
        return networks.cost(config, data, model)
    rank = int(config.ansatz.rank or 2**data.sites)
    numbers = len(data.settings) * 2**data.sites * rank
    fits = 2 if config.ansatz.name == EXACT else 6 * len(descriptions.ladder(data.sites, False))
    return {
        "parameters": Description(rank).parameters(data.sites),
        "memory_mb": 500 + 200 * numbers / 1e6,
        "seconds": 10 + fits * (0.1 + 2e-6 * numbers),
    }


def templates(config: Tomography, model: nn.Module | None, data: Measurements) -> dict[str, Any]:
    """Progress of every phase as it would begin; an exact fit has none, it begins anew."""
    if model is None or config.ansatz.name in (AUTO, EXACT):
        return {}
    return networks.templates(config, model, data)
