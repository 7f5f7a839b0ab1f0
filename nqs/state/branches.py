"""The Born rule for more sites than a vector holds: only the strings that interfere in a shot.

A shot whose setting rotates k sites sums ψ over 2^k bit strings, which are written out,
each distinct one once, and read by their common beginnings. Any number of sites; the price is
in the rotated ones. Torlai et al., Nat. Phys. 14, 447 (2018).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from nqs.ansatz.accompanied import Accompanied
from nqs.ansatz.autoregressive import Autoregressive
from nqs.measurement.effects import UNMEASURED, basis_bits, rotating_nothing, rows_of
from nqs.state import particles
from nqs.state.particles import Draws

_FLOOR = 1e-30
"""Added to a probability, in units of that of its branches without interference."""

_BLOCK = 8
"""Sites between two looks at which beginnings are common: more share more and compile longer."""


class Block(NamedTuple):
    """Some sites of a tree of strings.

    parents: (nodes,) the node of the block before that each continues. bits: (nodes, sites read). shot: (nodes,)
    the only one whose strings begin so, None where shots share beginnings.
    """

    parents: Any
    bits: Any
    shot: Any = None


class Interference(NamedTuple):
    """Shots that rotate equally many sites, and leave equally many unmeasured.

    which: (shots, 2^unmeasured, 2^rotated) the leaf of each branch, rotated bits in index
    order. effects: (shots, rotated, 2) ⟨outcome| of each rotated site.
    """

    which: Any
    effects: Any


class Branches(NamedTuple):
    """The strings of some shots as a tree, and how they interfere: a group for each number of terms.

    draws: where ancillas between the sites are drawn for each shot; None where there are no such.
    """

    tree: tuple[Block, ...]
    groups: tuple[Interference, ...]
    draws: Draws | None = None


@dataclass(frozen=True)
class Rotated:
    """What each setting does to its sites; all of the same number of rotated and unmeasured ones.

    places: (settings, rotated). rows: (settings, rotated, 2, 2) ⟨outcome|. unmeasured:
    (settings, unmeasured) places.
    """

    places: np.ndarray
    rows: np.ndarray
    unmeasured: np.ndarray

    @property
    def terms(self) -> int:
        """Strings of one shot."""
        return 2 ** (self.places.shape[1] + self.unmeasured.shape[1])


def rotated(settings: Sequence[str], effects: Mapping[str, np.ndarray] | None = None) -> Rotated:
    """Places and effects of settings that rotate equally many sites."""
    plain = rotating_nothing(effects)
    places = [[n for n, c in enumerate(s) if c not in plain] for s in settings]
    left_out = [[n for n, c in enumerate(s) if c == UNMEASURED and c in plain] for s in settings]
    rows = [
        [rows_of(s[n], effects) for n in here] for s, here in zip(settings, places, strict=True)
    ]
    count, number = len(settings), len(places[0])
    return Rotated(
        places=np.array(places, np.int64).reshape(count, number),
        rows=np.array(rows, complex).reshape(count, number, 2, 2),
        unmeasured=np.array(left_out, np.int64).reshape(count, -1),
    )


def written_out(
    groups: Sequence[tuple[Rotated, np.ndarray, np.ndarray]],
    by_site: bool,
    sites: int,
    draws: Draws | None = None,
) -> Branches:
    """The strings of all shots and their interference, on the host.

    groups: of each number of terms the settings, bits (shots, sites) and the setting of each
    shot. by_site: read site by site, common beginnings once; False for a state that has no order of sites. draws:
    of ancillas, with which no beginning is common to two shots.
    """
    strings, effects, shapes = [], [], []
    for settings, bits, index in groups:
        spelt = _strings(settings, bits, index)
        shapes.append(spelt.shape[:-1])
        strings.append(spelt.reshape(-1, sites))
        outcome = np.take_along_axis(bits, settings.places[index], axis=1)
        rows = settings.rows[index]
        effects.append(np.take_along_axis(rows, outcome[:, :, None, None], axis=2)[:, :, 0])
    every, shot = np.concatenate(strings), None
    if draws is not None:
        each = np.concatenate(
            [np.full(len(b), np.prod(s[1:])) for (_, b, _), s in zip(groups, shapes, strict=True)]
        )
        shot = np.repeat(np.arange(len(each)), each.astype(int))
    leaves, which, shot = _distinct(every, shot)
    ends = np.cumsum([len(s) for s in strings])[:-1]
    parts = np.split(which.astype(np.int32), ends)
    return Branches(
        tree=_tree(leaves, _BLOCK if by_site else sites, shot),
        groups=tuple(
            Interference(part.reshape(shape), rows)
            for part, shape, rows in zip(parts, shapes, effects, strict=True)
        ),
        draws=draws,
    )


def _strings(settings: Rotated, bits: np.ndarray, index: np.ndarray) -> np.ndarray:
    """The interfering strings of each shot, (shots, 2^unmeasured, 2^rotated, sites) uint8."""
    places, left_out = settings.places[index], settings.unmeasured[index]
    here, beside = basis_bits(places.shape[1]), basis_bits(left_out.shape[1])
    shots, sites = bits.shape
    spelt = np.broadcast_to(
        bits[:, None, None].astype(np.uint8), (shots, len(beside), len(here), sites)
    ).copy()
    row = np.arange(shots)[:, None]
    for number, pattern in enumerate(beside):
        spelt[row, number, :, left_out] = pattern[None, :, None]
    for number, pattern in enumerate(here):
        spelt[row, :, number, places] = pattern[None, :, None]
    return spelt


def _distinct(
    strings: np.ndarray, shot: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Distinct rows in order of their bits from the first site on, and which of them each row is; where shots share
    nothing, in the order of the shots, (rows,), before that, and the shot of each."""
    packed = np.packbits(strings, axis=1)
    if shot is not None:
        number = shot.astype(">u4").reshape(-1, 1).view(np.uint8)
        packed = np.concatenate([number, packed], axis=1)
    padded = np.zeros((len(packed), -(-packed.shape[1] // 8) * 8), np.uint8)
    padded[:, : packed.shape[1]] = packed
    words = padded.view(">u8").astype(np.uint64)
    if words.shape[1] == 1:
        _, first, which = np.unique(words[:, 0], return_index=True, return_inverse=True)
    else:
        order = np.lexsort(words.T[::-1])
        sorted_words = words[order]
        new = np.concatenate([[True], (sorted_words[1:] != sorted_words[:-1]).any(axis=1)])
        which = np.empty(len(order), np.int64)
        which[order] = np.cumsum(new) - 1
        first = order[new]
    return strings[first], which, None if shot is None else shot[first].astype(np.int32)


def _tree(leaves: np.ndarray, block: int, shot: np.ndarray | None = None) -> tuple[Block, ...]:
    """Sorted distinct strings by their common beginnings, `block` sites at a time; of each shot apart where given."""
    count, sites = leaves.shape
    differs = np.ones(count, bool)  # from the row above, before the end of this block
    differs[1:] = False if shot is None else shot[1:] != shot[:-1]
    node_above = np.zeros(count, np.int64)
    blocks = []
    for first in range(0, sites, block):
        part = leaves[:, first : first + block]
        differs[1:] |= (part[1:] != part[:-1]).any(axis=1)
        start = np.flatnonzero(differs)
        owner = None if shot is None else shot[start]
        blocks.append(Block(node_above[start].astype(np.int32), part[start], owner))
        node_above = np.cumsum(differs) - 1
    return tuple(blocks)


# On the device


def log_probabilities(model: Any, variables: Any, branches: Branches) -> tuple[Array, ...]:
    """log P of the shots of each group, (shots,), unnormalised if ψ is.

    model: of ψ, of more sites than the strings have where ancillas follow them, which are summed over; or are drawn
    between them, for an unbiased estimate of P.
    """
    if branches.draws is not None:
        log_psi = particles.tree_log_psi(model, variables, branches.tree, branches.draws)
    else:
        log_psi = tree_log_psi(model, variables, branches.tree)
    leaves = len(branches.tree[-1].parents)
    return tuple(_interfered(log_psi.reshape(leaves, -1), group) for group in branches.groups)


def shares_beginnings(model: Any) -> bool:
    """Whether common beginnings of strings are read once: by states that read site by site.

    One that reads all sites at once would remember everything behind it for each of them; one with ancillas between
    its sites has few common beginnings, and a tree of another shape to be compiled for every setting.
    """
    alike = not isinstance(model, Accompanied)
    return isinstance(model, Autoregressive) and not model.at_once and alike


def tree_log_psi(model: Any, variables: Any, tree: tuple[Block, ...]) -> Array:
    """log ψ of the leaves, complex; with every ending by ancillas in turn, where there are."""
    if shares_beginnings(model):
        return jnp.asarray(model.apply(variables, tree, method=model.tree_log_psi))
    (whole,) = tree
    return jnp.asarray(model.apply(variables, jnp.asarray(whole.bits, jnp.int32)))


def alone(branches: Branches) -> tuple[tuple[Array, Array], ...]:
    """Of each group the bits (shots, 2^unmeasured, 2^rotated, sites) and effects of its shots."""
    *before, last = branches.tree
    bits, node = jnp.asarray(last.bits), last.parents
    for block in reversed(before):
        bits = jnp.concatenate([jnp.asarray(block.bits)[node], bits], axis=1)
        node = jnp.asarray(block.parents)[node]
    return tuple((bits[group.which], group.effects) for group in branches.groups)


def log_probability(model: Any, variables: Any, bits: Array, effects: Array) -> Array:
    """log P of one shot of `alone`, a scalar; no beginning is shared with other shots."""
    rows = bits.reshape(-1, bits.shape[-1]).astype(jnp.int32)
    which = jnp.arange(len(rows)).reshape(1, *bits.shape[:-1])
    log_psi = model.apply(variables, rows)
    return _interfered(log_psi[:, None], Interference(which, effects[None]))[0]


def _interfered(log_psi: Array, group: Interference) -> Array:
    """log P of shots from log ψ of the leaves, (leaves, values of the ancillas)."""
    log_psi = log_psi.astype(jnp.result_type(complex))[group.which]
    largest = jax.lax.stop_gradient(log_psi.real.max(axis=(1, 2, 3), keepdims=True))
    psi = jnp.exp(log_psi - largest)
    if group.which.shape[2] > 1:
        # sites one by one, the last first: half of the branches are gone each time
        for place in reversed(range(group.effects.shape[1])):
            row = group.effects[:, None, None, place, :, None]
            pairs = psi.reshape(*psi.shape[:2], -1, 2, psi.shape[-1])
            psi = pairs[..., 0, :] * row[..., 0, :] + pairs[..., 1, :] * row[..., 1, :]
    probability = jnp.sum(jnp.abs(psi) ** 2, axis=(1, 2, 3))
    return jnp.log(probability + _FLOOR) + 2 * largest[:, 0, 0, 0]
