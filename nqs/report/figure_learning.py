"""The learning curve: negative log-likelihood against training step, for every restart."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from nqs.report.drawing import (
    BLUE,
    GREEN,
    GREY,
    INK,
    VERMILION,
    Drawing,
    as_csv,
    number,
    painted,
    rows_of,
    text,
    whole,
)

_COLUMNS = ("phase", "step", "restart", "train_nll", "held_out_nll")
_MOST_POINTS = 400
_KINDS = {"train_nll": (BLUE, "-", "training shots"), "held_out_nll": (VERMILION, "-", "held out")}

_FLOOR = "floor: "

Points = list[dict[str, Any]]


class Floor(NamedTuple):
    """What no state can get below, or hardly: its name and its −log likelihood."""

    name: str
    value: float


class _Marks(NamedTuple):
    """All that is drawn beside the curves."""

    best_step: int | None
    chosen: int
    error: float | None
    floor: Floor | None


def learning_curve(
    rows: Iterable[Mapping[str, Any]],
    best_step: int | None,
    refit_rows: Iterable[Mapping[str, Any]] = (),
    *,
    chosen: int | None = None,
    error: float | None = None,
    floor: Floor | None = None,
) -> Drawing:
    """Train and held-out likelihood of every restart, and the refit on all shots.

    rows: as in metrics.jsonl, {"phase", "step", "train_nll", "held_out_nll"}, the last
    two a number (or None) for each restart. `chosen` is the restart that was kept;
    without it, the one whose held-out (else training) value got lowest. error: of its held-out
    value, the same all along; drawn as a band.
    """
    rows = list(rows)
    search = [row for row in rows if row.get("phase") != "refit"]
    refit = list(refit_rows) or [row for row in rows if row.get("phase") == "refit"]
    points = _points(search, "search") + _points(refit, "refit")
    if chosen is None:
        chosen = _lowest([p for p in points if p["phase"] == "search"])
    return _draw(points, _Marks(whole(best_step), chosen, error, floor))


def learning_curve_from_csv(table: str) -> Drawing:
    """The drawing whose numbers these are."""
    points, marks = [], _Marks(None, 0, None, None)
    for row in rows_of(table, _COLUMNS):
        if row["phase"] == "kept":
            marks = marks._replace(best_step=whole(row["step"]), chosen=whole(row["restart"]) or 0)
        elif row["phase"] == "error":
            marks = marks._replace(error=number(row["held_out_nll"]))
        elif row["phase"].startswith(_FLOOR):
            value = number(row["train_nll"])
            if value is not None:
                marks = marks._replace(floor=Floor(text(row["phase"][len(_FLOOR) :]), value))
        else:
            points.append(_point(row, row["phase"], row["restart"]))
    return _draw(points, marks)


def _points(rows: Sequence[Mapping[str, Any]], phase: str) -> Points:
    """A row for each step and restart, of at most 400 steps."""
    if len(rows) > _MOST_POINTS:
        kept = np.unique(np.linspace(0, len(rows) - 1, _MOST_POINTS).round().astype(int))
        rows = [rows[i] for i in kept]
    points = []
    for row in rows:
        values = {key: _listed(row.get(key)) for key in _KINDS}
        for restart in range(max(len(v) for v in values.values())):
            one = {key: v[restart] if restart < len(v) else None for key, v in values.items()}
            points.append(_point({**one, "step": row["step"]}, phase, restart))
    return points


def _point(row, phase, restart):
    return {
        "phase": text(phase),
        "step": whole(row["step"]),
        "restart": whole(restart),
        **{key: number(row[key]) for key in _KINDS},
    }


def _listed(values: Any) -> list:
    if values is None:
        return []
    return list(values) if isinstance(values, Iterable) else [values]


def _lowest(points: Points) -> int:
    for key in ("held_out_nll", "train_nll"):
        known = [p for p in points if p[key] is not None]
        if known:
            return min(known, key=lambda p: p[key])["restart"]
    return 0


def _curve(points: Points, phase: str, restart: int, key: str) -> tuple[np.ndarray, np.ndarray]:
    """Steps and values of one line, where it has values."""
    known = [
        (p["step"], p[key])
        for p in points
        if p["phase"] == phase and p["restart"] == restart and p[key] is not None
    ]
    steps, values = np.array(known, float).reshape(-1, 2).T
    return steps, values


def _draw(points: Points, marks: _Marks) -> Drawing:
    best_step, chosen, error, floor = marks
    search = sorted({p["restart"] for p in points if p["phase"] == "search"})
    refit = sorted({p["restart"] for p in points if p["phase"] == "refit"})

    def paint(figure):
        axes = figure.subplots()
        for key, (colour, line, label) in _KINDS.items():
            for restart in search:
                if restart != chosen:
                    steps, values = _curve(points, "search", restart, key)
                    axes.plot(steps, values, line, color=colour, alpha=0.25, linewidth=0.9)
            steps, values = _curve(points, "search", chosen, key)
            if len(values):
                axes.plot(steps, values, line, color=colour, label=label, zorder=3)
            if len(values) and error and key == "held_out_nll":
                axes.fill_between(
                    steps, values - error, values + error, color=colour, alpha=0.15, linewidth=0
                )
        best = _settled(points, refit)
        for restart in refit:
            steps, values = _curve(points, "refit", restart, "train_nll")
            if restart == best:
                axes.plot(steps, values, "--", color=GREEN, label="refit, all shots", zorder=4)
            else:
                axes.plot(steps, values, "--", color=GREEN, alpha=0.3, linewidth=0.9)
        _mark_kept(axes, points, best_step, chosen)
        if floor is not None:
            axes.axhline(floor.value, color=INK, linewidth=0.9, linestyle="-.", label=floor.name)
        axes.set_ylim(*_limits(points, chosen, floor))
        axes.set_xlim(left=0)
        axes.set_xlabel("training step")
        axes.set_ylabel("−log likelihood (nats per shot)")
        if axes.get_legend_handles_labels()[0]:
            axes.legend(loc="upper right", frameon=True, edgecolor="none", facecolor="white")

    numbers = as_csv([*points, *_marked(marks)], _COLUMNS)
    return painted("learning_curve", _caption(search, refit, marks), numbers, paint)


def _marked(marks: _Marks) -> Points:
    """The marks as rows of the table."""
    nothing = {"step": None, "train_nll": None, "held_out_nll": None}
    rows = [_point({**nothing, "step": marks.best_step}, "kept", marks.chosen)]
    if marks.error is not None:
        rows.append(_point({**nothing, "held_out_nll": marks.error}, "error", marks.chosen))
    if marks.floor is not None:
        value, name = marks.floor.value, _FLOOR + marks.floor.name
        rows.append(_point({**nothing, "train_nll": value}, name, None))
    return rows


def _settled(points: Points, restarts: list[int]) -> int | None:
    """The restart of the refit that ended lowest."""
    ends = {r: _curve(points, "refit", r, "train_nll")[1][-1:] for r in restarts}
    ends = {r: end[0] for r, end in ends.items() if len(end)}
    return min(ends, key=lambda r: ends[r]) if ends else None


def _mark_kept(axes, points, best_step, chosen):
    if best_step is None:
        return
    axes.axvline(best_step, color=GREY, linewidth=0.9, linestyle=":")
    for key in ("held_out_nll", "train_nll"):
        steps, values = _curve(points, "search", chosen, key)
        if len(values):
            height = np.interp(best_step, steps, values)
            axes.plot([best_step], [height], "o", markersize=5, color=INK, zorder=5)
            axes.plot([], [], "o", markersize=5, color=INK, label=f"kept: step {best_step:,}")
            return


def _limits(points: Points, chosen: int, floor: Floor | None) -> tuple[float, float]:
    """Heights between which the last two thirds of the chosen restart fill the figure.

    Other restarts may widen that up to three times; the fall of the first steps may not.
    """
    lines = [_curve(points, "search", chosen, key) for key in _KINDS]
    lines += [_curve(points, "refit", r, "train_nll") for r in {p["restart"] for p in points}]
    late = _late(lines)
    if not late.size:
        return 0.0, 1.0
    low, high = late.min(), late.max()
    if floor is not None and abs(floor.value - low) < 3 * max(high - low, 1e-3):
        low, high = min(low, floor.value), max(high, floor.value)
    span = max(high - low, 1e-3 * max(abs(high), 1e-6))
    others = [
        _curve(points, "search", restart, key)
        for restart in {p["restart"] for p in points}
        for key in _KINDS
    ]
    wide = np.clip(_late(others), low - span, high + span) if others else late
    low, high = min(low, wide.min(initial=low)), max(high, wide.max(initial=high))
    # The legend lies in the upper third, above the end of the curves.
    return float(low - 0.08 * (high - low or span)), float(high + 0.6 * (high - low or span))


def _late(lines) -> np.ndarray:
    parts = [values[steps >= steps[-1] / 3] for steps, values in lines if len(steps)]
    return np.concatenate(parts) if parts else np.empty(0)


def _caption(search, refit, marks: _Marks) -> str:
    parts = ["Negative log-likelihood during training, per shot."]
    if len(search) > 1:
        parts.append(f"{len(search)} restarts; the strong lines are the one that was kept.")
    if marks.best_step is not None:
        parts.append(f"The dot is the step that the search kept, {marks.best_step:,}.")
    if marks.error:
        parts.append("The band is the standard error of so few shots held out.")
    if refit:
        parts.append("Dashed: trained again on all shots.")
    return " ".join(parts)
