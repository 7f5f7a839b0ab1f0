"""States of periodic lattices that translations, and rotations and reflections if wanted, leave as they
are, and a flip of all spins as well."""

from math import prod

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from nqs.ansatz.convolution import convolved, displacements, spread
from nqs.groups import point_group


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
        return 4 * self.features * (self.features + len(self.images)) * self.sites

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
    """Layers of circular convolutions, each but the first and the last added to what it reads, real;
    unnormalised.

    A = f(W * z), then A + f(U * A + a) once for every layer between, and B = V * A + b, with
    f(x) = √(1 + x²) − 1, which is bent as log cosh x is and costs a fifth of it. Positive: log ψ = Σ f(B).
    Signed: ψ = Re ∏ (1 + B + iC) with C = V' * A + b'. A product of real factors would be a square, and
    never negative, on configurations that a translation maps to themselves; its real part passes through
    zero there. z enters through an even function, so ψ is even under a flip of all spins.

    layers: at least two. reach: farthest that a filter sees in every direction, 1 for filters of three
    sites; as far as the lattice where left out.
    Residual networks: He, Zhang, Ren and Sun, arXiv:1512.03385.
    """

    features: int = 6
    signed: bool = False
    layers: int = 2
    reach: int | None = None

    def __post_init__(self):
        if self.layers < 2:
            raise ValueError(
                f"a convolutional state has two layers or more, and its layers are {self.layers}; "
                "of one choose 'rbm-symmetric'."
            )
        super().__post_init__()

    @property
    def numbers_differentiated(self) -> int:
        return self.layers * super().numbers_differentiated

    @nn.compact
    def __call__(self, bits: Array) -> Array:
        """log ψ of each row of bits, (…, sites) → (…), complex."""
        f, window = self.features, self._window
        normal = nn.initializers.normal
        even = _bent(self._layer("first", self.seen(bits), f, 0.5 / window**0.5))
        for layer in range(1, self.layers - 1):
            field = self._layer(f"between_{layer}", even, f, 0.5 / (f * window) ** 0.5)
            bias = self.param(f"between_{layer}_bias", normal(0.1), (f,), self.param_dtype)
            even += _bent(field + bias[:, None])
        maps = 2 * f if self.signed else f
        field = self._layer("second", even, maps, 0.3 / (f * window) ** 0.5)
        field += self.param("bias", normal(0.1), (maps,), self.param_dtype)[:, None]
        everywhere = (-3, -2, -1)
        if not self.signed:
            return _bent(field).sum(everywhere) + 0j
        real, imaginary = 1 + field[..., :f, :], field[..., f:, :]
        log_size = jnp.log(real**2 + imaginary**2).sum(everywhere) / 2
        cosine = jnp.cos(jnp.arctan2(imaginary, real).sum(everywhere))
        return log_size + jnp.log(jnp.abs(cosine)) + 1j * jnp.pi * (cosine < 0)

    @property
    def _window(self) -> int:
        """Displacements that a filter has numbers for."""
        return self.sites if self.reach is None else len(displacements(self.lengths, self.reach))

    def _layer(self, name: str, x: Array, maps: int, width: float) -> Array:
        """x (…, channels, sites) by filters of its own, normal of the given width at first."""
        shape = (maps, x.shape[-2], self._window)
        kernel = self.param(name, nn.initializers.normal(width), shape, self.param_dtype)
        if self.reach is not None:
            kernel = spread(kernel, self.lengths, self.reach)
        return convolved(x, kernel, self.lengths)


def _bent(x: Array) -> Array:
    """√(1 + x²) − 1, without cancellation."""
    square = x**2
    return square / (1 + jnp.sqrt(1 + square))


def _log_cosh(x: Array) -> Array:
    """log(cosh x) without overflow."""
    x = jnp.abs(x)
    return x + jnp.log1p(jnp.exp(-2 * x)) - np.log(2).astype(x.dtype)
