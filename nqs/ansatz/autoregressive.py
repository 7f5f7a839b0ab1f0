"""Normalised states built site by site: ψ(σ) = ∏ √p(σ_n | σ_<n) · exp(i φ_n)."""

from abc import abstractmethod
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

_DOUBLED_SITES = 5
"""Sites at the end that `all_log_psi` doubles rather than loops over: fewer compile faster."""


class NextBit(NamedTuple):
    """What a state expects of the next bit, given those behind it.

    log_odds: log p(1)/p(0), (batch,); infinite where one outcome alone is possible.
    phases: of outcome 0 and of outcome 1, each (batch,).
    """

    log_odds: Array
    phases: tuple[Array, Array]

    def log_modulus(self, bit: Any) -> Array:
        """½ log p of the bit, of that outcome alone: it is most of the work for few units."""
        return -0.5 * jax.nn.softplus(jnp.where(bit == 1, -self.log_odds, self.log_odds))

    def phase(self, bit: Any) -> Array:
        zero, one = self.phases
        return jnp.where(bit == 1, one, zero)


class Autoregressive(nn.Module):
    """A state whose conditionals are known, so that its samples are exact.

    A subclass says what it remembers of the sites behind it (`start`, `advance`)
    and what it expects of the next one (`next_bit`). Everything else,
    log ψ of given bits, of all bits at once, and what NetKet's direct sampler
    asks for, follows here. Bits are 0 and 1; |ψ|² sums to one.

    Hibat-Allah et al., Phys. Rev. Research 2, 023358 (2020).
    """

    sites: int

    @abstractmethod
    def start(self, batch: int) -> Any:
        """Memory before the first site, each leaf of shape (batch, …)."""

    @abstractmethod
    def next_bit(self, memory: Any, site: Any) -> NextBit:
        """Odds and phases of the outcomes at the next site."""

    @abstractmethod
    def advance(self, memory: Any, bit: Array, site: Any) -> Any:
        """Memory once `bit` (batch,) has been seen at `site`."""

    def __call__(self, bits: Array) -> Array:
        """log ψ of each row of bits, (…, sites) → (…), complex."""
        rows = bits.reshape(-1, self.sites).astype(jnp.int32)
        _, log_modulus, phase = self._read(self._unread(rows.shape[0]), rows, 0)
        return (log_modulus + 1j * phase).reshape(bits.shape[:-1])

    def all_log_psi(self) -> Array:
        """log ψ of every basis state in index order, (2**sites,).

        States with a common beginning share its evaluation, so the whole vector
        costs two to three cell evaluations an entry instead of one per site. The
        first sites are read in a loop, which repeats itself on few rows and keeps
        the program short; the last ones double the rows, site by site.
        """
        looped = max(self.sites - _DOUBLED_SITES, 0)
        beginnings = jnp.asarray(np.indices((2,) * looped).reshape(looped, 2**looped).T)
        memory, log_modulus, phase = self._read(self._unread(2**looped), beginnings, 0)
        for site in range(looped, self.sites):
            expected, both = self.next_bit(memory, site), jnp.tile(jnp.arange(2), 2**site)
            expected = jax.tree.map(_twice, expected)
            log_modulus = _twice(log_modulus) + expected.log_modulus(both)
            phase = _twice(phase) + expected.phase(both)
            if site + 1 < self.sites:
                memory = self.advance(jax.tree.map(_twice, memory), both, site)
        return log_modulus + 1j * phase

    def flipped_log_psi(self, bits: Array, flips: Array, joined: Sequence[int]) -> Array:
        """log ψ of bits (batch, sites) and of bits ⊕ flips_g for every g, (1 + groups, batch).

        flips: (groups, sites) bool, by their first site. joined: how many of them begin
        before the end of each block of sites; all blocks but the last are equally long. A
        flipped row is read from the block of its first flip on, and shares what
        comes before with the row it came from, which halves the work.
        """
        batch, sites = bits.shape
        length = -(-sites // len(joined))
        flips = jnp.concatenate([jnp.zeros((1, sites), bool), flips])
        carry, present = self._unread(batch), 1
        for block, groups in enumerate(joined):
            first, stop = block * length, min((block + 1) * length, sites)
            joining = partial(_with_first, batch=batch, times=1 + groups - present)
            carry, present = jax.tree.map(joining, carry), 1 + groups
            rows = bits[None, :, first:stop].astype(jnp.int32) ^ flips[:present, None, first:stop]
            carry = self._read(carry, rows.reshape(present * batch, stop - first), first)
        _, log_modulus, phase = carry
        return (log_modulus + 1j * phase).reshape(present, batch)

    def tree_log_psi(self, tree: Sequence[tuple[Array, Array]]) -> Array:
        """log ψ of strings with common beginnings, (leaves,), each beginning read once.

        tree: blocks of sites in order, each as (parents, bits): the node of the block before
        that each node continues, (nodes,), and the bits it continues with, (nodes, sites
        read). The nodes of the last block are the leaves.
        """
        carry, first = self._unread(1), 0
        for parents, bits in tree:
            carry = jax.tree.map(lambda rows, above=parents: rows[above], carry)
            carry = self._read(carry, bits.astype(jnp.int32), first)
            first += bits.shape[1]
        _, log_modulus, phase = carry
        return log_modulus + 1j * phase

    def _unread(self, batch: int) -> tuple[Any, Array, Array]:
        """Memory, log |ψ| and phase before the first bit."""
        memory = self.start(batch)
        zero = jnp.zeros_like(self.next_bit(memory, 0).log_odds)
        return memory, zero, zero

    def _read(self, carry: Any, rows: Array, first: int) -> tuple[Any, Array, Array]:
        """Memory, log |ψ| and phase after reading on from site `first`, rows (batch, sites read)."""

        def visit(carry, site_and_bit):
            memory, log_modulus, phase = carry
            site, bit = site_and_bit
            expected = self.next_bit(memory, site)
            log_modulus += expected.log_modulus(bit)
            phase += expected.phase(bit)
            return (self.advance(memory, bit, site), log_modulus, phase), None

        steps = (first + jnp.arange(rows.shape[1]), rows.T)
        return jax.lax.scan(visit, carry, steps)[0]

    # What nk.sampler.ARDirectSampler asks for

    def conditional(self, bits: Array, index: Any) -> Array:
        """p(σ_index | bits before it), (batch, 2); the memory lives in "cache"."""
        before = self.start(bits.shape[0])
        remembered = self.get_variable("cache", "memory", before)
        seen = bits[:, jnp.maximum(index - 1, 0)].astype(jnp.int32)
        after = self.advance(remembered, seen, jnp.maximum(index - 1, 0))
        memory = jax.tree.map(lambda b, a: jnp.where(index > 0, a, b), before, after)
        self.put_variable("cache", "memory", memory)
        log_odds = self.next_bit(memory, index).log_odds
        return jax.nn.sigmoid(jnp.stack([-log_odds, log_odds], axis=1))

    def reorder(self, indices: Array) -> Array:
        """Sites are visited in their own order."""
        return indices


def _with_first(rows: Array, batch: int, times: int) -> Array:
    """Rows, and the first `batch` of them `times` more at the end."""
    first = jnp.broadcast_to(rows[None, :batch], (times, batch, *rows.shape[1:]))
    return jnp.concatenate([rows, first.reshape(-1, *rows.shape[1:])])


def _twice(rows: Array) -> Array:
    """Every row two times in a row, (batch, …) → (2 batch, …)."""
    pairs = jnp.broadcast_to(rows[:, None], (rows.shape[0], 2, *rows.shape[1:]))
    return pairs.reshape(-1, *rows.shape[1:])
