"""`nqs ground-state`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from nqs.cli import options as opt
from nqs.cli.finish import finished, show_plan
from nqs.cli.refused import checking_input


def ground_state(
    file: Annotated[
        Path | None, typer.Argument(metavar="CONFIG", help="TOML config; flags win over it.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="The same, as a flag.")] = None,
    set_: opt.Set = None,
    ansatz: Annotated[
        str | None,
        typer.Option(
            help="recurrent, recurrent-2d, transformer, mps, rbm-symmetric, conv, pair-product, rbm, rbm-phase "
            "or rbm-positive."
        ),
    ] = None,
    seed: opt.Seed = None,
    budget: opt.Budget = None,
    time_limit: opt.TimeLimit = None,
    out: opt.Out = None,
    overwrite: opt.Overwrite = False,
    dry_run: opt.DryRun = False,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    strict: opt.Strict = False,
    debug: opt.Debug = False,
) -> int:
    """Lowest energy of a Hamiltonian, with its error, its V-score and the exact value beside it."""
    from nqs.config import toml
    from nqs.config.ground_state import GroundState
    from nqs.jobs import folder as place
    from nqs.jobs import ground_state as job
    from nqs.jobs.hamiltonian import PATHS

    with checking_input():
        if file is not None and config is not None:
            raise ValueError("the config is given twice; leave out --config.")
        source = file or config
        tables: dict[str, Any] = {}
        if source is not None:
            tables = toml.read(source)
            toml.absolute(tables, source.resolve().parent, PATHS)
        flags = {
            "ansatz.name": ansatz,
            "seed": seed,
            "budget": budget,
            "time_limit": time_limit,
        }
        for key, value in flags.items():
            if value is not None:
                toml.put(tables, key.split("."), value)
        for assignment in set_ or []:
            toml.assign(tables, assignment)
        toml.absolute(tables, Path.cwd(), PATHS)
        resolved = toml.checked(GroundState, tables, str(source or "config"))
        found = job.system(resolved.hamiltonian)
        resolved, made = job.chosen(resolved, found)
        if out is not None and not dry_run:
            used = resolved.hamiltonian.file
            place.refuse_used(out, overwrite, [] if used is None else [used])
        if dry_run:
            show_plan(job.plan(resolved, found), json)
            return 0
        problem = job.prepared(resolved, found)
        name = source.stem if source is not None else found.name
        folder = place.new_folder(
            out or place.next_folder("ground-state", name), overwrite=overwrite
        )
    return finished(
        lambda **listeners: job.carry_out(problem, made, folder, **listeners),
        folder,
        json,
        quiet,
        strict,
    )
