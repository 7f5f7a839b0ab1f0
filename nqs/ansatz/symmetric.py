"""States of periodic lattices that translations, and rotations and reflections if wanted, leave as they
are, and a flip of all spins as well."""

from math import prod

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from nqs.ansatz.convolution import convolved, displacements, kinds, spread
from nqs.groups import point_group


class Symmetric(nn.Module):
    """What all of them share; abstract.

    size: lengths of the lattice; a chain where left out. features: filters of a layer.
    point_group: whether every configuration is seen in all rotations and reflections of the lattice, whose
    contributions to log ψ are added up, or to ψ where that is said.
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

    @property
    def multiplications(self) -> float:
        """Of one configuration, roughly."""
        return self.features * len(self.images) * float(self.sites) ** 2

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


class Residual(Symmetric):
    """Layers of circular convolutions, each but the first added to what it reads; abstract.

    layers: at least two, the last among them. reach: farthest that a filter sees in every direction, 1 for
    filters of three sites; as far as the lattice where left out.
    Residual networks: He, Zhang, Ren and Sun, arXiv:1512.03385.
    """

    features: int = 6
    layers: int = 2
    reach: int | None = None

    @property
    def even_filters(self) -> bool:
        """Whether filters are the same at displacements r and −r."""
        return False

    def __post_init__(self):
        if self.layers < 2:
            raise ValueError(
                f"a network of convolutions has two layers or more, and its layers are {self.layers}; set "
                "ansatz.layers = 2."
            )
        super().__post_init__()

    @property
    def numbers_differentiated(self) -> int:
        return self.layers * super().numbers_differentiated

    @property
    def multiplications(self) -> float:
        return self.features * self.layers * super().multiplications

    def all_but_last(self, images: Array) -> tuple[Array, Array]:
        """The first layer's field and what the last layer reads, (…, features, sites), of images
        (…, 1, sites)."""
        field = self.filtered("first", images, self.features, 0.5 / self._window**0.5)
        even = bent(field)
        for layer in range(1, self.layers - 1):
            name = f"between_{layer}"
            width = 0.5 / self.inside**0.5
            even += bent(
                self.filtered(name, even, self.features, width) + self.bias(f"{name}_bias")
            )
        return field, even

    @property
    def inside(self) -> int:
        """Numbers that a filter of a later layer reads."""
        return self.features * self._window

    @property
    def _window(self) -> int:
        """Displacements that a filter sees."""
        return self.sites if self.reach is None else len(displacements(self.lengths, self.reach))

    def filtered(self, name: str, x: Array, maps: int, width: float) -> Array:
        """x (…, channels, sites) by filters of its own, normal of the given width at first."""
        which = kinds(self.lengths, self.reach, self.even_filters)
        shape = (maps, x.shape[-2], which.max() + 1)
        kernel = self.param(name, nn.initializers.normal(width), shape, self.param_dtype)
        if self.reach is not None or self.even_filters:
            kernel = spread(kernel, which)
        return convolved(x, kernel, self.lengths)

    def bias(self, name: str) -> Array:
        """Of every feature, (features, 1)."""
        normal = nn.initializers.normal(0.1)
        return self.param(name, normal, (self.features,), self.param_dtype)[:, None]


class Conv(Residual):
    """Layers of circular convolutions, each but the first and the last added to what it reads, real;
    unnormalised.

    A = f(W * z), then A + f(U * A + a) once for every layer between, and B = V * A + b, with
    f(x) = √(1 + x²) − 1, which is bent as log cosh x is and costs a fifth of it. Positive: log ψ = Σ f(B).
    Signed: ψ = Re ∏ (1 + B + iC) with C = V' * A + b'. A product of real factors would be a square, and
    never negative, on configurations that a translation maps to themselves; its real part passes through
    zero there. z enters through an even function, so ψ is even under a flip of all spins. Odd: C reads
    f'(W * z) in place of A, without b', so that it turns round with the spins, and ψ = Im ∏ (1 + B + iC).
    """

    signed: bool = False
    odd: bool = False

    def __post_init__(self):
        if self.odd and not self.signed:
            raise ValueError(
                "an odd state changes sign under a flip of all spins; set ansatz.signed = true beside "
                "ansatz.odd."
            )
        super().__post_init__()

    @nn.compact
    def __call__(self, bits: Array) -> Array:
        """log ψ of each row of bits, (…, sites) → (…), complex."""
        first, even = self.all_but_last(self.seen(bits))
        maps, width = self.features, 0.3 / self.inside**0.5
        field = self.filtered("second", even, maps, width) + self.bias("bias")
        everywhere = (-3, -2, -1)
        if not self.signed:
            return bent(field).sum(everywhere) + 0j
        read = first / jnp.sqrt(1 + first**2) if self.odd else even
        turning = self.filtered("turning", read, maps, width)
        if not self.odd:
            turning += self.bias("turning_bias")
        real, imaginary = (x.reshape(*x.shape[:-3], -1) for x in (1 + field, turning))
        if not self.odd:
            real, imaginary = _products(real, imaginary)
        log_size = jnp.log(real**2 + imaginary**2).sum(-1) / 2
        angles = jnp.arctan2(imaginary, real)
        angle = angles.sum(-1)
        if not self.odd:
            factor = jnp.cos(angle)
            return log_size + jnp.log(jnp.abs(factor)) + 1j * jnp.pi * (factor < 0)
        # of configurations that a translation turns all spins of, only rounding is left
        rounding = 8 * jnp.finfo(angles.dtype).eps * jnp.abs(angles).sum(-1)
        there = jnp.abs(angle) > rounding
        factor = jnp.sin(jnp.where(there, angle, 1))
        size = jnp.where(there, log_size + jnp.log(jnp.abs(factor)), -jnp.inf)
        return size + 1j * jnp.pi * (factor < 0)


def _products(real: Array, imaginary: Array) -> tuple[Array, Array]:
    """Real and imaginary parts of products of eight of the factors (…, factors) each, (…, factors / 8).

    A logarithm and an angle of every factor would take longer than all layers; more in one product might
    leave the range of single precision.
    """
    for _ in range(3):
        if real.shape[-1] % 2:
            ends = [(0, 0)] * (real.ndim - 1) + [(0, 1)]
            real = jnp.pad(real, ends, constant_values=1)
            imaginary = jnp.pad(imaginary, ends)
        (a, c), (b, d) = jnp.split(real, 2, axis=-1), jnp.split(imaginary, 2, axis=-1)
        real, imaginary = a * c - b * d, a * d + b * c
    return real, imaginary


def bent(x: Array) -> Array:
    """√(1 + x²) − 1, without cancellation."""
    square = x**2
    return square / (1 + jnp.sqrt(1 + square))


def _log_cosh(x: Array) -> Array:
    """log(cosh x) without overflow."""
    x = jnp.abs(x)
    return x + jnp.log1p(jnp.exp(-2 * x)) - np.log(2).astype(x.dtype)
