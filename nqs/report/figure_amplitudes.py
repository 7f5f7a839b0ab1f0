"""The largest amplitudes of a state, beside those of the target where there is one."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from nqs.report.drawing import (
    BLUE,
    ORANGE,
    Drawing,
    as_csv,
    number,
    painted,
    shortened,
    spread_labels,
    text,
    tidy,
)

COLUMNS = {
    "bits": text,
    "probability": number,
    "phase": number,
    "target_probability": number,
    "target_phase": number,
}
_MOST = 64
_MOST_LABELS = 16
_VISIBLE = 1e-3
"""Phases of amplitudes below this part of the largest |ψ|² are noise and not drawn."""


def amplitudes(table: Iterable[Mapping[str, Any]]) -> Drawing:
    """|ψ|² as bars and arg ψ as dots for the 64 largest amplitudes, in the order of the basis.

    table: rows {"bits", "probability", "phase", "target_probability", "target_phase"},
    phases in radians; the last two None without a target, phases None for a mixed state.
    The largest amplitude gets phase 0, the target the global phase that fits best.
    """
    rows = [row for row in tidy(table, COLUMNS) if row["probability"] is not None]
    rows = sorted(rows, key=lambda row: (-_largest(row), row["bits"]))[:_MOST]
    rows = _aligned(sorted(rows, key=lambda row: row["bits"]))
    target = any(row["target_probability"] is not None for row in rows)
    phases = any(row["phase"] is not None for row in rows)

    def paint(figure):
        if phases:
            above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
            _paint_phases(below, rows, target)
            _label(below, rows)
        else:
            above = figure.subplots()
            _label(above, rows)
        _paint_probabilities(above, rows, target)

    caption = _caption(target, phases)
    height = 3.6 if phases else 2.7
    return painted("amplitudes", caption, as_csv(rows, COLUMNS), paint, height)


def _largest(row) -> float:
    return max(row["probability"], row["target_probability"] or 0.0)


def _aligned(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same rows with the two free global phases fixed."""
    known = [row for row in rows if row["phase"] is not None]
    if not known:
        return rows
    own = max(known, key=lambda row: row["probability"])["phase"]
    both = [r for r in known if r["target_phase"] is not None]
    overlap = sum(
        np.sqrt(r["probability"] * (r["target_probability"] or 0.0))
        * np.exp(1j * (r["target_phase"] - r["phase"]))
        for r in both
    )
    other = own + float(np.angle(overlap)) if both else 0.0
    return [
        {
            **row,
            "phase": _turned(row["phase"], own),
            "target_phase": _turned(row["target_phase"], other),
        }
        for row in rows
    ]


def _turned(phase: float | None, by: float) -> float | None:
    """phase − by in [−π, π]; untouched where nothing turns, so that turning twice is turning once."""
    if phase is None or (abs(by) < 1e-9 and abs(phase) <= np.pi):
        return phase
    return float(np.angle(np.exp(1j * (phase - by))))


def _paint_probabilities(axes, rows, target):
    place = np.arange(len(rows))
    width = 0.4 if target else 0.75
    own = [row["probability"] for row in rows]
    axes.bar(place - (width / 2 if target else 0), own, width, color=BLUE, label="this state")
    if target:
        other = [row["target_probability"] or 0.0 for row in rows]
        axes.bar(place + width / 2, other, width, color=ORANGE, label="target")
        figure = axes.get_figure()
        figure.legend(*axes.get_legend_handles_labels(), loc="outside upper right", ncols=2)
    axes.set_ylabel("probability |ψ|²")
    axes.set_ylim(bottom=0)


def _paint_phases(axes, rows, target):
    top = max(row["probability"] for row in rows)
    if target:
        _dots(axes, rows, "target", top, marker="s", size=46, facecolors="none", edgecolors=ORANGE)
    _dots(axes, rows, "", top, marker="o", size=26, color=BLUE)
    axes.set_ylim(-1.15 * np.pi, 1.15 * np.pi)
    axes.set_yticks([-np.pi, 0, np.pi], ["−π", "0", "π"])
    axes.set_ylabel("phase (rad)")


def _dots(axes, rows, whose, top, *, size, **look):
    """Phases as dots whose area goes with |ψ|: the small ones are worth little."""
    key = f"{whose}_" if whose else ""
    seen = [
        (place, row[f"{key}phase"], 3 + size * (row[f"{key}probability"] / top) ** 0.5)
        for place, row in enumerate(rows)
        if row[f"{key}phase"] is not None and (row[f"{key}probability"] or 0) > _VISIBLE * top
    ]
    if seen:
        places, phases, sizes = zip(*seen, strict=True)
        axes.scatter(places, phases, sizes, linewidths=1.3, zorder=3, **look)


def _label(axes, rows):
    """Bit strings below the bars; below the largest only where there are too many."""
    distance = max(1.0, len(rows) / _MOST_LABELS)
    places = spread_labels([_largest(row) for row in rows], _MOST_LABELS, distance)
    labels = [shortened(rows[place]["bits"]) for place in places]
    flat = len(rows) * max((len(label) for label in labels), default=0) <= 36
    axes.set_xticks(places, labels, rotation=0 if flat else 90, family="monospace")
    axes.set_xlim(-0.7, max(len(rows), 1) - 0.3)
    axes.set_xlabel("basis state (site 0 first)")


def _caption(target, phases) -> str:
    beside = " beside those of the target" if target else ""
    parts = [f"The largest amplitudes of the state (at most {_MOST}){beside}."]
    if phases:
        parts.append("Phases are counted from the largest amplitude")
        if target:
            parts[-1] += "; the target's global phase is the one that fits best"
        parts[-1] += ". Phases of negligible amplitudes are left out."
    return " ".join(parts)
