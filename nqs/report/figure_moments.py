"""What sites and pairs of sites do: magnetisation and correlations, of the state and of the shots."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from nqs.report.drawing import (
    BLUE,
    INK,
    VERMILION,
    Drawing,
    as_csv,
    drawn_from,
    number,
    painted,
    text,
    tidy,
    whole,
)

_BESIDE = {"state": number, "state_error": number, "shots": number, "shots_error": number}
MAGNETISATION = {"letter": text, "site": whole, **_BESIDE, "samples": whole}
CORRELATIONS = {"letter": text, "i": whole, "j": whole, **_BESIDE, "samples": whole}

_FAR = 4.0
"""Standard errors at which the colours of a pull end."""

Rows = list[dict[str, Any]]


def magnetisation(table: Iterable[Mapping[str, Any]]) -> Drawing:
    """⟨X⟩, ⟨Y⟩ and ⟨Z⟩ of every site, a panel for each letter that is known.

    table: rows {"letter", "site", "state", "state_error", "shots", "shots_error"}.
    """
    rows = tidy(table, MAGNETISATION)
    letters = sorted({row["letter"] for row in rows})
    measured = any(row["shots"] is not None for row in rows)

    def paint(figure):
        panels = figure.subplots(max(len(letters), 1), 1, sharex=True, squeeze=False)[:, 0]
        for axes, letter in zip(panels, letters, strict=False):
            here = [row for row in rows if row["letter"] == letter]
            axes.axhline(0, color=INK, linewidth=0.6)
            _points(axes, here, "state", BLUE, "this state", marker="o", size=3.5)
            _points(axes, here, "shots", VERMILION, "shots alone", marker="s", size=3.5)
            axes.set_ylabel(f"⟨{letter}⟩")
            axes.set_ylim(-1.12, 1.12)
        panels[-1].set_xlabel("site")
        panels[-1].xaxis.get_major_locator().set_params(integer=True)
        if measured:
            figure.legend(
                *panels[-1].get_legend_handles_labels(), loc="outside upper right", ncols=2
            )

    known = ", ".join(f"⟨{letter}⟩" for letter in letters)
    caption = f"{known or 'Nothing is known'} of every site, with standard errors"
    caption += f": of the state, from {drawn_from(rows)}"
    caption += ", and of the shots whose setting has that letter there." if measured else "."
    height = 1.2 + 1.1 * max(len(letters), 1)
    return painted("magnetisation", caption, as_csv(rows, MAGNETISATION), paint, height)


def _points(axes, rows: Rows, whose: str, colour: str, label: str, *, marker: str, size: float):
    seen = [row for row in rows if row[whose] is not None]
    if seen:
        aside = 0.12 if whose == "shots" else -0.12
        axes.errorbar(
            [row["site"] + aside for row in seen],
            [row[whose] for row in seen],
            yerr=[row[f"{whose}_error"] or 0.0 for row in seen],
            fmt=marker,
            markersize=size,
            color=colour,
            elinewidth=1,
            label=label,
        )


def correlations(table: Iterable[Mapping[str, Any]]) -> Drawing:
    """⟨P_i P_j⟩ of all pairs with the same letter: shots, state, and the pull between them.

    table: rows {"letter", "i", "j", "state", "state_error", "shots", "shots_error"}.
    """
    rows = tidy(table, CORRELATIONS)
    letters = sorted({row["letter"] for row in rows})
    measured = any(row["shots"] is not None for row in rows)
    sites = 1 + max((row["j"] for row in rows), default=0)

    def paint(figure):
        columns = ("shots", "state", "pull") if measured else ("state",)
        if not letters:
            return
        panels = figure.subplots(
            len(letters), len(columns), sharex=True, sharey=True, squeeze=False
        )
        for place, (line, letter) in enumerate(zip(panels, letters, strict=True)):
            here = [row for row in rows if row["letter"] == letter]
            for axes, column in zip(line, columns, strict=True):
                shown = _shown(axes, _matrix(here, column, sites), column)
                if place == len(letters) - 1:
                    axes.set_xlabel("site")
                if place == 0:
                    axes.set_title(
                        {"shots": "shots alone", "state": "this state"}.get(column, column)
                    )
                if column == columns[0]:
                    axes.set_ylabel(f"⟨{letter}{letter}⟩, site")
                if letter == letters[-1] and column != "shots":
                    which = panels[:, list(columns).index(column)]
                    figure.colorbar(shown, ax=which, location="bottom", shrink=0.9, pad=0.03)

    caption = f"Correlations of the same letter on two sites; the state's from {drawn_from(rows)}."
    if measured:
        caption += (
            " Left: from the shots alone, white where no setting tells. Middle: of the state. Right: "
            "their difference over its standard error; a state fitted to these shots lies closer to "
            "them than chance alone would."
        )
    height = 0.9 + (1.35 if measured else 2.6) * max(len(letters), 1)
    return painted("correlations", caption, as_csv(rows, CORRELATIONS), paint, height)


def _matrix(rows: Rows, what: str, sites: int) -> np.ndarray:
    found = np.full((sites, sites), np.nan)
    for row in rows:
        value = _pull(row) if what == "pull" else row[what]
        if value is not None:
            found[row["i"], row["j"]] = found[row["j"], row["i"]] = value
    return found


def _pull(row: Mapping[str, Any]) -> float | None:
    if row["state"] is None or row["shots"] is None:
        return None
    error = np.hypot(row["state_error"] or 0.0, row["shots_error"] or 0.0)
    return (row["state"] - row["shots"]) / error if error > 0 else None


def _shown(axes, matrix: np.ndarray, what: str):
    far, colours = (_FAR, "PuOr") if what == "pull" else (1.0, "RdBu_r")
    axes.grid(False)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.yaxis.get_major_locator().set_params(integer=True)
    return axes.imshow(matrix, cmap=colours, vmin=-far, vmax=far, interpolation="nearest")
