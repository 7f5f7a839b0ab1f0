"""Spins in pairs: a projected superconductor whose pairs see the spins about them."""

from collections.abc import Callable
from itertools import product
from math import prod
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from nqs.ansatz.symmetric import Residual, bent
from nqs.groups import opposite, shifts


class PairProduct(Residual):
    """ψ(σ) = Σ_g e^{J(gσ)} D(gσ) with D = (−1)^{Σ_i n_i} det M, M_ij = Σ_c u_c(r_i) F_c(r_j − r_i) u_c(r_j), spins
    up at r_i and down at r_j, n_i the number of the site at r_i, row by row; real, of both signs,
    unnormalised, and zero but where half of the spins are up. A multiple of four sites.

    With u = 1 and J = 0 each D is a resonating valence bond state, of electrons in singlets projected onto
    one a site, in the order of the sites: Anderson, Science 235, 1196 (1987). F begins as that
    of a d-wave superconductor, a good state of frustrated magnets: Hu, Becca, Parola and Sorella, Phys.
    Rev. B 88, 060402 (2013). The Jastrow factor J and the backflow u, of layers of convolutions, look at the
    spins about a pair: Nomura, Darmawan, Yamaji and Imada, Phys. Rev. B 96, 205152 (2017); Luo and Clark,
    Phys. Rev. Lett. 122, 226401 (2019). A flip of all spins and translations leave ψ as it is.

    pairs: number of pair functions F_c, all even. point_group: whether rotations and reflections of the
    lattice leave ψ as it is: filters are even, and g is one of each two that differ by an inversion;
    without it the identity alone.
    """

    pairs: int = 4

    real = True

    @property
    def even_filters(self) -> bool:
        return self.point_group

    @property
    def images(self) -> np.ndarray:
        """Of two that an inversion makes of each other, between which ψ does not tell, one."""
        every = super().images
        inverted = [tuple(image[::-1]) for image in every]
        return every[[i for i, image in enumerate(every) if tuple(image) not in inverted[:i]]]

    @property
    def ones(self) -> tuple[int, ...]:
        """Number of bits 1 of every configuration."""
        return (self.sites // 2,)

    @property
    def numbers_kept(self) -> int:
        return super().numbers_kept + len(self.images) * self.sites

    @property
    def numbers_differentiated(self) -> int:
        matrices = len(self.images) * (self.pairs + 8) * (self.sites // 2) ** 2
        return super().numbers_differentiated + matrices + self.pairs * self.sites**2

    @property
    def multiplications(self) -> float:
        """Those of small determinants, one by one, take some ten times as long."""
        return super().multiplications + 10.0 * len(self.images) * (self.sites // 2) ** 3

    @nn.compact
    def __call__(self, bits: Array) -> Array:
        """log ψ of each row of bits, (…, sites) → (…), complex."""
        rows = bits.reshape(-1, self.sites).astype(jnp.int32)
        balanced = rows.sum(-1) == self.sites // 2
        rows = jnp.where(balanced[:, None], rows, jnp.arange(self.sites) < self.sites // 2)
        _, even = self.all_but_last(self.seen(rows))
        jastrow = self.filtered("jastrow", even, self.features, 0.1 / self.inside**0.5)
        jastrow = bent(jastrow + self.bias("jastrow_bias")).sum((-2, -1)).astype(float)
        backflow = self.filtered("backflow", even, self.pairs, 0.1 / self.inside**0.5)
        mean = self.param("mean_backflow", _first_and_some, (self.pairs,), self.param_dtype)
        backflow = (backflow + mean[:, None]).astype(float)
        pairing = _pairing(self.lengths)
        pair = self.param("pair", _superconducting(pairing), self.pairs, self.param_dtype)
        pair = pair.astype(float)[:, pairing.kind] * pairing.sign
        sign, size = _determinants(rows[:, self.images], backflow, pair)
        size = size + jastrow
        most = jax.lax.stop_gradient(size.max(axis=1, keepdims=True))
        most = jnp.where(jnp.isfinite(most), most, 0)
        psi = jnp.sum(sign * jnp.exp(size - most), axis=1)
        there = balanced & (psi != 0)
        size = jnp.log(jnp.abs(jnp.where(there, psi, 1))) + most[:, 0]
        log_psi = jnp.where(there, size, -jnp.inf) + 1j * jnp.pi * (psi < 0)
        return log_psi.reshape(bits.shape[:-1])


def _determinants(images: Array, backflow: Array, pair: Array) -> tuple[Array, Array]:
    """Sign and log modulus of D of images (…, sites), with backflow (…, pairs, sites) and pair functions
    between all sites (pairs, sites, sites): (…) each."""
    half = images.shape[-1] // 2
    rows = images.reshape(-1, images.shape[-1])
    backflow = backflow.reshape(len(rows), *backflow.shape[-2:])
    up, down = (jax.vmap(lambda row: jnp.nonzero(row, size=half)[0])(x) for x in (1 - rows, rows))
    matrix: Any = 0.0
    for number, function in enumerate(pair):
        left, right = (jnp.take_along_axis(backflow[:, number], x, axis=1) for x in (up, down))
        between = function[up[:, :, None], down[:, None, :]]
        matrix += left[:, :, None] * between * right[:, None, :]
    sign, size = _log_determinant(matrix)
    sign = jnp.where(up.sum(axis=1) % 2, -sign, sign)
    return sign.reshape(images.shape[:-1]), size.reshape(images.shape[:-1])


@jax.custom_jvp
def _log_determinant(matrix: Array) -> tuple[Array, Array]:
    """Sign and log modulus of each determinant, (…, n, n) → (…); no derivative where it is zero."""
    sign, size = jnp.linalg.slogdet(matrix)
    return sign, size


@_log_determinant.defjvp
def _(primals, tangents):
    (matrix,), (change,) = primals, tangents
    sign, size = _log_determinant(matrix)
    there = jnp.isfinite(size)
    # which waits for the determinants: XLA has only so many threads that may wait for each other
    safe = jnp.where(there[..., None, None], matrix, jnp.eye(matrix.shape[-1]))
    slope = jnp.einsum("...ij,...ji->...", jnp.linalg.inv(safe), change)
    return (sign, size), (jnp.zeros_like(sign), jnp.where(there, slope, 0))


class Pairing(NamedTuple):
    """Which number a pair function has between two sites.

    kind: (sites, sites); sign: (sites, sites), by which it is multiplied, 0 where the function vanishes.
    displacement: (kinds, directions) of one pair of each kind. momenta: (momenta, directions) of electrons.
    """

    kind: np.ndarray
    sign: np.ndarray
    displacement: np.ndarray
    momenta: np.ndarray


def _pairing(size: tuple[int, ...]) -> Pairing:
    """F(r) = F(−r), with the boundaries of `_boundaries`."""
    turns = _boundaries(size)
    lengths = np.array(size)
    places = np.indices(size).reshape(len(size), -1).T
    number, other = np.arange(len(places)), opposite(size)
    # F(r) = F(−r) is read at L − r, across the boundary of each direction with r > 0
    across = np.where(turns & (places > 0), -1, 1).prod(axis=1)
    sign = np.where(number > other, across, np.where(number == other, (1 + across) // 2, 1))
    sign = np.where(number == 0, 0, sign)  # no site is paired with itself
    nearest = np.minimum(number, other)
    kinds = np.unique(nearest[sign != 0])
    kind = np.minimum(np.searchsorted(kinds, nearest), len(kinds) - 1)
    apart = shifts(size)
    back = places[None] < places[:, None]  # [i, j]: from i to j across the boundary
    return Pairing(
        kind=kind[apart],
        sign=sign[apart] * np.where(back & turns, -1, 1).prod(axis=-1),
        displacement=places[kinds],
        momenta=2 * np.pi * (places + turns / 2) / lengths,
    )


def _boundaries(size: tuple[int, ...]) -> np.ndarray:
    """Directions along which electrons change sign on their way around, (directions,) bool: as few as leave
    no momentum at which Δ / (ξ + √(ξ² + Δ²)) is not defined, of those under which translations leave ψ as it is."""
    lengths, sites = np.array(size), prod(size)
    needed = (lengths % 2 == 0) & (sites // lengths % 2 == 1)
    places = np.indices(size).reshape(len(size), -1).T

    def lowest(turns):
        hopping, gap = _bands(2 * np.pi * (places + np.array(turns) / 2) / lengths)
        return (hopping + np.hypot(hopping, gap)).min()

    every = [t for t in product((False, True), repeat=len(size)) if (t >= needed).all()]
    every.sort(key=sum)
    return np.array(next((t for t in every if lowest(t) > 1e-6), max(every, key=lowest)))


def _bands(momenta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """ξ = −2 Σ cos k and Δ = 2 Σ ± cos k, with other signs from one direction to the next."""
    cosine = 2 * np.cos(momenta)
    return -cosine.sum(axis=1), cosine @ (-1) ** np.arange(momenta.shape[1])


def _superconducting(pairing: Pairing) -> Callable:
    """The first function begins as Σ_k cos(k r) Δ / (ξ + √(ξ² + Δ²)), all with something at random."""

    def begin(key, pairs, dtype):
        hopping, gap = _bands(pairing.momenta)
        weight = gap / np.maximum(hopping + np.hypot(hopping, gap), 1e-3)
        found = np.cos(pairing.displacement @ pairing.momenta.T) @ weight
        found = found / np.abs(found).max()
        size = jnp.where(jnp.arange(pairs) == 0, 0.02, 0.1)[:, None]
        noise = size * jax.random.normal(key, (pairs, len(found)))
        return noise.at[0].add(found).astype(dtype)

    return begin


def _first_and_some(key, shape, dtype):
    """1 of the first function, and other numbers of all others."""
    return (0.25 * jax.random.normal(key, shape)).at[0].set(1.0).astype(dtype)
