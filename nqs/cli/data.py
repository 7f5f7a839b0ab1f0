"""`nqs data`: what is in a measurement file, in another format, or simulated. Without JAX."""

import json
from pathlib import Path
from typing import Annotated

import typer

from nqs.cli import options as opt
from nqs.cli.refused import checking_input
from nqs.measurement.readout import refuse_blind_readout

app = typer.Typer(
    help="Inspect, convert and simulate measurement files.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command()
def inspect(
    files: opt.Files,
    format: opt.Format = None,
    select: opt.Select = None,
    bases: opt.Bases = None,
    shots_per_setting: opt.ShotsPerSetting = None,
    sites: opt.Sites = None,
    json_: opt.Json = False,
    debug: opt.Debug = False,
) -> None:
    """Show what was understood: sites, settings, shots, ⟨Z_j⟩ of every site, one decoded row."""
    from nqs.measurement.summary import described

    with checking_input():
        data, experiments = _read(files, format, select, bases, shots_per_setting, sites)
        if data is None:
            _list_experiments(files, experiments, json_)
            return
        facts = described(data)
    if json_:
        typer.echo(json.dumps(facts, indent=2))
        return
    from nqs.cli.terminal import show_data

    show_data(facts, [str(f) for f in files])


@app.command()
def convert(
    files: Annotated[
        list[Path], typer.Argument(help="IN… OUT: files to read, native file to write.")
    ],
    format: opt.Format = None,
    select: opt.Select = None,
    bases: opt.Bases = None,
    shots_per_setting: opt.ShotsPerSetting = None,
    sites: opt.Sites = None,
    target: opt.Target = None,
    overwrite: Annotated[bool, typer.Option(help="Replace OUT.")] = False,
    debug: opt.Debug = False,
) -> None:
    """Write any readable format as the native measurement file."""
    from dataclasses import replace

    from nqs.measurement import file
    from nqs.measurement.formats import Options, read
    from nqs.measurement.target import read_target

    with checking_input():
        if len(files) < 2:
            raise ValueError("convert takes the files to read and then the file to write.")
        *inputs, output = files
        _refuse_existing(output, overwrite)
        data = read(inputs, Options(format, select, shots_per_setting, sites, bases))
        if target:
            data = replace(data, target=read_target(list(target), data.sites))
        file.write(output, data)
    typer.echo(
        f"{output}: {data.shots:,} shots of {data.sites} sites, {len(data.settings)} settings"
    )


@app.command()
def simulate(
    state: Annotated[
        str,
        typer.Argument(
            help="ghz, w, cluster, product, random, ising, a file of a state, a run, or a config of "
            "a ground state (beyond 20 sites by DMRG)."
        ),
    ],
    file: Annotated[Path, typer.Argument(help="Native measurement file to write.")],
    sites: Annotated[int | None, typer.Option(help="Number of sites.")] = None,
    settings: Annotated[
        str,
        typer.Option(
            help="all, pauli:30, pauli:30/8 (at most 8 sites rotated), Z,X,XZXZ… or a mixture; or tetrahedral, "
            "pauli-4, pauli-6."
        ),
    ] = "Z",
    shots: Annotated[int, typer.Option(help="Shots in each setting.")] = 1000,
    depolarising: Annotated[float, typer.Option(help="p of ρ → (1−p)ρ + p·1/2^N.")] = 0.0,
    local_depolarising: Annotated[
        float, typer.Option(help="The same of every site by itself.")
    ] = 0.0,
    readout: Annotated[
        str | None, typer.Option(help="p01,p10: a 0 read as 1, a 1 read as 0.")
    ] = None,
    undeclared: Annotated[
        bool, typer.Option(help="Keep the readout errors from whoever reads the file.")
    ] = False,
    calibration: Annotated[
        int,
        typer.Option(
            min=0, help="Shots of all 0 and of all 1 each, kept as calibration of the readout."
        ),
    ] = 0,
    seed: Annotated[int, typer.Option(help="Of the state, the settings and the shots.")] = 1,
    keep: Annotated[
        Path | None, typer.Option(help="Folder to keep a state beyond 20 sites in.")
    ] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace FILE.")] = False,
    debug: opt.Debug = False,
) -> None:
    """Shots of a known state in chosen settings, with noise; the state is stored with them."""
    from dataclasses import replace

    from nqs.jobs.simulate import simulated
    from nqs.measurement import file as native

    with checking_input():
        _refuse_existing(file, overwrite)
        data = simulated(
            state,
            settings,
            shots,
            seed,
            sites=sites,
            keep=keep,
            tell=lambda text: typer.echo(text, err=True),
            depolarising=depolarising,
            local=local_depolarising,
            readout=_pair(readout),
            calibration=calibration,
        )
        if undeclared:
            data = replace(data, readout=None)
        native.write(file, data)
    typer.echo(f"{file}: {data.shots:,} shots of {data.sites} sites, {len(data.settings)} settings")


@app.command()
def calibrate(
    shots: Annotated[Path, typer.Argument(help="Measurement file.")],
    calibration: Annotated[
        Path,
        typer.Argument(
            help='Counts by prepared state in JSON, {"00": {"00": 980, …}, …}, or a native file.'
        ),
    ],
    output: Annotated[Path, typer.Argument(help="Native measurement file to write.")],
    leftmost: Annotated[
        bool,
        typer.Option(
            "--leftmost",
            help="Site 0 is the leftmost bit of the calibration's words, not the rightmost as in Qiskit.",
        ),
    ] = False,
    format: opt.Format = None,
    select: opt.Select = None,
    bases: opt.Bases = None,
    shots_per_setting: opt.ShotsPerSetting = None,
    sites: opt.Sites = None,
    overwrite: Annotated[bool, typer.Option(help="Replace OUTPUT.")] = False,
    debug: opt.Debug = False,
) -> None:
    """Measure readout errors by calibration shots, and keep both beside the shots."""
    from dataclasses import replace

    from nqs.cli.terminal import show_calibration
    from nqs.measurement import file
    from nqs.measurement.formats import Options, read
    from nqs.measurement.formats.calibrations import read_calibration

    with checking_input():
        _refuse_existing(output, overwrite)
        data = read([shots], Options(format, select, shots_per_setting, sites, bases))
        found = read_calibration(calibration, data.sites, leftmost)
        confusion = found.confusion()
        pairs = found.pairs()
        refuse_blind_readout(confusion.readout, pairs)
        found.refuse_inverted(str(calibration))
        data = replace(data, calibration=found)
        file.write(output, replace(data, readout=confusion.readout, readout_pairs=pairs))
    if data.readout is not None:
        typer.echo(f"{shots} declared other readout errors; those of the calibration replace them")
    show_calibration(found, confusion)
    end = "left" if leftmost else "right"
    typer.echo(f"site 0 was taken to be the {end}most bit of the words of {calibration}")
    typer.echo(f"{output}: {data.shots:,} shots of {data.sites} sites, and their readout errors")


def _read(files, format, select, bases, shots_per_setting, sites):
    """The shots, or None and the experiments to choose from."""
    from nqs.measurement.formats import Options, choices, read

    options = Options(format, select, shots_per_setting, sites, bases)
    experiments = choices(files, options)
    if select is None and len(experiments) > 1:
        return None, experiments
    return read(files, options), experiments


def _list_experiments(files: list[Path], experiments: list[str], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"experiments": experiments}, indent=2))
        return
    typer.echo(f"{', '.join(map(str, files))} holds {len(experiments)} experiments; pick one:")
    for name in experiments:
        typer.echo(f"  --select {name}")


def _pair(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    try:
        first, second = (float(part) for part in text.split(","))
    except ValueError:
        raise ValueError(
            f"--readout {text!r} is not of the form p01,p10, such as 0.01,0.03."
        ) from None
    return first, second


def _refuse_existing(path: Path, overwrite: bool) -> None:
    if path.exists() and not overwrite:
        raise ValueError(f"{path} exists already; choose another name or add --overwrite.")
    if not path.resolve().parent.is_dir():
        raise ValueError(f"the folder of {path} does not exist; make it first.")
