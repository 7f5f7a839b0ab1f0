"""A transformer state: every site looks back at all bits before it."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from nqs.ansatz.heads import Headed


class Transformer(Headed):
    """Causal self-attention with dense amplitude and phase heads, normalised.

    Place n is told the bit before site n and where it is, and attends to the places before it
    and to itself; its last activations h give p(1 | σ_<n) = sigmoid(w·h + b_n) and
    φ_n(σ_n) = v_{σ_n}·h + c_n σ_n, as in `Recurrent`, so a product state is represented exactly.
    Given bits are read all at once; where they are drawn, keys and values of the sites behind are
    remembered, and a site costs as much as it has predecessors.

    hidden: width of the activations, shared equally by the heads of the attention.
    layers: of attention and a two-layer network, each added to what it reads.
    phase: False leaves ψ positive.

    Vaswani et al., arXiv:1706.03762; as a state: Zhang and Di Ventra,
    Phys. Rev. B 107, 075147 (2023).
    """

    hidden: int = 32
    layers: int = 2
    heads: int = 4

    def __post_init__(self):
        if self.hidden % self.heads:
            raise ValueError(
                f"a transformer of {self.hidden} hidden units has {self.heads} heads; choose a number "
                "of heads that divides them."
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
        self.read_bit = self.param("read_bit", nn.initializers.normal(1.0), (2, h), dtype)
        self.place = self.param("place", nn.initializers.normal(1.0), (self.sites, h), dtype)
        self.query, self.key, self.value = (dense(n, h, h) for n in ("query", "key", "value"))
        self.gather = dense("gather", h, h, scale=added)
        self.widen, self.narrow = dense("widen", h, 2 * h), dense("narrow", 2 * h, h, scale=added)
        self.widen_bias = self.param("widen_bias", zeros, (self.layers, 2 * h), dtype)
        self.add_heads(small, h)

    @property
    def numbers_kept(self) -> int:
        """For each site, where all are read at once to be differentiated."""
        return self.layers * (12 * self.hidden + 2 * self.heads * self.sites)

    @property
    def at_once(self) -> bool:
        return True

    def start(self, batch):
        empty = jnp.zeros((batch, self.heads, self.sites, self.hidden // self.heads))
        empty = empty.astype(self.param_dtype)
        remembered = ((empty, empty),) * self.layers
        return self._stepped(remembered, jnp.zeros(batch, jnp.int32), 0)

    def next_bit(self, memory, site):
        _, seen = memory
        return self.judged(seen, site)

    def advance(self, memory, bit, site):
        # of the place behind the last site nothing is asked
        return self._stepped(memory[0], bit, jnp.minimum(site + 1, self.sites - 1))

    def expected(self, last, places):
        behind = jnp.asarray(places.behind)

        def attend(_, query, key, value):
            score = jnp.einsum("qhd,khd->hqk", query, key)
            share = jax.nn.softmax(jnp.where(behind, score, -jnp.inf))
            return jnp.einsum("hqk,khd->qhd", share, value)

        return self.judged(self._seen(last, places.site, attend), places.site)

    def _stepped(self, remembered, last, site):
        """Keys and values of every layer once place `site` is among them, and what it has seen."""
        remembered, behind = list(remembered), jnp.arange(self.sites) <= site

        def attend(layer, query, key, value):
            keys, values = (
                jax.lax.dynamic_update_slice_in_dim(old, new[:, :, None], site, 2)
                for old, new in zip(remembered[layer], (key, value), strict=True)
            )
            remembered[layer] = keys, values
            score = jnp.einsum("bhd,bhsd->bhs", query, keys)
            share = jax.nn.softmax(jnp.where(behind, score, -jnp.inf))
            return jnp.einsum("bhs,bhsd->bhd", share, values)

        seen = self._seen(last, site, attend)
        return tuple(remembered), seen

    def _seen(self, last: Array, site, attend: Callable[..., Array]) -> Array:
        """Activations (…, hidden) of places told `last` (…), of which `attend` knows those behind."""
        zero, one = self.read_bit
        x = zero + last[..., None].astype(zero.dtype) * (one - zero) + self.place[site]
        split = (*last.shape, self.heads, self.hidden // self.heads)
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


def _normed(x: Array) -> Array:
    """To mean square 1; a scale of its own would only be one more factor of the next matrix."""
    return x * jax.lax.rsqrt(jnp.mean(x**2, axis=-1, keepdims=True) + 1e-6)
