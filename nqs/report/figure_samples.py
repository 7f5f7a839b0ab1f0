"""Local energies of the final samples: how they are spread, and whether a few of them are all."""

from collections.abc import Iterable, Mapping
from typing import Any

from nqs.report import wording
from nqs.report.drawing import BLUE, VERMILION, Drawing, as_csv, number, painted, tidy, whole

COLUMNS = {"energy": number, "width": number, "samples": whole, "gaussian": number}


def local_energies(table: Iterable[Mapping[str, Any]]) -> Drawing:
    """Histogram on a logarithmic axis, with the Gaussian of the same mean and variance.

    table: rows {"energy", "width", "samples", "gaussian"}, energy the middle of a bin.
    """
    rows = tidy(table, COLUMNS)
    number_of = sum(row["samples"] or 0 for row in rows)

    def paint(figure):
        axes = figure.subplots()
        middles = [row["energy"] for row in rows]
        axes.bar(
            middles,
            [row["samples"] for row in rows],
            width=[row["width"] for row in rows],
            color=BLUE,
            label="samples",
        )
        if any(row["gaussian"] for row in rows):
            axes.plot(
                middles,
                [row["gaussian"] for row in rows],
                color=VERMILION,
                linewidth=1.2,
                label="Gaussian",
            )
        if number_of:
            axes.set_yscale("log")
            axes.set_ylim(0.6, 3 * max(row["samples"] for row in rows))
            axes.yaxis.set_major_formatter(lambda value, _: wording.power_of_ten(value))
            axes.yaxis.set_minor_formatter(lambda value, _: "")
            figure.legend(*axes.get_legend_handles_labels(), loc="outside upper right", ncols=2)
        axes.set_xlabel("local energy")
        axes.set_ylabel("samples")
        axes.xaxis.get_major_locator().set_params(nbins=5)

    caption = (
        f"Local energies, Re (H ψ)(σ) / ψ(σ), of {number_of:,} fresh samples, and the Gaussian of "
        "their mean and variance. All are the same in an eigenstate; lonely bars far from the "
        "others are tails that make an error bar too small."
    )
    return painted("local_energies", caption, as_csv(rows, COLUMNS), paint)
