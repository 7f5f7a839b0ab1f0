"""Tomography: a measurement file in; a calibrated, diagnosed, reported reconstruction out."""

import hashlib
import itertools
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nqs.config import toml
from nqs.config.atomic import replacing
from nqs.config.tomography import Tomography
from nqs.measurement import file, formats
from nqs.measurement.dataset import Measurements
from nqs.measurement.target import read_target

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


@dataclass(frozen=True)
class Inputs:
    """What a tomography works on, read and checked before anything is written.

    source: file names and the SHA-256 over their bytes, for the summary.
    """

    data: Measurements
    target: np.ndarray | None
    target_name: str | None
    source: dict[str, Any]


def read_inputs(config: Tomography) -> Inputs:
    """Read the files that a config names; ValueError or FormatError says what is wrong."""
    if not config.data.file:
        raise ValueError("no measurement file is named; give one, or data.file in the config.")
    options = formats.Options(
        format=config.data.format,
        select=config.data.select,
        shots_per_setting=config.data.shots_per_setting,
        sites=config.data.sites,
        bases=config.data.bases,
    )
    paths = [Path(p) for p in config.data.file]
    data = formats.read(paths, options)
    source = {"file": ", ".join(map(str, paths)), "sha256": _digest(paths)}
    if config.target:
        target = read_target([Path(p) for p in config.target], data.sites)
        return Inputs(data, target, ", ".join(config.target), source)
    if data.target is not None:
        return Inputs(data, data.target, "stored with the shots", source)
    return Inputs(data, None, None, source)


def tomography(
    data: Measurements | str | Path | Sequence[str | Path],
    ansatz: Any = None,
    *,
    target: np.ndarray | None = None,
    out: str | Path | None = None,
    **settings: Any,
):
    """Learn a pure state from measured shots, and say how good it is.

    data: Measurements, or files of any readable format. ansatz: a name, or any Flax
    linen module from bits (batch, sites) to complex log ψ (batch,). target: state
    vector or density matrix to compare with. out: run folder; nothing is written
    without one. settings: keys of the config, such as seed=1, steps=2000,
    held_out=0.1 or budget="5m". Returns a Result. ValueError names what is wrong.

    Carrasquilla and Torlai, PRX Quantum 2, 040201 (2021).
    """
    from flax import linen as nn

    config = configured(settings)
    model = ansatz if isinstance(ansatz, nn.Module) else None
    if isinstance(ansatz, str):
        config.ansatz.name = ansatz
    if isinstance(data, Measurements):
        inputs = Inputs(data, data.target, "stored with the shots", {"file": None, "sha256": None})
    else:
        files = [data] if isinstance(data, str | Path) else list(data)
        config.data.file = [str(Path(f).resolve()) for f in files]
        inputs = read_inputs(config)
    if target is not None:
        inputs = Inputs(inputs.data, np.asarray(target), "given", inputs.source)
    folder = None if out is None else new_folder(Path(out))
    return carry_out(config, inputs, folder, model=model)


def configured(settings: dict[str, Any]) -> Tomography:
    """A config from flat keyword arguments: each key is looked up in its table."""
    tables: dict[str, Any] = {}
    homes = {
        key: [name, key]
        for name in ("data", "ansatz", "training", "baseline")
        for key in type(getattr(Tomography(), name)).model_fields
    } | {key: [key] for key in Tomography.model_fields}
    for key, value in settings.items():
        toml.put(tables, homes.get(key, [key]), value)
    return toml.checked(Tomography, tables, "tomography")


def carry_out(
    config: Tomography,
    inputs: Inputs,
    folder: Path | None,
    *,
    model: Any = None,
    watch: Callable[[dict], None] = lambda row: None,
    tell: Callable[[str], None] = lambda text: None,
    resume: bool = False,
):
    """Choose, train, judge and write; the way of every tomography, new or resumed."""
    from nqs.jobs.start import prepare

    prepare()  # before anything of JAX is built
    from nqs.jobs import judge, reconstruct
    from nqs.jobs.result import Result, write_state, write_summary
    from nqs.training.run import Run

    data = inputs.data
    config, made, model = reconstruct.choose(config, data, model)
    for choice in made:
        tell(f"{choice.key} = {_shown(choice.value)}  ({choice.why})")
    if folder is not None and not resume:
        config = _kept(config, inputs, folder)
    run = Run(folder, budget=config.budget, time_limit=config.time_limit, watch=watch)
    if resume:
        complaint = run.restore(reconstruct.templates(config, model, data.sites))
        if complaint:
            tell(complaint)
    found = reconstruct.reconstruct(data, config, model, run)
    summary, figures = judge.judge(
        found, config, made, run, inputs.source, inputs.target, inputs.target_name
    )
    if folder is not None:
        options = config.ansatz.model_dump(exclude={"name"}, exclude_none=True)
        write_state(folder, found.final, str(config.ansatz.name), options)
        write_summary(folder, summary)
        _report(folder, summary, run.rows, figures)
    return Result(found.final, summary, folder)


def _report(folder: Path, summary: dict, rows: list[dict], figures: dict[str, list[dict]]) -> None:
    from nqs.report import figures as draw
    from nqs.report import page

    training = summary["training"]
    by_phase = {name: [r for r in rows if r["phase"] == name] for name in ("search", "refit")}
    drawings = [
        draw.learning_curve(
            by_phase["search"],
            training["best_step"],
            by_phase["refit"],
            chosen=training["best_restart"],
        ),
        draw.chi2_per_setting(figures["chi2_per_setting"]),
        draw.amplitudes(figures["amplitudes"]),
        draw.histograms(figures["histograms"]),
    ]
    page.write(folder, summary, drawings)


def _kept(config: Tomography, inputs: Inputs, folder: Path) -> Tomography:
    """The config as it will be resumed, in the folder, with the shots where they had no file."""
    source = inputs.source
    if not config.data.file:
        file.write(folder / _SHOTS, inputs.data)
        config.data.file = [str(folder / _SHOTS)]
        source = {"file": str(folder / _SHOTS), "sha256": _digest([folder / _SHOTS])}
    with replacing(folder / _BEGUN) as temporary:
        temporary.write_text(json.dumps(source) + "\n")
    toml.write(
        folder / "config.toml",
        config,
        "Resolved by nqs: every value used, defaults and choices included.\n"
        "Repeat the run with: nqs tomography --config THIS-FILE",
    )
    return config


def check(config: Tomography, data: Measurements) -> None:
    """ValueError where the data or the ansatz asked for are out of reach, before JAX is loaded."""
    from nqs.jobs.choices import ANSATZ_NAMES
    from nqs.state.reach import refuse_out_of_reach

    refuse_out_of_reach(data.sites, len(data.settings))
    name = config.ansatz.name
    if name is not None and name not in ANSATZ_NAMES:
        raise ValueError(f"unknown ansatz {name!r}; choose one of {', '.join(ANSATZ_NAMES)}.")


def plan(config: Tomography, data: Measurements) -> dict[str, Any]:
    """What a run would do: the resolved config, its parameters, memory (MB) and time (s)."""
    from nqs.jobs.start import prepare

    prepare()
    from nqs.jobs import choices, reconstruct
    from nqs.state.state import State

    config, _, model = reconstruct.choose(config, data)
    parameters = State.initial(model, data.sites, config.seed).parameters
    return {
        "config": config.model_dump(exclude_none=True),
        "parameters": parameters,
        **choices.cost(config, data, parameters),
    }


def refuse_changed(folder: Path, inputs: Inputs) -> None:
    """ValueError where the shots are no longer those that the run began with."""
    begun = json.loads((folder / _BEGUN).read_text()) if (folder / _BEGUN).is_file() else {}
    if begun.get("sha256") != inputs.source["sha256"]:
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


def refuse_used(path: Path, overwrite: bool) -> None:
    """ValueError where a folder holds something that may not be replaced."""
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    if not overwrite:
        raise ValueError(f"{path} is not empty; choose another --out or add --overwrite.")
    if not (path / "config.toml").is_file():
        raise ValueError(f"{path} is not a run folder; --overwrite replaces runs only.")


def new_folder(path: Path, *, overwrite: bool = False) -> Path:
    """An empty folder for a run; ValueError where it holds something and may not be emptied."""
    path = path.expanduser().resolve()
    refuse_used(path, overwrite)
    for name in _WRITTEN:
        for found in path.glob(name):
            found.unlink()
    path.mkdir(parents=True, exist_ok=True)
    return path


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _digest(paths: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as stream:
            while chunk := stream.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()
