"""The folder of a run: what lies in it, where a new one goes, what is remembered for resuming."""

import hashlib
import itertools
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel

from nqs.config import toml
from nqs.config.atomic import replacing
from nqs.config.ground_state import Hamiltonian
from nqs.config.summary import read_summary
from nqs.config.tomography import Tomography
from nqs.jobs.choices import Choice
from nqs.measurement import file
from nqs.measurement.dataset import Measurements
from nqs.systems.pauli import PauliSum

_SHOTS = "shots.h5"
_BEGUN = "begun.json"
_TERMS = "hamiltonian.json"
"""The strings of a Hamiltonian that had no file and no config."""

_WRITTEN = (
    "config.toml",
    "metrics.jsonl",
    "summary.json",
    "report.html",
    "checkpoint*.h5",
    "best*.h5",
    _SHOTS,
    _TERMS,
    _BEGUN,
    "figures/*.svg",
    "figures/*.csv",
)
"""What a run writes, and what --overwrite removes."""


def keep_shots(folder: Path, config: Tomography, data: Measurements) -> dict[str, Any]:
    """Write shots that had no file into the run; what they are now, for the summary."""
    path = folder / _SHOTS
    file.write(path, data)
    config.data.file = [str(path)]
    return {"file": str(path), "sha256": digest([path])}


def keep_terms(folder: Path, config: Hamiltonian, total: PauliSum) -> None:
    """Write a Hamiltonian that was in memory into the run, and its file into the config."""
    with replacing(folder / _TERMS) as temporary:
        temporary.write_text(json.dumps(total.terms()) + "\n", encoding="utf-8")
    config.name, config.file = "pauli", str(folder / _TERMS)


def begin(
    folder: Path, config: BaseModel, source: dict[str, Any], made: Sequence[Choice], command: str
) -> None:
    """Write the resolved config and what a later resume needs. command: that repeats the run."""
    begun = {"source": source, "chosen": [choice._asdict() for choice in made]}
    with replacing(folder / _BEGUN) as temporary:
        temporary.write_text(json.dumps(begun, indent=1) + "\n", encoding="utf-8")
    toml.write(
        folder / "config.toml",
        config,
        "Resolved by nqs: every value used, defaults and choices included.\n"
        f"Repeat the run with: {command}",
    )


def resolved(folder: Path, time_limit: str | float | None) -> dict[str, Any]:
    """Tables of the config of a run to go on with, under another time limit."""
    if not (folder / "config.toml").is_file():
        raise ValueError(f"{folder} is no run folder: it holds no config.toml.")
    tables = toml.read(folder / "config.toml")
    tables.pop("time_limit", None)
    if time_limit is not None:
        tables["time_limit"] = time_limit
    _found_again(folder, tables)
    return tables


def _found_again(folder: Path, tables: dict[str, Any]) -> None:
    """What a run wrote for itself lies where the run lies now."""
    for table, name in (("data", _SHOTS), ("hamiltonian", _TERMS)):
        inside, named = folder / name, tables.get(table, {}).get("file")
        several = isinstance(named, list)
        if named and inside.is_file() and Path(named[0] if several else named).name == name:
            tables[table]["file"] = [str(inside)] if several else str(inside)


class Begun(NamedTuple):
    """sha256: of the files of shots, or of the Hamiltonian. chosen: (key, value, why) of every choice made."""

    sha256: str | None
    chosen: list[tuple[str, Any, str]]


def begun(folder: Path) -> Begun:
    """What `begin` remembered; ValueError where it is missing or damaged."""
    try:
        found = json.loads((folder / _BEGUN).read_text(encoding="utf-8"))
        chosen = [(str(c["key"]), c["value"], str(c["why"])) for c in found["chosen"]]
        return Begun(found["source"]["sha256"], chosen)
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise ValueError(
            f"{folder / _BEGUN} cannot be read ({type(problem).__name__}: {problem}); begin a new run."
        ) from None


def refuse_changed(folder: Path, source: dict[str, Any]) -> None:
    """ValueError where shots or Hamiltonian are no longer those that the run began with."""
    if begun(folder).sha256 != source["sha256"]:
        raise ValueError(
            f"what {folder} was trained on has changed since the run began (SHA-256 differs); "
            "put the files back, or begin a new run."
        )


def finished_ground_state(folder: Path, key: str) -> dict[str, Any]:
    """The summary of a run that a config names at a key; ValueError where it is no finished ground state."""
    summary = read_summary(folder)
    if summary.get("job") != "ground-state" or summary.get("energy") is None:
        raise ValueError(f"{key} names {folder}, which is no finished ground state.")
    return summary


def next_folder(job: str, name: str) -> Path:
    """runs/JOB-NAME-NNN, the first number that is free."""
    stem = re.sub(r"[^A-Za-z0-9_.-]+", "-", name)[:40] or "data"
    for number in itertools.count(1):
        path = Path("runs") / f"{job}-{stem}-{number:03d}"
        if not path.exists():
            return path
    raise AssertionError("unreachable")


def refuse_used(path: Path, overwrite: bool, shots: Sequence[str] = ()) -> None:
    """ValueError where a folder holds something that may not be replaced, `shots` above all."""
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    if not overwrite:
        raise ValueError(f"{path} is not empty; choose another --out or add --overwrite.")
    if not (path / _BEGUN).is_file():
        raise ValueError(f"{path} is not a run folder; --overwrite replaces runs only.")
    for name in shots:
        if Path(name).resolve().parent == path.resolve():
            raise ValueError(f"{name} lies in the run that --overwrite replaces; move it first.")


def new_folder(path: Path, *, overwrite: bool = False) -> Path:
    """An empty folder for a run; ValueError where it holds something and may not be emptied."""
    path = path.expanduser().resolve()
    refuse_used(path, overwrite)
    for name in _WRITTEN:
        for found in path.glob(name):
            found.unlink()
    path.mkdir(parents=True, exist_ok=True)
    return path


def digest(paths: Sequence[Path]) -> str:
    """SHA-256 over the bytes of several files, one after another."""
    digest = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as stream:
            while chunk := stream.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()
