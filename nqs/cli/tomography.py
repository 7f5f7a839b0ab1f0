"""`nqs tomography`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from nqs.cli import options as opt
from nqs.cli.finish import finished, show_plan
from nqs.cli.refused import checking_input


def tomography(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Measurement files; several are one experiment.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="TOML config; flags win over it.")] = None,
    set_: opt.Set = None,
    format: opt.Format = None,
    select: opt.Select = None,
    bases: opt.Bases = None,
    shots_per_setting: opt.ShotsPerSetting = None,
    sites: opt.Sites = None,
    ansatz: Annotated[
        str | None,
        typer.Option(
            help="recurrent, mps, transformer, recurrent-2d, rbm-positive, rbm-phase, rbm; mixed: low-rank, "
            "purification, density-rbm, lpdo; outcome: outcomes alone; auto tries descriptions, and beyond 6 sites sizes."
        ),
    ] = None,
    seed: opt.Seed = None,
    target: opt.Target = None,
    observable: opt.Observable = None,
    bootstrap: opt.Bootstrap = 0,
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
    """Learn a quantum state from measured shots, and say how good it is."""
    from nqs.config import toml
    from nqs.config.tomography import Tomography
    from nqs.jobs import folder as place
    from nqs.jobs import tomography as job

    with checking_input():
        tables: dict[str, Any] = {}
        if config is not None:
            tables = toml.read(config)
            toml.absolute(tables, config.resolve().parent, job.PATHS)
        flags = {
            "data.file": [str(f.resolve()) for f in files] if files else None,
            "data.format": format,
            "data.select": select,
            "data.bases": [str(b.resolve()) for b in bases] if bases else None,
            "data.shots_per_setting": shots_per_setting,
            "data.sites": sites,
            "ansatz.name": ansatz,
            "seed": seed,
            "target": [str(t.resolve()) for t in target] if target else None,
            "evaluation.observables": observable,
            "evaluation.bootstrap": bootstrap or None,
            "budget": budget,
            "time_limit": time_limit,
        }
        for key, value in flags.items():
            if value is not None:
                toml.put(tables, key.split("."), value)
        for assignment in set_ or []:
            toml.assign(tables, assignment)
        toml.absolute(tables, Path.cwd(), job.PATHS)
        resolved = toml.checked(Tomography, tables, str(config or "config"))
        inputs = job.read_inputs(resolved)
        job.check(resolved, inputs.data)
        if out is not None and not dry_run:
            place.refuse_used(out, overwrite, resolved.data.file)

    if dry_run:
        show_plan(job.plan(resolved, inputs.data), json)
        return 0
    with checking_input():
        name = Path(resolved.data.file[0]).stem
        folder = place.new_folder(out or place.next_folder("tomography", name), overwrite=overwrite)
    return finished(
        lambda **listeners: job.carry_out(resolved, inputs, folder, **listeners),
        folder,
        json,
        quiet,
        strict,
    )
