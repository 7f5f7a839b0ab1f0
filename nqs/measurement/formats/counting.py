"""Counts from the numbers of a file: whole ones, or relative frequencies times the shots."""

from collections.abc import Callable

import numpy as np

from nqs.measurement.problems import FormatError, listed, named

LARGEST_COUNT = 2**32 - 1
SUM_TOLERANCE = 1e-3
"""Frequencies rounded to four digits still count as frequencies."""


def whole_counts(
    path,
    values: np.ndarray,
    setting_index: np.ndarray,
    settings: tuple[str, ...],
    shots: int | None,
    where: Callable[[int], str],
    tolerance: float = 0.01,
) -> np.ndarray:
    """Counts of each entry, (entries,) int64; zeros stay.

    values: (entries,) counts, or relative frequencies that sum to 1 in every setting.
    shots: shots per setting, needed for frequencies. where: names entry i in a message.
    """
    _check_range(path, values, where)
    sums = np.bincount(setting_index, weights=values, minlength=len(settings))
    whole = values == np.rint(values)
    frequencies = bool((np.abs(sums - 1) < SUM_TOLERANCE).all())
    if frequencies and (shots is not None or not whole.all()):
        return _from_frequencies(path, values, setting_index, settings, shots, where, tolerance)
    if not whole.all():
        entry = int(np.argmin(whole))
        raise FormatError(
            f"{named(path)}, {where(entry)}: the count {values[entry]:.6g} is not a whole number,"
            " and the numbers of a setting do not sum to 1 as frequencies do; give counts."
        )
    if shots is not None:
        raise FormatError(
            f"{named(path)}: the numbers are counts already (setting {listed(settings[:1])} sums to"
            f" {sums[0]:.6g}); leave out --shots-per-setting."
        )
    if not values.any():
        raise FormatError(f"{named(path)}: all counts are zero; expected at least one shot.")
    return values.astype(np.int64)


def _check_range(path, values: np.ndarray, where) -> None:
    bad = ~(np.isfinite(values) & (values >= 0) & (values <= LARGEST_COUNT))
    if bad.any():
        entry = int(np.argmax(bad))
        raise FormatError(
            f"{named(path)}, {where(entry)}: the count is {values[entry]:.6g}; expected 0 to"
            " 2^32−1. Corrected quasi-probabilities can be negative: give the raw counts instead."
        )


def _from_frequencies(path, values, setting_index, settings, shots, where, tolerance):
    if shots is None:
        raise FormatError(
            f"{named(path)}: the numbers of each setting sum to 1, so they are frequencies, which"
            " do not say how many shots were taken; add --shots-per-setting N."
        )
    counts = np.rint(values * shots)
    off = np.abs(values * shots - counts)
    if off.max() > tolerance:
        entry = int(np.argmax(off))
        raise FormatError(
            f"{named(path)}, {where(entry)}: the frequency {values[entry]:.8g} times {shots} shots"
            f" is {values[entry] * shots:.6g}, no whole number; check --shots-per-setting, or the"
            " file was corrected after counting."
        )
    totals = np.bincount(setting_index, weights=counts, minlength=len(settings))
    if (totals != shots).any():
        row = int(np.argmax(totals != shots))
        raise FormatError(
            f"{named(path)}: the frequencies of setting {listed(settings[row : row + 1])} give"
            f" {totals[row]:.0f} shots, not {shots}; check --shots-per-setting."
        )
    return counts.astype(np.int64)
