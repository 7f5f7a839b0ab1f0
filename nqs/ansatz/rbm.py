"""Restricted Boltzmann machines: visible bits, one layer of hidden units, no ties within a layer."""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array


class Energy(nn.Module):
    """log Σ_h exp(b·v + h·(W v + c)) = b·v + Σ_j log(1 + exp(W_j·v + c_j)), real, (…,)."""

    sites: int
    hidden: int
    scale: float = 0.1
    param_dtype: type = jnp.float64

    def setup(self):
        small, zeros = nn.initializers.normal(self.scale), nn.initializers.zeros
        self.weights = self.param("weights", small, (self.hidden, self.sites), self.param_dtype)
        self.visible_bias = self.param("visible_bias", zeros, (self.sites,), self.param_dtype)
        self.hidden_bias = self.param("hidden_bias", zeros, (self.hidden,), self.param_dtype)

    def __call__(self, bits: Array) -> Array:
        v = bits.astype(self.param_dtype)
        return v @ self.visible_bias + jax.nn.softplus(self.hidden_field(v)).sum(-1)

    def hidden_field(self, v: Array) -> Array:
        """W v + c: log-odds of each hidden unit being on, (…, hidden)."""
        return v @ self.weights.T + self.hidden_bias

    def visible_field(self, h: Array) -> Array:
        """Wᵀ h + b: log-odds of each visible bit being 1, (…, sites)."""
        return h @ self.weights + self.visible_bias


class RBMPositive(nn.Module):
    """ψ(σ) = √p(σ), p the marginal of a Boltzmann machine; unnormalised.

    Torlai et al., Nat. Phys. 14, 447 (2018), without the phase network.
    """

    sites: int
    hidden: int | None = None

    real = True

    def setup(self):
        self.amplitude = Energy(self.sites, self.hidden or self.sites)

    def __call__(self, bits: Array) -> Array:
        """log ψ of each row of bits, (…, sites) → (…), complex."""
        return 0.5 * self.amplitude(bits) + 0j

    def hidden_field(self, bits: Array) -> Array:
        return self.amplitude.hidden_field(bits)

    def visible_field(self, hidden: Array) -> Array:
        return self.amplitude.visible_field(hidden)


class RBMPhase(nn.Module):
    """ψ(σ) = √p(σ) · exp(i φ(σ)), each from a machine of its own; unnormalised.

    φ = ½ log of the second marginal [Torlai et al., Nat. Phys. 14, 447 (2018), eq. 4].
    """

    sites: int
    hidden: int | None = None

    def setup(self):
        self.amplitude = Energy(self.sites, self.hidden or self.sites)
        self.phase = Energy(self.sites, self.hidden or self.sites)

    def __call__(self, bits: Array) -> Array:
        """log ψ of each row of bits, (…, sites) → (…), complex."""
        return 0.5 * (self.amplitude(bits) + 1j * self.phase(bits))

    def hidden_field(self, bits: Array) -> Array:
        return self.amplitude.hidden_field(bits)

    def visible_field(self, hidden: Array) -> Array:
        return self.amplitude.visible_field(hidden)


class RBMComplex(nn.Module):
    """ψ(σ) = exp(a·z) ∏_j 2 cosh(W_j·z + b_j), z = 1 − 2σ, complex weights; unnormalised.

    Real and imaginary parts are kept as two real arrays, so that every optimiser
    and file sees real numbers. Carleo and Troyer, Science 355, 602 (2017), eq. 2.
    """

    sites: int
    hidden: int | None = None
    param_dtype: type = jnp.float64

    @nn.compact
    def __call__(self, bits: Array) -> Array:
        """log ψ of each row of bits, (…, sites) → (…), complex."""
        hidden = self.hidden or self.sites

        def parameter(name, shape):
            parts = (
                self.param(f"{name}_{part}", nn.initializers.normal(0.1), shape, self.param_dtype)
                for part in ("real", "imaginary")
            )
            real, imaginary = parts
            return real + 1j * imaginary

        z = 1 - 2 * bits.astype(self.param_dtype)
        field = z @ parameter("weights", (self.sites, hidden)) + parameter("hidden_bias", (hidden,))
        return z @ parameter("visible_bias", (self.sites,)) + _log_2cosh(field).sum(-1)


def _log_2cosh(x: Array) -> Array:
    """log(2 cosh x) of complex x without overflow: even in x, so take Re x ≥ 0.

    Real and imaginary part apart, so that chains, which want ln |ψ| alone, pay for one of them.
    """
    size, turn = jnp.abs(x.real), jnp.where(x.real < 0, -x.imag, x.imag)
    small = jnp.exp(-2 * size)
    real = size + 0.5 * jnp.log1p(small * (small + 2 * jnp.cos(2 * turn)))
    imaginary = jnp.arctan2(-small * jnp.sin(2 * turn), 1 + small * jnp.cos(2 * turn))
    return jax.lax.complex(real, turn + imaginary)
