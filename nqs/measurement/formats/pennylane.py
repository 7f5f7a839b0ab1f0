"""PennyLane's classical shadows as .npz: bits and recipes (shots, sites), 0 = X, 1 = Y, 2 = Z."""

from pathlib import Path

import numpy as np

from nqs.measurement.dataset import Measurements
from nqs.measurement.formats import npz
from nqs.measurement.formats.lines import MOST_SITES
from nqs.measurement.formats.options import Options
from nqs.measurement.formats.settings import LETTERS, distinct_settings
from nqs.measurement.problems import FormatError, named

BITS, RECIPES = "bits", "recipes"
_CODE_OF_RECIPE = np.array([LETTERS.index(c) for c in b"XYZ"], np.uint8)


def recognise(path: Path, head: bytes) -> bool:
    return head.startswith(npz.SIGNATURE) and {BITS, RECIPES} <= npz.contents(path).keys()


def read(path: Path, options: Options) -> Measurements:
    bits, recipes = npz.arrays(path, BITS, RECIPES)
    if bits.ndim != 2 or 0 in bits.shape or bits.shape != recipes.shape:
        raise FormatError(
            f"{named(path)}: bits have shape {bits.shape} and recipes {recipes.shape}; expected"
            " both (shots, sites)."
        )
    if bits.shape[1] > MOST_SITES:
        raise FormatError(
            f"{named(path)}: bits have {bits.shape[1]} columns; the limit is {MOST_SITES} sites."
            " Rows are shots: transpose both if they are not."
        )
    if recipes.dtype.kind not in "iu" or recipes.min() < 0 or recipes.max() > 2:
        raise FormatError(
            f"{named(path)}: recipes are {recipes.dtype} from {recipes.min()} to {recipes.max()};"
            " expected whole numbers 0 = X, 1 = Y and 2 = Z."
        )
    outcomes = npz.bits(f"{named(path)}, bits", bits)
    settings, index = distinct_settings(_CODE_OF_RECIPE[recipes.astype(np.uint8)])
    return Measurements(outcomes, settings, index)
