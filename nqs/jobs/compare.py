"""Fidelity of two runs, states or state files."""

from pathlib import Path
from typing import Any

import numpy as np

from nqs.evaluation.fidelity import fidelity as of_vectors
from nqs.evaluation.heldout import Estimate
from nqs.evaluation.mixed_overlap import fidelity_of_samples
from nqs.jobs.result import Result, load
from nqs.measurement.target import read_target, sites_of
from nqs.state.state import State

Thing = str | Path | Result | State | np.ndarray


def fidelity(a: Thing, b: Thing, samples: int = 16384, seed: int = 1) -> Estimate:
    """|⟨a|b⟩|² or ⟨a|b|a⟩ of any two: run folders, state files, results, states, vectors, matrices.

    Exact as far as vectors and density matrices reach, its error None. Beyond, from `samples` of each of two
    states, one of them pure; OverlapTooSmall where they see nothing of it.
    """
    states = [_state(thing) for thing in (a, b)]
    large = [s for s in states if isinstance(s, State) and not s.dense]
    if not large:
        return Estimate(of_vectors(*map(_vector, states)), None)
    sites = {s.sites if isinstance(s, State) else len(s).bit_length() - 1 for s in states}
    if len(sites) > 1:
        raise ValueError(
            f"a state of {large[0].sites} sites is compared with another run or neural state of as "
            "many sites only."
        )
    return fidelity_of_samples(states[0], states[1], samples, seed)


def _state(thing: Thing) -> Any:
    if isinstance(thing, Result):
        return thing.state
    if not isinstance(thing, str | Path):
        return thing
    path = Path(thing)
    return load(path).state if path.is_dir() else read_target([path], sites_of(path))


def _vector(state: Any) -> np.ndarray:
    return state.exact() if isinstance(state, State) else np.asarray(state)
