"""The figures of a report, each drawn from a plain table and again from its own CSV."""

from collections.abc import Callable

from nqs.report import figure_amplitudes, figure_goodness
from nqs.report.drawing import Drawing, rows_of
from nqs.report.figure_amplitudes import amplitudes
from nqs.report.figure_energy import energy_curve, energy_curve_from_csv
from nqs.report.figure_goodness import chi2_per_setting
from nqs.report.figure_histograms import histograms, histograms_from_csv
from nqs.report.figure_learning import learning_curve, learning_curve_from_csv

__all__ = [
    "AGAIN",
    "HEADINGS",
    "Drawing",
    "amplitudes",
    "chi2_per_setting",
    "energy_curve",
    "from_csv",
    "histograms",
    "learning_curve",
]


def _chi2_from_csv(table: str) -> Drawing:
    return chi2_per_setting(rows_of(table, figure_goodness.COLUMNS))


def _amplitudes_from_csv(table: str) -> Drawing:
    return amplitudes(rows_of(table, figure_amplitudes.COLUMNS))


AGAIN: dict[str, Callable[[str], Drawing]] = {
    "energy_curve": energy_curve_from_csv,
    "learning_curve": learning_curve_from_csv,
    "chi2_per_setting": _chi2_from_csv,
    "histograms": histograms_from_csv,
    "amplitudes": _amplitudes_from_csv,
}
"""Every figure by the name of its files, in the order in which a report shows them."""


HEADINGS = {
    "energy_curve": "Energy during training",
    "learning_curve": "Learning curve",
    "chi2_per_setting": "Goodness of fit of every setting",
    "histograms": "The worst settings in full",
    "amplitudes": "Amplitudes and phases",
}


def from_csv(name: str, table: str) -> Drawing:
    """The drawing of that name whose `csv` is `table`."""
    if name not in AGAIN:
        raise ValueError(f"There is no figure {name!r}; there are {', '.join(AGAIN)}.")
    return AGAIN[name](table)
