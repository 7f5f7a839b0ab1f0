"""Entanglement entropies of every cut of the sites into those before and those behind it."""

from collections.abc import Iterable, Mapping
from typing import Any

from nqs.report.drawing import (
    BLUE,
    GREEN,
    VERMILION,
    Drawing,
    as_csv,
    drawn_from,
    number,
    painted,
    tidy,
    whole,
)

COLUMNS = {
    "cut": whole,
    "renyi2": number,
    "renyi2_error": number,
    "von_neumann": number,
    "negativity": number,
    "samples": whole,
}


def entropies(table: Iterable[Mapping[str, Any]]) -> Drawing:
    """Rényi-2 entropy, and von Neumann's where it is known, against the number of sites before the cut.

    table: rows {"cut", "renyi2", "renyi2_error", "von_neumann", "negativity"}, in nats; the last of a mixed
    state, whose entropies are not those of entanglement alone.
    """
    rows = tidy(table, COLUMNS)
    exact = any(row["von_neumann"] is not None for row in rows)
    mixed = any(row["negativity"] is not None for row in rows)

    def paint(figure):
        axes = figure.subplots()
        cuts = [row["cut"] for row in rows]
        if exact:
            axes.plot(
                cuts,
                [row["von_neumann"] for row in rows],
                "s-",
                color=VERMILION,
                markersize=3.5,
                label="von Neumann",
            )
        axes.errorbar(
            cuts,
            [row["renyi2"] for row in rows],
            yerr=[row["renyi2_error"] or 0.0 for row in rows],
            fmt="o-",
            color=BLUE,
            markersize=3.5,
            elinewidth=1,
            label="Rényi-2",
        )
        if mixed:
            values = [row["negativity"] for row in rows]
            axes.plot(cuts, values, "^-", color=GREEN, markersize=3.5, label="negativity")
        axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
        axes.set_xlabel("sites before the cut")
        axes.set_ylabel("entropy (nats)")
        axes.xaxis.get_major_locator().set_params(integer=True)
        if exact:
            figure.legend(*axes.get_legend_handles_labels(), loc="outside upper right", ncols=2)

    caption = f"Entanglement of the first sites with all others, from {drawn_from(rows)}"
    caption += "." if exact else " and as many of a second copy, with standard errors."
    return painted("entropies", caption, as_csv(rows, COLUMNS), paint)
