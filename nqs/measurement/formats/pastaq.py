"""PastaQ HDF5: outcomes and bases, which Julia writes (shots, sites) and h5py shows transposed."""

from pathlib import Path

import numpy as np

from nqs.measurement.dataset import Measurements
from nqs.measurement.file import SIGNATURE
from nqs.measurement.formats.lines import MOST_SITES
from nqs.measurement.formats.options import Options
from nqs.measurement.formats.settings import LETTERS, distinct_settings
from nqs.measurement.problems import FormatError, listed, named, quoted
from nqs.measurement.quarantine import look, read_tree

OUTCOMES, BASES, INPUTS = "/outcomes", "/bases", "/inputs"


def recognise(path: Path, head: bytes) -> bool:
    if not head.startswith(SIGNATURE):
        return False
    tree = look(path)
    return OUTCOMES in tree.shapes and "/setting_index" not in tree.shapes


def read(path: Path, options: Options) -> Measurements:
    shapes = look(path).shapes
    if INPUTS in shapes:
        raise FormatError(
            f"{named(path)}: the data set 'inputs' says that this PastaQ file is process"
            " tomography (prepared inputs sent through a channel); only shots of one state can be"
            " read. Select the shots of one input and save them as measured data."
        )
    if OUTCOMES not in shapes:
        raise FormatError(
            f"{named(path)}: this HDF5 file holds {listed(shapes, 6) or 'no data'}; expected the"
            " data set 'outcomes' of PastaQ, and 'bases' beside it."
        )
    turned = _turned(path, shapes, options)
    arrays = read_tree(path).arrays
    outcomes = _outcomes(path, turned(arrays[OUTCOMES]))
    rows, sites = outcomes.shape
    if BASES not in arrays:
        return Measurements(outcomes, ("Z" * sites,), np.zeros(rows, np.uint32))
    bases = arrays[BASES]
    codes = _codes(
        path, turned(bases) if bases.ndim == 2 else _letter_by_letter(path, bases, sites)
    )
    settings, index = distinct_settings(codes)
    return Measurements(outcomes, settings, index)


def _turned(path: Path, shapes, options: Options):
    """What makes (shots, sites) of an array: turning it, unless the file was not written by Julia.

    Settings written as one string a shot tell the number of shots, and so does --sites.
    """
    shape, bases = shapes[OUTCOMES], shapes.get(BASES)
    if len(shape) != 2 or 0 in shape:
        raise FormatError(
            f"{named(path)}: outcomes have shape {shape}; expected two axes, as PastaQ writes them:"
            " (shots, sites) in Julia, (sites, shots) in h5py."
        )
    if bases is not None and bases != shape and (len(bases) != 1 or bases[0] not in shape):
        raise FormatError(
            f"{named(path)}: outcomes have shape {shape} but bases {bases}; expected a letter for"
            " every outcome."
        )
    if shape[0] == shape[1]:
        return np.transpose
    if bases is not None and len(bases) == 1:
        return np.asarray if bases[0] == shape[0] else np.transpose
    if options.sites in shape:
        return np.transpose if options.sites == shape[0] else np.asarray
    if shape[0] > shape[1]:
        raise FormatError(
            f"{named(path)}: outcomes have shape {shape}, which PastaQ would mean as {shape[1]}"
            f" shots of {shape[0]} sites; say which it is with --sites {shape[1]} or --sites"
            f" {shape[0]}."
        )
    return np.transpose


def _outcomes(path: Path, values: np.ndarray) -> np.ndarray:
    if values.dtype.kind not in "iub" or values.shape[1] > MOST_SITES:
        raise FormatError(
            f"{named(path)}: outcomes have type {values.dtype} and {values.shape[1]} sites; expected"
            f" whole numbers 0 and 1 of at most {MOST_SITES} sites."
        )
    if values.min() < 0 or values.max() > 1:
        row, site = (int(i) for i in np.argwhere((values < 0) | (values > 1))[0])
        value = values[row, site]
        raise FormatError(
            f"{named(path)}, shot {row + 1}: the outcome of site {site} is {value}; expected 0 or 1."
            + (
                " Convert +1 to 0 and -1 to 1."
                if value == -1
                else " More than two levels can be given in the native format only."
            )
        )
    return values.astype(np.uint8)


def _letter_by_letter(path: Path, bases: np.ndarray, sites: int) -> np.ndarray:
    """Settings written as one string a shot, (shots,), as letters (shots, sites)."""
    texts = bases.astype(str)
    lengths = np.char.str_len(texts)
    if (lengths != sites).any():
        row = int(np.argmax(lengths != sites))
        raise FormatError(
            f"{named(path)}, shot {row + 1}: the setting {quoted(texts[row])} names {lengths[row]}"
            f" sites, but the outcomes have {sites}; each letter is one site."
        )
    return np.ascontiguousarray(texts).view("U1").reshape(len(texts), sites)


def _codes(path: Path, letters: np.ndarray) -> np.ndarray:
    """Positions in LETTERS of an array of letters."""
    if letters.dtype.kind not in "SU":
        raise FormatError(
            f"{named(path)}: bases have type {letters.dtype}; expected the letters X, Y, Z and I."
        )
    letters = letters.astype(str)
    codes = np.full(letters.shape, len(LETTERS), np.uint8)
    for code, letter in enumerate(LETTERS.decode()):
        codes[letters == letter] = code
    if codes.max() == len(LETTERS):
        row, site = (int(i) for i in np.argwhere(codes == len(LETTERS))[0])
        found = str(letters[row, site])
        known = set(found.upper()) <= set("IXYZ") and len(found) == 1
        raise FormatError(
            f"{named(path)}, shot {row + 1}: the basis of site {site} is {quoted(found)}; "
            + ("write upper case." if known else "expected X, Y, Z or I.")
        )
    return codes
