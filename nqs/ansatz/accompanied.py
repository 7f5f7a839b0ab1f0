"""A recurrent state of sites and of ancillas between them: what happens to a site is told where it happens."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from nqs.ansatz.autoregressive import NextBit
from nqs.ansatz.recurrent import Gated

_RARE = -4.0
"""log p(1)/p(0) of an ancilla at the start: what it tells of happens seldom."""


class Accompanied(Gated):
    """Gated recurrent unit that reads an ancilla after some of its sites.

    An ancilla of 0 leaves what is remembered as it is, one of 1 changes it: a jump. With no jumps it is close
    to a pure state of the sites, at which it can begin.

    sites: of sites and ancillas. kept: places of the sites among them, in order, with one ancilla behind each at most.
    """

    kept: tuple[int, ...] = ()

    def setup(self):
        super().setup()
        small, zeros, h = nn.initializers.normal(0.1), nn.initializers.zeros, self.hidden
        dtype = self.param_dtype
        self.jump_odds = self.param("jump_odds", small, (h,), dtype)
        self.jump = self.param("jump", nn.initializers.orthogonal(), (h, h), dtype)
        self.jump_bias = self.param("jump_bias", small, (h,), dtype)
        self.jump_gate = self.param("jump_gate", small, (h, h), dtype)
        self.jump_gate_bias = self.param("jump_gate_bias", zeros, (h,), dtype)
        if self.phase:
            self.jump_phase = self.param("jump_phase", small, (h, 2), dtype)

    @property
    def followed(self) -> np.ndarray:
        """Whether an ancilla stands behind each site, (kept,) bool."""
        return np.diff([*self.kept, self.sites]) > 1

    def next_bit(self, memory, site):
        return jax.lax.cond(
            self._is_site(site), self.expected_of_site, self.expected_of_ancilla, memory, site
        )

    def advance(self, memory, bit, site):
        return jax.lax.cond(
            self._is_site(site), self.past_site, self.past_ancilla, memory, bit, site
        )

    def expected_of_site(self, memory, site) -> NextBit:
        return self.judged(memory, site)

    def past_site(self, memory, bit, site):
        return self.read(memory, bit, site)

    def expected_of_ancilla(self, memory, site) -> NextBit:
        log_odds = memory @ self.jump_odds + self.amplitude_bias[site] + _RARE
        if not self.phase:
            return NextBit(log_odds, (jnp.zeros_like(log_odds), jnp.zeros_like(log_odds)))
        zero, one = self.jump_phase.T
        return NextBit(log_odds, (memory @ zero, memory @ one + self.phase_bias[site]))

    def past_ancilla(self, memory, bit, site):
        gate = jax.nn.sigmoid(memory @ self.jump_gate + self.jump_gate_bias)
        jump = jnp.tanh(memory @ self.jump + self.jump_bias) - memory
        return memory + bit.astype(memory.dtype)[:, None] * gate * jump

    def _is_site(self, site):
        return jnp.asarray(np.isin(np.arange(self.sites), self.kept))[site]


def spread(sites: int, ancillas: int) -> tuple[int, ...]:
    """Places of sites among which so many ancillas, no more than there are sites, are spread evenly."""
    return tuple(site + site * ancillas // sites for site in range(sites))
