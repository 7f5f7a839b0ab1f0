"""report.html: one page with the verdict, the numbers and the figures, complete in itself."""

import json
import os
import re
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from nqs.config.atomic import replacing
from nqs.config.summary import read_summary
from nqs.report import about, energy, figures, mixture, sections, template
from nqs.report.drawing import Drawing
from nqs.report.wording import printable

_LIMIT = 2_800_000
"""Bytes of SVG that go into the page; what is more stays a file beside it."""


def write(
    folder: str | os.PathLike,
    summary: Mapping[str, Any],
    drawings: Iterable[Drawing],
    *,
    title: str | None = None,
) -> Path:
    """Write report.html and figures/ into a run folder; the path of the page.

    summary: as in summary.json. Without a title, the job and its file make one.
    Each file appears whole or not at all, the page last.
    """
    folder, drawings = Path(folder), sorted(drawings, key=_place)
    keep(folder, drawings)
    page = folder / "report.html"
    put(page, rendered(summary, drawings, title=title, run=folder.resolve().name))
    return page


def keep(folder: Path, drawings: Iterable[Drawing]) -> None:
    """Every drawing as figures/*.svg, its numbers as figures/*.csv."""
    (folder / "figures").mkdir(exist_ok=True)
    for drawing in drawings:
        put(folder / "figures" / f"{drawing.name}.svg", drawing.svg)
        put(folder / "figures" / f"{drawing.name}.csv", drawing.csv)


def put(path: Path, text: str) -> None:
    """The file with this text, whole or not at all."""
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")


def rebuild(folder: str | os.PathLike, *, title: str | None = None) -> Path:
    """Write the report again from summary.json, metrics.jsonl and figures/*.csv.

    A learning or energy curve without its CSV is drawn from metrics.jsonl.
    """
    folder = Path(folder)
    return write(folder, read_summary(folder), drawings_of(folder), title=title)


def drawings_of(folder: str | os.PathLike) -> list[Drawing]:
    """The figures of a run, from figures/*.csv and metrics.jsonl; in the order of its report."""
    folder = Path(folder)
    summary = read_summary(folder)
    tables = {name: folder / "figures" / f"{name}.csv" for name in figures.AGAIN}
    drawings = [_redrawn(name, path) for name, path in tables.items() if path.is_file()]
    metrics = folder / "metrics.jsonl"
    curve = "energy_curve" if summary.get("job") == "ground-state" else "learning_curve"
    if metrics.is_file() and not tables[curve].is_file():
        drawings.append(_FROM_METRICS[curve](metrics, summary))
    return sorted(drawings, key=_place)


def rendered(
    summary: Mapping[str, Any],
    drawings: Iterable[Drawing],
    *,
    title: str | None = None,
    run: str = "RUN",
) -> str:
    """The page as text, for a run folder of that name."""
    return template.rendered(
        "page.html",
        title=printable(title or about.title(summary)),
        run=run,
        verdict=sections.verdict(summary),
        warnings=sections.warnings(summary),
        stopped=summary.get("stopped"),
        highlights=sections.highlights(summary),
        comparison=sections.comparison(summary),
        baseline=sections.part(summary, "baseline").get("method"),
        judgements=[
            ("Energy", energy.energy(summary)),
            ("Sampling", energy.sampling(summary)),
            ("Goodness of fit", sections.goodness(summary)),
            ("The mixture", mixture.mixture(summary)),
            ("Outcomes of a state?", mixture.physicality(summary)),
            ("What the data determine", sections.identifiability(summary)),
            (
                "Observables",
                sections.told_by_shots(summary) + sections.observables(summary),
            ),
            ("What was tried, by held-out −log likelihood", sections.ladder(summary)),
            ("What was checked", sections.checks(summary)),
        ],
        figures=inlined(drawings),
        source=about.source(summary),
        facts=[
            ("Data", about.about_data(summary)),
            ("Readout errors undone", about.about_readout(summary)),
            ("Hamiltonian", about.about_hamiltonian(summary)),
            ("Method", about.about_method(summary)),
            ("Chosen where the config was silent", about.chosen(summary)),
        ],
        command=_command(summary, run),
    )


def _place(drawing: Drawing) -> int:
    """Figures stand in one order, however they came; others last."""
    names = list(figures.AGAIN)
    return names.index(drawing.name) if drawing.name in names else len(names)


def inlined(drawings: Iterable[Drawing]) -> list[dict[str, Any]]:
    """Name, caption and picture of each drawing; no picture once the page is full."""
    room, shown = _LIMIT, []
    for drawing in drawings:
        size = len(drawing.svg.encode())
        fits = size <= room
        room -= size if fits else 0
        picture = Markup(drawing.svg) if fits else None
        heading = figures.HEADINGS.get(drawing.name, drawing.name.replace("_", " ").capitalize())
        shown.append(
            {
                "name": drawing.name,
                "heading": heading,
                "caption": drawing.caption,
                "picture": picture,
            }
        )
    return shown


def _command(summary: Mapping[str, Any], run: str) -> str:
    """What repeats the run, typed in the folder that holds it."""
    return f"nqs {printable(summary.get('job'))} --config {shlex.quote(f'{printable(run)}/config.toml')}"


def _redrawn(name: str, path: Path) -> Drawing:
    try:
        return figures.from_csv(name, path.read_text(encoding="utf-8"))
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{printable(path)} is not the table of a figure ({error}); "
            "remove it to make the report without it."
        ) from error


def _learning_curve(metrics: Path, summary: Mapping[str, Any]) -> Drawing:
    training = sections.part(summary, "training")
    likelihood = sections.part(summary, "likelihood")
    floor = sections.part(likelihood, "floor")
    rows = [
        row
        for row in _logged(metrics, "train_nll")
        if str(row.get("phase")).split()[0] in ("search", "refit")
    ]
    return figures.learning_curve(
        rows,
        training.get("best_step"),
        chosen=training.get("best_restart"),
        error=sections.part(likelihood, "held_out_nll").get("error"),
        floor=figures.Floor(floor["name"], floor["value"]) if floor else None,
    )


def _energy_curve(metrics: Path, summary: Mapping[str, Any]) -> Drawing:
    exact = sections.part(summary, "exact").get("energy")
    return figures.energy_curve(_logged(metrics, "energy"), exact)


_FROM_METRICS = {"learning_curve": _learning_curve, "energy_curve": _energy_curve}


def _logged(metrics: Path, key: str) -> list[dict[str, Any]]:
    """Rows of the log that hold `key`; a line cut short by a crash is passed over."""
    rows = []
    for line in metrics.read_text(encoding="utf-8", errors="replace").splitlines():
        if not re.match(r"\s*\{.*\}\s*$", line):
            continue
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if "step" in row and row.get(key) is not None:
            rows.append(row)
    return rows
