"""Lattices: sites, the edges between neighbours in a fixed order, and where the sites are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from nqs.systems.pauli import refuse_too_many_sites


@dataclass(frozen=True)
class Lattice:
    """Sites joined by edges.

    edges: (edges, 2) int, each pair once. Site by site in row-major order, right
    neighbour then down; the closing edges of a periodic lattice last.
    positions: (sites, dimensions) in units of the spacing, None where only edges are known.
    periods: (dimensions,) length after which a direction closes, 0 where it is open.
    """

    name: str
    sites: int
    edges: np.ndarray
    positions: np.ndarray | None = None
    periods: tuple[int, ...] = ()

    @property
    def lengths(self) -> tuple[int, ...] | None:
        """Sites along each direction of a grid, None for other graphs."""
        if self.positions is None:
            return None
        return tuple(int(n) + 1 for n in np.asarray(self.positions).max(axis=0))

    def distances(self) -> np.ndarray:
        """Distance of every pair, (sites, sites); the shortest way round where periodic."""
        if self.positions is None:
            raise ValueError(f"a lattice of {self.name} has no distances; use a chain or square.")
        apart = np.abs(self.positions[:, None] - self.positions[None])
        for axis, period in enumerate(self.periods):
            if period:
                apart[..., axis] = np.minimum(apart[..., axis], period - apart[..., axis])
        return np.sqrt((apart**2).sum(axis=-1))

    def neighbours(self, order: int) -> np.ndarray:
        """Pairs at the `order`-th smallest distance, (pairs, 2), first site lower, sorted."""
        distance = np.round(self.distances(), 9)
        shells = np.unique(distance[distance > 0])
        if not 1 <= order <= len(shells):
            raise ValueError(
                f"a {self.name} of {self.sites} sites has no neighbours of order {order}."
            )
        return np.argwhere(np.triu(distance == shells[order - 1]))


def chain(sites: int, periodic: bool = False) -> Lattice:
    """Sites in a row; two sites share one edge, closed or not."""
    return _grid("chain", (sites,), periodic)


def square(rows: int, columns: int, periodic: bool = False) -> Lattice:
    """Sites of a grid, row by row; site = row · columns + column."""
    return _grid("square", (rows, columns), periodic)


def from_edges(edges: Sequence[Sequence[int]] | np.ndarray, sites: int | None = None) -> Lattice:
    """Any graph; as many sites as the edges name where not given."""
    if any(np.shape(pair) != (2,) for pair in edges):
        raise ValueError("edges are not a list of pairs of sites, such as [[0, 1], [1, 2]].")
    pairs = np.asarray(edges)
    if pairs.ndim != 2 or pairs.shape[1] != 2 or pairs.dtype.kind not in "iu" or not len(pairs):
        raise ValueError("edges are not a list of pairs of sites, such as [[0, 1], [1, 2]].")
    number = int(pairs.max()) + 1 if sites is None else sites
    refuse_too_many_sites(number)
    for row, (a, b) in enumerate(pairs.tolist()):
        if a == b or min(a, b) < 0 or max(a, b) >= number:
            raise ValueError(
                f"edge {row} is [{a}, {b}]; expected two different sites from 0 to {number - 1}."
            )
    _, first, times = np.unique(np.sort(pairs), axis=0, return_index=True, return_counts=True)
    if times.max() > 1:
        a, b = pairs[first[np.argmax(times)]]
        raise ValueError(f"edge [{a}, {b}] is listed twice; list each pair once.")
    return Lattice("edges", number, pairs.astype(np.int64))


LATTICES: dict[str, tuple[Callable[..., Lattice], int]] = {
    "chain": (chain, 1),
    "square": (square, 2),
}
"""Name → its function, and how many lengths its size has."""


def lattice(name: str, size: Sequence[int], periodic: bool = False) -> Lattice:
    """The lattice called `name`; ValueError names the menu where unknown."""
    if name not in LATTICES:
        raise ValueError(
            f"unknown lattice {name!r}; choose one of {', '.join(LATTICES)}, or edges."
        )
    make, lengths = LATTICES[name]
    if len(size) != lengths:
        raise ValueError(f"size of a {name} is {list(size)}; expected {lengths} number(s).")
    return make(*size, periodic=periodic)


def _grid(name: str, lengths: tuple[int, ...], periodic: bool) -> Lattice:
    if min(lengths) < 1 or prod(lengths) < 2:
        raise ValueError(f"size of a {name} is {list(lengths)}; expected at least two sites.")
    refuse_too_many_sites(prod(lengths))
    places = np.indices(lengths).reshape(len(lengths), -1).T
    number = np.arange(len(places)).reshape(lengths)
    inside, closing = [], []
    for place in places:
        for axis in reversed(range(len(lengths))):  # right, then down
            step = np.array(place)
            step[axis] += 1
            if step[axis] < lengths[axis]:
                inside.append((number[tuple(place)], number[tuple(step)]))
            elif periodic and lengths[axis] > 2:  # of length two, the way round is the same edge
                step[axis] = 0
                closing.append((number[tuple(place)], number[tuple(step)]))
    periods = tuple(length if periodic else 0 for length in lengths)
    edges = np.array(inside + closing, np.int64).reshape(-1, 2)
    return Lattice(name, len(places), edges, places.astype(float), periods)
