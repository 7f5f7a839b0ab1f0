"""A state to compare with: from a file as far as vectors reach, or of a finished run of any size."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nqs.measurement.target import read_target
from nqs.state.reach import VECTOR_SITES

if TYPE_CHECKING:
    from nqs.state.state import State


def of_run(folder: Path) -> "np.ndarray | State":
    """The state of a finished run: its vector or density matrix as far as those reach, itself beyond."""
    from nqs.jobs.result import load

    state = load(folder).state
    return state.exact() if state.dense else state


def read_target_or_run(
    paths: str | Path | Sequence[str | Path], sites: int
) -> "np.ndarray | State":
    """The state that the paths name: one file, two of a density matrix, or the folder of a run.

    A ValueError says what is wrong, another number of sites among it.
    """
    named = [Path(p) for p in ([paths] if isinstance(paths, str | Path) else paths)]
    if len(named) != 1 or not named[0].is_dir():
        if sites > VECTOR_SITES:
            raise ValueError(
                f"{named[0]}: a target of {sites} sites is no vector but the folder of a run; those of "
                "`nqs data simulate --keep` are such."
            )
        return read_target(named, sites)
    found = of_run(named[0])
    number = len(found).bit_length() - 1 if isinstance(found, np.ndarray) else found.sites
    if number != sites:
        raise ValueError(
            f"{named[0]}: the target is a run of {number} sites; the shots have {sites}."
        )
    return found
