"""A drawing: its picture as SVG, its numbers as CSV, and one look for all of them."""

import csv
import io
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib.style
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

# Okabe and Ito's colours, which the colour-blind can tell apart.
BLUE, VERMILION, GREEN, ORANGE = "#0072B2", "#D55E00", "#009E73", "#E69F00"
GREY, INK = "#8A8F98", "#22262B"

WIDTH = 4.2
"""Inches. Narrow, so that the letters are still read where a phone shrinks the drawing."""

_LOOK = {
    "svg.fonttype": "none",  # text stays text: it can be searched, copied and read aloud
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial", "sans-serif"],
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "text.parse_math": False,  # a "$" in a name is a dollar
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": "#5B616A",
    "xtick.color": "#5B616A",
    "ytick.color": "#5B616A",
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.formatter.useoffset": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": "#E4E7EB",
    "grid.linewidth": 0.7,
    "lines.linewidth": 1.6,
}


@dataclass(frozen=True)
class Drawing:
    """A figure of the report.

    name: of the files it is kept in, letters and underscores.
    caption: what is seen, in a sentence or two; plain text.
    svg: a complete SVG document without links, scripts or fonts.
    csv: its numbers, from which `figures.from_csv` draws it again.
    """

    name: str
    caption: str
    svg: str
    csv: str

    def __post_init__(self):
        if not re.fullmatch(r"[a-z0-9_]{1,60}", self.name):
            raise ValueError(
                f"A drawing is named {self.name!r}; use small letters, digits and underscores."
            )


def painted(
    name: str,
    caption: str,
    numbers: str,
    paint: Callable[[Figure], None],
    height: float = 2.9,
) -> Drawing:
    """The drawing that `paint` puts on an empty figure; the same numbers give the same SVG."""
    look = {**_LOOK, "svg.hashsalt": name}
    # A physicist's own matplotlibrc may ask for LaTeX: start from the defaults.
    with matplotlib.style.context(look, after_reset=True):
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        FigureCanvasSVG(figure)
        paint(figure)
        text = io.StringIO()
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    return Drawing(name, caption, _clean_svg(text.getvalue(), name), numbers)


def _clean_svg(svg: str, name: str) -> str:
    """One <svg> element: no prolog, metadata or global style, and names of its own."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>\s*", "", svg, count=1, flags=re.DOTALL)
    # equal pictures are given equal names, which nothing refers to
    svg = re.sub(r'(<image\b[^>]*?)\sid="[^"]*"', r"\1", svg)
    svg = re.sub(r'\b(id="|href="#|url\(#)', rf"\g<1>{name}-", svg)
    look = f'role="img" aria-label="{name.replace("_", " ")}" style="stroke-linejoin: round"'
    return svg.replace("<svg ", f"<svg {look} ", 1)


Column = Callable[[Any], Any]


def text(value: Any) -> str:
    """Printable text; control characters are gone."""
    return "".join(c for c in str(value) if c.isprintable())


def number(value: Any) -> float | None:
    """A finite number, or None; accepts what a CSV says."""
    if value is None or value == "":
        return None
    value = float(value)
    return value if math.isfinite(value) else None


def whole(value: Any) -> int | None:
    """A whole number, or None; accepts what a CSV says."""
    value = number(value)
    return None if value is None else int(value)


def tidy(rows: Iterable[Mapping[str, Any]], columns: Mapping[str, Column]) -> list[dict[str, Any]]:
    """The rows with these columns only, each value of its column's type."""
    return [{key: kind(row.get(key)) for key, kind in columns.items()} for row in rows]


def drawn_from(rows: Iterable[Mapping[str, Any]]) -> str:
    """ "2,048 samples", or what stands for them where a table was made without."""
    number = next((row["samples"] for row in rows if row["samples"] is not None), None)
    return "the exact state" if number is None else f"{number:,} samples of its own"


def as_csv(rows: Sequence[Mapping[str, Any]], columns: Iterable[str]) -> str:
    """Tidy rows as CSV; floats in full, nothing where a value is None."""
    columns = list(columns)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([row[key] for key in columns] for row in rows)
    return out.getvalue()


def rows_of(text: str, columns: Iterable[str]) -> list[dict[str, Any]]:
    """Rows of a CSV, its cells still text; refused where a column is missing."""
    reader = csv.DictReader(io.StringIO(text))
    missing = [key for key in columns if key not in (reader.fieldnames or ())]
    if missing:
        raise ValueError(f"The table has no column {missing[0]!r}; write the report again.")
    return list(reader)


def shortened(label: str, limit: int = 10) -> str:
    """A label that fits below a bar: the middle of a long one is left out."""
    if len(label) <= limit:
        return label
    kept = (limit - 1) // 2
    return f"{label[:kept]}…{label[-kept:]}"


def spread_labels(weights: Sequence[float], most: int, distance: float) -> list[int]:
    """Positions of at most `most` heavy bars that stand at least `distance` apart, in order."""
    chosen: list[int] = []
    for place in sorted(range(len(weights)), key=lambda i: (-weights[i], i)):
        if len(chosen) == most:
            break
        if all(abs(place - other) >= distance for other in chosen):
            chosen.append(place)
    return sorted(chosen)
