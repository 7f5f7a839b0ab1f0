"""Going on with an interrupted run, whichever job it was."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from nqs.jobs import folder as place
from nqs.jobs import ground_state, tomography

JOBS: dict[str, Any] = {"tomography": tomography, "ground-state": ground_state}


def job_of(folder: Path) -> str:
    """The job whose run lies in a folder; ValueError where it is none."""
    name = place.resolved(folder, None).get("job", "tomography")
    if name not in JOBS:
        raise ValueError(f"{folder} holds a run of {name!r}; the jobs are {', '.join(JOBS)}.")
    return str(name)


def continued(folder: Path, ansatz: Any, time_limit: str | float | None) -> Callable[..., Any]:
    """What goes on with a run, all checked; called with `watch` and `tell`."""
    return JOBS[job_of(folder)].continued(folder, ansatz, time_limit)


def resume(folder: str | Path, ansatz: Any = None, *, time_limit: str | float | None = None):
    """Go on with an interrupted run, bit for bit on the same versions and devices.

    ansatz: the Flax module of a run whose ansatz was the user's own. time_limit: of
    this turn. Returns a Result.
    """
    folder = Path(folder).expanduser().resolve()
    return continued(folder, ansatz, time_limit)()
