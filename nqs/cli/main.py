"""The command `nqs`: words on a command line → a job."""

import gc
import sys
from typing import Annotated

import typer

from nqs.cli import data, evaluate, ground_state, refused, runs, tomography

app = typer.Typer(
    name="nqs",
    help="Neural quantum states from measurement files or a Hamiltonian, judged and reported.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
app.add_typer(data.app, name="data")
app.command("tomography")(tomography.tomography)
app.command("ground-state")(ground_state.ground_state)
app.command("resume")(runs.resume)
app.command("evaluate")(evaluate.evaluate)
app.command("report")(runs.report)
app.command("fidelity")(runs.fidelity)
app.command("sample")(runs.sample)
app.command("export")(runs.export)
app.command("config")(runs.config)
app.command("doctor")(runs.doctor)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"nqs {version('nqs')}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Neural quantum states from measurement files or a Hamiltonian, judged and reported."""


def main() -> None:
    """Entry point: runs a command and turns whatever happens into an exit status."""
    # imports make lasting objects by the hundred thousand; looking through them again and
    # again for garbage, and once more at the exit, takes half a second of every command
    gc.set_threshold(100_000, 20, 20)
    status = refused.exit_status(app, debug="--debug" in sys.argv)
    gc.freeze()
    sys.exit(status)
