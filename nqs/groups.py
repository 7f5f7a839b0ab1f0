"""Symmetries of an array of sites as permutations: translations, rotations and reflections."""

from itertools import permutations, product

import numpy as np


def shifts(size: tuple[int, ...]) -> np.ndarray:
    """Site i seen from site t, (sites, sites) as [t, i]: where i lies once t is the origin."""
    places = np.indices(size).reshape(len(size), -1).T
    apart = (places[None] - places[:, None]) % np.array(size)
    return np.ravel_multi_index(tuple(np.moveaxis(apart, -1, 0)), size)


def opposite(size: tuple[int, ...]) -> np.ndarray:
    """The place −r of each place r of a periodic array, (sites,)."""
    return shifts(size)[:, 0]


def point_group(size: tuple[int, ...]) -> np.ndarray:
    """Rotations and reflections about the middle, (operations, sites): the site that comes to each place.

    Each direction reversed or not, and directions of the same length in any order: two of a chain,
    four of a rectangle, eight of a square. The identity first.
    """
    number = np.arange(np.prod(size)).reshape(size)
    found = []
    for order in permutations(range(len(size))):
        if tuple(size[axis] for axis in order) == tuple(size):
            for signs in product((1, -1), repeat=len(size)):
                turned = np.transpose(number, order)[tuple(slice(None, None, s) for s in signs)]
                found.append(turned.reshape(-1))
    return np.unique(found, axis=0) if 1 in size else np.stack(found)


def space_group(size: tuple[int, ...], point: bool) -> np.ndarray:
    """All translations of a periodic array, and with `point` the point group as well, (operations, sites)."""
    moved = shifts(size)
    if not point:
        return moved
    every = point_group(size)[:, moved].reshape(-1, moved.shape[1])
    return np.unique(every, axis=0)
