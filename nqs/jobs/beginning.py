"""A state to begin from: that of another run, of this size or another."""

from pathlib import Path
from typing import Any, NamedTuple

from nqs.config.ground_state import GroundState
from nqs.jobs.folder import finished_ground_state
from nqs.jobs.hamiltonian import of_file


class Beginning(NamedTuple):
    """variables: of a run's state. lengths: of the array on which its sites lie."""

    variables: Any
    lengths: tuple[int, ...]


def refuse_other_ansatz(config: GroundState) -> None:
    """ValueError where training.begin_from names no run of this ansatz."""
    name = config.training.begin_from
    if name is None:
        return
    ansatz = finished_ground_state(Path(name), "training.begin_from")["ansatz"]
    if ansatz["name"] != config.ansatz.name:
        raise ValueError(
            f"training.begin_from names {name}, whose ansatz is {ansatz['name']!r} and not "
            f"{config.ansatz.name!r}; choose the same."
        )
    # an even state reads where neighbours differ, with parameters of the same shapes
    even = bool(ansatz.get("even"))
    if even != bool(config.ansatz.even):
        raise ValueError(
            f"training.begin_from names {name}, whose ansatz.even is {str(even).lower()}; choose the same, "
            "instead of an average if there is one."
        )


def beginning(config: GroundState) -> Beginning | None:
    """What training.begin_from names."""
    name = config.training.begin_from
    if name is None:
        return None
    from nqs.jobs.result import load

    found, _ = of_file(Path(name) / "config.toml")
    return Beginning(load(name).state.variables, found.lengths)
