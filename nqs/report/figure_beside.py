"""Curves of several runs in one set of axes."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from nqs.report import wording
from nqs.report.drawing import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    VERMILION,
    Drawing,
    as_csv,
    number,
    painted,
    text,
    tidy,
)

COLUMNS = {"run": text, "x": number, "y": number, "error": number}

_COLOURS = BLUE, VERMILION, GREEN, ORANGE, "#CC79A7", INK
_LINES = "-", "--", ":"


class Axes(NamedTuple):
    """name: of the drawing's files. caption: what is seen. logarithmic: the upright axis."""

    name: str
    caption: str
    along: str
    upright: str
    logarithmic: bool = False
    marker: str = "o"


def beside(axes_of: Axes, rows: Sequence[dict[str, Any]]) -> Drawing:
    """A curve for each run. rows: {"run", "x", "y", "error"}, run by run in order."""
    points = [row for row in tidy(rows, COLUMNS) if row["x"] is not None and row["y"] is not None]
    runs = list(dict.fromkeys(row["run"] for row in points))

    def paint(figure):
        axes = figure.subplots()
        for place, run in enumerate(runs):
            here = [row for row in points if row["run"] == run]
            axes.errorbar(
                [row["x"] for row in here],
                [row["y"] for row in here],
                yerr=[row["error"] or 0.0 for row in here] if axes_of.marker else None,
                fmt=axes_of.marker + _LINES[place // len(_COLOURS) % len(_LINES)],
                color=_COLOURS[place % len(_COLOURS)],
                markersize=3,
                linewidth=1.2,
                elinewidth=1,
                label=run,
            )
        if axes_of.logarithmic:
            axes.set_yscale("log", nonpositive="mask")
            axes.yaxis.set_major_formatter(lambda value, _: wording.power_of_ten(value))
            axes.yaxis.set_minor_formatter(lambda value, _: "")
        axes.set_xlabel(axes_of.along)
        axes.set_ylabel(axes_of.upright)
        if all(float(row["x"]).is_integer() for row in points):
            axes.xaxis.get_major_locator().set_params(integer=True)
        if runs:
            columns = 2 if max(map(len, runs)) < 24 else 1
            figure.legend(
                *axes.get_legend_handles_labels(), loc="outside upper center", ncols=columns
            )

    height = 2.6 + 0.18 * len(runs)
    return painted(axes_of.name, axes_of.caption, as_csv(points, COLUMNS), paint, height)
