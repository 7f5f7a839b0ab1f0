"""Lattices: sites, the edges between neighbours in a fixed order, and where the sites are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

import numpy as np

from nqs.systems.pauli import refuse_too_many_sites


@dataclass(frozen=True)
class Lattice:
    """Sites joined by edges.

    edges: (edges, 2) int, each pair once. Cell by cell in row-major order, for each in the order in
    which its lattice names them; those that close a periodic lattice last.
    positions: (sites, dimensions) in units of the distance of neighbours, None where only edges are
    known. size: cells along each direction, () without positions. periods: (directions, dimensions)
    vector after which each direction closes, none where it is open.
    """

    name: str
    sites: int
    edges: np.ndarray
    positions: np.ndarray | None = None
    size: tuple[int, ...] = ()
    periods: np.ndarray | None = None

    @property
    def lengths(self) -> tuple[int, ...] | None:
        """Sites along each direction of a grid, None where a cell holds several, or for other graphs."""
        return self.size if self.size and prod(self.size) == self.sites else None

    def distances(self) -> np.ndarray:
        """Distance of every pair, (sites, sites); the shortest way round where periodic."""
        if self.positions is None:
            raise ValueError(
                f"a lattice of {self.name} has no distances; use one of {', '.join(LATTICES)}."
            )
        apart = self.positions[:, None] - self.positions[None]
        if self.periods is None:
            return np.sqrt((apart**2).sum(axis=-1))
        periods = _reduced(self.periods)
        apart -= np.round(apart @ np.linalg.inv(periods)) @ periods
        shortest = np.full((self.sites, self.sites), np.inf)
        for times in product((-1, 0, 1), repeat=len(periods)):
            np.minimum(shortest, ((apart + times @ periods) ** 2).sum(axis=-1), out=shortest)
        return np.sqrt(shortest)

    def neighbours(self, order: int) -> np.ndarray:
        """Pairs at the `order`-th smallest distance, (pairs, 2), first site lower, sorted."""
        distance = np.round(self.distances(), 9)
        shells = np.unique(distance[distance > 0])
        if not 1 <= order <= len(shells):
            raise ValueError(
                f"a {self.name} of {self.sites} sites has no neighbours of order {order}."
            )
        return np.argwhere(np.triu(distance == shells[order - 1]))


def _reduced(periods: np.ndarray) -> np.ndarray:
    """The shortest vectors that repeat the same points: one period, or Gauss's reduction of two."""
    periods = np.array(periods, float)
    if len(periods) != 2:
        return periods
    while True:
        periods = periods[np.argsort((periods**2).sum(axis=1))]
        times = np.round(periods[0] @ periods[1] / (periods[0] @ periods[0]))
        if times == 0:
            return periods
        periods[1] -= times * periods[0]


@dataclass(frozen=True)
class _Crystal:
    """A cell that is repeated.

    vectors: (directions, dimensions) from a cell to the next along each. basis: (sites of a cell,
    dimensions). bonds: from a site of a cell to one of the cell so many steps further.
    """

    vectors: Sequence[Sequence[float]]
    bonds: Sequence[tuple[int, int, tuple[int, ...]]]
    basis: Sequence[Sequence[float]] = ((0.0, 0.0),)


_HEIGHT = 3**0.5 / 2
_CRYSTALS = {
    "chain": _Crystal([[1.0]], [(0, 0, (1,))], [[0.0]]),
    "square": _Crystal([[0.0, 1.0], [1.0, 0.0]], [(0, 0, (0, 1)), (0, 0, (1, 0))]),
    "triangular": _Crystal(
        [[0.5, _HEIGHT], [1.0, 0.0]], [(0, 0, (0, 1)), (0, 0, (1, 0)), (0, 0, (1, -1))]
    ),
    "kagome": _Crystal(
        [[1.0, 2 * _HEIGHT], [2.0, 0.0]],
        [
            (0, 1, (0, 0)), (0, 2, (0, 0)), (1, 2, (0, 0)),
            (1, 0, (0, 1)), (2, 0, (1, 0)), (2, 1, (1, -1)),
        ],
        [[0.0, 0.0], [1.0, 0.0], [0.5, _HEIGHT]],
    ),
}  # fmt: skip


def chain(sites: int, periodic: bool = False) -> Lattice:
    """Sites in a row; two sites share one edge, closed or not."""
    return _repeated("chain", (sites,), periodic)


def square(rows: int, columns: int, periodic: bool = False) -> Lattice:
    """Sites of a grid, row by row; site = row · columns + column. Edges to the right, then down."""
    return _repeated("square", (rows, columns), periodic)


def triangular(rows: int, columns: int, periodic: bool = False) -> Lattice:
    """As a square, each row half a site further: edges to the right, down, and down to the left."""
    return _repeated("triangular", (rows, columns), periodic)


def kagome(rows: int, columns: int, periodic: bool = False) -> Lattice:
    """Corner-sharing triangles, three sites a cell; site = 3 · (row · columns + column) + corner.

    Corners of a cell: left, right, and below them; edges of the triangle, then to the next cells.
    """
    return _repeated("kagome", (rows, columns), periodic)


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
    "triangular": (triangular, 2),
    "kagome": (kagome, 2),
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


def _repeated(name: str, size: tuple[int, ...], periodic: bool) -> Lattice:
    crystal = _CRYSTALS[name]
    vectors, basis = np.array(crystal.vectors), np.array(crystal.basis)
    if min(size) < 1 or prod(size) * len(basis) < 2:
        raise ValueError(f"size of a {name} is {list(size)}; expected at least two sites.")
    refuse_too_many_sites(prod(size) * len(basis))
    inside: dict[frozenset[int], tuple[int, int]] = {}
    closing: dict[frozenset[int], tuple[int, int]] = {}
    for cell in np.ndindex(size):
        for one, other, step in crystal.bonds:
            to = tuple(np.add(cell, step))
            around = tuple(np.mod(to, size))
            here, there = (
                int(np.ravel_multi_index(where, size)) * len(basis) + corner
                for where, corner in ((cell, one), (around, other))
            )
            found = inside if to == around else closing
            if here != there:
                found.setdefault(frozenset((here, there)), (here, there))
    edges = list(inside.values())
    if periodic:  # of length two, the way round is the same edge
        edges += [pair for key, pair in closing.items() if key not in inside]
    cells = np.indices(size).reshape(len(size), -1).T
    positions = (cells @ vectors)[:, None] + basis
    periods = np.array(size)[:, None] * vectors if periodic else None
    return Lattice(
        name,
        len(cells) * len(basis),
        np.array(edges, np.int64).reshape(-1, 2),
        positions.reshape(-1, vectors.shape[1]),
        tuple(size),
        periods,
    )
