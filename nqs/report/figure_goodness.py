"""Goodness of fit of every setting: χ² over its expectation, and where chance cannot explain it."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from scipy.special import chdtrc

from nqs.report.drawing import (
    BLUE,
    GREY,
    INK,
    VERMILION,
    Drawing,
    as_csv,
    number,
    painted,
    shortened,
    spread_labels,
    text,
    tidy,
    whole,
)
from nqs.statistics import SIGNIFICANT

COLUMNS = {
    "setting": text,
    "shots": whole,
    "cells": whole,
    "chi2": number,
    "expected": number,
}
_LABELLED = 30  # so many settings have room for their names
_BARS = 150  # beyond, a bar is thinner than a pixel and a dot reads better
_DRAWN = 2000
_WORTH_NAMING = 2.5  # standard deviations above what is expected


def chi2_per_setting(table: Iterable[Mapping[str, Any]]) -> Drawing:
    """χ² over its expectation for every setting, with the band 1 ± √(2/dof).

    table: rows {"setting", "shots", "cells", "chi2", "expected"}, expected = cells − 1.
    Settings too bad for chance, all settings considered, are coloured.
    """
    rows = tidy(table, COLUMNS)
    known = [row for row in rows if row["chi2"] is not None and (row["expected"] or 0) > 0]
    chi2 = np.array([row["chi2"] for row in known])
    dof = np.array([row["expected"] for row in known])
    bad = chdtrc(dof, chi2) * len(known) < SIGNIFICANT

    def paint(figure):
        axes = figure.subplots()
        place, width = np.arange(len(known)), np.sqrt(2 / dof)
        _band(axes, place, width)
        _bars_or_dots(axes, place, chi2 / dof, (chi2 - dof) / np.sqrt(2 * dof), bad)
        axes.axhline(1, color=INK, linewidth=0.9)
        _name_settings(axes, known, chi2 / dof, (chi2 - dof) / np.sqrt(2 * dof))
        axes.set_xlim(-0.7, max(len(known), 1) - 0.3)
        axes.set_ylim(0, 1.18 * max([*(chi2 / dof), 1.0, *(1 + width)]))
        axes.set_ylabel("χ² / degrees of freedom")

    caption = _chi2_caption(len(known), len(rows) - len(known), int(np.sum(bad)))
    return painted("chi2_per_setting", caption, as_csv(rows, COLUMNS), paint)


def _band(axes, place, width):
    """The band drawn out to the edges of the first and the last bar."""
    if len(place):
        edges = np.append(place - 0.5, place[-1] + 0.5)
        width = np.append(width, width[-1])
        axes.fill_between(
            edges, 1 - width, 1 + width, step="post", color=GREY, alpha=0.22, linewidth=0
        )
        for side in (1 - width, 1 + width):  # the edge is seen through the bars too
            axes.step(edges, side, where="post", color=GREY, linewidth=0.8, zorder=3)


def _bars_or_dots(axes, place, height, excess, bad):
    if len(place) <= _BARS:
        colours = np.where(bad, VERMILION, BLUE)
        axes.bar(place, height, 0.75, color=colours)
        return
    drawn = np.ones(len(place), bool)
    if len(place) > _DRAWN:  # every so many, and the worst
        drawn[:] = False
        drawn[:: -(-len(place) // _DRAWN)] = True
        drawn[np.argsort(-excess, kind="stable")[:50]] = True
    for which, colour, size in ((~bad & drawn, BLUE, 2.2), (bad & drawn, VERMILION, 4)):
        axes.plot(place[which], height[which], "o", color=colour, markersize=size, mew=0)


def _name_settings(axes, rows, height, excess):
    """Names below the bars, or above the worst five."""
    names = [row["setting"] for row in rows]
    if len(rows) <= _LABELLED:
        labels = [shortened(name) for name in names]
        flat = len(rows) * max((len(label) for label in labels), default=0) <= 36
        axes.set_xticks(range(len(rows)), labels, rotation=0 if flat else 90, family="monospace")
        axes.set_xlabel("setting")
        return
    axes.set_xlabel(f"setting, in the order of the file (1 to {len(rows):,})")
    ticks = np.unique(np.linspace(0, len(rows) - 1, 5).round().astype(int))
    axes.set_xticks(ticks, [f"{tick + 1:,}" for tick in ticks])
    for place in spread_labels(list(excess), 5, len(rows) / 6):
        if excess[place] < _WORTH_NAMING:
            continue
        side = (
            "left" if place < len(rows) / 8 else "right" if place > len(rows) * 7 / 8 else "center"
        )
        axes.annotate(
            shortened(names[place]),
            (place, height[place]),
            xytext=(0, 3),
            textcoords="offset points",
            ha=side,
            fontsize=8,
            family="monospace",
            bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 0.5},
        )


def _chi2_caption(settings: int, left_out: int, bad: int) -> str:
    parts = [
        f"Goodness of fit of each of the {settings:,} settings: 1 is what the right state gives, "
        "the grey band the usual spread, 1 ± √(2/dof)."
    ]
    if bad:
        parts.append(
            f"Orange: χ² so large that chance would hardly make one among all these settings "
            f"(less than {100 * SIGNIFICANT:.0f} %); {bad:,} found."
        )
    if settings > _DRAWN:
        parts.append("Not every setting is drawn; the worst fifty are.")
    elif settings > _LABELLED:
        parts.append("The worst that stand clear above the band are named.")
    if left_out:
        parts.append(f"{left_out:,} settings have too few counts for a χ².")
    return " ".join(parts)
