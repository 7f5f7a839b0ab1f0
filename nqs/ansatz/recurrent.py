"""A recurrent state: gated units that read the bits site by site."""

import jax
import jax.numpy as jnp
from flax import linen as nn

from nqs.ansatz.autoregressive import Autoregressive, NextBit


class Recurrent(Autoregressive):
    """Gated recurrent unit with dense amplitude and phase heads, normalised.

    p(1 | σ_<n) = sigmoid(w·h + b_n) and φ_n(σ_n) = v_{σ_n}·h + c_n σ_n: the heads
    are unbounded and carry a bias for each site, so a product state is
    represented exactly. A phase for outcome 1 alone would be general too, but
    with one for each outcome random states train without getting stuck.

    hidden: units remembered between sites.
    phase: False leaves ψ positive.
    site_dependent: biases of the gates and heads of its own for every site, for
        systems that are not uniform.
    even: ψ is the same when all spins are flipped. The units come in pairs, which a flip
        exchanges: weights between pairs are circulant, and the head reads their difference.

    Cell: Cho et al., arXiv:1406.1078; state: Hibat-Allah et al., Phys. Rev. Research 2,
    023358 (2020); weights that a group permutes: Cohen and Welling, arXiv:1602.07576.
    """

    hidden: int = 16
    phase: bool = True
    site_dependent: bool = False
    even: bool = False
    param_dtype: type = jnp.float64

    def setup(self):
        if self.even and self.hidden % 2:
            raise ValueError(
                f"hidden is {self.hidden}; an even state has its units in pairs, so take "
                f"{self.hidden + 1}."
            )
        small, zeros = nn.initializers.normal(0.1), nn.initializers.zeros
        glorot, dtype = nn.initializers.glorot_uniform(), self.param_dtype
        units = self.hidden // 2 if self.even else self.hidden
        places = (self.sites,) if self.site_dependent else ()
        self.first = self._paired(self.param("first", small, (units,), dtype))
        read_bit = self.param("read_bit", glorot, (2, 3 * units), dtype)
        self.read_bit = self._paired(read_bit, read_bit[::-1], gates=3)
        recur = self.param("recur", _orthogonal, (self.hidden, 3 * units), dtype)
        self.recur = self._paired(recur, jnp.roll(recur, units, axis=0), gates=3)
        self.recur_bias = self._paired(self.param("recur_bias", zeros, (units,), dtype))
        if self.site_dependent:
            site_bias = self.param("site_bias", zeros, (self.sites, 3 * units), dtype)
            self.site_bias = self._paired(site_bias, gates=3)
        head = self.param("amplitude_head", small, (*places, units), dtype)
        self.amplitude_head = self._paired(head, -head)
        self.amplitude_bias = self._bias("amplitude_bias")
        if self.phase:
            heads = self.param("phase_head", small, (*places, units, 2), dtype)
            zero, one = heads[..., 0], heads[..., 1]
            both = self._paired(zero, one), self._paired(one, zero)
            self.phase_head = jnp.stack(both, axis=-1)
            self.phase_bias = self._bias("phase_bias")

    def _paired(self, one, other=None, gates=1):
        """Weights of the first units of all pairs and of the second ones, gate by gate.

        `one` alone where units are not paired; the same for both where `other` is left out.
        """
        if not self.even:
            return one
        pair = one, one if other is None else other
        halves = [x.reshape(*x.shape[:-1], gates, -1) for x in pair]
        return jnp.concatenate(halves, axis=-1).reshape(*one.shape[:-1], -1)

    def _bias(self, name):
        """A number for every site; none where a flip would turn it over."""
        if self.even:
            return jnp.zeros(self.sites, self.param_dtype)
        return self.param(name, nn.initializers.zeros, (self.sites,), self.param_dtype)

    @property
    def real(self) -> bool:
        """Whether only log |ψ| depends on the parameters."""
        return not self.phase

    def start(self, batch):
        return jnp.broadcast_to(self.first, (batch, self.hidden))

    def next_bit(self, memory, site):
        log_odds = memory @ self._here(self.amplitude_head, site) + self.amplitude_bias[site]
        if not self.phase:
            return NextBit(log_odds, (jnp.zeros_like(log_odds), jnp.zeros_like(log_odds)))
        zero, one = self._here(self.phase_head, site).T
        return NextBit(log_odds, (memory @ zero, memory @ one + self.phase_bias[site]))

    def advance(self, memory, bit, site):
        # a product for each gate: one for all three, cut apart afterwards, takes up to eight
        # times as long on a CPU, as the cuts keep what follows from being vectorised
        h = self.hidden
        zero, one = self.read_bit
        seen = bit.astype(zero.dtype)[:, None]
        here = self.site_bias[site] if self.site_dependent else jnp.zeros_like(zero)

        def read(gate):
            part = slice(gate * h, (gate + 1) * h)
            return (zero + here)[part] + seen * (one - zero)[part], memory @ self.recur[:, part]

        (read_update, kept_update), (read_reset, kept_reset), (read_new, kept_new) = map(
            read, range(3)
        )
        update = jax.nn.sigmoid(read_update + kept_update)
        reset = jax.nn.sigmoid(read_reset + kept_reset)
        proposal = jnp.tanh(read_new + reset * (kept_new + self.recur_bias))
        return update * memory + (1 - update) * proposal

    def _here(self, head, site):
        return head[site] if self.site_dependent else head


def _orthogonal(key, shape, dtype):
    """Recurrent weights of three gates side by side, (hidden, 3 units), each orthogonal.

    For pairs: the columns of the first units, [[A], [B]] of [[A, B], [B, A]], which is
    orthogonal where A + B and A − B are.
    """
    hidden, units = shape[0], shape[1] // 3
    draw = nn.initializers.orthogonal()

    def gate(key):
        if units == hidden:
            return draw(key, (hidden, hidden), dtype)
        p, q = (draw(k, (units, units), dtype) for k in jax.random.split(key))
        return jnp.concatenate([(p + q) / 2, (p - q) / 2])

    return jnp.concatenate([gate(k) for k in jax.random.split(key, 3)], axis=1)
