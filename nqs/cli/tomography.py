"""`nqs tomography` and `nqs resume`."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from nqs.cli import options as opt
from nqs.cli.refused import STRICT, TEMPORARY, checking_input


def tomography(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Measurement files; several are one experiment.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="TOML config; flags win over it.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="key.sub=value of the config; repeatable.")
    ] = None,
    format: opt.Format = None,
    select: opt.Select = None,
    bases: opt.Bases = None,
    shots_per_setting: opt.ShotsPerSetting = None,
    sites: opt.Sites = None,
    ansatz: Annotated[
        str | None, typer.Option(help="recurrent, rbm-positive, rbm-phase or rbm.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of every random draw.")] = None,
    target: opt.Target = None,
    budget: Annotated[str | None, typer.Option(help="How long to train, such as 8m.")] = None,
    time_limit: Annotated[
        str | None, typer.Option(help="Wall-clock limit of the batch queue: stop before, exit 75.")
    ] = None,
    out: opt.Out = None,
    overwrite: opt.Overwrite = False,
    dry_run: Annotated[
        bool, typer.Option(help="Print the resolved config and the cost; train nothing.")
    ] = False,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    strict: Annotated[bool, typer.Option(help="A warning verdict exits 4.")] = False,
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
            _absolute(tables, config.resolve().parent)
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
            "budget": budget,
            "time_limit": time_limit,
        }
        for key, value in flags.items():
            if value is not None:
                toml.put(tables, key.split("."), value)
        for assignment in set_ or []:
            toml.assign(tables, assignment)
        _absolute(tables, Path.cwd())
        resolved = toml.checked(Tomography, tables, str(config or "config"))
        inputs = job.read_inputs(resolved)
        job.check(resolved, inputs.data)
        if out is not None and not dry_run:
            place.refuse_used(out, overwrite, resolved.data.file)

    if dry_run:
        return _plan(resolved, inputs, json)
    with checking_input():
        folder = place.new_folder(out or place.next_folder(resolved), overwrite=overwrite)
    return _carried_out(resolved, inputs, folder, json, quiet, strict, resume=False)


def resume(
    run: Annotated[Path, typer.Argument(help="Folder of an interrupted run.")],
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    strict: Annotated[bool, typer.Option(help="A warning verdict exits 4.")] = False,
    time_limit: Annotated[
        str | None, typer.Option(help="Wall-clock limit of the batch queue this time.")
    ] = None,
    debug: opt.Debug = False,
) -> int:
    """Go on with an interrupted run, bit for bit on the same versions and devices."""
    from nqs.jobs import tomography as job

    with checking_input():
        folder = run.resolve()
        resolved, inputs = job.read_run(folder, time_limit)
        job.check(resolved, inputs.data)
    return _carried_out(resolved, inputs, folder, json, quiet, strict, resume=True)


def _carried_out(resolved, inputs, folder, as_json, quiet, strict, resume) -> int:
    from nqs.cli.terminal import Progress, show_verdict, tell
    from nqs.jobs import tomography as job

    silent = as_json or quiet
    with Progress(quiet=silent) as progress:
        result = job.carry_out(
            resolved,
            inputs,
            folder,
            watch=progress,
            tell=(lambda text: None) if silent else tell,
            resume=resume,
        )
    if as_json:
        typer.echo(json.dumps(result.summary, indent=2, allow_nan=False))
    else:
        show_verdict(result.summary, folder)
    if result.summary["stopped"] == "time limit":
        return TEMPORARY
    return STRICT if strict and result.summary["verdict"] != "ok" else 0


def _plan(resolved, inputs, as_json: bool) -> int:
    from nqs.jobs import tomography as job

    plan = job.plan(resolved, inputs.data)
    if as_json:
        typer.echo(json.dumps(plan, indent=2))
        return 0
    import tomli_w

    typer.echo(tomli_w.dumps(plan["config"]), nl=False)
    typer.echo(
        f"\n# {plan['parameters']} parameters, about {plan['memory_mb']:.0f} MB and "
        f"{plan['seconds']:.0f} s on two cores"
    )
    return 0


def _absolute(tables: dict[str, Any], folder: Path) -> None:
    """Paths of a config are relative to it."""

    def anchored(value: Any) -> Any:
        if isinstance(value, str):
            return str((folder / value).resolve())
        return [anchored(v) for v in value] if isinstance(value, list) else value

    data = tables.get("data")
    if isinstance(data, dict):
        for key in ("file", "bases"):
            if key in data:
                data[key] = anchored(data[key])
    if "target" in tables:
        tables["target"] = anchored(tables["target"])
