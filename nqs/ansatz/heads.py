"""What recurrent states share: dense heads that make log-odds and phases."""

from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from nqs.ansatz.autoregressive import Autoregressive, NextBit


class Headed(Autoregressive):
    """Amplitude and phase of a site from activations h of the sites before it; abstract.

    p(1 | σ_<n) = sigmoid(w·h + b_n) and φ_n(σ_n) = v_{σ_n}·h + c_n σ_n: the heads are unbounded and
    carry a bias for each site, so a product state is represented exactly. A phase for outcome 1
    alone would be general too, but with one for each outcome random states train without getting
    stuck.

    phase: False leaves ψ positive.
    """

    phase: bool = True
    param_dtype: type = jnp.float64

    @property
    def real(self) -> bool:
        """Whether only log |ψ| depends on the parameters."""
        return not self.phase

    def add_heads(self, initialise: Any, *shape: int) -> None:
        """Parameters of the heads; for `setup`. shape: (hidden,), or (sites, hidden) of each site."""
        zeros, dtype = nn.initializers.zeros, self.param_dtype
        self.amplitude_head = self.param("amplitude_head", initialise, shape, dtype)
        self.amplitude_bias = self.param("amplitude_bias", zeros, (self.sites,), dtype)
        if self.phase:
            self.phase_head = self.param("phase_head", initialise, (*shape, 2), dtype)
            self.phase_bias = self.param("phase_bias", zeros, (self.sites,), dtype)

    def judged(self, known: Array, site: Any) -> NextBit:
        """Of activations (…, hidden) at a site, or at as many sites."""
        of_each_site = self.amplitude_head.ndim > 1
        head = self.amplitude_head[site] if of_each_site else self.amplitude_head
        log_odds = known @ head + self.amplitude_bias[site]
        if not self.phase:
            return NextBit(log_odds, (jnp.zeros_like(log_odds), jnp.zeros_like(log_odds)))
        zero, one = (self.phase_head[site] if of_each_site else self.phase_head).T
        return NextBit(log_odds, (known @ zero, known @ one + self.phase_bias[site]))
