"""The figures of a report, each drawn from a plain table and again from its own CSV."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from nqs.report import (
    figure_amplitudes,
    figure_density,
    figure_entropies,
    figure_goodness,
    figure_ladder,
    figure_moments,
    figure_samples,
    figure_structure,
    figure_typicality,
    figure_variance,
)
from nqs.report.drawing import Drawing, rows_of
from nqs.report.figure_amplitudes import amplitudes
from nqs.report.figure_density import density_matrix
from nqs.report.figure_energy import energy_curve, energy_curve_from_csv
from nqs.report.figure_entropies import entropies
from nqs.report.figure_goodness import chi2_per_setting
from nqs.report.figure_histograms import histograms, histograms_from_csv
from nqs.report.figure_ladder import ladder
from nqs.report.figure_learning import Floor, learning_curve, learning_curve_from_csv
from nqs.report.figure_moments import correlations, magnetisation
from nqs.report.figure_samples import local_energies
from nqs.report.figure_structure import structure_factor
from nqs.report.figure_typicality import typicality
from nqs.report.figure_variance import variance, variance_table

__all__ = [
    "AGAIN",
    "HEADINGS",
    "Drawing",
    "Floor",
    "amplitudes",
    "chi2_per_setting",
    "correlations",
    "density_matrix",
    "energy_curve",
    "entropies",
    "from_csv",
    "histograms",
    "ladder",
    "learning_curve",
    "local_energies",
    "magnetisation",
    "of_tables",
    "structure_factor",
    "typicality",
    "variance",
    "variance_table",
]


TABLES: dict[str, Callable[..., Drawing]] = {
    "variance": variance,
    "local_energies": local_energies,
    "ladder": ladder,
    "typicality": typicality,
    "chi2_per_setting": chi2_per_setting,
    "histograms": histograms,
    "correlations": correlations,
    "magnetisation": magnetisation,
    "structure_factor": structure_factor,
    "entropies": entropies,
    "amplitudes": amplitudes,
    "density_matrix": density_matrix,
}
"""Figures that are drawn from one table, by name."""


def of_tables(tables: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Drawing]:
    """A drawing of each table that has rows."""
    return [TABLES[name](rows) for name, rows in tables.items() if rows]


_COLUMNS: dict[str, Iterable[str]] = {
    "variance": figure_variance.COLUMNS,
    "local_energies": figure_samples.COLUMNS,
    "ladder": figure_ladder.COLUMNS,
    "typicality": figure_typicality.COLUMNS,
    "chi2_per_setting": figure_goodness.COLUMNS,
    "correlations": figure_moments.CORRELATIONS,
    "magnetisation": figure_moments.MAGNETISATION,
    "structure_factor": figure_structure.COLUMNS,
    "entropies": figure_entropies.COLUMNS,
    "amplitudes": figure_amplitudes.COLUMNS,
    "density_matrix": figure_density.COLUMNS,
}


def _again(name: str) -> Callable[[str], Drawing]:
    """Draws from a CSV what is drawn from rows."""
    return lambda table: TABLES[name](rows_of(table, _COLUMNS[name]))


AGAIN: dict[str, Callable[[str], Drawing]] = {
    "energy_curve": energy_curve_from_csv,
    "variance": _again("variance"),
    "local_energies": _again("local_energies"),
    "learning_curve": learning_curve_from_csv,
    "ladder": _again("ladder"),
    "typicality": _again("typicality"),
    "chi2_per_setting": _again("chi2_per_setting"),
    "histograms": histograms_from_csv,
    "correlations": _again("correlations"),
    "magnetisation": _again("magnetisation"),
    "structure_factor": _again("structure_factor"),
    "entropies": _again("entropies"),
    "amplitudes": _again("amplitudes"),
    "density_matrix": _again("density_matrix"),
}
"""Every figure by the name of its files, in the order in which a report shows them."""


HEADINGS = {
    "energy_curve": "Energy during training",
    "variance": "Variance on the way",
    "local_energies": "The final samples",
    "learning_curve": "Learning curve",
    "ladder": "What was tried",
    "typicality": "Goodness of fit of every setting",
    "chi2_per_setting": "Goodness of fit of every setting",
    "histograms": "The worst settings in full",
    "correlations": "Correlations",
    "magnetisation": "Magnetisation",
    "structure_factor": "Structure factor",
    "entropies": "Entanglement entropies",
    "amplitudes": "Amplitudes and phases",
    "density_matrix": "Density matrix",
}


def from_csv(name: str, table: str) -> Drawing:
    """The drawing of that name whose `csv` is `table`."""
    if name not in AGAIN:
        raise ValueError(f"There is no figure {name!r}; there are {', '.join(AGAIN)}.")
    return AGAIN[name](table)
