"""States of periodic lattices that translations, and rotations and reflections if wanted, leave as they
are, and a flip of all spins as well."""

from math import prod

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from nqs.groups import point_group, shifts

_FEW = 16
"""Rows up to which a kernel meets every place by itself, and not as one large matrix."""


class Symmetric(nn.Module):
    """What all of them share; abstract.

    size: lengths of the lattice; a chain where left out. features: filters of a layer.
    point_group: whether every configuration is seen in all rotations and reflections of the lattice,
    whose contributions to log ψ are added up.
    """

    sites: int
    size: tuple[int, ...] = ()
    features: int = 8
    point_group: bool = False
    param_dtype: type = jnp.float64

    real = True

    @property
    def lengths(self) -> tuple[int, ...]:
        size = tuple(self.size) or (self.sites,)
        if prod(size) != self.sites:
            raise ValueError(f"a lattice of size {list(size)} has no {self.sites} sites.")
        return size

    @property
    def images(self) -> np.ndarray:
        """Permutations of the sites, (images, sites)."""
        return point_group(self.lengths) if self.point_group else np.arange(self.sites)[None]

    @property
    def numbers_kept(self) -> int:
        """A site, of one configuration."""
        return 4 * self.features * len(self.images)

    @property
    def numbers_differentiated(self) -> int:
        """Of one configuration, on the way to its derivatives by the kernels."""
        return self.features * len(self.images) * self.sites**2

    def seen(self, bits: Array) -> Array:
        """z = 1 − 2σ of bits (…, sites) in every image, (…, images, 1, sites)."""
        return 1 - 2 * bits.astype(self.param_dtype)[..., None, self.images].swapaxes(-3, -2)


class RBMSymmetric(Symmetric):
    """ψ(σ) = ∏_{f,t} 2 cosh(Σ_i W_f(i − t) z_i), z = 1 − 2σ, real and positive; unnormalised.

    One filter for each feature, moved over all translations t of a periodic lattice;
    without biases ψ is even under a flip of all spins.
    Carleo and Troyer, Science 355, 602 (2017), Appendix D.
    """

    @nn.compact
    def __call__(self, bits: Array) -> Array:
        """log ψ of each row of bits, (…, sites) → (…), complex."""
        small = nn.initializers.normal(0.03)
        filters = self.param("filters", small, (self.features, self.sites), self.param_dtype)
        field = convolved(self.seen(bits), filters[:, None], self.lengths)
        return _log_cosh(field).sum((-3, -2, -1)) + 0j


class Conv(Symmetric):
    """Two layers of circular convolutions as wide as the lattice, real; unnormalised.

    A = log cosh(W * z), B = V * A + b. Positive: ψ = ∏ cosh B. Signed: ψ = Re ∏ (1 + B + iC)
    with C = V' * A + b'. A product of real factors would be a square, and never negative, on
    configurations that a translation maps to themselves; its real part passes through zero there.
    z enters through an even function, so ψ is even under a flip of all spins.
    """

    features: int = 6
    signed: bool = False

    @nn.compact
    def __call__(self, bits: Array) -> Array:
        """log ψ of each row of bits, (…, sites) → (…), complex."""
        f, n, dtype, size = self.features, self.sites, self.param_dtype, self.lengths
        first = self.param("first", nn.initializers.normal(0.5 / n**0.5), (f, n), dtype)
        even = _log_cosh(convolved(self.seen(bits), first[:, None], size))
        maps = 2 * f if self.signed else f
        small = nn.initializers.normal(0.3 / (f * n) ** 0.5)
        kernel = self.param("second", small, (maps, f, n), dtype)
        bias = self.param("bias", nn.initializers.normal(0.1), (maps,), dtype)
        field = convolved(even, kernel, size) + bias[:, None]
        everywhere = (-3, -2, -1)
        if not self.signed:
            return _log_cosh(field).sum(everywhere) + 0j
        real, imaginary = 1 + field[..., :f, :], field[..., f:, :]
        log_size = jnp.log(real**2 + imaginary**2).sum(everywhere) / 2
        cosine = jnp.cos(jnp.arctan2(imaginary, real).sum(everywhere))
        return log_size + jnp.log(jnp.abs(cosine)) + 1j * jnp.pi * (cosine < 0)


def convolved(x: Array, kernel: Array, size: tuple[int, ...]) -> Array:
    """Σ_{c,i} K_fc(i − t) x_c(i) on a periodic lattice: x (…, channels, sites), kernel (maps,
    channels, sites) → (…, maps, sites)."""
    (maps, channels, sites), moved = kernel.shape, shifts(size)
    rows = x.shape[:-2]
    if prod(rows) <= _FEW:
        # the derivative of one row by the kernel would be that of the whole matrix, which is as many
        # times larger as there are sites
        around = x[..., np.argsort(moved, axis=1)]  # (…, channels, t, i − t)
        return jnp.einsum("fcd,...ctd->...ft", kernel, around)
    matrix = jnp.moveaxis(kernel[:, :, moved], 2, 1).reshape(maps * sites, channels * sites)
    return (x.reshape(*rows, channels * sites) @ matrix.T).reshape(*rows, maps, sites)


def _log_cosh(x: Array) -> Array:
    """log(cosh x) without overflow."""
    x = jnp.abs(x)
    return x + jnp.log1p(jnp.exp(-2 * x)) - np.log(2).astype(x.dtype)
