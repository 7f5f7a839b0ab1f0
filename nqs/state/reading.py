"""How shots are read where no vector reaches: by interfering branches, or contracted in one go."""

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from nqs.ansatz.accompanied import Accompanied
from nqs.measurement.kinds import refuse_too_many_terms
from nqs.state import branches, products
from nqs.state.branches import Block, Branches, Rotated
from nqs.state.dilation import dilation
from nqs.state.particles import Draws
from nqs.state.pieces import ROWS
from nqs.state.products import Products

DRAWN, JUDGED = 8, 32
"""Strings of ancillas drawn for each shot in training, and where its likelihood is judged."""

_CHANCE = 0xD7A

Reading = Branches | Products
"""What a state has to work out for some shots."""


def log_probabilities(model: nn.Module, variables: Any, reading: Reading) -> Array:
    """log P of all shots, in the order of their groups, (shots,); unnormalised if ψ is."""
    form = dilation(model)
    own = form.variables(variables)
    if isinstance(reading, Products):
        log_p = products.log_probabilities(form, own, reading)
    else:
        log_p = jnp.concatenate(branches.log_probabilities(form.whole, own, reading))
    white = form.white(variables)
    if white is None:
        return log_p
    return jnp.logaddexp(jnp.log1p(-white) + log_p, jnp.log(white) - log_outcomes(reading))


def log_outcomes(reading: Reading) -> Array:
    """ln of the number of outcomes that each shot is one of, all alike in white noise, (shots,)."""
    if isinstance(reading, Products):
        # Tr E / 2 of every site: 1 where nobody looks
        share = 0.5 * jnp.sum(jnp.abs(products.seen(reading)) ** 2, axis=(2, 3))
        return -jnp.log(share).sum(axis=1)
    sites = sum(block.bits.shape[1] for block in reading.tree)
    shapes = [group.which.shape for group in reading.groups]
    measured = [np.full(shots, sites - np.log2(unmeasured)) for shots, unmeasured, _ in shapes]
    return jnp.log(2.0) * np.concatenate(measured)


def alone(model: nn.Module, reading: Reading) -> list[tuple[Callable[[Any, Any], Array], Any]]:
    """For each group (variables, shot) → its log P, a scalar, and its shots, a tree of (shots, …).

    So that each shot of a pure state can be differentiated by itself.
    """
    if isinstance(reading, Products):

        def contracted(variables, row):
            return products.of_rows(dilation(model), variables, row[None])[0]

        return [(contracted, products.seen(reading))]

    def interfered(variables, shot):
        return branches.log_probability(model, variables, *shot)

    return [(interfered, shots) for shots in branches.alone(reading)]


@dataclass(frozen=True)
class Reader:
    """Turns shots of some groups of settings into what a kind of state reads.

    groups: settings of each group, which rotate equally many sites. contracted: the state
    reads any product outcome at once. by_site: strings are read site by site, as a tree. vectors: what every string is
    read with, one for each value of the ancillas.
    """

    groups: tuple[tuple[str, ...], ...]
    rotated: tuple[Rotated, ...]
    rows: np.ndarray | None
    by_site: bool
    vectors: int = 1
    drawn: bool = False

    @classmethod
    def of(
        cls,
        model: nn.Module,
        groups: Sequence[tuple[str, ...]],
        effects: Mapping[str, np.ndarray] | None = None,
        readout: np.ndarray | None = None,
    ) -> "Reader":
        """ValueError, with the number of terms, where one shot needs too many; or where it may be misread, and
        the state is none of matrix products."""
        groups, form = tuple(groups), dilation(model)
        every = [s for group in groups for s in group]
        if products.contracted(form, every, effects):
            rows = products.rows_of_settings(every, effects, readout)
            return cls(groups, (), rows, False)
        if readout is not None:
            raise ValueError(
                "misread shots are sums over all strings that may have been meant, which only matrix products "
                "do at once; choose --ansatz mps or lpdo."
            )
        rotated = tuple(branches.rotated(group, effects) for group in groups)
        if isinstance(form.whole, Accompanied):
            refuse_too_many_terms(every, effects)
            return cls(groups, rotated, None, True, DRAWN, drawn=True)
        refuse_too_many_terms(every, effects, form.ancillas)
        by_site = branches.shares_beginnings(form.whole)
        if form.kept is not None and not (by_site and form.kept == tuple(range(len(every[0])))):
            raise ValueError(
                f"{type(model).__name__} has ancillas between its sites; it is contracted, not read by strings."
            )
        return cls(groups, rotated, None, by_site, 2**form.ancillas)

    @property
    def contracted(self) -> bool:
        return self.rows is not None

    def judging(self) -> "Reader":
        """The same with more strings of ancillas, where those are drawn."""
        return replace(self, vectors=JUDGED) if self.drawn else self

    def conjugated(self) -> "Reader":
        """Reads as ψ would be read if it were ψ*."""
        rotated = tuple(replace(r, rows=r.rows.conj()) for r in self.rotated)
        rows = None if self.rows is None else self.rows.conj()
        return replace(self, rotated=rotated, rows=rows)

    def cost(self, group: int) -> int:
        """Strings of one shot of a group, or what is as much work where ancillas follow them: two sites are read for
        each of their values, beside some eight of a string by itself. 1 where it is contracted."""
        if self.contracted:
            return 1
        if self.drawn:
            return self.rotated[group].terms * self.vectors
        return self.rotated[group].terms * max(1, self.vectors // 4)

    def read(self, parts: Sequence[tuple[np.ndarray, np.ndarray]], step: int = 0) -> Reading:
        """Of bits (shots, sites) and settings (shots,) of each group, on the host. step: what is drawn for the same
        shots differs from step to step."""
        if self.rows is not None:
            first = np.cumsum([0, *(len(group) for group in self.groups)])
            index = [part[1] + start for part, start in zip(parts, first, strict=False)]
            bits = np.concatenate([part[0] for part in parts])
            return Products(bits, np.concatenate(index).astype(np.int32), self.rows)
        sites = parts[0][0].shape[1]
        spelt = [(r, *part) for r, part in zip(self.rotated, parts, strict=True)]
        return branches.written_out(
            spelt, self.by_site, sites, self._draws(parts, step) if self.drawn else None
        )

    def _draws(self, parts: Sequence[tuple[np.ndarray, np.ndarray]], step: int) -> Draws:
        """Chance of some shots, the same for the same ones and step, so that whatever reads them again finds the
        same."""
        told = zlib.crc32(b"".join(np.ascontiguousarray(bits).tobytes() for bits, _ in parts))
        shots, sites = sum(len(bits) for bits, _ in parts), parts[0][0].shape[1]
        begun = np.full(self.vectors, -np.inf)
        begun[0] = 0
        return Draws(np.random.default_rng([_CHANCE, told, step]).random((sites, shots)), begun)


def shot_log_probabilities(
    model: nn.Module,
    variables: Any,
    reader: Reader,
    parts: Sequence[tuple[np.ndarray, np.ndarray]],
    strings: int = ROWS,
) -> list[np.ndarray]:
    """log P of the shots of each group, about `strings` strings at a time, on the host."""
    cost = sum(len(bits) * reader.cost(g) for g, (bits, _) in enumerate(parts))
    pieces = max(1, -(-cost // strings))
    edges = [np.linspace(0, len(bits), pieces + 1).astype(int) for bits, _ in parts]
    sizes = [int(np.diff(edge).max()) for edge in edges]
    found: list[list[np.ndarray]] = [[] for _ in parts]
    nodes: list[int] | None = None
    for piece in range(pieces):
        # all pieces of one shape, the last shots of a piece read again where it is short
        first = [
            min(edge[piece], len(p[0]) - n) for edge, p, n in zip(edges, parts, sizes, strict=True)
        ]
        taken = [
            (p[0][a : a + n], p[1][a : a + n]) for p, a, n in zip(parts, first, sizes, strict=True)
        ]
        reading = reader.read(taken)
        if isinstance(reading, Branches):
            needed = [len(block.parents) for block in reading.tree]
            nodes = roomy(needed, nodes)
            reading = reading._replace(tree=padded(reading.tree, nodes))
        log_p = np.asarray(_log_probabilities(model, variables, reading))
        ends = np.cumsum(sizes)[:-1]
        for g, part in enumerate(np.split(log_p, ends)):
            found[g].append(part[edges[g][piece] - first[g] :][: np.diff(edges[g])[piece]])
    return [np.concatenate(group) for group in found]


_log_probabilities = jax.jit(log_probabilities, static_argnames="model")

_ROOM = 1.05
_LEAST_ROOM = 64


def roomy(needed: Sequence[int], nodes: Sequence[int] | None = None) -> list[int]:
    """Nodes for trees that need so many: those given where they do, else a little more.

    One of few sizes, so that a program is compiled for few.
    """
    if nodes is not None and all(n <= room for n, room in zip(needed, nodes, strict=True)):
        return list(nodes)

    def rounded(n):
        step = max(_LEAST_ROOM, 2 ** (int(n * _ROOM).bit_length() - 4))
        return -(-int(n * _ROOM) // step) * step

    return [rounded(n) for n in needed]


def padded(tree: tuple[Block, ...], nodes: Sequence[int]) -> tuple[Block, ...]:
    """A tree with so many nodes in each block; those added are read and not used."""
    found = []
    for block, size in zip(tree, nodes, strict=True):
        more = size - len(block.parents)
        shot = None
        if block.shot is not None:  # those added are of none
            shot = np.pad(block.shot, (0, more), constant_values=np.iinfo(np.int32).max)
        parents, bits = np.pad(block.parents, (0, more)), np.pad(block.bits, ((0, more), (0, 0)))
        found.append(Block(parents, bits, shot))
    return tuple(found)
