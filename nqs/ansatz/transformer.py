"""A transformer state: every patch of sites looks back at all patches before it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from nqs.ansatz.autoregressive import Autoregressive, NextBit, Places


class Outcomes(NamedTuple):
    """Of the bits of a patch, read as a number: logits and phases, (…, outcomes) each."""

    logits: Array
    phases: Array


class Transformer(Autoregressive):
    """Causal self-attention with dense amplitude and phase heads, normalised.

    Place n is told the bits of patch n − 1 and where it is, and attends to the places before it
    and to itself; its last activations h give p(s | σ_<n) ∝ exp(w_s·h + b_ns), with w_0 = b_n0 = 0, and
    φ_n(s) = v_s·h + c_ns of each outcome s of patch n, so a product state is represented exactly. What
    is expected of a bit inside a patch follows from the outcomes that those before it leave.
    Given bits are read all at once; where they are drawn, keys and values of the patches behind are
    remembered, and a patch costs as much as it has predecessors.

    hidden: width of the activations, shared equally by the heads of the attention.
    layers: of attention and a two-layer network, each added to what it reads.
    patch: sites that are read and told together.
    phase: False leaves ψ positive.

    Vaswani et al., arXiv:1706.03762; as a state: Zhang and Di Ventra,
    Phys. Rev. B 107, 075147 (2023); patches: Sprague and Czischek, Commun. Phys. 7, 90 (2024).
    """

    hidden: int = 32
    layers: int = 2
    heads: int = 4
    patch: int = 1
    phase: bool = True
    param_dtype: type = jnp.float64

    def __post_init__(self):
        if self.hidden % self.heads:
            raise ValueError(
                f"a transformer of {self.hidden} hidden units has {self.heads} heads; choose a number "
                "of heads that divides them."
            )
        if self.sites % self.patch:
            raise ValueError(
                f"patches of {self.patch} do not make up {self.sites} sites; choose ansatz.patch so that "
                "it divides them."
            )
        super().__post_init__()

    def setup(self):
        # so small that log-odds begin at 0.1 or so: of the activations each is about 1
        small, zeros = nn.initializers.normal(0.1 / self.hidden**0.5), nn.initializers.zeros
        h, dtype = self.hidden, self.param_dtype

        def dense(name, *shape, scale=1.0):
            fan_in = nn.initializers.variance_scaling(scale, "fan_in", "normal", batch_axis=(0,))
            return self.param(name, fan_in, (self.layers, *shape), dtype)

        # what the layers add keeps its size however many there are
        added = 1 / (2 * self.layers)
        self.read = self.param("read", nn.initializers.normal(1.0), (self.outcomes, h), dtype)
        self.place = self.param("place", nn.initializers.normal(1.0), (self.patches, h), dtype)
        self.query, self.key, self.value = (dense(n, h, h) for n in ("query", "key", "value"))
        self.gather = dense("gather", h, h, scale=added)
        self.widen, self.narrow = dense("widen", h, 2 * h), dense("narrow", 2 * h, h, scale=added)
        self.widen_bias = self.param("widen_bias", zeros, (self.layers, 2 * h), dtype)
        others, each = self.outcomes - 1, (self.patches, self.outcomes - 1)
        self.amplitude_head = self.param("amplitude_head", small, (h, others), dtype)
        self.amplitude_bias = self.param("amplitude_bias", zeros, each, dtype)
        if self.phase:
            self.phase_head = self.param("phase_head", small, (h, self.outcomes), dtype)
            self.phase_bias = self.param("phase_bias", zeros, each, dtype)

    @property
    def real(self) -> bool:
        """Whether only log |ψ| depends on the parameters."""
        return not self.phase

    @property
    def patches(self) -> int:
        return self.sites // self.patch

    @property
    def outcomes(self) -> int:
        return 2**self.patch

    @property
    def numbers_kept(self) -> int:
        """For each site, where all are read at once to be differentiated."""
        each = 12 * self.hidden + 2 * self.heads * self.patches
        return (self.layers * each + 4 * self.outcomes) // self.patch

    @property
    def at_once(self) -> bool:
        return True

    def start(self, batch):
        empty = jnp.zeros((batch, self.heads, self.patches, self.hidden // self.heads))
        empty = empty.astype(self.param_dtype)
        nothing = jnp.zeros(batch, jnp.int32)
        return *self._stepped(((empty, empty),) * self.layers, nothing, 0), nothing

    def next_bit(self, memory, site):
        _, outcomes, begun = memory
        return self._expected(outcomes, begun, site)

    def advance(self, memory, bit, site):
        remembered, outcomes, begun = memory
        begun = 2 * begun + bit.astype(jnp.int32)

        def next_patch():
            # of the place behind the last patch nothing is asked
            place = jnp.minimum((site + 1) // self.patch, self.patches - 1)
            return *self._stepped(remembered, begun, place), jnp.zeros_like(begun)

        def same_patch():
            return remembered, outcomes, begun

        if self.patch == 1:
            return next_patch()
        return jax.lax.cond((site + 1) % self.patch == 0, next_patch, same_patch)

    def expected(self, last, places):
        told = _patches(places, self.patch)
        behind = jnp.asarray(places.behind[told.first][:, told.first])

        def attend(_, query, key, value):
            score = jnp.einsum("qhd,khd->hqk", query, key)
            share = jax.nn.softmax(jnp.where(behind, score, -jnp.inf))
            return jnp.einsum("hqk,khd->qhd", share, value)

        before = (last[told.before] << np.arange(self.patch)).sum(axis=1)
        place = places.site[told.first] // self.patch
        outcomes = self._outcomes(self._seen(before, place, attend), place)
        within = np.arange(self.patch) < (places.site % self.patch)[:, None]
        begun = jnp.where(within, last[told.within] << np.arange(self.patch), 0).sum(axis=1)
        of_place = jax.tree.map(lambda leaf: leaf[told.patch], outcomes)
        return self._expected(of_place, begun, jnp.asarray(places.site))

    def _outcomes(self, seen: Array, place: Any) -> Outcomes:
        """From activations (…, hidden) at a place, or at as many places."""

        def beside_none(others):
            none = jnp.zeros((*others.shape[:-1], 1), others.dtype)
            return jnp.concatenate([none, others], axis=-1)

        logits = beside_none(seen @ self.amplitude_head + self.amplitude_bias[place])
        if not self.phase:
            return Outcomes(logits, jnp.zeros_like(logits))
        return Outcomes(logits, seen @ self.phase_head + beside_none(self.phase_bias[place]))

    def _expected(self, of: Outcomes, begun: Array, site: Any) -> NextBit:
        """Of the next bit, where the bits of the patch behind it are those of the number `begun`."""
        left = self.patch - 1 - site % self.patch
        number = jnp.arange(self.outcomes)
        left, begun = (jnp.asarray(x)[..., None] for x in (left, begun))
        zero, one = ((number >> left) == 2 * begun + bit for bit in (0, 1))

        def total(possible):
            return jax.nn.logsumexp(jnp.where(possible, of.logits, -jnp.inf), axis=-1)

        def phase(possible):  # of a whole patch, with its last bit
            return jnp.where(possible & (left == 0), of.phases, 0).sum(axis=-1)

        return NextBit(total(one) - total(zero), (phase(zero), phase(one)))

    def _stepped(self, remembered, before, place):
        """Keys and values of every layer once a place is among them, and what it expects."""
        remembered, behind = list(remembered), jnp.arange(self.patches) <= place

        def attend(layer, query, key, value):
            keys, values = (
                jax.lax.dynamic_update_slice_in_dim(old, new[:, :, None], place, 2)
                for old, new in zip(remembered[layer], (key, value), strict=True)
            )
            remembered[layer] = keys, values
            score = jnp.einsum("bhd,bhsd->bhs", query, keys)
            share = jax.nn.softmax(jnp.where(behind, score, -jnp.inf))
            return jnp.einsum("bhs,bhsd->bhd", share, values)

        seen = self._seen(before, place, attend)
        return tuple(remembered), self._outcomes(seen, place)

    def _seen(self, before: Array, place, attend: Callable[..., Array]) -> Array:
        """Activations (…, hidden) of places told the patch `before` (…) each, of which `attend` knows
        those behind."""
        told = jax.nn.one_hot(before, self.outcomes, dtype=self.param_dtype)
        x = told @ self.read + self.place[place]
        split = (*before.shape, self.heads, self.hidden // self.heads)
        for layer in range(self.layers):
            y = _normed(x)
            query, key, value = (
                (y @ matrix[layer]).reshape(split) for matrix in (self.query, self.key, self.value)
            )
            x += (
                attend(layer, query * split[-1] ** -0.5, key, value).reshape(x.shape)
                @ self.gather[layer]
            )
            wide = _normed(x) @ self.widen[layer] + self.widen_bias[layer]
            x += jax.nn.gelu(wide) @ self.narrow[layer]
        return _normed(x)


class _Patches(NamedTuple):
    """Where the patches of a tree of places begin.

    first: the place of the first site of each patch. before: places that are told the bits of the patch
    before each, last bit first, (patches, patch); anything for the first patch. within: those that are
    told the bits behind each place in its own patch, last bit first, (places, patch); anything where there
    are fewer. patch: of each place.
    """

    first: np.ndarray
    before: np.ndarray
    within: np.ndarray
    patch: np.ndarray


def _patches(places: Places, patch: int) -> _Patches:
    back = [np.arange(len(places.site))]
    for _ in range(patch - 1):
        back.append(places.before[back[-1]])
    within, number = np.stack(back, axis=1), np.arange(len(places.site))
    first = np.flatnonzero(places.site % patch == 0)
    begin = within[number, places.site % patch]
    return _Patches(first, within[first], within, np.searchsorted(first, begin))


def _normed(x: Array) -> Array:
    """To mean square 1; a scale of its own would only be one more factor of the next matrix."""
    return x * jax.lax.rsqrt(jnp.mean(x**2, axis=-1, keepdims=True) + 1e-6)
