"""Energies, V-scores and observables along a sweep."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nqs.report.drawing import BLUE, GREY, VERMILION, Drawing, as_csv, painted
from nqs.report.wording import power_of_ten

_PANEL = 1.9


def sweep_figure(
    rows: Sequence[Mapping[str, Any]], key: str, observables: Sequence[str]
) -> Drawing:
    """Panels of the energy a site, its V-score and every observable.

    rows: of each point {key, "sites", "per_site", "per_site_error", "v_score", "exact", …}; an
    observable has its own column and one of its error, None where exact. A value that is no number is
    shown by its place.
    """
    values = [row[key] for row in rows]
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
    x = np.array(values, float) if numbers else np.arange(len(values))
    panels = ["per_site", "v_score", *observables]

    def paint(figure):
        axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
        for axis, name in zip(axes, panels, strict=True):
            y = _column(rows, name)
            error = _column(rows, "per_site_error" if name == "per_site" else f"{name} error")
            exact = np.array(
                [r["exact"] / r["sites"] if r["exact"] is not None else np.nan for r in rows]
            )
            if name == "per_site" and np.isfinite(exact).any():
                axis.plot(x, exact, color=GREY, label="exact")
            color = VERMILION if name == "v_score" else BLUE
            axis.errorbar(
                x, y, np.nan_to_num(error), color=color, fmt="o", markersize=3, label="state"
            )
            if name == "v_score":
                axis.set_yscale("log", nonpositive="mask")
                axis.yaxis.set_major_formatter(lambda value, _: power_of_ten(value))
                axis.yaxis.set_minor_formatter(lambda value, _: "")
            elif name == "per_site" and np.isfinite(exact).any():
                axis.legend()
            axis.set_ylabel({"per_site": "energy a site", "v_score": "V-score"}.get(name, name))
        axes[-1].set_xlabel(key)
        if not numbers:
            axes[-1].set_xticks(x, [str(v) for v in values])

    caption = f"Along {key}: {len(rows)} points, with errors where they are from samples."
    return painted("sweep", caption, as_csv(rows, rows[0]), paint, _PANEL * len(panels))


def _column(rows: Sequence[Mapping[str, Any]], name: str) -> np.ndarray:
    return np.array([np.nan if row.get(name) is None else row[name] for row in rows], float)
