"""What was tried: held-out likelihood against the number of parameters."""

from collections.abc import Iterable, Mapping
from typing import Any

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
    whole,
)

COLUMNS = {"ansatz": text, "parameters": whole, "nll": number, "above": number, "error": number}
_NEAR = 0.01
"""Nats per shot up to which a logarithmic axis is a straight one."""

_COLOURS = (BLUE, ORANGE, GREEN, VERMILION)


def ladder(table: Iterable[Mapping[str, Any]]) -> Drawing:
    """Held-out NLL above that of the best, with paired errors, one line for each family.

    table: rows {"ansatz", "parameters", "nll", "above", "error"}, the size behind the name.
    """
    rows = tidy(table, COLUMNS)
    families = list(dict.fromkeys(row["ansatz"].split()[0] for row in rows))

    def paint(figure):
        axes = figure.subplots()
        for family, colour in zip(families, _COLOURS * len(families), strict=False):
            own = [row for row in rows if row["ansatz"].split()[0] == family]
            axes.errorbar(
                [row["parameters"] for row in own],
                [row["above"] for row in own],
                [row["error"] or 0.0 for row in own],
                fmt="o-",
                color=colour,
                markersize=4,
                label=family,
            )
            for row in own:
                size = row["ansatz"].split()[-1]
                axes.annotate(
                    size,
                    (row["parameters"], row["above"]),
                    xytext=(3, 4),
                    textcoords="offset points",
                    fontsize=8,
                )
        axes.axhline(0, color=INK, linewidth=0.9)
        axes.set_xscale("log")
        sizes = [row["parameters"] for row in rows]
        if max(sizes) < 100 * min(sizes):  # powers of ten may all lie outside
            axes.set_xticks([min(sizes), max(sizes)])
        if any(row["above"] > 10 * _NEAR for row in rows):
            axes.set_yscale("symlog", linthresh=_NEAR)
        for axis in (axes.xaxis, axes.yaxis):  # plain numbers: no mathematics is set in drawings
            axis.set_major_formatter(lambda value, _: f"{value:g}")
            axis.set_minor_formatter(lambda value, _: "")
        axes.set_xlabel("parameters")
        axes.set_ylabel("held-out NLL above the best, nats per shot")
        axes.legend()

    caption = "What was tried: NLL of the shots held out, above that of the best, with paired errors. Kept is the one of fewest parameters within one error of the best."
    return painted("ladder", caption, as_csv(rows, COLUMNS), paint)
