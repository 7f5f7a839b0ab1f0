"""Excited levels: the runs whose states lie below, and what is said of the level above them."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nqs.config.ground_state import GroundState
from nqs.config.menu import AUTOREGRESSIVE, PERIODIC
from nqs.evaluation.checks import Check
from nqs.evaluation.heldout import Estimate
from nqs.evaluation.overlap import OverlapTooSmall
from nqs.jobs import folder as place
from nqs.jobs.hamiltonian import System
from nqs.jobs.properties import number
from nqs.state.state import State

_OVERLAP = 0.01
"""With a lower state that is too much."""


class Lower(NamedTuple):
    """The state of a run, which lies below the one that is sought.

    parity: ±1, what a flip of all spins makes of it, None where its ansatz does not tell.
    """

    run: str
    state: State
    energy: Estimate
    parity: int | None = None


def lower_states(config: GroundState) -> tuple[Lower, ...]:
    """The states that lie below."""
    from nqs.jobs.result import load

    found = []
    for name in config.excited.above:
        result = load(name)
        energy = result.summary["energy"]
        energy = Estimate(energy["value"], energy["error"])
        ansatz = result.summary["ansatz"]
        parity = parity_of(ansatz["name"], bool(ansatz.get("odd")))
        found.append(Lower(name, result.state, energy, parity))
    return tuple(found)


def parity_of(ansatz: str, odd: bool) -> int | None:
    """What a flip of all spins makes of a state, None where its ansatz does not tell."""
    return (-1 if odd else 1) if ansatz in PERIODIC else None


def said(
    below: tuple[Lower, ...], state: State, energy: Estimate, seed: int
) -> tuple[dict[str, Any], list[Check]]:
    """For the summary: overlap with every lower state, the gap to the highest of them; and checks.

    The error of the gap is that of two energies from independent samples.
    """
    from nqs.jobs.compare import fidelity

    rows, checks = [], []
    for lower in below:
        overlap, alarm, shown = None, None, "too small to be seen"
        try:
            overlap = fidelity(state, lower.state, seed=seed)
            alarm, shown = _alarm(overlap, lower.run), f"{overlap.value:.2g}"
        except OverlapTooSmall:
            pass
        rows.append(
            {
                "run": lower.run,
                "energy": number(lower.energy),
                "overlap": None if overlap is None else number(overlap),
            }
        )
        checks.append(Check(f"overlap with {Path(lower.run).name}", shown, f"≤ {_OVERLAP}", alarm))
    highest = max((lower.energy for lower in below), key=lambda e: e.value)
    errors = [e for e in (energy.error, highest.error) if e is not None]
    error = float(np.hypot.reduce(errors)) if errors else None
    gap = Estimate(energy.value - highest.value, error)
    return {"levels_below": rows, "gap": number(gap)}, checks


def _alarm(overlap: Estimate, run: str) -> str | None:
    if overlap.value - 2 * (overlap.error or 0.0) <= _OVERLAP:
        return None
    return (
        f"the state overlaps with that of {run} by {overlap.value:.2g}: its energy is a mixture. Train "
        "further, or with a larger excited.penalty."
    )


def refuse_other_runs(config: GroundState, found: System) -> None:
    """ValueError where a run named is no lower level of this Hamiltonian that can be used here."""
    listed = config.training.sampler in ("all", "exact")
    seen = set()
    for name in config.excited.above:
        folder, what = Path(name), f"excited.above names {name}"
        if folder in seen:
            raise ValueError(f"{what} twice.")
        seen.add(folder)
        summary = place.finished_ground_state(folder, "excited.above")
        if place.begun(folder).sha256 != found.total.sha256():
            raise ValueError(f"{what}, whose Hamiltonian is another one.")
        ansatz = summary["ansatz"]["name"]
        if not listed and ansatz not in AUTOREGRESSIVE:
            raise ValueError(
                f"{what}, whose ansatz {ansatz!r} has no conditionals to draw samples from; choose "
                f'{", ".join(AUTOREGRESSIVE)} for it, or training.samples = "all" here.'
            )
        if listed and config.ansatz.name in PERIODIC and ansatz not in PERIODIC:
            raise ValueError(
                f"{what}, whose ansatz {ansatz!r} has not the symmetries of {config.ansatz.name!r}, by "
                "whose orbits is summed; choose the same for both."
            )
        if listed and config.ansatz.name in PERIODIC:
            _refuse_other_orbits(config, what, summary["ansatz"])


def _refuse_other_orbits(config: GroundState, what: str, lower: dict[str, Any]) -> None:
    """ValueError where φ* ψ is not the same all over an orbit, of which one member is read."""
    missing = config.ansatz.point_group and not lower.get("point_group")
    if missing or bool(lower.get("rotated")) != bool(config.ansatz.marshall):
        key = "point_group" if missing else "marshall"
        raise ValueError(
            f"{what}, whose ansatz.{key} is {str(not getattr(config.ansatz, key)).lower()}, and one "
            "configuration of each orbit of the symmetries is read; choose the same for both."
        )
