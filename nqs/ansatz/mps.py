"""A matrix-product state, normalised, with exact conditionals and any product setting at one price."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from nqs.ansatz.autoregressive import Autoregressive, NextBit

_TINY = 1e-300


class MatrixProduct(Autoregressive):
    """ψ(σ) = A₀[σ₀] A₁[σ₁] ⋯ A_{N−1}[σ_{N−1}] / √Z, with open ends.

    The conditionals come from what lies to the right of each site, contracted
    once: samples are exact, and so is Z. A measurement in any product of bases
    mixes the two matrices of each site and leaves the rest as it is, so the
    amplitude of any outcome costs as much as that of a bit string.
    Ferris and Vidal, Phys. Rev. B 85, 165146 (2012); Han et al., Phys. Rev. X 8,
    031012 (2018).

    bond: size of the matrices; of 2^{N/2} every state is represented exactly.
    phase: False keeps ψ positive, √ of the probabilities of real matrices.
    """

    bond: int = 8
    phase: bool = True
    param_dtype: type = jnp.float64

    def setup(self):
        shape = (self.sites, 2, self.bond, self.bond)

        def near_uniform(key, shape, dtype):
            noise = nn.initializers.normal(0.1 / self.bond**0.5)(key, shape, dtype)
            return (jnp.eye(self.bond, dtype=dtype) + noise) / 2**0.5

        matrices: Any = self.param("matrices", near_uniform, shape, self.param_dtype)
        if self.phase:
            small = nn.initializers.normal(0.1 / self.bond**0.5)
            imaginary = self.param("matrices_imaginary", small, shape, self.param_dtype)
            matrices = matrices + 1j * imaginary
        self.matrices = matrices
        self.behind, self.log_norm = _environments(matrices)

    @property
    def real(self) -> bool:
        """Whether only log |ψ| depends on the parameters."""
        return not self.phase

    def __call__(self, bits: Array) -> Array:
        """log ψ of each row of bits, (…, sites) → (…), complex."""
        rows = jax.nn.one_hot(bits.reshape(-1, self.sites), 2, dtype=self.matrices.dtype)
        log_psi = self.log_amplitudes(rows).reshape(bits.shape[:-1])
        return log_psi if self.phase else log_psi.real + 0j

    def start(self, batch):
        first = jnp.zeros(self.bond, self.matrices.dtype).at[0].set(1)
        return jnp.broadcast_to(first, (batch, self.bond))

    def next_bit(self, memory, site):
        zero, one = self._both(memory, site)
        log_odds = jnp.log(self._weight(one, site)) - jnp.log(self._weight(zero, site))
        if not self.phase:
            return NextBit(log_odds, (jnp.zeros_like(log_odds), jnp.zeros_like(log_odds)))
        # a phase belongs to the whole string: it is known once the last matrix is in
        last = site == self.sites - 1
        return NextBit(log_odds, (_angle_where(last, zero[:, 0]), _angle_where(last, one[:, 0])))

    def advance(self, memory, bit, site):
        zero, one = self._both(memory, site)
        seen = jnp.where((bit == 1)[:, None], one, zero)
        size = jnp.sqrt(jnp.sum(jnp.abs(seen) ** 2, axis=1, keepdims=True) + _TINY)
        return seen / size

    def log_amplitudes(self, rows: Array) -> Array:
        """log ⟨outcome|ψ⟩ of product outcomes, complex (batch,), normalised.

        rows: (batch, sites, 2) ⟨outcome| of each site; (1, 0) and (0, 1) are the bits.
        Without phases it is the amplitude of the real matrices, not of their modulus: good
        for bits alone.
        """

        def visit(carry, matrices_and_row):
            vector, log_size = carry
            matrices, row = matrices_and_row
            both = jnp.einsum("bi,sij->bsj", vector, matrices)
            vector = row[:, :1] * both[:, 0] + row[:, 1:] * both[:, 1]
            square = jnp.sum(jnp.abs(vector) ** 2, axis=1) + _TINY
            return (vector / jnp.sqrt(square)[:, None], log_size + 0.5 * jnp.log(square)), None

        start = self.start(rows.shape[0]).astype(jnp.result_type(self.matrices, rows))
        # the last site ends the product in one number
        steps = (self.matrices[:-1], jnp.moveaxis(rows[:, :-1], 1, 0))
        (vector, log_size), _ = jax.lax.scan(visit, (start, jnp.zeros(rows.shape[0])), steps)
        end = jnp.einsum("bi,si,bs->b", vector, self.matrices[-1, :, :, 0], rows[:, -1])
        modulus = 0.5 * jnp.log(jnp.abs(end) ** 2 + _TINY)
        return log_size + modulus - 0.5 * self.log_norm + 1j * _angle_where(True, end)

    def log_probabilities(self, pieces: Array, every: int = 1) -> Array:
        """log ⟨ψ| E ⊗ E ⊗ ⋯ |ψ⟩ of product effects, (batch,): sums over sites that nobody looks at, or outcomes
        that are misread.

        pieces: (batch, sites / every, rows, 2) with E = Σ row† row of each site that is looked at, the first of
        `every` each time; the others are traced out.
        """
        bond, looked_at = self.bond, self.sites // every
        matrices = self.matrices.reshape(looked_at, every, 2, bond, bond)

        def visit(carry, matrices_and_rows):
            inside, log_size = carry
            (first, *others), rows = matrices_and_rows
            here = jnp.einsum("bps,sij->bpij", rows, first)
            inside = jnp.einsum("bpij,bik,bpkl->bjl", here, inside, here.conj())
            for traced in others:
                inside = jnp.einsum("sij,bik,skl->bjl", traced, inside, traced.conj())
            size = jnp.trace(inside, axis1=1, axis2=2).real + _TINY
            return (inside / size[:, None, None], log_size + jnp.log(size)), None

        vector = self.start(len(pieces)).astype(jnp.result_type(matrices, pieces))
        start = vector[:, :, None] * vector[:, None, :], jnp.zeros(len(pieces))
        steps = matrices, jnp.moveaxis(pieces, 1, 0)
        (inside, log_size), _ = jax.lax.scan(visit, start, steps)
        end = jnp.maximum(inside[:, 0, 0].real, 0) + _TINY
        return log_size + jnp.log(end) - self.log_norm

    def _both(self, memory, site):
        both = jnp.einsum("bi,sij->sbj", memory, self.matrices[site])
        return both[0], both[1]

    def _weight(self, vector, site):
        """‖ what follows a beginning ‖², (batch,), up to a factor of the site."""
        inside = jnp.einsum("bi,ij,bj->b", vector, self.behind[site], vector.conj())
        return jnp.maximum(inside.real, _TINY)


def turned(variables: Any, rows: Array) -> Any:
    """Variables of the state after a product of rotations: its bits are the outcomes of a setting.

    variables: of a MatrixProduct with phases. rows: (sites, 2, 2) ⟨outcome| of each site.
    """
    own = variables["params"]
    matrices = jnp.einsum("nos,nsij->noij", rows, own["matrices"] + 1j * own["matrices_imaginary"])
    return {"params": {"matrices": matrices.real, "matrices_imaginary": matrices.imag}}


def _environments(matrices: Array) -> tuple[Array, Array]:
    """What follows each site, Σ A A ⋯ e₀e₀† ⋯ A† A†, (sites, bond, bond) of trace 1, and log Z."""
    bond = matrices.shape[-1]
    end = jnp.zeros((bond, bond), matrices.dtype).at[0, 0].set(1)

    def absorb(carry, matrix):
        behind, log_norm = carry
        whole = jnp.einsum("sij,jk,slk->il", matrix, behind, matrix.conj())
        size = jnp.trace(whole).real
        return (whole / size, log_norm + jnp.log(size)), behind

    (first, log_norm), behind = jax.lax.scan(
        absorb, (end, jnp.zeros((), end.real.dtype)), matrices, reverse=True
    )
    return behind, log_norm + jnp.log(first[0, 0].real)


def _angle_where(condition: Any, amplitude: Array) -> Array:
    """The phase of an amplitude where it is wanted, else 0; without a gradient at 0 that is not a number."""
    wanted = condition & (amplitude != 0)
    return jnp.angle(jnp.where(wanted, amplitude, 1))
