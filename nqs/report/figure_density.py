"""A density matrix, beside that of the target where there is one."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from nqs.report.drawing import Drawing, as_csv, number, painted, text, tidy

COLUMNS = {
    "row": text,
    "column": text,
    "real": number,
    "imaginary": number,
    "target_real": number,
    "target_imaginary": number,
}
_MOST_WORDS = 8
"""Basis states that are named along an axis."""


def density_matrix(table: Iterable[Mapping[str, Any]]) -> Drawing:
    """Real and imaginary parts of ⟨row|ρ|column⟩, in the order of the basis.

    table: rows {"row", "column", "real", "imaginary", "target_real", "target_imaginary"}, the last two None
    without a target.
    """
    rows = tidy(table, COLUMNS)
    words = sorted({row["row"] for row in rows})
    place = {word: i for i, word in enumerate(words)}
    target = any(row["target_real"] is not None for row in rows)
    whose = ("", "target_") if target else ("",)

    def matrix(key: str) -> np.ndarray:
        found = np.zeros((len(words), len(words)))
        for row in rows:
            found[place[row["row"]], place[row["column"]]] = row[key] or 0.0
        return found

    every = {name: matrix(name) for side in whose for name in (f"{side}real", f"{side}imaginary")}
    largest = max((np.abs(m).max() for m in every.values() if m.size), default=1.0) or 1.0

    def paint(figure):
        panels = figure.subplots(len(whose), 2, sharex=True, sharey=True, squeeze=False)
        shown = None
        for line, side in zip(panels, whose, strict=True):
            for axes, part in zip(line, ("real", "imaginary"), strict=True):
                axes.grid(False)
                shown = axes.imshow(
                    every[side + part],
                    cmap="RdBu_r",
                    vmin=-largest,
                    vmax=largest,
                    interpolation="nearest",
                )
                axes.set_title(f"{'target' if side else 'this state'}, {part} part")
        step = -(-len(words) // _MOST_WORDS)
        ticks = range(0, len(words), step)
        for axes in panels[-1]:
            axes.set_xticks(list(ticks), [words[i] for i in ticks], rotation=90)
        for axes in panels[:, 0]:
            axes.set_yticks(list(ticks), [words[i] for i in ticks])
        if shown is not None:
            figure.colorbar(shown, ax=panels, location="bottom", shrink=0.7, pad=0.04)

    caption = "The density matrix in the basis of outcomes in Z" + (
        ", above that of the target." if target else "."
    )
    height = 3.0 if not target else 5.0
    return painted("density_matrix", caption, as_csv(rows, COLUMNS), paint, height)
