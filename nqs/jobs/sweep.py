"""Sweeps: one ground state after another over values of a key, each begun from the one before."""

import json
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nqs.config import toml
from nqs.config.atomic import replacing
from nqs.config.ground_state import GroundState
from nqs.config.summary import SUMMARY, read_summary
from nqs.jobs import folder as place
from nqs.jobs import ground_state as job
from nqs.jobs.hamiltonian import PATHS

_MOST_POINTS = 10_000
_PLAN = "sweep.json"


@dataclass(frozen=True)
class Over:
    """The key that is swept, and its values in the order in which they are taken."""

    key: str
    values: tuple[Any, ...]


def over(text: str) -> Over:
    """hamiltonian.h=0.5:1.5:11, first:last:points; or values as in TOML, hamiltonian.size=[8],[12]."""
    key, equals, said = text.partition("=")
    key = key.strip()
    if not equals or not key or not said.strip():
        raise ValueError(
            f"--over {text!r} is not of the form key.sub=first:last:points, or key.sub=a,b,c."
        )
    parts = said.split(":")
    if len(parts) == 3:
        try:
            first, last, points = float(parts[0]), float(parts[1]), int(parts[2])
        except ValueError:
            raise ValueError(
                f"--over {text!r}: expected first:last:points, such as 0.5:1.5:11."
            ) from None
        if not 2 <= points <= _MOST_POINTS or not np.isfinite([first, last]).all():
            raise ValueError(
                f"--over {text!r} has {points} points; expected two finite ends and 2 to {_MOST_POINTS:,} points."
            )
        # rounded to what is meant: 0.7 and not 0.7000000000000001
        return Over(key, tuple(float(f"{v:.12g}") for v in np.linspace(first, last, points)))
    try:
        values = tomllib.loads(f"value = [{said}]")["value"]
    except ValueError:
        raise ValueError(
            f"--over {text!r}: {said!r} is neither first:last:points nor a list of values as in TOML."
        ) from None
    if not values:
        raise ValueError(f"--over {text!r} has no values.")
    return Over(key, tuple(values))


@dataclass(frozen=True)
class Point:
    """A value of the sweep. number: of the point. folder: of its run."""

    number: int
    value: Any
    folder: Path


def points(swept: Over, out: Path) -> list[Point]:
    return [
        Point(number, value, out / f"{number:03d}-{_name(swept.key, value)}")
        for number, value in enumerate(swept.values)
    ]


def _name(key: str, value: Any) -> str:
    flat = "x".join(map(str, value)) if isinstance(value, list) else str(value)
    safe = "".join(c if c.isalnum() or c in "+-." else "_" for c in flat)
    return f"{key.rpartition('.')[2]}={safe[:40]}"


def configs(tables: dict[str, Any], swept: Over, source: str) -> list[GroundState]:
    """The config of every point, all checked before any is run; ValueError names what is wrong."""
    found = []
    for value in swept.values:
        own = json.loads(json.dumps(tables))
        toml.put(own, swept.key.split("."), value)
        config = toml.checked(GroundState, own, f"{source} with {swept.key} = {value}")
        job.chosen(config, job.system(config.hamiltonian))
        found.append(config)
    return found


def sweep(
    source: Path,
    swept: Over,
    out: Path,
    *,
    settings: Sequence[str] = (),
    observables: Sequence[str] = (),
    cold: bool = False,
    tell: Callable[[str], None] = lambda text: None,
) -> Iterator[dict[str, Any]]:
    """Run every point that is not finished yet; yields the row of each, in order.

    settings: key.sub=value, over the config of all points. observables: Pauli sums, evaluated of every
    state. cold: begin every point at random, and not from the state of the one before it. A run that
    was interrupted is gone on with. `out` is refused where it holds another sweep.
    """
    tables = toml.read(source)
    toml.absolute(tables, source.resolve().parent, PATHS)
    for assignment in settings:
        toml.assign(tables, assignment)
    toml.absolute(tables, Path.cwd(), PATHS)
    every = configs(tables, swept, str(source))
    plan = {"config": tables, "over": swept.key, "values": list(swept.values), "cold": cold}
    _keep_plan(out, plan)
    before: Path | None = None
    for point, config in zip(points(swept, out), every, strict=True):
        if not _finished(point.folder):
            _carry_out(point, config, None if cold else before, tell)
        found = row(point, swept, observables)
        before = before if found["energy"] is None else point.folder
        yield found


def _keep_plan(out: Path, plan: dict[str, Any]) -> None:
    """Remember what is swept; ValueError where the folder holds something else."""
    path = out / _PLAN
    if path.is_file():
        if json.loads(path.read_text(encoding="utf-8")) != json.loads(json.dumps(plan)):
            raise ValueError(f"{out} holds another sweep; choose another --out.")
        return
    if out.exists() and any(out.iterdir()):
        raise ValueError(f"{out} is not empty and holds no sweep; choose another --out.")
    out.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(plan, indent=1) + "\n", encoding="utf-8")


def _finished(folder: Path) -> bool:
    return (folder / SUMMARY).is_file() and read_summary(folder)["stopped"] != "time limit"


def _carry_out(
    point: Point, config: GroundState, before: Path | None, tell: Callable[[str], None]
) -> None:
    """Run a point, or go on with it; Interrupted where its time limit ends it. Numbers that fail leave
    a summary that says so.

    before: the run whose state is begun from; where that cannot be, it is told why.
    """
    from nqs.training.run import Interrupted, NumericalFailure

    try:
        if (point.folder / "config.toml").is_file():
            tell(f"{point.folder.name}: gone on with")
            result = job.continued(point.folder, None, config.time_limit)()
        else:
            try:
                problem, made = _prepared(_begun_from(config, before))
            except ValueError as refused:
                if before is None:
                    raise
                tell(f"{point.folder.name}: begins at random. {refused}")
                problem, made = _prepared(config)
            result = job.carry_out(problem, made, place.new_folder(point.folder))
    except NumericalFailure as failure:
        tell(f"{point.folder.name}: {failure}")
        return
    if result.summary["stopped"] == "time limit":
        raise Interrupted("the time limit", point.folder)


def _prepared(config: GroundState) -> tuple[Any, list]:
    found = job.system(config.hamiltonian)
    config, made = job.chosen(config, found)
    return job.prepared(config, found), made


def _begun_from(config: GroundState, before: Path | None) -> GroundState:
    """The config of a point that begins from a run, which takes the place of growth."""
    if before is None:
        return config
    config = config.model_copy(deep=True)
    training = config.training
    training.begin_from = str(before.resolve())
    training.grow_from, training.grow_width = [], []
    training.grow_steps, training.grow_samples = [], []
    return config


def row(point: Point, swept: Over, observables: Sequence[str]) -> dict[str, Any]:
    """The numbers of a finished point: (value, error) pairs, None where one is not known."""
    summary = read_summary(point.folder)
    energy = summary.get("energy") or {"value": None, "error": None, "per_site": {}}
    per_site = energy["per_site"]
    exact = summary.get("exact") or {}
    found = {
        "point": point.number,
        swept.key: point.value,
        "sites": summary["sites"],
        "energy": energy["value"],
        "energy_error": energy["error"],
        "per_site": per_site.get("value"),
        "per_site_error": per_site.get("error"),
        "v_score": summary.get("v_score"),
        "exact": exact.get("energy"),
        "verdict": summary["verdict"],
        "run": point.folder.name,
    }
    if observables and energy["value"] is not None:
        from nqs.jobs.result import load

        result = load(point.folder)
        for text in observables:
            value = result.observable(text)
            found |= {text: value.value, f"{text} error": value.error}
    return found
