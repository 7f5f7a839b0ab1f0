"""A recurrent state: gated units that read the bits site by site."""

import jax
import jax.numpy as jnp
from flax import linen as nn

from nqs.ansatz.autoregressive import Autoregressive


class Recurrent(Autoregressive):
    """Gated recurrent unit with dense amplitude and phase heads, normalised.

    p(1 | σ_<n) = sigmoid(w·h + b_n) and φ_n(σ_n) = v_{σ_n}·h + c_n σ_n: the heads
    are unbounded and carry a bias for each site, so a product state is
    represented exactly. A phase for outcome 1 alone would be general too, but
    with one for each outcome random states train without getting stuck.

    hidden: units remembered between sites.
    phase: False leaves ψ positive.

    Cell: Cho et al., arXiv:1406.1078; state: Hibat-Allah et al.,
    Phys. Rev. Research 2, 023358 (2020).
    """

    hidden: int = 16
    phase: bool = True
    param_dtype: type = jnp.float64

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
        self.amplitude_head = self.param("amplitude_head", small, (h,), dtype)
        self.amplitude_bias = self.param("amplitude_bias", zeros, (self.sites,), dtype)
        if self.phase:
            self.phase_head = self.param("phase_head", small, (h, 2), dtype)
            self.phase_bias = self.param("phase_bias", zeros, (self.sites,), dtype)

    def start(self, batch):
        return jnp.broadcast_to(self.first, (batch, self.hidden))

    def conditional_log_psi(self, memory, site):
        logit = memory @ self.amplitude_head + self.amplitude_bias[site]
        half_log_p = -0.5 * jnp.stack([jax.nn.softplus(logit), jax.nn.softplus(-logit)], axis=1)
        if not self.phase:
            return half_log_p, jnp.zeros_like(half_log_p)
        bias = self.phase_bias[site] * jnp.array([0.0, 1.0], self.param_dtype)
        return half_log_p, memory @ self.phase_head + bias

    def advance(self, memory, bit, site):
        h = self.hidden
        zero, one = self.read_bit
        read, kept = zero + bit[:, None] * (one - zero), memory @ self.recur
        gates = jax.nn.sigmoid(read[:, : 2 * h] + kept[:, : 2 * h])
        update, reset = gates[:, :h], gates[:, h:]
        proposal = jnp.tanh(read[:, 2 * h :] + reset * (kept[:, 2 * h :] + self.recur_bias))
        return update * memory + (1 - update) * proposal
