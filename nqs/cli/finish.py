"""The end of every job at the command line: progress, verdict, exit status."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from nqs.cli.refused import STRICT, TEMPORARY


def finished(
    carry_out: Callable[..., Any], folder: Path, as_json: bool, quiet: bool, strict: bool
) -> int:
    """Carry a job out before the user's eyes, and the exit status of its verdict."""
    from nqs.cli.terminal import Progress, show_verdict, tell

    silent = as_json or quiet
    with Progress(quiet=silent) as progress:
        result = carry_out(watch=progress, tell=(lambda text: None) if silent else tell)
    if as_json:
        typer.echo(json.dumps(result.summary, indent=2, allow_nan=False))
    else:
        show_verdict(result.summary, folder)
    if result.summary["stopped"] == "time limit":
        return TEMPORARY
    return STRICT if strict and result.summary["verdict"] != "ok" else 0


def show_plan(plan: dict[str, Any], as_json: bool) -> None:
    """What --dry-run prints."""
    if as_json:
        typer.echo(json.dumps(plan, indent=2))
        return
    import tomli_w

    typer.echo(tomli_w.dumps(plan["config"]), nl=False)
    typer.echo(
        f"\n# {plan['parameters']} parameters, about {plan['memory_mb']:.0f} MB and "
        f"{plan['seconds']:.0f} s on two cores"
    )
