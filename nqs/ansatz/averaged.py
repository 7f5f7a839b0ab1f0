"""States that symmetries leave as they are, by averaging the |ψ|² of one that they do not."""

from collections.abc import Sequence
from functools import cached_property
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from nqs.ansatz.autoregressive import Autoregressive, Normalised
from nqs.groups import point_group, shifts


class Averaged(Normalised):
    """|ψ(σ)|² = mean over g of |φ(gσ)|², with the phase of Σ_g e^{i arg φ(gσ)}; normalised as φ is.

    A sample is one of φ, moved by a g that is drawn beside it.
    Hibat-Allah, Melko and Carrasquilla, arXiv:2207.14314.

    inner: φ, with `ones` bits 1 in each part if it has a sector. average: any of flip (of all spins),
    translations and point, for its rotations and reflections, of an array of these `lengths`. rotated:
    sites of a Marshall sign, which multiplies what is averaged.
    """

    inner: Autoregressive
    average: tuple[str, ...] = ()
    lengths: tuple[int, ...] = ()
    rotated: tuple[int, ...] = ()

    @property
    def real(self) -> bool:
        return getattr(self.inner, "real", False)

    @property
    def ones(self) -> tuple[int, ...] | None:
        return getattr(self.inner, "ones", None)

    @cached_property
    def moves(self) -> np.ndarray:
        """Permutations, (moves, sites): the site whose bit comes to each place."""
        found = np.arange(self.sites)[None]
        if "point" in self.average:
            found = point_group(self.lengths)
        if "translations" in self.average:
            found = found[:, shifts(self.lengths)].reshape(-1, self.sites)
        return np.unique(found, axis=0)

    @property
    def flips(self) -> tuple[int, ...]:
        """What is added to all bits, modulo 2."""
        return (0, 1) if "flip" in self.average else (0,)

    def __call__(self, bits: Array) -> Array:
        """log ψ of each row of bits, (…, sites) → (…), complex."""
        bits = bits.astype(jnp.int32)
        moved = jnp.moveaxis(bits[..., self.moves], -2, 0)
        images = jnp.concatenate([moved ^ flip for flip in self.flips])
        return self._mean(self.inner(images)) + self._sign(bits)

    def all_log_psi(self) -> Array:
        """As of `Autoregressive`: an image of all basis states is a permutation of them."""
        bits = np.indices((2,) * self.sites).reshape(self.sites, -1).T
        place_value = 1 << np.arange(self.sites)[::-1]
        images = [
            (bits[:, move] ^ flip) @ place_value for move in self.moves for flip in self.flips
        ]
        return self._mean(self.inner.all_log_psi()[np.stack(images)]) + self._sign(
            jnp.asarray(bits)
        )

    def flipped_log_psi(self, bits: Array, flips: Array, joined: Sequence[int]) -> Array:
        """As of `Autoregressive`: what comes before a flip is shared where no site is moved."""
        flips = jnp.concatenate([jnp.zeros((1, self.sites), bool), flips])
        rows = bits.astype(jnp.int32) ^ flips[:, None]
        if len(self.moves) > 1:
            return self(rows)
        both = jnp.concatenate([bits.astype(jnp.int32) ^ flip for flip in self.flips])
        found = self.inner.flipped_log_psi(both, flips[1:], joined)
        found = found.reshape(len(flips), len(self.flips), -1).swapaxes(0, 1)
        return self._mean(found) + self._sign(rows)

    def start(self, batch: int) -> Any:
        return self.inner.start(batch)

    def draw(self, key: Array, batch: int) -> tuple[Array, Array]:
        for_inner, for_move, for_flip = jax.random.split(key, 3)
        bits, _ = self.inner.draw(for_inner, batch)
        move = jax.random.choice(for_move, jnp.asarray(self.moves), (batch,))
        bits = jnp.take_along_axis(bits.astype(jnp.int32), move, axis=1)
        flip = jax.random.choice(for_flip, jnp.asarray(self.flips), (batch, 1))
        bits = (bits ^ flip).astype(jnp.uint8)
        return bits, self(bits).real

    def _mean(self, log_phi: Array) -> Array:
        """Over the images, which come first."""
        log_modulus = jax.nn.logsumexp(2 * log_phi.real, axis=0) / 2 - np.log(len(log_phi)) / 2
        if self.real:
            return log_modulus + 0j
        mean = jnp.exp(1j * log_phi.imag).sum(axis=0)
        # the angle of what cancels has no derivative
        return log_modulus + 1j * jnp.angle(jnp.where(jnp.abs(mean) > 1e-12, mean, 1))

    def _sign(self, bits: Array) -> Any:
        if not self.rotated:
            return 0.0
        return 1j * jnp.pi * (bits[..., np.array(self.rotated)].sum(-1) % 2)


def averaged(
    inner: Any,
    sites: int,
    average: Sequence[str],
    lengths: Sequence[int] = (),
    rotated: Sequence[int] = (),
) -> Averaged:
    """The state averaged over symmetries; ValueError where the lattice is another one."""
    lengths = tuple(lengths) or (sites,)
    if prod(lengths) != sites:
        raise ValueError(
            f"a lattice of size {list(lengths)} has no {sites} sites; give ansatz.size as it is."
        )
    return Averaged(
        sites=sites,
        inner=inner,
        average=tuple(average),
        lengths=lengths,
        rotated=tuple(rotated),
    )
