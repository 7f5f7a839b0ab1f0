"""Tomography: a measurement file in; a calibrated, diagnosed, reported reconstruction out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from nqs.config import toml
from nqs.config.summary import write_summary
from nqs.config.tomography import Tomography
from nqs.jobs import folder as place
from nqs.jobs.targets import read_target_or_run
from nqs.jobs.tomography_checks import check, refuse_idle, way_of
from nqs.measurement import formats
from nqs.measurement.dataset import Measurements
from nqs.measurement.target import checked

PATHS = ("data.file", "data.bases", "target")
"""Keys of the config that are paths."""


@dataclass(frozen=True)
class Inputs:
    """What a tomography works on, read and checked before anything is written.

    target: vector (2**sites,), density matrix, or a State where no vector reaches; None without.
    source: file names and the SHA-256 over their bytes, for the summary.
    """

    data: Measurements
    target: Any
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
    data = with_readout(config, data)
    source = {"file": ", ".join(map(str, paths)), "sha256": place.digest(paths)}
    if config.target:
        target = read_target_or_run(config.target, data.sites)
        return Inputs(data, target, ", ".join(config.target), source)
    return stored_inputs(data, source)


def stored_inputs(data: Measurements, source: dict[str, Any]) -> Inputs:
    """Shots with the target that lies beside them, if any."""
    if data.target is None:
        return Inputs(data, None, None, source)
    name = "the state stored with the shots"
    return Inputs(data, checked(name, data.target, data.sites), name, source)


def with_readout(config: Tomography, data: Measurements) -> Measurements:
    """The shots with the readout errors that the config asks for: those declared, else those of calibration shots
    that lie beside them, unless it says otherwise. ValueError where they are not there."""
    asked, calibration = config.data.readout, data.calibration
    if asked == "none":
        return replace(data, readout=None, readout_pairs=())
    if asked == "declared" and data.readout is None:
        raise ValueError(
            "data.readout is 'declared', and the file declares no readout errors; leave it out."
        )
    if asked == "calibrated" and calibration is None:
        raise ValueError(
            "data.readout is 'calibrated', and no calibration shots lie beside the others; add them with "
            "`nqs data calibrate`, or leave it out."
        )
    same = calibration is not None and data.readout is not None and calibration.tells(data.readout)
    if calibration is not None and (asked == "calibrated" or data.readout is None or same):
        readout, pairs = calibration.confusion().readout, calibration.pairs()
        return replace(data, readout=readout, readout_pairs=pairs)
    return data


def tomography(
    data: Measurements | str | Path | Sequence[str | Path],
    ansatz: Any = None,
    *,
    target: Any = None,
    out: str | Path | None = None,
    **settings: Any,
):
    """Learn a state from measured shots, and say how good it is.

    data: Measurements, or files of any readable format. ansatz: a name, or any Flax
    linen module from bits (batch, sites) to complex log ψ (batch,). target: state
    vector, density matrix or State to compare with. out: run folder; nothing is written
    without one. settings: keys of the config, such as seed=1, steps=2000,
    held_out=0.1 or budget="5m". Returns a Result. ValueError names what is wrong.

    Carrasquilla and Torlai, PRX Quantum 2, 040201 (2021).
    """
    from nqs.ansatz import own_module
    from nqs.jobs.start import prepare

    config = toml.from_keywords(Tomography, settings)
    if isinstance(data, Measurements):
        refuse_idle(config.data, _FOR_FILES, "shots that are in memory already")
        inputs = stored_inputs(with_readout(config, data), {"file": None, "sha256": None})
    else:
        files = [data] if isinstance(data, str | Path) else list(data)
        config.data.file = [str(Path(f).resolve()) for f in files]
        inputs = read_inputs(config)
    model = None
    if isinstance(ansatz, str):
        config.ansatz.name = ansatz
    elif ansatz is not None:
        refuse_idle(config.ansatz, type(config.ansatz).model_fields, "a module of your own")
        prepare()  # a module may build arrays as soon as it is looked at
        model = own_module(ansatz, inputs.data.sites)
    check(config, inputs.data, own=model is not None)
    if target is not None:
        name = "the state given"
        if getattr(target, "mixed", False) and target.dense:
            target = target.exact()
        if not hasattr(target, "log_psi"):  # a State may have more sites than a vector
            target = checked(name, np.asarray(target), inputs.data.sites)
        inputs = replace(inputs, target=target, target_name=name)
    folder = None if out is None else place.new_folder(Path(out))
    return carry_out(config, inputs, folder, model=model)


def continued(folder: Path, ansatz: Any, time_limit: str | float | None) -> Callable[..., Any]:
    """What goes on with a tomography, all checked; called with `watch` and `tell`."""
    from nqs.jobs.start import prepare

    config, inputs = read_run(folder, time_limit)
    model = None
    if ansatz is not None:
        from nqs.ansatz import own_module

        prepare()
        model = own_module(ansatz, inputs.data.sites, held=config.ansatz.name)
    check(config, inputs.data, own=model is not None)
    return partial(carry_out, config, inputs, folder, model=model, resume=True)


def read_run(folder: Path, time_limit: str | float | None) -> tuple[Tomography, Inputs]:
    """Config and shots of a run to go on with; ValueError where they are not as they were."""
    tables = place.resolved(folder, time_limit)
    config = toml.checked(Tomography, tables, str(folder / "config.toml"))
    inputs = read_inputs(config)
    place.refuse_changed(folder, inputs.source)
    return config, inputs


_FOR_FILES = ("file", "format", "select", "shots_per_setting", "sites", "bases")


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
    from nqs.jobs.start import meanwhile, prepare

    prepare()  # before anything of JAX is built
    from nqs.jobs import choices
    from nqs.training.run import NumericalFailure, Run

    data = inputs.data
    way = way_of(config, data)
    config, made, model = way.choose(config, data, model)
    if folder is not None:
        tell(f"the run lies in {folder}")
    tell("double precision is switched on")
    for choice in made:
        tell(f"{choice.key} = {choice.shown}  ({choice.why})")
    tell("compiling; the program is kept for the next run of the same shape")
    source = inputs.source
    if folder is not None:
        if not resume:
            if not config.data.file:
                source = place.keep_shots(folder, config, data)
            place.begin(folder, config, source, made, "nqs tomography --config THIS-FILE")
        made = [choices.Choice(*choice) for choice in place.begun(folder).chosen]
    run = Run(folder, budget=config.budget, time_limit=config.time_limit, watch=watch)
    templates = way.templates(config, model, data) if resume else {}
    if templates:  # what has no phases begins anew
        complaint = run.restore(templates)
        if complaint:
            tell(complaint)
    wanted_later = [way.JUDGE] + ([] if folder is None else ["nqs.report.page"])
    meanwhile(*(partial(import_module, name) for name in wanted_later))
    with run.listening():
        try:
            found = way.reconstruct(data, config, model, run)
        except NumericalFailure as problem:
            _failed(folder, problem, config, made, run, source, data)
            raise
        judge = import_module(way.JUDGE)
        summary, figures = judge.judge(
            found, config, made, run, source, inputs.target, inputs.target_name
        )
    from nqs.jobs.result import Result, write_state

    draw = partial(_drawings, summary, run.rows, figures)
    if folder is not None:
        write_state(folder, found.final, *found.named(config))
        write_summary(folder, summary)
        from nqs.report import page

        page.write(folder, summary, draw())
    return Result(found.final, summary, folder, draw)


def _failed(folder: Path | None, *about: Any) -> None:
    """A summary that says what failed; the checkpoint holds what there is."""
    from nqs.jobs import judge

    if folder is not None:
        write_summary(folder, judge.failed(*about))


def _drawings(summary: dict, rows: list[dict], figures: dict[str, list[dict]]) -> list:
    from nqs.report import figures as draw

    training, likelihood = summary["training"], summary["likelihood"]
    by_phase = {
        name: [r for r in rows if r["phase"].split()[0] == name] for name in ("search", "refit")
    }
    if not rows:  # found without training
        return draw.of_tables(figures)
    curve = draw.learning_curve(
        by_phase["search"],
        training["best_step"],
        by_phase["refit"],
        chosen=training["best_restart"],
        error=(likelihood["held_out_nll"] or {}).get("error"),
        floor=draw.Floor(**likelihood["floor"]) if likelihood["floor"] else None,
    )
    return [curve, *draw.of_tables(figures)]


def plan(config: Tomography, data: Measurements) -> dict[str, Any]:
    """What a run would do: the resolved config, its parameters, memory (MB) and time (s)."""
    from nqs.jobs.start import prepare

    prepare()
    way = way_of(config, data)
    config, _, model = way.choose(config, data)
    return {"config": config.model_dump(exclude_none=True), **way.cost(config, data, model)}
