"""Growth: what a state on a small lattice, or of few units, has learnt, carried over to a larger one."""

from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

BY_DISPLACEMENT = ("filters", "first", "second", "turning", "between")
"""Parameters that say how far apart two sites are, where they are as many as the sites; others
say where a site is."""


_NEW = 0.1


def grown(small: Any, large: Any, was: tuple[int, ...], now: tuple[int, ...]) -> Any:
    """Variables of the state `small` in the shapes of `large`, (…) each.

    was, now: lengths of their arrays. What is the same at all sites is kept. What each site has of its
    own is kept near the ends of every direction, and repeated from the middle in between. Filters
    keep what lies near and begin with nothing at distances that are new. ValueError where shapes
    differ otherwise.
    """

    def one(path, leaf, like):
        name = str(getattr(path[-1], "key", path[-1]))
        if leaf.shape == like.shape:
            return leaf.astype(like.dtype)
        axis = _axis_of_sites(name, leaf.shape, like.shape, was, now)
        rows = jnp.moveaxis(leaf, axis, 0).reshape(*was, -1)
        for direction in range(len(was)):
            change = _filters if name.startswith(BY_DISPLACEMENT) else _places
            rows = change(rows, direction, now[direction])
        rows = rows.reshape(prod(now), *np.delete(leaf.shape, axis))
        return jnp.moveaxis(rows, 0, axis).astype(like.dtype)

    shapes: Any = jax.tree.structure(small)
    if shapes != jax.tree.structure(large):
        raise ValueError("the states have not the same parameters.")
    return jax.tree_util.tree_map_with_path(one, small, large)


def widened(small: Any, large: Any, was: int, now: int) -> Any:
    """Variables of the state `small` of `was` units in the shapes of `large`, which has `now` of them.

    Of every axis whose length is a multiple of the units, such as that of several gates, each part keeps
    its first units; what is new is a tenth of what it is in `large`, so that little changes at first.
    """

    def one(leaf, like):
        places = [
            np.arange(n)
            if n == m
            else (np.arange(now * n // was).reshape(-1, now)[:, :was].ravel())
            for n, m in zip(leaf.shape, like.shape, strict=True)
        ]
        whole = _NEW * like if leaf.shape != like.shape else like
        return whole.at[np.ix_(*places)].set(leaf.astype(like.dtype))

    return jax.tree.map(one, small, large)


def _axis_of_sites(name: str, shape, like, was, now) -> int:
    for axis in range(len(shape)):
        others = (np.delete(shape, axis) == np.delete(like, axis)).all()
        if len(was) == len(now) and others and (shape[axis], like[axis]) == (prod(was), prod(now)):
            return axis
    raise ValueError(f"its {name} has the shape {tuple(shape)} and not {tuple(like)}.")


def _places(rows: Array, axis: int, length: int) -> Array:
    """Of every place along an axis: both ends kept, the middle repeated; of a shorter one, left out."""
    short = rows.shape[axis]
    if length <= short:
        first = (length + 1) // 2
        kept = np.r_[np.arange(first), np.arange(short - (length - first), short)]
        return jnp.take(rows, kept, axis=axis)
    middle = short // 2
    kept = np.r_[np.arange(middle), np.full(length - short, middle), np.arange(middle, short)]
    return jnp.take(rows, kept, axis=axis)


def _filters(rows: Array, axis: int, length: int) -> Array:
    """Of every displacement along a ring, from 0 on: each keeps its share at the shorter ring's.

    Half the way round is reached from both sides: there what a site feels is shared by the two.
    """
    short = rows.shape[axis]
    shares = np.zeros((length, short))
    for to in range(length):
        apart = to if 2 * to <= length else to - length
        if 2 * abs(apart) < short:
            shares[to, apart % short] = 1
        elif 2 * abs(apart) == short:
            shares[to, short // 2] = 1 if 2 * abs(apart) == length else 0.5
    moved = jnp.tensordot(jnp.asarray(shares, rows.dtype), rows, axes=(1, axis))
    return jnp.moveaxis(moved, 0, axis)
