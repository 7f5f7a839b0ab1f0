"""Convolutions around periodic lattices, as one matrix for many rows and wave by wave for few."""

from functools import cache
from math import prod

import jax.numpy as jnp
import numpy as np
from jax import Array

from nqs.groups import opposite, shifts

_FEW = 16
"""Rows up to which waves are multiplied: of one row the derivative by the kernel would be that of the
whole matrix, which is as many times larger as there are sites."""


def convolved(x: Array, kernel: Array, size: tuple[int, ...]) -> Array:
    """Σ_{c,i} K_fc(i − t) x_c(i) on a periodic lattice: x (…, channels, sites), kernel (maps,
    channels, sites) → (…, maps, sites)."""
    rows = x.shape[:-2]
    if prod(rows) <= _FEW:
        return _by_waves(x, kernel, size)
    maps, channels, sites = kernel.shape
    matrix = jnp.moveaxis(kernel[:, :, shifts(size)], 2, 1)
    matrix = matrix.reshape(maps * sites, channels * sites)
    return (x.reshape(*rows, channels * sites) @ matrix.T).reshape(*rows, maps, sites)


def spread(kernel: Array, kinds: np.ndarray) -> Array:
    """A kernel (…, numbers) as one of all displacements, (…, sites), by the `kinds` of them."""
    return kernel @ jnp.asarray(np.arange(kernel.shape[-1])[:, None] == kinds, kernel.dtype)


def kinds(size: tuple[int, ...], reach: int | None = None, even: bool = False) -> np.ndarray:
    """Which number of a filter each displacement has, (sites,), −1 where it has none: farther than `reach`
    in some direction. even: displacements r and −r have the same."""
    seen = np.arange(prod(size)) if reach is None else displacements(size, reach)
    found = np.full(prod(size), -1)
    found[seen] = np.arange(len(seen))
    if even:
        either = np.minimum(found, found[opposite(size)])
        found[seen] = np.unique(either[seen], return_inverse=True)[1]
    return found


def displacements(size: tuple[int, ...], reach: int) -> np.ndarray:
    """Those whose part along every direction is at most `reach`, (number,), as places seen from site 0;
    the same order on every lattice that is long enough to hold them."""
    along = [np.arange(-min(reach, (n - 1) // 2), min(reach, n // 2) + 1) % n for n in size]
    return np.ravel_multi_index(np.meshgrid(*along, indexing="ij"), size).reshape(-1)


def _by_waves(x: Array, kernel: Array, size: tuple[int, ...]) -> Array:
    """The same by the convolution theorem: products of x and of conj K of each wave vector."""
    there, back = (matrix.astype(kernel.dtype) for matrix in _waves(size))
    (x_cos, x_sin), (k_cos, k_sin) = (jnp.split(y @ there, 2, axis=-1) for y in (x, kernel))

    def of_each(k, x):
        return jnp.einsum("fcq,...cq->...fq", k, x)

    real = of_each(k_cos, x_cos) + of_each(k_sin, x_sin)
    imaginary = of_each(k_cos, x_sin) - of_each(k_sin, x_cos)
    return jnp.concatenate([real, imaginary], axis=-1) @ back


@cache
def _waves(size: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Cosines and sines of one wave of each pair q, −q, (sites, 2 waves); and what makes of their
    parts the whole again, (2 waves, sites)."""
    places = np.indices(size).reshape(len(size), -1)
    lengths = np.array(size)[:, None]
    angle = 2 * np.pi * (places / lengths).T @ places
    other = opposite(size)
    kept = np.flatnonzero(np.arange(len(other)) <= other)
    times = np.where(other[kept] == kept, 1, 2) / len(other)
    cosine, sine = np.cos(angle[:, kept]), np.sin(angle[:, kept])
    return np.hstack([cosine, sine]), np.hstack([cosine * times, sine * times]).T
