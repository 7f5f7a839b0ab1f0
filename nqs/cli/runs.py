"""Commands on finished runs and states, and about nqs itself."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from nqs.cli import options as opt
from nqs.cli.finish import finished
from nqs.cli.refused import NUMERICAL, checking_input

RunFolder = Annotated[Path, typer.Argument(help="Folder of a finished run.")]


def resume(
    run: Annotated[Path, typer.Argument(help="Folder of an interrupted run.")],
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    strict: opt.Strict = False,
    time_limit: opt.TimeLimit = None,
    debug: opt.Debug = False,
) -> int:
    """Go on with an interrupted run, bit for bit on the same versions and devices."""
    from nqs.jobs.resume import continued

    with checking_input():
        folder = run.resolve()
        carry_on = continued(folder, None, time_limit)
    return finished(carry_on, folder, json, quiet, strict)


def report(
    runs: Annotated[list[Path], typer.Argument(help="Folders of finished runs.")],
    out: Annotated[Path | None, typer.Option(help="Folder for several runs side by side.")] = None,
    debug: opt.Debug = False,
) -> None:
    """Build report.html of runs again, and of several one more that has them side by side."""
    from nqs.report import comparison, page

    beside = out or Path("comparison")
    with checking_input():
        if out is not None and len(runs) < 2:
            raise ValueError("--out is for several runs; the report of one lies in its folder.")
        if len(runs) > 1:
            comparison.check(runs, beside)
        written = [page.rebuild(run) for run in runs]
        if len(runs) > 1:
            written.append(comparison.write(runs, beside))
    for page_of in written:
        typer.echo(str(page_of))


def fidelity(
    a: Annotated[Path, typer.Argument(help="A run folder or a file of a state.")],
    b: Annotated[Path, typer.Argument(help="A run folder or a file of a state.")],
    samples: Annotated[int, typer.Option(min=100, help="Of each state, beyond 20 sites.")] = 16384,
    seed: Annotated[int, typer.Option(help="Of the samples.")] = 1,
    json_: opt.Json = False,
    debug: opt.Debug = False,
) -> None:
    """Fidelity of two states, either way round: exact up to 20 sites, of mixed states up to 12, beyond from samples of two runs."""
    with checking_input():
        from nqs.jobs.compare import fidelity as of_two

        found = of_two(a, b, samples, seed)._asdict()
    if json_:
        typer.echo(json.dumps({"fidelity": found}))
    else:
        from nqs.report.wording import measured

        exact = found["error"] is None
        typer.echo(f"{found['value']:.8f}" if exact else measured(found))


def sample(
    run: RunFolder,
    file: Annotated[Path, typer.Argument(help="Native measurement file to write.")],
    shots: Annotated[int, typer.Option(help="Shots in each setting.")] = 1000,
    setting: Annotated[
        list[str] | None, typer.Option(help="Such as XXZZ; repeatable. All Z where left out.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the draws.")] = 1,
    debug: opt.Debug = False,
) -> None:
    """New shots of a reconstructed state, as a measurement file."""
    with checking_input():
        from nqs.jobs.sample import sample as draw
        from nqs.measurement import file as native

        if file.exists():
            raise ValueError(f"{file} exists already; choose another name.")
        data = draw(run, shots, tuple(setting or ()), seed)
        native.write(file, data)
    typer.echo(f"{file}: {data.shots:,} shots of {data.sites} sites, {len(data.settings)} settings")


def export(
    run: RunFolder,
    file: Annotated[
        Path,
        typer.Argument(
            help="State vector as .npy, .h5 or .txt, density matrix as .npy or .h5; parameters as .safetensors."
        ),
    ],
    debug: opt.Debug = False,
) -> None:
    """State vector or density matrix of a run as .npy or .h5, vectors as .txt (re im a line) too; or parameters."""
    with checking_input():
        from nqs.jobs.result import load
        from nqs.measurement.target import write_state

        if file.exists():
            raise ValueError(f"{file} exists already; choose another name.")
        state = load(run).state
        if file.suffix == ".safetensors":
            state.write_parameters(file)
        else:
            write_state(file, state.exact())
    typer.echo(str(file))


def config(
    name: Annotated[str, typer.Argument(help="Job: tomography or ground-state.")],
    debug: opt.Debug = False,
) -> None:
    """A commented config with every key, its default and its meaning."""
    from nqs.config import toml
    from nqs.config.ground_state import GroundState
    from nqs.config.tomography import Tomography

    comments: dict[str, tuple[Any, str]] = {
        "tomography": (
            Tomography,
            "Tomography: a state from measured shots. Keys without a value are chosen from\n"
            "the data, and the choice is printed. Run: nqs tomography --config THIS-FILE",
        ),
        "ground-state": (
            GroundState,
            "Ground state: the lowest energy of a Hamiltonian. Keys without a value are chosen\n"
            "from the Hamiltonian, and the choice is printed. Run: nqs ground-state THIS-FILE",
        ),
    }
    with checking_input():
        if name not in comments:
            raise ValueError(f"there is no job {name!r}; the jobs are: {', '.join(comments)}.")
    typer.echo(toml.commented(*comments[name]), nl=False)


def doctor(debug: opt.Debug = False) -> int:
    """Versions, devices, cache, and a self-test of ten seconds."""
    from nqs.jobs.doctor import FAILED, examined

    status = 0
    for name, value in examined():
        typer.echo(f"{name:<18}{value}")
        if value.startswith(FAILED):
            status = NUMERICAL
    return status
