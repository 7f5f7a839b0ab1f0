"""Tomography: a measurement file in; a calibrated, diagnosed, reported reconstruction out."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nqs.config import toml
from nqs.config.tomography import Tomography
from nqs.measurement import file, formats
from nqs.measurement.dataset import Measurements
from nqs.measurement.target import read_target

_SHOTS = "shots.h5"


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
    return run(config, inputs, folder, model=model)


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


def run(
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
        config = _kept(config, data, folder)
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
    from nqs.report import page

    page.write_tomography(folder, summary, rows, figures)


def _kept(config: Tomography, data: Measurements, folder: Path) -> Tomography:
    """The config as it will be resumed, in the folder, with the shots where they had no file."""
    if not config.data.file:
        file.write(folder / _SHOTS, data)
        config.data.file = [str(folder / _SHOTS)]
    toml.write(
        folder / "config.toml",
        config,
        "Resolved by nqs: every value used, defaults and choices included.\n"
        "Repeat the run with: nqs tomography --config THIS-FILE",
    )
    return config


def new_folder(path: Path, *, overwrite: bool = False) -> Path:
    """An empty folder for a run; ValueError where it holds something and may not be emptied."""
    path = path.expanduser().resolve()
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        if not overwrite:
            raise ValueError(f"{path} is not empty; choose another --out or add --overwrite.")
        _forget_run(path)
    path.mkdir(parents=True, exist_ok=True)
    return path


def _forget_run(path: Path) -> None:
    """Remove what an earlier run wrote, and nothing else."""
    if not path.is_dir() or not (path / "config.toml").is_file():
        raise ValueError(f"{path} is not a run folder; --overwrite replaces runs only.")
    for name in ("config.toml", "metrics.jsonl", "summary.json", "report.html", _SHOTS):
        (path / name).unlink(missing_ok=True)
    for stem in ("checkpoint", "best"):
        for name in (f"{stem}.h5", f"{stem}.previous.h5"):
            (path / name).unlink(missing_ok=True)
    for figure in (path / "figures").glob("*"):
        figure.unlink()


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _digest(paths: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as stream:
            while chunk := stream.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()
