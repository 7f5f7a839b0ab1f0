"""Norms of states that are too large to sum: weighted chains that follow a change of the state.

Chains carry the weights by which they miss |ψ|², so that a state may change under them, on the
way from a product state or in training, and Σ |ψ|² is known all along.
Neal, Stat. Comput. 11, 125 (2001); Salakhutdinov and Murray, ICML (2008), p. 872.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from nqs.state.markov import is_boltzmann, sweeps

_FEWEST = 0.5
"""Share of the chains that their weights have to be worth, or they are drawn again."""


class Chains(NamedTuple):
    """Configurations whose weights say what they stand for: Σ w f(σ) estimates Σ_σ f(σ).

    bits: (chains, sites) int32. log_weight: (chains,) ln w, float64. variance: of ln Z, as far as
    their weights do not tell it: of the time before they were last drawn again.
    """

    bits: Any
    log_weight: Any
    variance: Any


def log_density(model: Any, variables: Any, bits: Array) -> Array:
    """ln |ψ|² of each row, as normalised as the state, float64."""
    return 2 * jnp.asarray(model.apply(variables, bits)).real.astype(jnp.result_type(float))


def log_norm(model: Any, variables: Any, chains: Chains) -> Array:
    """ln Σ |ψ|²; its gradient is the mean of that of ln |ψ|² over the weighted chains."""
    return jax.nn.logsumexp(chains.log_weight + log_density(model, variables, chains.bits))


def from_product(log_odds: Array, chains: int, key: Array) -> Chains:
    """Independent configurations of the product state of these log-odds of bit 1, (sites,)."""
    p = jax.nn.sigmoid(log_odds)
    bits = jax.random.bernoulli(key, p, (chains, len(log_odds))).astype(jnp.int32)
    log_p = jnp.sum(bits * log_odds - jax.nn.softplus(log_odds), axis=1)
    return Chains(bits, -log_p - np.log(chains), jnp.zeros(()))


def swept(
    method: str, model: Any, variables: Any, chains: Chains, key: Array, number: int = 1
) -> tuple[Chains, Array]:
    """The chains `number` sweeps later, standing for the same, and the mean acceptance.

    Sweeps leave |ψ|² as it is, so that w |ψ|² stays what it is.
    """
    bits, accepted = sweeps(method, model, variables, chains.bits, key, 0, number)
    gone, come = (log_density(model, variables, b) for b in (chains.bits, bits))
    return chains._replace(bits=bits, log_weight=chains.log_weight + gone - come), accepted


def log_norm_error(model: Any, variables: Any, chains: Chains) -> Array:
    """Standard error of `log_norm`: the scatter of the weights, of chains that are independent."""
    total = chains.log_weight + log_density(model, variables, chains.bits)
    return jnp.sqrt(chains.variance + _variance(total))


def effective_share(log_weights: Array) -> Array:
    """Independent draws of equal weight that would say as much, for each that there is."""
    return 1 / (len(log_weights) * jnp.sum(jax.nn.softmax(log_weights) ** 2))


def _variance(log_weights: Array) -> Array:
    """Of the logarithm of their mean weight."""
    return jnp.maximum(1 / effective_share(log_weights) - 1, 0) / max(len(log_weights) - 1, 1)


def followed(
    method: str, model: Any, variables: Any, chains: Chains, key: Array, number: int
) -> Chains:
    """The chains after the state has become that of `variables`, `number` sweeps later.

    They are drawn again before where few of them stand for most.
    """
    draw, walk = jax.random.split(key)
    density = log_density(model, variables, chains.bits)
    worth = effective_share(chains.log_weight + density)
    again = _drawn_again(chains, density, draw)
    chains = jax.tree.map(lambda a, b: jnp.where(worth < _FEWEST, a, b), again, chains)
    return swept(method, model, variables, chains, walk, number)[0]


def drawn_again(model: Any, variables: Any, chains: Chains, key: Array) -> Chains:
    """Chains of equal weight under |ψ|², drawn from these, each about as often as it stands for."""
    return _drawn_again(chains, log_density(model, variables, chains.bits), key)


def _drawn_again(chains: Chains, density: Array, key: Array) -> Chains:
    """Systematic draws: Douc, Cappé and Moulines, ISPA (2005), p. 64."""
    total = chains.log_weight + density
    number = len(total)
    edges = jnp.cumsum(jax.nn.softmax(total))
    points = (jnp.arange(number) + jax.random.uniform(key)) / number * edges[-1]
    which = jnp.searchsorted(edges, points, side="right").clip(0, number - 1)
    equal = jax.nn.logsumexp(total) - np.log(number)
    return Chains(chains.bits[which], equal - density[which], chains.variance + _variance(total))


class Way(NamedTuple):
    """A place between a product state (share 0) and ψ (share 1). log_odds: (sites,) of bit 1."""

    variables: Any
    log_odds: Array
    share: Any


@dataclass(frozen=True)
class Between:
    """|φ|² = p^(1 − share) |ψ|^(2 share) as a module whose variables are a `Way`; unnormalised.

    Of a Boltzmann machine the fields of the hidden units are scaled instead, which leaves block
    Gibbs as it is: Salakhutdinov and Murray (2008), section 4.
    """

    model: nn.Module

    def apply(self, way: Way, x: Array, method: str | None = None) -> Array:
        variables, log_odds, share = way
        if method == "hidden_field":
            return share * self.model.apply(variables, x, method=method)
        if method == "visible_field":
            return (1 - share) * log_odds + share * self.model.apply(variables, x, method=method)
        product = (1 - share) * (x @ log_odds)
        if not is_boltzmann(self.model):
            return 0.5 * product + share * jnp.asarray(self.model.apply(variables, x)).real
        field = jnp.asarray(self.model.apply(variables, x.astype(float), method="hidden_field"))
        bias = jnp.asarray(
            self.model.apply(variables, jnp.zeros_like(field), method="visible_field")
        )
        own = share * jnp.sum(x * bias, axis=-1) + jax.nn.softplus(share * field).sum(-1)
        return 0.5 * (product + own)


@partial(jax.jit, static_argnames=("method", "model", "chains", "temperatures"))
def annealed(
    method: str,
    model: nn.Module,
    variables: Any,
    log_odds: Array,
    key: Array,
    chains: int,
    temperatures: int,
) -> Chains:
    """Independent weighted chains at ψ, each from a draw of the product state, a sweep at each of
    so many places on the way."""
    start, walk = jax.random.split(key)

    def one(carry, number):
        way = Way(variables, log_odds, (number + 1) / temperatures)
        now = jax.random.fold_in(walk, number)
        return swept(method, Between(model), way, carry, now)[0], None

    begun = from_product(log_odds, chains, start)
    return jax.lax.scan(one, begun, jnp.arange(temperatures))[0]
