"""Mixed states ρ = Σ_k |φ_k⟩⟨φ_k|, positive whatever their parameters are, and what noise makes of others."""

from abc import abstractmethod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from nqs.ansatz.accompanied import Accompanied, spread
from nqs.ansatz.autoregressive import Normalised
from nqs.ansatz.mps import MatrixProduct
from nqs.ansatz.rbm import Energy
from nqs.ansatz.recurrent import Gated, Recurrent
from nqs.config.menu import SUMMED_ANCILLAS, refuse_many_ancillas


class Density(nn.Module):
    """A mixed state Σ_k |φ_k⟩⟨φ_k| / Σ_k ⟨φ_k|φ_k⟩: positive and of unit trace; abstract.

    It may carry a part of white noise, and readout errors of its own: see `white_noise`, `confusion`.
    """

    sites: int

    @abstractmethod
    def all_amplitudes(self) -> Array:
        """φ_k(σ) of every basis state in index order, (2**sites, rank) complex, of any norm."""

    def white_noise(self) -> Array | None:
        """s of ρ → (1 − s) ρ + s 1/2^N; None where there is no such part."""
        return None

    def confusion(self) -> Array | None:
        """P(read r | true t), (sites, 2, 2) as [site, r, t]; None where nothing is misread."""
        return None

    def __call__(self, bits: Array) -> Array:
        """log ⟨σ|ρ|σ⟩ of each row of bits, (…, sites) → (…), real, of no norm and before any noise."""
        weights = 2 ** np.arange(self.sites - 1, -1, -1)
        diagonal = jnp.sum(jnp.abs(self.all_amplitudes()) ** 2, axis=1)
        return jnp.log(diagonal)[bits.astype(jnp.int32) @ weights]


class LowRank(Density):
    """All 2^N amplitudes of `rank` vectors, free: every state of that rank, and no other.

    Burer and Monteiro, Math. Program. 95, 329 (2003).
    """

    rank: int = 2

    def setup(self):
        normal, shape = nn.initializers.normal(1.0), (2**self.sites, self.rank)
        self.real_part = self.param("real_part", normal, shape)
        self.imaginary_part = self.param("imaginary_part", normal, shape)

    def all_amplitudes(self) -> Array:
        return self.real_part + 1j * self.imaginary_part


class Purified(Density):
    """What is left of a normalised pure state of the sites and of ancillas beside them, once those are traced
    out: ρ(σ, σ') = Σ_a ψ(σ, a) ψ*(σ', a); abstract. Its parameters are those of ψ, under "whole"."""

    @abstractmethod
    def purifying(self) -> Normalised:
        """ψ."""

    @property
    @abstractmethod
    def kept(self) -> tuple[int, ...]:
        """Places of the sites among those of ψ, in order; the others are ancillas."""

    def setup(self):
        self.whole = self.purifying()

    def all_amplitudes(self) -> Array:
        psi = jnp.exp(self.whole.all_log_psi()).reshape((2,) * self.whole.sites)
        return jnp.moveaxis(psi, self.kept, range(self.sites)).reshape(2**self.sites, -1)


class Purification(Purified):
    """A mixed state of rank 2^ancillas at most, from a recurrent state that reads the ancillas last; of more of them
    than are summed over, one that reads each behind a site.

    Torlai and Melko, Phys. Rev. Lett. 120, 240503 (2018), with another ψ.
    """

    ancillas: int = 2
    hidden: int = 16
    site_dependent: bool = False
    param_dtype: type = jnp.float64

    @nn.nowrap
    def purifying(self) -> Gated:
        refuse_many_ancillas("purification", self.ancillas, self.sites)
        # the last sites, and ancillas, are no sites like the others: a cell that knows where it is tells them apart
        options: Any = {
            "sites": self.sites + self.ancillas,
            "hidden": self.hidden,
            "site_dependent": self.site_dependent,
            "ends": not self.site_dependent,
            "param_dtype": self.param_dtype,
        }
        if self.ancillas > SUMMED_ANCILLAS:
            return Accompanied(kept=self.kept, **options)
        return Recurrent(**options)

    @property
    def kept(self) -> tuple[int, ...]:
        if self.ancillas > SUMMED_ANCILLAS:
            return spread(self.sites, self.ancillas)
        return tuple(range(self.sites))

    def __call__(self, bits: Array) -> Array:
        rows = bits.reshape(-1, self.sites)
        if self.ancillas > SUMMED_ANCILLAS:
            if not self.is_initializing():
                raise ValueError(
                    f"⟨σ|ρ|σ⟩ sums over 2^{self.ancillas} strings of ancillas; `nqs.state.reading` estimates it."
                )
            places = np.array(self.kept)
            whole = jnp.zeros((len(rows), self.whole.sites), bits.dtype).at[:, places].set(rows)
            return 2 * self.whole(whole).real.reshape(bits.shape[:-1])
        each = jnp.zeros(len(rows), jnp.int32), rows
        both = self.whole.tree_log_psi([each]).reshape(len(rows), -1)
        return jax.nn.logsumexp(2 * both.real, axis=1).reshape(bits.shape[:-1])


class LocallyPurified(Purified):
    """A matrix-product state in which an ancilla follows every site: noise that acts on single sites, and
    mixtures of few matrix-product states, need small matrices.

    Verstraete, García-Ripoll and Cirac, Phys. Rev. Lett. 93, 207204 (2004); Werner et al., Phys. Rev. Lett. 116,
    237201 (2016).
    """

    bond: int = 4

    @nn.nowrap
    def purifying(self) -> MatrixProduct:
        return MatrixProduct(sites=2 * self.sites, bond=self.bond)

    @property
    def kept(self) -> tuple[int, ...]:
        return tuple(range(0, 2 * self.sites, 2))

    def __call__(self, bits: Array) -> Array:
        rows = jax.nn.one_hot(bits.reshape(-1, self.sites), 2)[:, :, None]
        return self.whole.log_probabilities(rows, 2).reshape(bits.shape[:-1])


class DensityRBM(Density):
    """A purified pair of Boltzmann machines: ψ(σ, a) = √p_λ(σ, a) exp(i log p_μ(σ, a) / 2), with
    log p(σ, a) = E(σ) + a · (d + U σ), E that of hidden units alone; ρ sums over all ancillas a.

    Torlai and Melko, Phys. Rev. Lett. 120, 240503 (2018). A bias d of the phase would change nothing.
    """

    ancillas: int = 2
    hidden: int | None = None

    def setup(self):
        refuse_many_ancillas("density-rbm", self.ancillas, self.sites)
        small, zeros = nn.initializers.normal(0.1), nn.initializers.zeros
        shape = (self.ancillas, self.sites)
        self.amplitude = Energy(self.sites, self.hidden or self.sites)
        self.phase = Energy(self.sites, self.hidden or self.sites)
        self.amplitude_weights = self.param("amplitude_weights", small, shape)
        self.phase_weights = self.param("phase_weights", small, shape)
        self.ancilla_bias = self.param("ancilla_bias", zeros, (self.ancillas,))

    def all_amplitudes(self) -> Array:
        bits, ancillas = _bits(self.sites), _bits(self.ancillas)
        modulus = self.amplitude(bits)[:, None]
        modulus += (self.ancilla_bias + bits @ self.amplitude_weights.T) @ ancillas.T
        angle = self.phase(bits)[:, None] + bits @ self.phase_weights.T @ ancillas.T
        modulus -= jax.lax.stop_gradient(modulus.max())
        return jnp.exp(0.5 * (modulus + 1j * angle))


class Noisy(Density):
    """Another state, pure or mixed, with white noise or errors of its readout beside it, both learnt.

    inner: the state. white: whether a part of white noise is added. readout: whether every site is misread
    with probabilities P(1 | 0) and P(0 | 1) of its own. Both begin at `_FIRST`.
    """

    inner: Any = None
    white: bool = False
    readout: bool = False

    def setup(self):
        if self.white:
            self.noise = self.param("noise", _begun, ())
        if self.readout:
            self.misread = self.param("misread", _begun, (self.sites, 2))

    def __call__(self, bits: Array) -> Array:
        said = self.inner(bits)
        return said if isinstance(self.inner, Density) else 2 * said.real

    def all_amplitudes(self) -> Array:
        if isinstance(self.inner, Density):
            return self.inner.all_amplitudes()
        if isinstance(self.inner, Normalised):
            log_psi = self.inner.all_log_psi()
        else:
            log_psi = self.inner(_bits(self.sites).astype(jnp.int32))
        largest = jax.lax.stop_gradient(log_psi.real.max())
        return jnp.exp(log_psi - largest)[:, None].astype(complex)

    def white_noise(self) -> Array | None:
        return jax.nn.sigmoid(self.noise) if self.white else None

    def confusion(self) -> Array | None:
        if not self.readout:
            return None
        up, down = jax.nn.sigmoid(self.misread).T  # P(1 | 0), P(0 | 1)
        return jnp.stack([jnp.stack([1 - up, down], 1), jnp.stack([up, 1 - down], 1)], 1)


_FIRST = 0.02
"""Noise at the start: begun at nothing, it would stay there."""


def _begun(key, shape):
    return jnp.full(shape, jnp.log(_FIRST / (1 - _FIRST)))


def _bits(sites: int) -> Array:
    """Every basis state in index order, (2**sites, sites)."""
    index = np.arange(2**sites)[:, None] >> np.arange(sites - 1, -1, -1)
    return jnp.asarray(index & 1, jnp.result_type(float))
