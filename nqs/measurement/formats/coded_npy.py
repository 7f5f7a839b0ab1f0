"""Coded .npy: integers (shots, sites), value = basis + 3·bit with basis 0 = Z, 1 = X, 2 = Y."""

from pathlib import Path

import numpy as np

from nqs.measurement.dataset import Measurements
from nqs.measurement.formats.lines import MOST_SITES
from nqs.measurement.formats.options import Options
from nqs.measurement.formats.settings import LETTERS, distinct_settings
from nqs.measurement.npy import MAGIC, mapped
from nqs.measurement.problems import FormatError, named

_CODE_OF_BASIS = np.array([LETTERS.index(c) for c in b"ZXY"], np.uint8)


def recognise(path: Path, head: bytes) -> bool:
    return head.startswith(MAGIC)


def read(path: Path, options: Options) -> Measurements:
    values = mapped(path, "integer")
    if values.dtype.kind not in "iu" or values.ndim != 2 or 0 in values.shape:
        raise FormatError(
            f"{named(path)}: the array has type {values.dtype} and shape {values.shape}; expected"
            " integers (shots, sites), basis + 3·bit. A state belongs to --target."
        )
    if values.shape[1] > MOST_SITES:
        raise FormatError(
            f"{named(path)}: the array has {values.shape[1]} columns; the limit is {MOST_SITES}"
            " sites. Rows are shots: transpose it if they are not."
        )
    if values.min() < 0 or values.max() > 5:
        row, site = (int(i) for i in np.argwhere((values < 0) | (values > 5))[0])
        raise FormatError(
            f"{named(path)}, row {row + 1}: column {site + 1} holds {values[row, site]}; expected 0"
            " to 5, basis + 3·bit with basis 0 = Z, 1 = X, 2 = Y."
        )
    values = values.astype(np.uint8)
    settings, index = distinct_settings(_CODE_OF_BASIS[values % 3])
    return Measurements(values // 3, settings, index)
