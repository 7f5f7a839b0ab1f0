"""The energy against the training step, above its lowest or exact value on a logarithmic axis."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from nqs.report import wording
from nqs.report.drawing import (
    BLUE,
    GREY,
    VERMILION,
    Drawing,
    as_csv,
    number,
    painted,
    rows_of,
    text,
    tidy,
    whole,
)

COLUMNS = {"phase": text, "step": whole, "energy": number, "variance": number}
_MOST_POINTS = 400
_EXACT = "exact"


def energy_curve(rows: Iterable[Mapping[str, Any]], exact: float | None) -> Drawing:
    """Energy and variance of every logged step, of the last phase.

    rows: as in metrics.jsonl, {"phase", "step", "energy", "variance"}. exact: drawn
    from where it is known; else the energy itself is shown.
    """
    points = tidy(rows, COLUMNS)
    last = points[-1]["phase"] if points else ""
    points = [p for p in points if p["phase"] == last and p["energy"] is not None]
    if len(points) > _MOST_POINTS:
        kept = np.unique(np.linspace(0, len(points) - 1, _MOST_POINTS).round().astype(int))
        points = [points[i] for i in kept]
    return _draw(points, exact)


def energy_curve_from_csv(table: str) -> Drawing:
    """The drawing whose numbers these are."""
    rows = tidy(rows_of(table, COLUMNS), COLUMNS)
    exact = next((row["energy"] for row in rows if row["phase"] == _EXACT), None)
    return _draw([row for row in rows if row["phase"] != _EXACT], exact)


def _draw(points: list[dict[str, Any]], exact: float | None) -> Drawing:
    steps = [p["step"] for p in points]
    energies = np.array([p["energy"] for p in points], float)
    variances = np.array([p["variance"] or np.nan for p in points], float)

    def paint(figure):
        axes = figure.add_subplot()
        axes.set_xlabel("training step")
        if exact is not None:
            scale = abs(exact) or 1.0
            above = (energies - exact) / scale
            axes.plot(steps, above, color=BLUE, label="energy above exact, relative")
            axes.plot(steps, -above, color=GREY, label="below exact (noise of the samples)")
            axes.plot(steps, variances / scale**2, color=VERMILION, label="variance / exact²")
            axes.set_yscale("log", nonpositive="mask")
            # matplotlib's own labels are TeX, which stays as it is where text is text
            axes.yaxis.set_major_formatter(lambda value, _: wording.power_of_ten(value))
            axes.yaxis.set_minor_formatter(lambda value, _: "")
            axes.legend(loc="upper right")
        else:
            axes.plot(steps, energies, color=BLUE)
            axes.set_ylabel("energy")
            late = energies[len(energies) // 5 :]
            if late.size and np.ptp(late) > 0:
                axes.set_ylim(late.min() - 0.05 * np.ptp(late), late.max() + 0.1 * np.ptp(late))

    caption = "Energy during training, mean of each ten steps."
    if exact is not None:
        caption += f" The exact energy is {wording.exact(exact)}; logarithmic axis."
    rows = list(points)
    if exact is not None:
        rows.append({"phase": _EXACT, "step": None, "energy": exact, "variance": None})
    return painted("energy_curve", caption, as_csv(rows, COLUMNS), paint)
