"""What a person sees while a job runs and when it ends, within 80 columns."""

import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table
from rich.text import Text

from nqs.config.menu import PRODUCTS
from nqs.report.wording import TELLING, exact, measured, printable, v_score


def tell(text: str) -> None:
    """A remark on standard error."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(Text(printable(text), style="dim"))


class Progress:
    """A bar for each phase: likelihood or energy, and time left. Called with each row."""

    def __init__(self, quiet: bool):
        console = Console(stderr=True)
        self._bar = Bar(
            TextColumn("{task.description:<7}"),
            BarColumn(bar_width=16),
            TextColumn("{task.completed:>5.0f}/{task.total:.0f}"),
            TextColumn("{task.fields[numbers]}"),
            TimeRemainingColumn(compact=True),
            console=console,
            disable=quiet or not console.is_terminal,
            transient=True,
        )
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> "Progress":
        self._bar.__enter__()
        return self

    def __exit__(self, *details: Any) -> None:
        self._bar.__exit__(*details)

    def __call__(self, row: dict[str, Any]) -> None:
        phase = row["phase"]
        if phase not in self._tasks:
            self._tasks[phase] = self._bar.add_task(phase, total=row["steps"], numbers="")
        self._bar.update(
            self._tasks[phase], completed=row["step"], total=row["steps"], numbers=_numbers(row)
        )


def _numbers(row: dict[str, Any]) -> str:
    """What a logged row says, in a few words."""
    if "energy" in row:
        energy, variance = row["energy"], row["variance"]
        return "" if energy is None else f"E {energy:.6f}  variance {variance or 0:.1e}"
    train = _least(row["train_nll"])
    held_out = _least(row["held_out_nll"])
    numbers = "" if train is None else f"NLL {train:.4f}"
    if train is not None and held_out is not None:
        numbers += f"  held out {held_out - train:+.4f}"
    return numbers


def _least(values: list[float | None] | None) -> float | None:
    return min((v for v in values or [] if v is not None), default=None)


def show_verdict(summary: dict[str, Any], folder: Path | None) -> None:
    """The verdict, the numbers behind it, and every warning, on standard output."""
    console = Console(file=sys.stdout, highlight=False)
    colour = {"ok": "bold green", "warning": "bold yellow", "failed": "bold red"}
    console.print()
    console.print(Text(f"verdict: {summary['verdict']}", style=colour[summary["verdict"]]))
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    lines = _energy_lines if "energy" in summary else _lines
    for name, value in [*lines(summary), _training(summary)]:
        table.add_row(name, Text(value))
    console.print(table)
    for warning in summary["warnings"]:
        console.print()
        console.print(Text("! " + printable(warning), style="yellow"))
    if folder is not None:
        console.print()
        console.print(Text(f"{folder}/report.html"), soft_wrap=True)


def _lines(summary: dict[str, Any]) -> list[tuple[str, str]]:
    likelihood, data = summary["likelihood"], summary["data"]
    lines = [
        (
            "data",
            f"{data['shots']:,} shots of {summary['sites']} sites in {data['settings']} settings",
        ),
        (
            "ansatz",
            f"{_ansatz(summary['ansatz'])}, {summary['ansatz']['parameters']} parameters",
        ),
    ]
    if likelihood["nll"]:
        lines.append(("NLL, all shots", f"{measured(likelihood['nll'])} nats per shot"))
    if likelihood["held_out_nll"]:
        lines.append(("NLL, held out", f"{measured(likelihood['held_out_nll'])} nats per shot"))
    if bound := likelihood.get("ancilla_bound"):
        text = f"a bound, too high by {measured(bound['bias'])}"
        lines.append(("", f"{text}: {bound['strings']} strings of ancillas a shot"))
    if likelihood["p_value"] is not None:
        lines.append(("goodness of fit", _goodness(likelihood)))
    if "identifiability" in summary:
        mixed = "mixture" in summary
        lines.append(("determined", _determined(summary["identifiability"], mixed)))
    if "mixture" in summary:
        lines += _mixture(summary["mixture"])
    if "physicality" in summary:
        lines.append(("smallest eigenvalue", _physicality(summary)))
    if summary.get("fidelity"):
        lines.append(("fidelity", _fidelity(summary["fidelity"])))
    told = summary.get("fidelity_from_shots")
    if told and told["error"] < TELLING:
        text = f"{measured(told)} by {told['shots']:,} shots held out, {told['method']}"
        lines.append(("fidelity from shots", text))
    rows = summary.get("observables") or []
    lines += [(row["name"], _observable(row)) for row in rows]
    refits = summary["training"].get("likelihood") not in ("branch", "outcomes")
    wanting = any(row["statistical"] is None for row in [*rows, summary.get("fidelity")] if row)
    wanting |= "mixture" in summary and not summary.get("bootstrap")
    if refits and wanting:
        lines.append(("statistical errors", "none yet; --bootstrap 100 tells them"))
    if summary.get("sampling"):
        lines.append(("chains", _chains(summary["sampling"])))
    baseline = summary.get("baseline")
    if baseline:
        lines.append(_baseline(baseline))
    for row in summary.get("ladder") or []:
        mark = "  ← chosen" if row["chosen"] else "" if row.get("eligible", True) else "  *"
        text = f"{measured(row['held_out_nll'])} held out, {row['parameters']} parameters{mark}"
        lines.append((f"tried {printable(row['ansatz'])}", text))
    if not all(row.get("eligible", True) for row in summary.get("ladder") or []):
        lines.append(("*", "never chosen: only calibration tells it from a mixed state"))
    return lines


def _goodness(likelihood: dict[str, Any]) -> str:
    text = f"p = {likelihood['p_value']:.2g} ({likelihood['p_value_method']})"
    if likelihood["chi2_per_dof"] is None:
        return text
    return f"χ²/dof {likelihood['chi2_per_dof']:.3f}, {text}"


def _chains(sampling: dict[str, Any]) -> str:
    text = f"{sampling['chains']:,}, {sampling['effective_samples'] or 0:,.0f} samples effective"
    if sampling["r_hat"] is not None:
        text += f", R̂ {sampling['r_hat']:.3f}"
    return f"{text}; log Z {measured(sampling['log_z'])}"


def _baseline(baseline: dict[str, Any]) -> tuple[str, str]:
    if baseline["method"] in PRODUCTS:
        mixed = "mixed " if baseline["method"] == "lpdo" else ""
        name = f"{mixed}matrix products, bond {baseline['bond']}"
        text = f"NLL, held out {measured(baseline['held_out_nll'])}"
        if baseline["is_the_state"]:
            text += "; it is the state itself"
    else:
        name = "most likely mixed" if "purity" in baseline else "exact max. likelihood"
        text = f"NLL {baseline['nll']:.4f}"
    if baseline.get("fidelity") is not None:
        text += f", fidelity {baseline['fidelity']:.5f}"
    return name, text


def _ansatz(found: dict[str, Any]) -> str:
    """Its name, and its size where it was chosen among several."""
    sizes = [f"{key} {found[key]}" for key in ("bond", "hidden", "layers") if key in found]
    return ", ".join([printable(found["name"]), *sizes])


def _fidelity(found: dict[str, Any]) -> str:
    """Of the fit, and of the state that was measured as far as the shots fix it."""
    if found["fitted"] is None:
        return f"not known: {found.get('why')}"
    text, again = f"{found['fitted']:.5f} to the target", found["statistical"]
    if not again:
        return text
    text += f"; of what was measured {measured(again)}"
    if again["open"]:
        return text
    low, high = again["interval"]
    return f"{text}, 95 %: {low:.4f} to {high:.4f}"


def _observable(row: dict[str, Any]) -> str:
    """Of the state that was measured as far as the shots fix it, and of the shots alone."""
    again = row["statistical"]
    text = measured(again or row["state"])
    if again and again["open"]:
        text = f"{measured(row['state'])}, {text} by the settings"
    return text + (f", shots alone {measured(row['shots'])}" if row["shots"] else "")


def _energy_lines(summary: dict[str, Any]) -> list[tuple[str, str]]:
    hamiltonian, sampling = summary["hamiltonian"], summary["sampling"]
    ansatz = summary["ansatz"]
    lines = [
        ("Hamiltonian", f"{printable(hamiltonian['name'])}, {summary['sites']} sites"),
        ("ansatz", f"{printable(ansatz['name'])}, {ansatz['parameters']} parameters"),
        ("energy", measured(summary["energy"])),
        ("energy per site", measured(summary["energy"]["per_site"])),
        ("V-score", v_score(summary)),
    ]
    if summary["exact"]:
        known = summary["exact"]
        lines.append(("exact", f"{exact(known['energy'])} ({printable(known['method'])})"))
        lines.append(("relative error", measured(summary["relative_error"])))
    if sampling["samples"]:
        text = (
            f"{sampling['samples']:,} fresh samples, {sampling['effective_samples']:,.0f} effective"
        )
        if sampling["r_hat"] is not None:
            text += f", R̂ {sampling['r_hat']:.3f}"
        lines.append(("sampling", text))
    else:
        lines.append(("sampling", f"exact sum over {sampling['distinct']:,} configurations"))
    return lines


def _training(summary: dict[str, Any]) -> tuple[str, str]:
    training = summary["training"]
    seconds, compiling = training["seconds"], training["seconds_compiling"]
    return "training", f"{seconds:.1f} s and {compiling:.1f} s compiling"


def _physicality(summary: dict[str, Any]) -> str:
    found, sites = summary["physicality"], summary["physicality"]["sites"]
    where = "all sites" if len(sites) == summary["sites"] else f"sites {sites[0]}-{sites[-1]}"
    return f"{measured(found['smallest_eigenvalue'])} of {where}; 0 or more of a state"


def _mixture(found: dict[str, Any]) -> list[tuple[str, str]]:
    """Purity, and the noise that was learnt beside the state."""
    purity = found["purity"]
    text = measured(purity) if purity else "too small for samples to see"
    if purity and purity["interval"]:
        low, high = purity["interval"]
        text += f", 95 %: {low:.4f} to {high:.4f}; of the fit itself {purity['fitted']:.4f}"
    lines = [("purity", text)]
    if found["white_noise"] is not None:
        lines.append(("white noise", f"{measured(found['white_noise'])}, learnt with the state"))
    if found["readout_errors"] is not None:
        worst = max(p["value"] for pair in found["readout_errors"] for p in pair)
        lines.append(("readout errors", f"up to {worst:.2%}, learnt with the state"))
    return lines


def _determined(found: dict[str, Any], mixed: bool) -> str:
    answer = {True: "yes", False: "no", None: "not decided at this size"}[found["determined"]]
    if found["rank"] is not None:
        what = "expectation values told" if mixed else "directions fixed"
        answer += f" ({found['rank']} of {found['directions']} {what})"
        if mixed and found["determined"] is False and found["rank"] == found["directions"]:
            answer += ", as readout errors were learnt"
    return answer


def _sites(facts: dict[str, Any]) -> str:
    lattice = facts["lattice"]
    grid = f", row by row of {' × '.join(map(str, lattice))}" if lattice else ""
    return f"{facts['sites']}{grid}"


def show_data(facts: dict[str, Any], files: list[str]) -> None:
    """What `nqs data inspect` prints."""
    console = Console(file=sys.stdout, highlight=False)
    fewest, most = facts["shots_per_setting"]
    each = f"{most:,}" if fewest == most else f"{fewest:,} to {most:,}"
    lines = [
        ("file", ", ".join(map(printable, files))),
        ("sites", _sites(facts)),
        ("shots", f"{facts['shots']:,}"),
        ("settings", f"{facts['settings']:,}, {each} shots each"),
        ("letters", " ".join(facts["letters"])),
    ]
    if facts["readout"]:
        pairs = "".join(f", of {i} and {j} together" for i, j in facts["readout_pairs"][:6])
        lines.append(("readout errors", f"given for every site{pairs}"))
    if facts["calibration"]:
        lines.append(("calibration", f"{facts['calibration']:,} shots of prepared states"))
    if facts["target"]:
        lines.append(("true state", f"a {facts['target']} is stored with the shots"))
    if facts["source"]:
        lines.append(("source", printable(facts["source"])))
    row = facts["first_row"]
    lines.append(
        ("first row", f"setting {_start(row['setting'])}, outcome {_start(row['outcome'])}")
    )
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in lines:
        table.add_row(name, Text(value))
    console.print(table)
    console.print(Text("\nshots by setting, largest first", style="dim"))
    for setting, shots in facts["largest_settings"].items():
        console.print(f"  {_start(setting)}  {shots:,}")
    hidden = facts["settings"] - len(facts["largest_settings"])
    if hidden > 0:
        console.print(f"  … and {hidden:,} more")
    console.print(Text("\n⟨Z⟩ site by site, site 0 first: does the order look right?", style="dim"))
    numbers = [
        f"{site:>3} " + ("not read in Z" if z is None else f"{z['value']:+.3f} ± {z['error']:.3f}")
        for site, z in enumerate(facts["z"])
    ]
    for start in range(0, len(numbers), 4):
        console.print("  " + "".join(f"{n:<19}" for n in numbers[start : start + 4]).rstrip())


def show_calibration(calibration: Any, confusion: Any) -> None:
    """How each site is misread, and which are misread together."""
    console = Console(file=sys.stdout, highlight=False)
    console.print(Text(f"{calibration.shots:,} calibration shots", style="dim"))
    console.print(Text("site  P(1 | 0)           P(0 | 1)", style="dim"))
    for site, (matrix, error) in enumerate(zip(*confusion, strict=True)):
        pairs = [(matrix[1, 0], error[1, 0]), (matrix[0, 1], error[0, 1])]
        shown = "".join(f"{p:.4f} ± {e:.4f}   " for p, e in pairs)
        console.print(f"{site:>4}  {shown}".rstrip())
    kept = {pair.sites for pair in calibration.pairs()}
    for i, j in kept:
        console.print(Text(f"sites {i} and {j} are misread together: a matrix of both is kept"))
    left = [f"{i} and {j}" for i, j, _ in calibration.together() if (i, j) not in kept]
    if left:
        console.print(
            Text(
                f"! Sites {', '.join(left[:6])} are not misread independently; matrices site by site leave that out. A "
                "matrix of both takes calibration shots of all four states of two sites, each in one pair.",
                style="yellow",
            )
        )


def _start(text: str, most: int = 40) -> str:
    return text if len(text) <= most else f"{text[:most]}… ({len(text)})"
