"""Flags with one meaning everywhere."""

from pathlib import Path
from typing import Annotated

import typer

Files = Annotated[list[Path], typer.Argument(help="Measurement files; several are one experiment.")]
Format = Annotated[str | None, typer.Option(help="Format name, where two would fit.")]
Select = Annotated[
    str | None, typer.Option(help="Experiment of a file that holds many: NAME or NAME=VALUE.")
]
Bases = Annotated[
    list[Path] | None, typer.Option(help="Settings of text samples, a line per shot; one a file.")
]
ShotsPerSetting = Annotated[int | None, typer.Option(help="Shots behind each row of frequencies.")]
Sites = Annotated[int | None, typer.Option(help="Sites, for integer or hexadecimal counts.")]
Out = Annotated[Path | None, typer.Option(help="Run folder; without it runs/JOB-NAME-NNN.")]
Overwrite = Annotated[bool, typer.Option(help="Replace an earlier run in --out.")]
Target = Annotated[
    list[Path] | None,
    typer.Option(help="True state to compare with; repeat for real and imaginary part of ρ."),
]
Set = Annotated[
    list[str] | None, typer.Option("--set", help="key.sub=value of the config; repeatable.")
]
Seed = Annotated[int | None, typer.Option(help="Of every random draw.")]
Observable = Annotated[
    list[str] | None, typer.Option(help='Such as "X0 X1" or "0.5 Z0 - X1"; repeatable.')
]
Bootstrap = Annotated[
    int,
    typer.Option(
        min=0,
        help="Refits to simulated shots behind statistical errors, such as 100; none by default.",
    ),
]
Budget = Annotated[str | None, typer.Option(help="How long to train, such as 8m.")]
TimeLimit = Annotated[
    str | None, typer.Option(help="Wall-clock limit of the batch queue: stop before, exit 75.")
]
DryRun = Annotated[
    bool, typer.Option(help="Print the resolved config and the cost; train nothing.")
]
Strict = Annotated[bool, typer.Option(help="A warning verdict exits 4.")]
Json = Annotated[bool, typer.Option("--json", help="Only JSON on standard output.")]
Quiet = Annotated[bool, typer.Option(help="No progress, only the result.")]
Debug = Annotated[bool, typer.Option(help="Show the traceback of an error.")]
