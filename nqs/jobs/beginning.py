"""A state to begin from: that of another run, of this size or another."""

from pathlib import Path
from typing import Any, NamedTuple

from nqs.config.ground_state import GroundState
from nqs.jobs.folder import finished_ground_state


class Beginning(NamedTuple):
    """variables: of a run's state. lengths: of the array on which its sites lie."""

    variables: Any
    lengths: tuple[int, ...]


def refuse_other_ansatz(config: GroundState) -> None:
    """ValueError where training.begin_from names no run of this ansatz."""
    name = config.training.begin_from
    if name is None:
        return
    ansatz = finished_ground_state(Path(name), "training.begin_from")["ansatz"]["name"]
    if ansatz != config.ansatz.name:
        raise ValueError(
            f"training.begin_from names {name}, whose ansatz is {ansatz!r} and not "
            f"{config.ansatz.name!r}; choose the same."
        )


def beginning(config: GroundState) -> Beginning | None:
    """What training.begin_from names."""
    name = config.training.begin_from
    if name is None:
        return None
    from nqs.jobs.result import load

    found = load(name)
    parameters = found.summary["hamiltonian"]["parameters"]
    size = parameters.get("size") if parameters.get("edges") is None else None
    return Beginning(found.state.variables, tuple(size or (found.state.sites,)))
