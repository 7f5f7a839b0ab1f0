"""New shots of a reconstructed state."""

from pathlib import Path

import numpy as np

from nqs.jobs.result import load
from nqs.measurement.dataset import Measurements


def sample(
    run: str | Path, shots: int, settings: tuple[str, ...] = (), seed: int = 1
) -> Measurements:
    """`shots` outcomes of a run's state in each setting; all Z where none is named."""
    if shots < 1:
        raise ValueError(f"--shots is {shots}; expected at least 1.")
    state = load(run).state
    settings = settings or ("Z" * state.sites,)
    drawn = [state.sample(shots, seed, setting).bits for setting in settings]
    return Measurements(
        outcomes=np.concatenate(drawn),
        settings=settings,
        setting_index=np.repeat(np.arange(len(settings)), shots),
        source=f"samples of the run {Path(run).name}, seed {seed}",
    ).merged()
