"""`nqs evaluate`."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from nqs.cli import options as opt
from nqs.cli.refused import checking_input


def evaluate(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    data: Annotated[
        list[Path] | None,
        typer.Option(help="Shots that the run did not see; its own where left out."),
    ] = None,
    format: opt.Format = None,
    select: opt.Select = None,
    bases: opt.Bases = None,
    shots_per_setting: opt.ShotsPerSetting = None,
    sites: opt.Sites = None,
    target: opt.Target = None,
    observable: opt.Observable = None,
    config: Annotated[
        Path | None, typer.Option(help="Config of a ground state: its Hamiltonian's energy.")
    ] = None,
    bootstrap: opt.Bootstrap = 0,
    region: Annotated[
        list[str] | None,
        typer.Option(
            help='Sites such as "0-3,7" whose entropy is asked, the first half where left out; '
            "repeatable, and pairs have their mutual information."
        ),
    ] = None,
    samples: Annotated[int, typer.Option(min=100, help="Beyond 20 sites.")] = 16384,
    seed: Annotated[int, typer.Option(min=0, help="Of the samples.")] = 1,
    json_: opt.Json = False,
    debug: opt.Debug = False,
) -> None:
    """Likelihood, observables and entropies of a finished run, beside what shots say."""
    with checking_input():
        from nqs.measurement import formats

        options = formats.Options(
            format=format,
            select=select,
            shots_per_setting=shots_per_setting,
            bases=bases,
            sites=sites,
        )
        shots = formats.read(data, options) if data else None
        from nqs.jobs.evaluate import evaluate as job

        found = job(
            run,
            data=shots,
            target=target,
            wanted=observable or (),
            bootstrap=bootstrap,
            config=config,
            regions=region or (),
            samples=samples,
            seed=seed,
        )
    if json_:
        typer.echo(json.dumps(found, indent=2, allow_nan=False))
    else:
        _show(found)


def _show(found: dict[str, Any]) -> None:
    """Two small tables: single numbers, and those that shots tell as well."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from nqs.report.wording import measured, printable

    console = Console(file=sys.stdout, highlight=False)
    facts = Table(box=None, show_header=False, pad_edge=False)
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    for name, value in _facts(found):
        facts.add_row(name, Text(printable(value)))
    console.print(facts)
    rows = [*found["observables"], *([found["energy"]] if found.get("energy") else [])]
    if not rows:
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("", overflow="fold")
    refitted = any(row["statistical"] for row in rows)
    corrected = ("what was measured",) if refitted else ()
    for heading in ("state", *corrected, "shots alone", "pull"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        pull = "" if row["pull"] is None else f"{row['pull']:+.1f}".replace("-", "−")
        told = "" if row["shots"] is None else measured(row["shots"])
        again = [measured(row["statistical"])] if refitted else []
        table.add_row(Text(printable(row["name"])), measured(row["state"]), *again, told, pull)
    console.print()
    console.print(table)


def _facts(found: dict[str, Any]) -> list[tuple[str, str]]:
    from nqs.report.wording import measured, sites

    lines = [("run", f"{found['job']} of {found['sites']} sites, verdict: {found['verdict']}")]
    if found["likelihood"]:
        likelihood = found["likelihood"]
        said = f"{measured(likelihood['nll'])} nats per shot of {likelihood['shots']:,} shots"
        lines.append(("NLL", f"{said}, {likelihood['readout']}"))
        if likelihood.get("p_value") is not None:
            shown = f"p = {likelihood['p_value']:.2g} ({likelihood['p_value_method']})"
            lines.append(("goodness of fit", shown))
    fidelity = found.get("fidelity")
    if fidelity:
        shown = "not known" if fidelity["fitted"] is None else f"{fidelity['fitted']:.5f}"
        lines.append(("fidelity", f"{shown} to {fidelity['target']}{_why(fidelity)}"))
        again = fidelity["statistical"]
        if again:
            low, high = again["interval"] or (None, None)
            ends = "" if low is None else f", 95 %: {low:.4f} to {high:.4f}"
            lines.append(("  of what was measured", f"{measured(again)}{ends}"))
    told = found.get("fidelity_from_shots")
    if told:
        number = "" if told["value"] is None else f"{measured(told)}, "
        lines.append(("fidelity from shots", f"{number}{told['method']}"))
    if found.get("energy") and found["energy"]["variance"]:
        lines.append(("variance of H", measured(found["energy"]["variance"])))
    for row in found["entropies"]:
        lines.append((f"entropy of {sites(row['sites'])}", _entropy(row)))
    for row in found["mutual_information"]:
        of = f"{sites(row['a'])} and {sites(row['b'])}"
        lines.append((f"mutual information, {of}", _entropy(row)))
    if found["samples"]:
        lines.append(("samples", f"{found['samples']:,}, seed {found['seed']}"))
    return lines


def _why(found: dict[str, Any]) -> str:
    return f": {found['why']}" if found.get("why") else ""


def _entropy(row: dict[str, Any]) -> str:
    from nqs.report.wording import measured

    if row["renyi2"] is None:
        return row["why"]
    text = f"Rényi-2 {measured(row['renyi2'])}"
    if row["von_neumann"]:
        text += f", von Neumann {measured(row['von_neumann'])}"
    text += " nats"
    return text + (f"; negativity {measured(row['negativity'])}" if row.get("negativity") else "")
