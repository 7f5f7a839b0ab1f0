"""Several runs side by side: one table, and their curves in one set of axes."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from nqs.config.summary import read_summary
from nqs.report import page, sections, template
from nqs.report.drawing import Drawing, as_csv, number, rows_of
from nqs.report.figure_beside import Axes, beside
from nqs.report.wording import count, duration, measured, printable, v_score

TABLE = "comparison.csv"
"""The numbers of the table; a folder that holds it is one that `write` made."""

Rows = list[dict[str, Any]]


class Told(NamedTuple):
    """A run as it is compared. tables: the numbers of its figures by name, cells as text."""

    name: str
    summary: Mapping[str, Any]
    tables: dict[str, Rows]


def write(runs: Sequence[str | os.PathLike], out: str | os.PathLike) -> Path:
    """report.html, comparison.csv and figures/ of several finished runs; the path of the page.

    ValueError where `out` is a folder of something else.
    """
    out = Path(out)
    check(runs, out)
    told = list(map(_told, _names(runs), map(Path, runs)))
    drawings = [drawing for draw in _FIGURES if (drawing := draw(told)) is not None]
    lines = table(told)
    out.mkdir(parents=True, exist_ok=True)
    names = [run.name for run in told]
    page.put(
        out / TABLE,
        as_csv(
            [{"": label, **dict(zip(names, values, strict=True))} for label, values in lines],
            ["", *names],
        ),
    )
    page.keep(out, drawings)
    written = out / "report.html"
    page.put(
        written,
        template.rendered(
            "comparison.html",
            title=f"{len(told)} runs side by side",
            runs=[{"name": run.name, "verdict": sections.verdict(run.summary)} for run in told],
            table=lines,
            figures=page.inlined(drawings),
        ),
    )
    return written


def check(runs: Sequence[str | os.PathLike], out: Path) -> None:
    """ValueError where a run is named twice or has not finished, or `out` is something else."""
    if out.exists() and not (out / TABLE).is_file():
        raise ValueError(f"{printable(out)} exists already; choose another folder with --out.")
    if len({Path(run).resolve() for run in runs}) < len(runs):
        raise ValueError("a run is named twice; name each once.")
    for run in runs:
        read_summary(Path(run))


def _names(runs: Sequence[str | os.PathLike]) -> list[str]:
    """Of each folder as much as tells it from the others."""
    paths = [Path(run).resolve() for run in runs]
    depth = 1
    while len({path.parts[-depth:] for path in paths}) < len(paths):
        depth += 1
    return [printable("/".join(path.parts[-depth:])) for path in paths]


def _told(name: str, folder: Path) -> Told:
    tables = {drawing.name: rows_of(drawing.csv, ()) for drawing in page.drawings_of(folder)}
    return Told(name, read_summary(folder), tables)


# The table


def table(runs: Sequence[Told]) -> list[tuple[str, list[str]]]:
    """Lines (what, one value for each run); without those that no run has."""
    lines = [(label, [say(run.summary) for run in runs]) for label, say in _LINES.items()]
    return [(label, values) for label, values in lines if any(values)]


def _of(*keys: str, say: Callable[[Any], str] = measured) -> Callable[[Mapping[str, Any]], str]:
    """Says what lies under these keys of a summary; nothing where there is nothing."""

    def said(summary: Mapping[str, Any]) -> str:
        found: Any = summary
        for key in keys:
            found = found.get(key) if isinstance(found, Mapping) else None
        return "" if found is None else say(found)

    return said


def _yes(value: Any) -> str:
    return "yes" if value else "no"


_LINES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "job": _of("job", say=printable),
    "sites": _of("sites", say=count),
    "ansatz": _of("ansatz", "name", say=printable),
    "parameters": _of("ansatz", "parameters", say=count),
    "file": _of("data", "file", say=lambda file: printable(file).rsplit("/")[-1]),
    "shots": _of("data", "shots", say=count),
    "settings": _of("data", "settings", say=count),
    "Hamiltonian": _of("hamiltonian", "name", say=printable),
    "energy": _of("energy"),
    "energy per site": _of("energy", "per_site"),
    "relative error": _of("relative_error"),
    "V-score": lambda summary: v_score(summary) if summary.get("v_score") is not None else "",
    "fidelity of the fit": lambda summary: (
        _of("fidelity", "fitted")(summary) or _of("fidelity", "value")(summary)
    ),
    "fidelity of what was measured": _of("fidelity", "statistical"),
    "−log likelihood, all shots": _of("likelihood", "nll"),
    "−log likelihood, held out": _of("likelihood", "held_out_nll"),
    "χ² per degree of freedom": _of("likelihood", "chi2_per_dof"),
    "p-value": _of("likelihood", "p_value"),
    "determined by the data": _of("identifiability", "determined", say=_yes),
    "time of training": _of("training", "seconds", say=duration),
    "seed": _of("seed", say=printable),
}


# The figures


def _energies(runs: Sequence[Told]) -> Drawing | None:
    known = [run for run in runs if "energy_curve" in run.tables]
    exact = {run.name: number(sections.part(run.summary, "exact").get("energy")) for run in known}
    relative = all(exact.values())
    rows = []
    for run in known:
        for row in run.tables["energy_curve"]:
            if row["step"]:
                value, lowest = float(row["energy"]), exact[run.name]
                if relative and lowest is not None:
                    value = (value - lowest) / abs(lowest)
                rows.append({"run": run.name, "x": row["step"], "y": value})
    upright = "energy above exact, relative" if relative else "energy"
    axes = Axes("energies", "Energies during training.", "training step", upright, relative, "")
    return _drawn(axes, rows)


def _likelihoods(runs: Sequence[Told]) -> Drawing | None:
    rows = []
    for run in runs:
        points = run.tables.get("learning_curve", [])
        kept = next((row["restart"] for row in points if row["phase"] == "kept"), "0")
        search = [r for r in points if r["phase"] == "search" and r["restart"] == kept]
        key = "held_out_nll" if any(row["held_out_nll"] for row in search) else "train_nll"
        rows += [{"run": run.name, "x": row["step"], "y": row[key]} for row in search]
    caption = (
        "Negative log-likelihood of shots held out, of training shots where there are none, of the "
        "restart that was kept."
    )
    upright = "−log likelihood (nats per shot)"
    return _drawn(Axes("likelihoods", caption, "training step", upright, marker=""), rows)


def _structure(runs: Sequence[Told]) -> Drawing | None:
    """Of sites in a row; S(−q) = S(q), half of the circle says all."""
    rows = []
    for run in runs:
        known = [row for row in run.tables.get("structure_factor", []) if row["l"] == ""]
        rows += [
            {
                "run": run.name,
                "x": 2 * int(row["k"]) / len(known),
                "y": row["state"],
                "error": row["state_error"],
            }
            for row in known
            if 2 * int(row["k"]) <= len(known)
        ]
    caption = "Structure factors of the states whose sites are in a row."
    return _drawn(Axes("structure_factors", caption, "wave number q / π", "S(q)"), rows)


def _plain(axes: Axes, of: str, keys: tuple[str, str, str], **only: str):
    """Draws columns x, y and error of the figure `of`, of rows that have these cells only."""

    def draw(runs: Sequence[Told]) -> Drawing | None:
        rows = [
            {"run": run.name, **dict(zip(("x", "y", "error"), map(row.get, keys), strict=True))}
            for run in runs
            for row in run.tables.get(of, [])
            if all(row.get(key) == cell for key, cell in only.items())
        ]
        return _drawn(axes, rows)

    return draw


def _drawn(axes: Axes, rows: Iterable[dict[str, Any]]) -> Drawing | None:
    rows = list(rows)
    return beside(axes, rows) if any(number(row["y"]) is not None for row in rows) else None


_FIGURES: tuple[Callable[[Sequence[Told]], Drawing | None], ...] = (
    _energies,
    _likelihoods,
    _plain(
        Axes("magnetisations", "⟨Z⟩ of every site, of the states.", "site", "⟨Z⟩"),
        "magnetisation",
        ("site", "state", "state_error"),
        letter="Z",
    ),
    _plain(
        Axes("entropies", "Rényi-2 entropies.", "sites before the cut", "entropy (nats)"),
        "entropies",
        ("cut", "renyi2", "renyi2_error"),
    ),
    _structure,
)
