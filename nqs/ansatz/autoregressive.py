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

_PAIRS = {"cpu": 2**15}
_OTHER_PAIRS = 2**24
"""Pairs of places, of all rows that are read together: more would leave the cache of a core, and
take twice as long; a graphics card wants many."""


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


class Places(NamedTuple):
    """Where bits are expected: the nodes of a tree of bits, each after the one it continues.

    site: (places,) of the bit that is expected. before: (places,) place of the site before,
    its own at site 0.
    """

    site: np.ndarray
    before: np.ndarray

    @property
    def behind(self) -> np.ndarray:
        """(places, places) bool: which places lead to each, itself among them."""
        found = np.eye(len(self.site), dtype=bool)
        for place, before in enumerate(self.before):
            found[place] |= found[before]
        return found


class Normalised(nn.Module):
    """A state with Σ |ψ|² = 1 whose samples are exact; abstract."""

    sites: int

    @abstractmethod
    def start(self, batch: int) -> Any:
        """What is remembered while a batch is drawn, each leaf of shape (batch, …)."""

    @abstractmethod
    def draw(self, key: Array, batch: int) -> tuple[Array, Array]:
        """Bits (batch, sites) uint8 distributed as |ψ|², and log |ψ| of each, (batch,)."""

    @abstractmethod
    def all_log_psi(self) -> Array:
        """log ψ of every basis state in index order, (2**sites,)."""


class Autoregressive(Normalised):
    """A state whose conditionals are known, so that its samples are exact.

    A subclass says what it remembers of the sites behind it (`start`, `advance`)
    and what it expects of the next one (`next_bit`). Everything else,
    log ψ of given bits, of all bits at once, and what NetKet's direct sampler
    asks for, follows here. One that can tell of all sites at once says so
    (`at_once`, `expected`). Bits are 0 and 1; |ψ|² sums to one.

    Hibat-Allah et al., Phys. Rev. Research 2, 023358 (2020).
    """

    @abstractmethod
    def start(self, batch: int) -> Any:
        """Memory before the first site, each leaf of shape (batch, …)."""

    @abstractmethod
    def next_bit(self, memory: Any, site: Any) -> NextBit:
        """Odds and phases of the outcomes at the next site."""

    @abstractmethod
    def advance(self, memory: Any, bit: Array, site: Any) -> Any:
        """Memory once `bit` (batch,) has been seen at `site`."""

    @property
    def at_once(self) -> bool:
        """Whether all sites are read together, by `expected`, where their bits are given."""
        return False

    def expected(self, last: Array, places: Places) -> NextBit:
        """As `next_bit` at every place of a tree, (places,); last: the bit before each, 0 at site 0."""
        raise NotImplementedError

    def __call__(self, bits: Array) -> Array:
        """log ψ of each row of bits, (…, sites) → (…), complex."""
        rows = bits.reshape(-1, self.sites).astype(jnp.int32)
        if self.at_once:
            return self._together(rows, 0).reshape(bits.shape[:-1])
        _, log_modulus, phase = self._read(self._unread(rows.shape[0]), rows, 0)
        return (log_modulus + 1j * phase).reshape(bits.shape[:-1])

    def draw(self, key: Array, batch: int) -> tuple[Array, Array]:
        """As of `Normalised`: one cell evaluation a site."""

        def visit(carry, site):
            memory, log_modulus = carry
            expected = self.next_bit(memory, site)
            probability = jax.nn.sigmoid(expected.log_odds)
            bit = jax.random.bernoulli(jax.random.fold_in(key, site), probability)
            bit = bit.astype(jnp.int32)
            log_modulus += expected.log_modulus(bit)
            return (self.advance(memory, bit, site), log_modulus), bit.astype(jnp.uint8)

        memory, zero, _ = self._unread(batch)
        (_, log_modulus), bits = jax.lax.scan(visit, (memory, zero), jnp.arange(self.sites))
        return bits.T, log_modulus

    def draw_distinct(self, key: Array, most: int, total: int) -> tuple[Array, Array]:
        """Distinct rows of `total` samples and how often each was drawn, (most, sites) and (most,).

        At every site the samples behind each beginning are divided binomially between its two
        continuations. Where more than `most` beginnings are there the rarest are left out; where fewer,
        rows of no sample fill up. Barrett, Malyshev and Lvovsky, Nat. Mach. Intell. 4, 351 (2022).
        """

        def visit(carry, site):
            memory, bits, counts = carry
            p = jax.nn.sigmoid(self.next_bit(memory, site).log_odds.astype(counts.dtype))
            ones = jax.random.binomial(jax.random.fold_in(key, site), counts, p)
            ones = jnp.where(counts > 0, ones, 0)
            counts, kept = jax.lax.top_k(jnp.concatenate([counts - ones, ones]), most)
            before, bit = kept % most, kept // most
            memory = jax.tree.map(lambda leaf: leaf[before], memory)
            bits = bits[before].at[:, site].set(bit)
            return (self.advance(memory, bit, site), bits, counts), None

        counts = jnp.zeros(most, jnp.result_type(float)).at[0].set(total)
        start = self.start(most), jnp.zeros((most, self.sites), jnp.int32), counts
        (_, bits, counts), _ = jax.lax.scan(visit, start, jnp.arange(self.sites))
        return bits, counts

    def all_log_psi(self) -> Array:
        """log ψ of every basis state in index order, (2**sites,).

        States with a common beginning share its evaluation, so the whole vector
        costs two to three cell evaluations an entry instead of one per site. The
        first sites are read in a loop, which repeats itself on few rows and keeps
        the program short; the last ones double the rows, site by site.
        """
        looped = max(self.sites - _DOUBLED_SITES, 0)
        beginnings = jnp.asarray(np.indices((2,) * looped).reshape(looped, 2**looped).T)
        if self.at_once:
            return self._together(beginnings, self.sites - looped).reshape(-1)
        carry = self._read(self._unread(2**looped), beginnings, 0)
        return self._with_every_ending(carry, looped)

    def _with_every_ending(self, carry: Any, first: int) -> Array:
        """log ψ of what was read up to site `first`, (rows,), with every ending, (rows · 2**(sites − first),)."""
        memory, log_modulus, phase = carry
        for site in range(first, self.sites):
            expected, both = self.next_bit(memory, site), jnp.tile(jnp.arange(2), len(phase))
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
        comes before with the row it came from, which halves the work. Where sites are read
        together, every row is read whole.
        """
        batch, sites = bits.shape
        length = -(-sites // len(joined))
        flips = jnp.concatenate([jnp.zeros((1, sites), bool), flips])
        if self.at_once:
            return self(bits.astype(jnp.int32) ^ flips[:, None])
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
        """log ψ of strings with common beginnings, (leaves,), each beginning read once; where they end before the
        last sites do, with every ending, (leaves · 2**(sites left),).

        tree: blocks of sites in order, each as (parents, bits): the node of the block before
        that each node continues, (nodes,), and the bits it continues with, (nodes, sites
        read). The nodes of the last block are the leaves.
        """
        carry, first = self._unread(1), 0
        for parents, bits, *_ in tree:
            carry = jax.tree.map(lambda rows, above=parents: rows[above], carry)
            carry = self._read(carry, bits.astype(jnp.int32), first)
            first += bits.shape[1]
        return self._with_every_ending(carry, first)

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

    def _together(self, rows: Array, doubled: int) -> Array:
        """log ψ of rows (batch, sites − doubled) with every ending, (batch, 2**doubled).

        The endings of a row are a tree that is read beside it. Few rows are read at a time, and
        again for their gradient, so that what is kept fits into the cache.
        """
        self.start(1)  # makes the parameters, which must not happen inside a transformation
        first, places = self.sites - doubled, _places(self.sites - doubled, doubled)
        endings = np.arange(1, 2**doubled - 1) % 2 == 0  # left by a place for bit 1

        def read(row):
            last = jnp.concatenate([jnp.zeros(1, row.dtype), row, endings.astype(row.dtype)])
            every = self.expected(last[: len(places.site)], places)
            given = jax.tree.map(lambda leaf: leaf[:first], every)
            log_modulus, phase = given.log_modulus(row).sum()[None], given.phase(row).sum()[None]
            for depth in range(doubled):
                begin, both = first + 2**depth - 1, jnp.tile(jnp.arange(2), 2**depth)
                part = jax.tree.map(lambda leaf: _twice(leaf[begin : begin + 2**depth]), every)  # noqa: B023
                log_modulus = _twice(log_modulus) + part.log_modulus(both)
                phase = _twice(phase) + part.phase(both)
            return log_modulus + 1j * phase

        pairs = _PAIRS.get(jax.default_backend(), _OTHER_PAIRS)
        few = max(1, pairs // len(places.site) ** 2)
        if len(rows) <= few:
            return jax.vmap(read)(rows)
        return jax.lax.map(jax.checkpoint(read, prevent_cse=False), rows, batch_size=few)

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


def _places(first: int, doubled: int) -> Places:
    """Places of `first` given bits, and of all endings of `doubled` sites after them."""
    row, tree = np.arange(first), np.arange(2**doubled - 1)
    depth = np.log2(tree + 1).astype(int)
    return Places(
        np.concatenate([row, first + depth]),
        np.maximum(np.concatenate([row - 1, first + (tree - 1) // 2]), 0),
    )


def _with_first(rows: Array, batch: int, times: int) -> Array:
    """Rows, and the first `batch` of them `times` more at the end."""
    first = jnp.broadcast_to(rows[None, :batch], (times, batch, *rows.shape[1:]))
    return jnp.concatenate([rows, first.reshape(-1, *rows.shape[1:])])


def _twice(rows: Array) -> Array:
    """Every row two times in a row, (batch, …) → (2 batch, …)."""
    pairs = jnp.broadcast_to(rows[:, None], (rows.shape[0], 2, *rows.shape[1:]))
    return pairs.reshape(-1, *rows.shape[1:])
