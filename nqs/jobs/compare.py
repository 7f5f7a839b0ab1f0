"""Fidelity of two runs or state files."""

from pathlib import Path
from typing import Any

import numpy as np

from nqs.evaluation.fidelity import fidelity
from nqs.evaluation.heldout import Estimate
from nqs.evaluation.overlap import sampled_fidelity
from nqs.jobs.result import load
from nqs.measurement.target import read_target, sites_of
from nqs.state.reach import VECTOR_SITES
from nqs.state.state import State


def compare(a: Path, b: Path, samples: int = 16384, seed: int = 1) -> Estimate:
    """|⟨a|b⟩|² or ⟨a|b|a⟩ of what two paths hold, each a run folder or a file of a state.

    Exact up to 20 sites, its error None. Beyond, from `samples` of each of two runs.
    """
    states = [_state(path) for path in (a, b)]
    large = [s for s in states if isinstance(s, State) and s.sites > VECTOR_SITES]
    if not large:
        return Estimate(fidelity(*map(_vector, states)), None)
    if len(large) < 2:
        raise ValueError(
            f"a run of {large[0].sites} sites is compared with another run of as many sites only."
        )
    return sampled_fidelity(large[0], large[1], samples, seed=seed)


def _state(path: Path) -> Any:
    if path.is_dir():
        return load(path).state
    return read_target([path], sites_of(path))


def _vector(state: Any) -> np.ndarray:
    return state.vector() if isinstance(state, State) else state
