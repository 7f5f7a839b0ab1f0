"""Frequencies of the outcomes, data beside state, in the settings that fit worst."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from nqs.report.drawing import (
    BLUE,
    VERMILION,
    Drawing,
    as_csv,
    number,
    painted,
    rows_of,
    shortened,
    spread_labels,
    text,
    tidy,
)

COLUMNS = {
    "setting": text,
    "outcome": text,
    "observed": number,
    "expected": number,
    "shots": number,
}
_PANELS = 6
_OUTCOMES = 16

Rows = list[dict[str, Any]]


def histograms(table: Iterable[Mapping[str, Any]]) -> Drawing:
    """Frequencies of the outcomes, data and state, in the six settings that fit worst.

    table: rows {"setting", "outcome", "observed", "expected"}, both in counts, and "shots"
    of the setting where the rows do not hold all of its outcomes.
    """
    groups = _grouped(tidy(table, COLUMNS))
    worst = sorted(groups, key=lambda name: -_excess(groups[name]))[:_PANELS]
    return _draw({name: _frequent(groups[name]) for name in worst})


def histograms_from_csv(table: str) -> Drawing:
    """The drawing whose numbers these are."""
    return _draw(_grouped(tidy(rows_of(table, COLUMNS), COLUMNS)))


def _grouped(rows: Rows) -> dict[str, Rows]:
    groups: dict[str, Rows] = {}
    for row in rows:
        groups.setdefault(row["setting"], []).append(row)
    return groups


def _draw(groups: Mapping[str, Rows]) -> Drawing:
    def paint(figure):
        columns = 1 if len(groups) == 1 else 2
        grid = figure.subplots(max(1, -(-len(groups) // columns)), columns, squeeze=False).ravel()
        for axes in grid[len(groups) :]:
            axes.set_axis_off()
        for axes, (name, rows) in zip(grid, groups.items(), strict=False):
            _paint_counts(axes, name, rows)
        for axes in grid[::columns]:
            axes.set_ylabel("frequency")
        if groups:
            labels = grid[0].get_legend_handles_labels()
            figure.legend(*labels, loc="outside upper right", ncols=2)

    caption = (
        f"How often each outcome was read, and how often the state expects it, in the settings "
        f"that fit worst (at most {_PANELS}; their {_OUTCOMES} most frequent outcomes). "
        "Error bars are the multinomial standard error at the expected frequency."
    )
    numbers = as_csv([row for rows in groups.values() for row in rows], COLUMNS)
    height = max(2.4, 0.5 + 1.55 * -(-len(groups) // 2))
    return painted("histograms", caption, numbers, paint, height)


def _shots(rows: Sequence[Mapping[str, Any]]) -> float:
    return rows[0]["shots"] or sum(row["observed"] or 0 for row in rows)


def _excess(rows: Sequence[Mapping[str, Any]]) -> float:
    """Standard deviations by which Pearson's χ² exceeds its expectation."""
    terms = [
        ((row["observed"] or 0) - row["expected"]) ** 2 / row["expected"]
        for row in rows
        if row["expected"]
    ]
    dof = max(len(terms) - 1, 1)
    return (sum(terms) - dof) / (2 * dof) ** 0.5


def _frequent(rows: Rows) -> Rows:
    """The most frequent outcomes, in order; each knows the shots of its setting."""
    shots = _shots(rows)

    def weight(row):
        return -max(row["observed"] or 0, row["expected"] or 0), row["outcome"]

    kept = sorted(rows, key=weight)[:_OUTCOMES]
    return [{**row, "shots": shots} for row in sorted(kept, key=lambda row: row["outcome"])]


def _paint_counts(axes, name, rows):
    shots = _shots(rows) or 1
    place = np.arange(len(rows))
    model = np.array([(row["expected"] or 0) / shots for row in rows])
    data = np.array([(row["observed"] or 0) / shots for row in rows])
    error = np.sqrt(np.clip(model * (1 - model), 0, None) / shots)
    axes.bar(place, model, 0.75, color=BLUE, alpha=0.45, label="state")
    axes.errorbar(
        place, data, error, fmt="o", color=VERMILION, markersize=3, elinewidth=1.1, label="data"
    )
    axes.set_title(shortened(name, 24), family="monospace")
    distance = 1 if len(rows) <= 8 else 2
    labelled = spread_labels(list(np.maximum(model, data)), len(rows), distance)
    labels = [shortened(rows[i]["outcome"], 6) for i in labelled]
    flat = len(rows) * max(len(label) for label in labels) <= 16
    axes.set_xticks(labelled, labels, rotation=0 if flat else 90, family="monospace", fontsize=8)
    axes.set_ylim(bottom=0)
