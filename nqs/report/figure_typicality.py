"""Goodness of fit where outcomes hardly repeat: are shots as likely as the state's own samples?"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

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
    text,
    tidy,
    whole,
)

COLUMNS = {"setting": text, "shots": whole, "nll": number, "own": number, "z": number}
_LABELLED = 24
_FAR = 3.0


def typicality(table: Iterable[Mapping[str, Any]]) -> Drawing:
    """Mean −log P of shots minus that of the state's samples, in standard errors.

    table: rows {"setting", "shots", "nll", "own", "z"}.
    """
    rows = tidy(table, COLUMNS)
    known = [row for row in rows if row["z"] is not None]
    z = np.array([row["z"] for row in known])

    def paint(figure):
        axes = figure.subplots()
        place = np.arange(len(known))
        axes.axhspan(-2, 2, color=GREY, alpha=0.22, linewidth=0)
        axes.axhline(0, color=INK, linewidth=0.9)
        for which, colour in ((np.abs(z) <= _FAR, BLUE), (np.abs(z) > _FAR, VERMILION)):
            axes.plot(place[which], z[which], "o", color=colour, markersize=4)
        if len(known) <= _LABELLED:
            names = [shortened(row["setting"]) for row in known]
            axes.set_xticks(place, names, rotation=90, family="monospace", fontsize=7)
        else:
            axes.set_xlabel(f"setting (1 to {len(known):,})")
        axes.set_xlim(-0.7, max(len(known), 1) - 0.3)
        reach = 1.1 * max(3.0, float(np.abs(z).max(initial=0)))
        axes.set_ylim(-reach, reach)
        axes.set_ylabel("shots − own samples, in errors")

    caption = (
        "Mean −log P of the shots of each setting, minus that of samples of the state, in standard "
        "errors: 0 is what the right state gives, within the grey band in 19 of 20 settings."
    )
    return painted("typicality", caption, as_csv(rows, COLUMNS), paint)
