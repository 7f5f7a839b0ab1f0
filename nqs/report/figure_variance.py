"""V-score on the way, and the energy against the variance, down to none."""

from collections.abc import Iterable, Mapping
from typing import Any

from nqs.report import wording
from nqs.report.drawing import (
    BLUE,
    GREY,
    INK,
    VERMILION,
    Drawing,
    as_csv,
    number,
    painted,
    text,
    tidy,
    whole,
)

COLUMNS = {
    "what": text,
    "step": whole,
    "energy": number,
    "variance": number,
    "v_score": number,
    "line": number,
}

_POINT, _LIMIT, _EXACT = "checkpoint", "no variance", "exact"


def variance_table(
    points: Iterable[Mapping[str, Any]], line: Iterable[float] | None, exact: float | None
) -> list[dict[str, Any]]:
    """Rows of the figure. points: {"step", "energy", "variance", "v_score"}. line: at no variance first."""
    points = list(points)
    start, *along = list(line) if line is not None else [None] * (1 + len(points))
    rows: list[dict[str, Any]] = [
        {"what": _POINT, **point, "line": value} for point, value in zip(points, along, strict=True)
    ]
    if start is not None:
        rows.append({"what": _LIMIT, "variance": 0.0, "line": start})
    if exact is not None:
        rows.append({"what": _EXACT, "variance": 0.0, "energy": exact})
    return rows


def variance(table: Iterable[Mapping[str, Any]]) -> Drawing:
    """Two panels: V-score against the step, and energy against variance with its line.

    table: as of `variance_table`.
    """
    rows = tidy(table, COLUMNS)
    points = [row for row in rows if row["what"] == _POINT]
    limit = next((row["line"] for row in rows if row["what"] == _LIMIT), None)
    exact = next((row["energy"] for row in rows if row["what"] == _EXACT), None)

    def paint(figure):
        above, below = figure.subplots(2, 1)
        scored = [row for row in points if row["v_score"]]
        above.plot(
            [row["step"] for row in scored],
            [row["v_score"] for row in scored],
            "o-",
            color=BLUE,
            markersize=3.5,
        )
        if scored:
            above.set_yscale("log")
            above.yaxis.set_major_formatter(lambda value, _: wording.power_of_ten(value))
            above.yaxis.set_minor_formatter(lambda value, _: "")
        above.set_xlabel("training step")
        above.set_ylabel("V-score")
        _extrapolated(below, points, limit, exact)

    caption = "Above: V-score, N · variance / (E − E∞)², of stretches of the training."
    caption += " Below: their energies against their variances"
    if limit is not None:
        caption += f"; the line meets no variance at {limit:.7g}, a guide and no bound".replace(
            "-", "−"
        )
    if exact is not None:
        caption += f"; the exact energy is {wording.exact(exact)}"
    return painted("variance", caption + ".", as_csv(rows, COLUMNS), paint, 4.4)


def _extrapolated(axes, points, limit, exact) -> None:
    used = [row for row in points if row["line"] is not None]
    shown = used or points[len(points) // 2 :]
    axes.plot(
        [row["variance"] for row in shown],
        [row["energy"] for row in shown],
        "o",
        color=BLUE,
        markersize=3.5,
        label="training",
    )
    if limit is not None:
        ends = sorted((row["variance"], row["line"]) for row in used)
        axes.plot(
            [0.0, ends[-1][0]], [limit, ends[-1][1]], color=VERMILION, linewidth=1, label="line"
        )
    if exact is not None:
        axes.axhline(exact, color=INK, linewidth=0.8, linestyle=":", label="exact")
    axes.axvline(0, color=GREY, linewidth=0.6)
    axes.set_xlabel("variance of H")
    axes.set_ylabel("energy")
    axes.xaxis.get_major_locator().set_params(nbins=5)
    if shown:
        axes.legend(loc="upper left")
