"""The structure factor: correlations in Z as waves along the lattice."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from nqs.report.drawing import (
    BLUE,
    VERMILION,
    Drawing,
    as_csv,
    drawn_from,
    number,
    painted,
    tidy,
    whole,
)

COLUMNS = {
    "k": whole,
    "l": whole,
    "state": number,
    "state_error": number,
    "shots": number,
    "shots_error": number,
    "samples": whole,
}

Rows = list[dict[str, Any]]


def structure_factor(table: Iterable[Mapping[str, Any]]) -> Drawing:
    """S(q) at every wave vector: a curve along a row of sites, a map on a grid.

    table: rows {"k", "l", "state", "state_error", "shots", "shots_error"}, l empty on a row.
    """
    rows = tidy(table, COLUMNS)
    grid = any(row["l"] is not None for row in rows)

    def paint(figure):
        axes = figure.subplots()
        if grid:
            _map(figure, axes, rows)
        else:
            _curve(figure, axes, rows)

    caption = (
        "S(q), the sum of ⟨Z_i Z_j⟩ cos q·(r_i − r_j) over all i and j, over N, "
        + ("" if grid else "sites taken as one row, ")
        + f"of the state, from {drawn_from(rows)}"
    )
    told = not grid and any(row["shots"] is not None for row in rows)
    caption += ", and of the shots in Z on all sites, with standard errors." if told else "."
    return painted("structure_factor", caption, as_csv(rows, COLUMNS), paint)


def _curve(figure, axes, rows: Rows) -> None:
    sites = len(rows)
    # S(−q) = S(q): half of the circle says all
    rows = [row for row in rows if row["k"] <= sites // 2]
    small = 3.5 if sites <= 100 else 1.5
    for whose, colour, label, marker in (
        ("state", BLUE, "this state", "o-"),
        ("shots", VERMILION, "shots alone", "s"),
    ):
        seen = [row for row in rows if row[whose] is not None]
        if seen:
            axes.errorbar(
                [2 * row["k"] / sites for row in seen],
                [row[whose] for row in seen],
                yerr=[row[f"{whose}_error"] or 0.0 for row in seen],
                fmt=marker,
                color=colour,
                markersize=small,
                elinewidth=1,
                linewidth=1,
                label=label,
            )
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
    axes.set_xlabel("wave number q / π")
    axes.set_ylabel("S(q)")
    if any(row["shots"] is not None for row in rows):
        figure.legend(*axes.get_legend_handles_labels(), loc="outside upper right", ncols=2)


def _map(figure, axes, rows: Rows) -> None:
    height, width = (1 + max(row[key] for row in rows) for key in ("k", "l"))
    found = np.full((height, width), np.nan)
    for row in rows:
        found[row["k"], row["l"]] = np.nan if row["state"] is None else row["state"]
    axes.grid(False)
    shown = axes.imshow(found, origin="lower", cmap="viridis", interpolation="nearest")
    figure.colorbar(shown, ax=axes, label="S(q)")
    for axis, length, name in ((axes.yaxis, height, "rows"), (axes.xaxis, width, "columns")):
        ticks = sorted({0, length // 4, length // 2, 3 * length // 4})
        axis.set_ticks(ticks, [f"{2 * k / length:.3g}" for k in ticks])
        axis.set_label_text(f"q / π across {name}")
