"""Translation-invariant states of periodic lattices, even under flipping all spins."""

from math import prod

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array


def shifts(size: tuple[int, ...]) -> np.ndarray:
    """Site i seen from site t, (sites, sites) as [t, i]: where i lies once t is the origin."""
    places = np.indices(size).reshape(len(size), -1).T
    apart = (places[None] - places[:, None]) % np.array(size)
    return np.ravel_multi_index(tuple(np.moveaxis(apart, -1, 0)), size)


class RBMSymmetric(nn.Module):
    """ψ(σ) = ∏_{f,t} 2 cosh(Σ_i W_f(i − t) z_i), z = 1 − 2σ, real and positive; unnormalised.

    One filter for each feature, moved over all translations t of a periodic lattice;
    without biases ψ is even under a flip of all spins.
    Carleo and Troyer, Science 355, 602 (2017), Appendix D.

    size: lengths of the lattice; a chain where left out.
    """

    sites: int
    size: tuple[int, ...] = ()
    features: int = 8
    param_dtype: type = jnp.float64

    real = True

    @nn.compact
    def __call__(self, bits: Array) -> Array:
        """log ψ of each row of bits, (…, sites) → (…), complex."""
        z = 1 - 2 * bits.astype(self.param_dtype)
        small = nn.initializers.normal(0.03)
        filters = self.param("filters", small, (self.features, self.sites), self.param_dtype)
        log_psi = _log_cosh(_moved(z, filters, _size(self))).sum((-2, -1))
        return log_psi + 0j


class Conv(nn.Module):
    """Two layers of circular convolutions as wide as the lattice, real; unnormalised.

    A = log cosh(W * z), B = V * A + b. Positive: ψ = ∏ cosh B. Signed: ψ = Re ∏ (1 + B + iC)
    with C = V' * A + b'. A product of real factors would be a square, and never negative, on
    configurations that a translation maps to themselves; its real part passes through zero there.
    z enters through an even function, so ψ is even under a flip of all spins.

    size: lengths of the lattice; a chain where left out.
    """

    sites: int
    size: tuple[int, ...] = ()
    features: int = 6
    signed: bool = False
    param_dtype: type = jnp.float64

    real = True

    @nn.compact
    def __call__(self, bits: Array) -> Array:
        """log ψ of each row of bits, (…, sites) → (…), complex."""
        z = 1 - 2 * bits.astype(self.param_dtype)
        f, n, dtype, size = self.features, self.sites, self.param_dtype, _size(self)
        first = self.param("first", nn.initializers.normal(0.5 / n**0.5), (f, n), dtype)
        even = _log_cosh(_moved(z, first, size)).reshape(*bits.shape[:-1], f * n)
        maps = 2 * f if self.signed else f
        small = nn.initializers.normal(0.3 / (f * n) ** 0.5)
        kernel = self.param("second", small, (maps, f, n), dtype)
        bias = self.param("bias", nn.initializers.normal(0.1), (maps,), dtype)
        full = jnp.moveaxis(kernel[:, :, shifts(size)], 2, 1)  # (to, t, from, i)
        field = (even @ full.reshape(maps * n, f * n).T).reshape(*even.shape[:-1], maps, n)
        field = field + bias[:, None]
        if not self.signed:
            return _log_cosh(field).sum((-2, -1)) + 0j
        real, imaginary = 1 + field[..., :f, :], field[..., f:, :]
        log_size = jnp.log(real**2 + imaginary**2).sum((-2, -1)) / 2
        cosine = jnp.cos(jnp.arctan2(imaginary, real).sum((-2, -1)))
        return log_size + jnp.log(jnp.abs(cosine)) + 1j * jnp.pi * (cosine < 0)


def _size(module) -> tuple[int, ...]:
    size = module.size or (module.sites,)
    if prod(size) != module.sites:
        raise ValueError(f"a lattice of size {list(size)} has no {module.sites} sites.")
    return size


def _moved(z: Array, filters: Array, size: tuple[int, ...]) -> Array:
    """Overlap of z (…, sites) with every filter at every place, (…, features, sites)."""
    features, sites = filters.shape
    everywhere = filters[:, shifts(size)].reshape(features * sites, sites)
    return (z @ everywhere.T).reshape(*z.shape[:-1], features, sites)


def _log_cosh(x: Array) -> Array:
    """log(cosh x) without overflow."""
    x = jnp.abs(x)
    return x + jnp.log1p(jnp.exp(-2 * x)) - np.log(2).astype(x.dtype)
