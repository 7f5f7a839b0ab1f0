"""Recurrent states: gated units that read the bits site by site."""

import jax
import jax.numpy as jnp
from flax import linen as nn

from nqs.ansatz.heads import Headed


class Gated(Headed):
    """Gated recurrent unit with dense amplitude and phase heads, normalised; abstract: what it reads when.

    hidden: units remembered between sites.
    phase: False leaves ψ positive.
    site_dependent: biases of the gates and heads of its own for every site, for
        systems that are not uniform.
    ends: the gates are told 1 / (1 + distance) of both ends of the chain. A cell that is the
        same at every site would have to count, which some random starts never learn.

    Cell: Cho et al., arXiv:1406.1078; state: Hibat-Allah et al.,
    Phys. Rev. Research 2, 023358 (2020).
    """

    hidden: int = 16
    site_dependent: bool = False
    ends: bool = False

    def setup(self):
        orthogonal, small = nn.initializers.orthogonal(), nn.initializers.normal(0.1)
        glorot, zeros = nn.initializers.glorot_uniform(), nn.initializers.zeros
        h, dtype = self.hidden, self.param_dtype

        def recur(key, shape, dtype):
            return jnp.concatenate(
                [orthogonal(k, (h, h), dtype) for k in jax.random.split(key, 3)], 1
            )

        self.first = self.param("first", small, (h,), dtype)
        self.read_bit = self.param("read_bit", glorot, (2, 3 * h), dtype)
        self.recur = self.param("recur", recur, (h, 3 * h), dtype)
        self.recur_bias = self.param("recur_bias", zeros, (h,), dtype)
        if self.site_dependent:
            self.site_bias = self.param("site_bias", zeros, (self.sites, 3 * h), dtype)
        places = (self.sites,) if self.site_dependent else ()
        self.add_heads(small, *places, h)
        if self.ends:
            self.read_ends = self.param("read_ends", zeros, (2, 3 * h), dtype)

    def start(self, batch):
        return jnp.broadcast_to(self.first, (batch, self.hidden))

    def read(self, memory, bit, site):
        """What is remembered after a bit of a site."""
        # a product for each gate: one for all three, cut apart afterwards, takes up to eight
        # times as long on a CPU, as the cuts keep what follows from being vectorised
        h = self.hidden
        zero, one = self.read_bit
        seen = bit.astype(zero.dtype)[:, None]
        here = self.site_bias[site] if self.site_dependent else jnp.zeros_like(zero)
        if self.ends:
            distance = jnp.stack([site, self.sites - 1 - site]).astype(zero.dtype)
            here = here + (1 / (1 + distance)) @ self.read_ends

        def of(gate):
            part = slice(gate * h, (gate + 1) * h)
            return (zero + here)[part] + seen * (one - zero)[part], memory @ self.recur[:, part]

        (read_update, kept_update), (read_reset, kept_reset), (read_new, kept_new) = map(
            of, range(3)
        )
        update = jax.nn.sigmoid(read_update + kept_update)
        reset = jax.nn.sigmoid(read_reset + kept_reset)
        proposal = jnp.tanh(read_new + reset * (kept_new + self.recur_bias))
        return update * memory + (1 - update) * proposal


class Recurrent(Gated):
    """Sites alone, in their order."""

    def next_bit(self, memory, site):
        return self.judged(memory, site)

    def advance(self, memory, bit, site):
        return self.read(memory, bit, site)
