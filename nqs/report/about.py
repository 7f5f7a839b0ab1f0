"""How a run was made: what summary.json says of its data, its Hamiltonian and its method."""

import re
from collections.abc import Mapping
from typing import Any

from nqs.report.drawing import whole
from nqs.report.sections import Row, part
from nqs.report.wording import NOT_COMPUTED, count, counted, duration, listed, printable

_MOST_SITES = 24
"""Sites that are listed one by one."""


def about_hamiltonian(summary: Mapping[str, Any]) -> list[Row]:
    """Which Hamiltonian, and its couplings."""
    found = part(summary, "hamiltonian")
    if not found:
        return []
    rows = [Row("Name", printable(found.get("name"))), Row("Sites", count(summary.get("sites")))]
    for key, value in part(found, "parameters").items():
        rows.append(Row(printable(key), _short(value)))
    return rows


def _short(value: Any) -> str:
    text = listed(value)
    return text if len(text) <= 60 else f"{text[:60]}…"


def about_data(summary: Mapping[str, Any]) -> list[Row]:
    """Which file was read and how much is in it."""
    data = part(summary, "data")
    if not data:
        return []
    digest = data.get("sha256")
    rows = [Row("File", listed(data.get("file")))]
    if data.get("select") is not None:
        rows.append(Row("Experiment", printable(data["select"])))
    return [
        *rows,
        Row("SHA-256", NOT_COMPUTED if digest is None else f"{printable(digest)[:12]}…"),
        Row("Sites", count(summary.get("sites"))),
        Row("Shots", count(data.get("shots")), _held_out(data)),
        Row("Settings", count(data.get("settings"))),
    ]


def about_readout(summary: Mapping[str, Any]) -> list[Row]:
    """How every site is misread, and pairs that are misread together; of many sites the worst."""
    found = part(part(summary, "data"), "readout")
    rates = [pair for pair in found.get("rates") or [] if isinstance(pair, list)]
    worst = sorted(range(len(rates)), key=lambda site: -max(rates[site]))[:_MOST_SITES]
    rows = [
        Row(f"Site {site}", ", ".join(f"{p:.2%}" for p in rates[site]), "P(1 | 0), P(0 | 1)")
        for site in sorted(worst)
    ]
    if len(rates) > len(worst):
        rows.append(Row(f"{len(rates) - len(worst)} other sites", "less", "in summary.json"))
    for pair in found.get("pairs") or []:
        i, j = pair["sites"]
        right = ", ".join(f"{pair['matrix'][n][n]:.2%}" for n in range(4))
        rows.append(Row(f"Sites {i} and {j} together", right, "00, 01, 10 and 11 read as they are"))
    return rows


def _held_out(data: Mapping[str, Any]) -> str:
    held_out = data.get("held_out_shots")
    return f"{count(held_out)} of them held out" if held_out else "none held out"


def about_method(summary: Mapping[str, Any]) -> list[Row]:
    """Ansatz, training and the versions of what ran."""
    ansatz, training = part(summary, "ansatz"), part(summary, "training")
    parameters = counted(ansatz.get("parameters"), "parameter", "parameters")
    steps = counted(training.get("steps"), "step", "steps")
    compiling = duration(training.get("seconds_compiling"))
    rows = []
    if ansatz:
        rows.append(Row("Ansatz", printable(ansatz.get("name")), parameters))
    if training and training.get("optimiser") is None:
        rows.append(Row("Fit", "exact", "the most likely state of its kind, without training"))
    elif training:
        rows.append(Row("Training", steps, _how_trained(training)))
        where = f", on {printable(training['device'])}" if training.get("device") else ""
        rows.append(Row("Time", duration(training.get("seconds")), f"compiling {compiling}{where}"))
    rows.append(Row("Seed", printable(summary.get("seed"))))
    rows.append(Row("nqs", printable(summary.get("nqs"))))
    if summary.get("versions"):
        rows.append(Row("Versions", listed(summary["versions"])))
    return rows


def _how_trained(training: Mapping[str, Any]) -> str:
    if training.get("best_step") is None:
        return f"{printable(training.get('optimiser'))}, {printable(training.get('sampler'))}"
    steps, best, stop, folds = (
        whole(training.get(key)) or 0 for key in ("steps", "best_step", "stop", "folds")
    )
    if not stop:  # not trained again: the state is that of the search
        return f"best at step {count(best)}"
    if stop >= steps:
        return "not stopped early"
    by = f"all shots, held out in {folds} turns" if folds > 1 else "shots held out"
    return f"stopped early, at step {count(stop)}, told by {by}"


def chosen(summary: Mapping[str, Any]) -> list[Row]:
    """Defaults that were chosen from the data, and why."""
    rows = [row for row in summary.get("chosen") or [] if isinstance(row, Mapping)]
    return [
        Row(printable(row.get("key")), listed(row.get("value")), printable(row.get("why") or ""))
        for row in rows
    ]


def source(summary: Mapping[str, Any]) -> str:
    """Shots and seed behind every figure, for its caption."""
    data = part(summary, "data")
    seed = f"seed {printable(summary.get('seed'))}"
    if not data:
        drawn = part(summary, "sampling").get("samples")
        return (
            f"Final energy from {count(drawn)} fresh samples, {seed}."
            if drawn
            else f"{seed.capitalize()}."
        )
    shots = counted(data.get("shots"), "shot", "shots")
    settings = counted(data.get("settings"), "setting", "settings")
    return f"{shots} in {settings}, {seed}."


def title(summary: Mapping[str, Any]) -> str:
    """A title where none is given: the job and the name of the file."""
    job = printable(summary.get("job") or "run").replace("-", " ").capitalize()
    found = part(summary, "data").get("file") or part(summary, "hamiltonian").get("name")
    first = found[0] if isinstance(found, list) and found else found
    name = re.split(r"[/\\]", printable(first))[-1]
    return f"{job} of {name}" if first else job
