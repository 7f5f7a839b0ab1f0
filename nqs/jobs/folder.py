"""The folder of a run: what lies in it, where a new one goes, what is remembered for resuming."""

import hashlib
import itertools
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from nqs.config import toml
from nqs.config.atomic import replacing
from nqs.config.tomography import Tomography
from nqs.jobs.choices import Choice
from nqs.measurement import file
from nqs.measurement.dataset import Measurements

_SHOTS = "shots.h5"
_BEGUN = "begun.json"
_WRITTEN = (
    "config.toml",
    "metrics.jsonl",
    "summary.json",
    "report.html",
    "checkpoint*.h5",
    "best*.h5",
    _SHOTS,
    _BEGUN,
    "figures/*.svg",
    "figures/*.csv",
)
"""What a run writes, and what --overwrite removes."""


def begin(
    folder: Path,
    config: Tomography,
    data: Measurements,
    source: dict[str, Any],
    made: Sequence[Choice],
) -> tuple[Tomography, dict[str, Any]]:
    """Write the resolved config and what a later resume needs; the shots too if they had no file."""
    if not config.data.file:
        path = folder / _SHOTS
        file.write(path, data)
        config.data.file = [str(path)]
        source = {"file": str(path), "sha256": digest([path])}
    begun = {"source": source, "chosen": [choice._asdict() for choice in made]}
    with replacing(folder / _BEGUN) as temporary:
        temporary.write_text(json.dumps(begun, indent=1) + "\n", encoding="utf-8")
    toml.write(
        folder / "config.toml",
        config,
        "Resolved by nqs: every value used, defaults and choices included.\n"
        "Repeat the run with: nqs tomography --config THIS-FILE",
    )
    return config, source


class Begun(NamedTuple):
    """sha256: of the files of shots. chosen: (key, value, why) of every choice made."""

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
    """ValueError where the shots are no longer those that the run began with."""
    if begun(folder).sha256 != source["sha256"]:
        raise ValueError(
            f"the files of {folder} have changed since the run began (SHA-256 differs); "
            "put them back, or begin a new run."
        )


def next_folder(config: Tomography) -> Path:
    """runs/tomography-NAME-NNN, the first number that is free."""
    stem = re.sub(r"[^A-Za-z0-9_.-]+", "-", Path(config.data.file[0]).stem)[:40] or "data"
    for number in itertools.count(1):
        path = Path("runs") / f"tomography-{stem}-{number:03d}"
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
