"""Minibatches of more shots than are looked at in a step, a function of the step alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import numpy as np

from nqs.measurement.strata import Stratum
from nqs.state.branches import Branches
from nqs.state.products import Products
from nqs.state.reading import Reader, Reading, padded, roomy


class Batch(NamedTuple):
    """Some shots as a state reads them. weights: (shots,), sum 1."""

    reading: Reading
    weights: Any


@dataclass(frozen=True)
class Batches:
    """Shots of every stratum in each step: more of those that cost less, weighted by their share.

    Shots lie in random order; a step takes the next ones, and goes on from the beginning.
    """

    reader: Reader
    parts: tuple[Stratum, ...]
    shares: tuple[float, ...]
    sizes: tuple[int, ...]

    @classmethod
    def of(
        cls, reader: Reader, parts: Sequence[Stratum], shares: Sequence[float], strings: int
    ) -> "Batches":
        """About `strings` bit strings a step. shares: the weight of each stratum, sum 1.

        The variance of a mean of strata is least where each is given shots by its share over
        the root of its cost: Neyman, J. R. Stat. Soc. 97, 558 (1934).
        """
        cost = np.array([reader.cost(g) for g in range(len(parts))], float)
        wanted = np.asarray(shares) / np.sqrt(cost)
        scale = strings / (wanted * cost).sum()
        sizes = [
            int(np.clip(round(w * scale), 1, p.shots)) for w, p in zip(wanted, parts, strict=True)
        ]
        return cls(reader, tuple(parts), tuple(map(float, shares)), tuple(sizes))

    @property
    def shots(self) -> int:
        return sum(self.sizes)

    def at(self, step: int) -> Batch:
        """The shots of one step, on the host."""
        found = []
        for part, size in zip(self.parts, self.sizes, strict=True):
            first = step * size % part.shots
            which = np.arange(first, first + size) % part.shots
            contiguous = first + size <= part.shots
            found.append(part.taken(slice(first, first + size) if contiguous else which))
        return self._weighted(found, step)

    def in_pieces(self, strings: int, most: int | None = None) -> list[Batch]:
        """All shots, or about `most` strings of them, once each, about `strings` at a time."""
        every = Batches.of(self.reader, self.parts, self.shares, most) if most else None
        taken = [p.shots for p in self.parts] if every is None else list(every.sizes)
        cost = sum(n * self.reader.cost(g) for g, n in enumerate(taken))
        pieces = max(1, -(-cost // strings))
        edges = [np.linspace(0, n, pieces + 1).astype(int) for n in taken]
        found = []
        for piece in range(pieces):
            parts = [
                part.taken(slice(edge[piece], edge[piece + 1]))
                for part, edge in zip(self.parts, edges, strict=True)
            ]
            weights = [
                np.full(len(bits), w / n)
                for (bits, _), w, n in zip(parts, self.shares, taken, strict=True)
            ]
            found.append(Batch(self.reader.read(parts), np.concatenate(weights)))
        return found

    def _weighted(self, parts: list[tuple[np.ndarray, np.ndarray]], step: int) -> Batch:
        weights = [
            np.full(len(bits), share / len(bits))
            for (bits, _), share in zip(parts, self.shares, strict=True)
        ]
        return Batch(self.reader.read(parts, step), np.concatenate(weights))


def worth(pieces: Sequence[Batch]) -> float:
    """Shots of equal weight that would tell a mean as well as those of all pieces together."""
    weights = np.concatenate([np.asarray(p.weights) for p in pieces])
    return float(weights.sum() ** 2 / (weights**2).sum())


def stacked(batches: Sequence[Batch], nodes: Sequence[int] | None = None) -> tuple[Batch, Any]:
    """Batches of one shape, the steps in front, and the nodes that their trees are given.

    nodes: of trees before; kept where they do, so that nothing is compiled again.
    """
    readings = [b.reading for b in batches]
    rows = None
    if isinstance(readings[0], Branches):
        trees: list[Any] = [r.tree for r in readings if isinstance(r, Branches)]
        needed = [max(len(tree[i].parents) for tree in trees) for i in range(len(trees[0]))]
        nodes = roomy(needed, nodes)
        readings = [
            r._replace(tree=padded(r.tree, nodes)) for r in readings if isinstance(r, Branches)
        ]
    else:  # what every step shares stays once
        rows = readings[0].rows
        readings = [r._replace(rows=None) for r in readings if isinstance(r, Products)]
    parts = [b._replace(reading=r) for b, r in zip(batches, readings, strict=True)]
    stack = jax.tree.map(lambda *leaves: np.stack(leaves), *parts)
    return _with_rows(stack, rows), nodes


def picked(stack: Batch, number: Any) -> Batch:
    """One batch of a stack."""
    rows = stack.reading.rows if isinstance(stack.reading, Products) else None
    return _with_rows(jax.tree.map(lambda leaf: leaf[number], _with_rows(stack, None)), rows)


def _with_rows(batch: Batch, rows: Any) -> Batch:
    """The same batch with the rows of its settings, where it has such."""
    if not isinstance(batch.reading, Products):
        return batch
    return batch._replace(reading=batch.reading._replace(rows=rows))
