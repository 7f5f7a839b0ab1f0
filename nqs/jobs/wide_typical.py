"""Whether the shots of a wide reconstruction are as likely as samples of its state."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nqs.ansatz.autoregressive import Normalised
from nqs.evaluation.norm import Norm
from nqs.evaluation.typical import typicality
from nqs.jobs.tried import less_log_z
from nqs.jobs.wide_shots import Shots
from nqs.measurement.strata import Stratum
from nqs.state.reach import DENSE_SITES
from nqs.state.reading import Reader, shot_log_probabilities
from nqs.state.sampling import sample_setting, turned_to
from nqs.state.simulate import misread
from nqs.state.state import State
from nqs.training.batches import Batches

TYPICAL = "typicality: −log P of shots against that of the state's own samples"
"""How `typical` is called."""

_STRINGS = 2**19
"""Strings of the shots that a likelihood or a test is taken from."""

_MOST_DRAWN_SETTINGS = 64
_PURPOSE = 0x71DE

Parts = list[tuple[np.ndarray, np.ndarray]]
"""Bits (shots, sites) and settings (shots,) of each stratum."""


def some(parts: Sequence[Stratum], shots: Shots, reader: Reader) -> Parts:
    """Some shots of each stratum, as many as are affordable."""
    sizes = Batches.of(reader, parts, shots.shares, _STRINGS).sizes
    return [p.taken(slice(0, n)) for p, n in zip(parts, sizes, strict=True)]


def typical(
    state: State,
    norm: Norm,
    shots: Shots,
    reader: Reader,
    taken: Parts,
    log_p: Sequence[np.ndarray],
    seed: int,
    fitted: int | None,
    fresh: bool = False,
) -> tuple[float | None, list[dict[str, Any]]]:
    """p-value, and a row for each setting: −log P of shots beside that of the state's samples.

    norm: log Z. taken, log_p: shots, and what the state says of them. fitted: the number of shots that it was
    fitted to, None of a state that was taught by none. fresh: whether these are others.
    """
    wanted = _largest(taken)
    settings = [shots.groups[g][place] for g, place in wanted]
    sizes = [int((taken[g][1] == place).sum()) for g, place in wanted]
    drawn, chains = _own_shots(state, settings, sizes, shots, seed + _PURPOSE)
    measured = [log_p[g][taken[g][1] == place] for g, place in wanted]
    own = _own_log_p(state, norm, reader, taken, wanted, drawn)
    slack = 0.0 if fitted is None else state.parameters / (2 * fitted)
    ratio = sum(map(len, log_p)) / fitted if fresh and fitted else 0.0
    found = typicality(measured, own, slack, chains, ratio)
    rows = [
        {
            "setting": setting,
            "shots": len(theirs),
            "nll": -float(theirs.mean()),
            "own": -float(ours.mean()),
            "z": z,
        }
        for setting, theirs, ours, z in zip(settings, measured, own, found.z, strict=True)
    ]
    return found.p_value, rows


def _largest(taken: Parts) -> list[tuple[int, int]]:
    """The stratum and place of the settings with the most shots, in their order."""
    counts = {
        (g, int(place)): int(number)
        for g, (_, index) in enumerate(taken)
        for place, number in zip(*np.unique(index, return_counts=True), strict=True)
    }
    return sorted(sorted(counts, key=lambda key: -counts[key])[:_MOST_DRAWN_SETTINGS])


def _own_log_p(
    state: State,
    norm: Norm,
    reader: Reader,
    taken: Parts,
    wanted: Sequence[tuple[int, int]],
    drawn: Sequence[np.ndarray],
) -> list[np.ndarray]:
    """log P of the samples drawn in each of the settings, all read together, as the shots were."""
    parts: Parts = []
    for g, (bits, index) in enumerate(taken):
        mine = [
            (d, place) for d, (stratum, place) in zip(drawn, wanted, strict=True) if stratum == g
        ]
        # a stratum of which nothing is drawn is read once, and not used
        parts.append(
            (
                np.concatenate([d for d, _ in mine]) if mine else bits[:1],
                np.concatenate([np.full(len(d), p) for d, p in mine]) if mine else index[:1],
            )
        )
    found = less_log_z(shot_log_probabilities(state.model, state.variables, reader, parts), norm)
    return [found[g][parts[g][1] == place] for g, place in wanted]


def _own_shots(
    state: State,
    settings: Sequence[str],
    sizes: Sequence[int],
    shots: Shots,
    seed: int,
) -> tuple[list[np.ndarray], int | None]:
    """Samples of a state in some settings, so many in each, misread as the shots are.

    Of a state that is not normalised all come from one walk of its chains, whose number is given
    beside them where they depend on each other.
    """
    model, variables, sites = state.model, state.variables, state.sites
    if isinstance(state.dilation.whole, Normalised) or sites <= DENSE_SITES:
        drawn = [
            sample_setting(model, variables, sites, setting, size, seed, effects=shots.effects).bits
            for setting, size in zip(settings, sizes, strict=True)
        ]
        if shots.readout is not None:
            rng = np.random.default_rng([seed, _PURPOSE])
            drawn = [misread(bits, shots.readout, rng) for bits in drawn]
        return drawn, None
    pool = state.sample(sum(sizes), seed)
    parts = np.split(pool.bits, np.cumsum(sizes)[:-1])
    found = [
        turned_to(model, variables, setting, bits, seed, shots.effects)
        for setting, bits in zip(settings, parts, strict=True)
    ]
    return found, pool.dependent
