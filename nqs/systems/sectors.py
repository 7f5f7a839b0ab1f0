"""Sectors of Σ Z: how many bits 1 a basis state has, in all or in each of several equal parts."""

from itertools import combinations
from math import comb, prod

import numpy as np

Magnetisation = int | list[int] | tuple[int, ...]
"""Σ Z of all sites, or of each of as many equal parts of them in a row: of the orbitals of either
spin, for fermions."""

INDEX_SITES = 62
"""Sites up to which a basis state has an index."""

_LISTED_SITES = 26
"""Sites up to which all basis states are gone through."""

LISTED_STATES = 2**21
"""Basis states of a sector that is listed without going through all of them."""


def ones_of(sites: int, magnetisation: Magnetisation) -> tuple[int, ...]:
    """Number of bits 1 in each part; ValueError where no basis state has that Σ Z."""
    each = [magnetisation] if isinstance(magnetisation, int) else list(magnetisation)
    if not each or sites % len(each):
        raise ValueError(f"{sites} sites are not cut into {len(each)} equal parts.")
    length = sites // len(each)
    for value in each:
        if abs(value) > length or (value - length) % 2:
            part = f"{sites} sites" if len(each) == 1 else f"a part of {length} sites"
            raise ValueError(
                f"no basis state of {part} has Σ Z = {value}; expected {-length}, {2 - length}, … {length}."
            )
    return tuple((length - value) // 2 for value in each)


def parts(magnetisation: Magnetisation) -> int:
    """Into how many the sites are cut."""
    return 1 if isinstance(magnetisation, int) else len(magnetisation)


def sector_size(sites: int, magnetisation: Magnetisation | None) -> int:
    """Number of basis states with Σ Z = magnetisation, of all where None."""
    if magnetisation is None:
        return 2**sites
    ones = ones_of(sites, magnetisation)
    return prod(comb(sites // len(ones), number) for number in ones)


def sector(sites: int, magnetisation: Magnetisation | None) -> np.ndarray:
    """Sorted index of the basis states with Σ Z = magnetisation, all where None."""
    if sites > INDEX_SITES or (magnetisation is None and sites > _LISTED_SITES):
        most = INDEX_SITES if magnetisation is not None else _LISTED_SITES
        raise ValueError(f"{sites} sites have too many basis states; the limit is {most} sites.")
    if magnetisation is None:
        return np.arange(2**sites)
    states = sector_size(sites, magnetisation)
    if states > LISTED_STATES:
        raise ValueError(f"{states:,} basis states are too many; the limit is {LISTED_STATES:,}.")
    ones = ones_of(sites, magnetisation)
    length, found = sites // len(ones), np.zeros(1, np.int64)
    for number in ones:
        found = (found[:, None] << length | _part(length, number)).reshape(-1)
    return found


def _part(sites: int, ones: int) -> np.ndarray:
    """Sorted index of the basis states of `sites` with so many bits 1."""
    if sites <= _LISTED_SITES:
        index = np.arange(2**sites)
        return index[np.bitwise_count(index) == ones]
    places = np.array(list(combinations(range(sites), ones)), np.int64)
    return np.sort((np.int64(1) << places.astype(np.int64)).sum(axis=1))
