"""What a likelihood has to subtract: the norm of the state, nothing or kept track of by chains."""

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from nqs.ansatz import autoregressive
from nqs.state.annealing import Chains, annealed, followed, log_norm, log_norm_error
from nqs.state.dilation import dilation
from nqs.state.markov import sector_of
from nqs.state.sampling import chain_method

_PURPOSE = 0xA15
_FIRST_TEMPERATURES = 64
"""From the product state to the one that training begins with, close by."""

HOTTER = 0.5
"""Log-odds of the product state that chains come from, in units of those of the shots: broader, so
that it holds every part of ψ."""


class Partition(Protocol):
    """log Z of a state in training, and of its running average, which is judged.

    What it remembers is a tree of arrays. Hashable, so that a compiled step is found again;
    pure in its arguments.
    """

    def begun(self, variables: Any, log_odds: np.ndarray, seed: int) -> Any:
        """Memory at the start, of variables with the restarts in front. log_odds: (sites,) of
        bit 1, of a product state near the shots."""

    def blank(self, restarts: int) -> Any:
        """A memory of the same shape that knows nothing."""

    def followed(self, variables: Any, average: Any, memory: Any, step: Array) -> Any:
        """Memory of one restart after a step to `variables`, and to this running average."""

    def log_z(self, variables: Any, memory: Any) -> Array:
        """ln Σ |ψ|² of the variables that were followed, to be differentiated."""

    def judged(self, average: Any, memory: Any) -> tuple[Array, Array]:
        """ln Σ |ψ|² of the average that was followed, and its standard error."""


@dataclass(frozen=True)
class Normalised:
    """Of states that sum to one: nothing to remember."""

    def begun(self, variables: Any, log_odds: np.ndarray, seed: int) -> tuple[()]:
        return ()

    def blank(self, restarts: int) -> tuple[()]:
        return ()

    def followed(self, variables: Any, average: Any, memory: Any, step: Array) -> Any:
        return memory

    def log_z(self, variables: Any, memory: Any) -> Array:
        return jnp.zeros(())

    def judged(self, average: Any, memory: Any) -> tuple[Array, Array]:
        return jnp.zeros(()), jnp.zeros(())


class Kept(NamedTuple):
    """Chains of a restart and the key of all their moves, as numbers.

    teachers: at the variables; gradients are theirs. witnesses: at the running average, whose
    log Z they tell. Those that teach could not: a step lowers ψ where they happen to be, so that
    they find Z too small, by 2 nats in a training of 16 sites.
    """

    teachers: Chains
    witnesses: Chains
    key: Any


@dataclass(frozen=True)
class Sampled:
    """Persistent chains, `sweeps` of them at each step, with the weights by which they lag behind.

    Tieleman, ICML (2008), p. 1064; the weights: Carbone, Hua, Coste and Vanden-Eijnden,
    NeurIPS 36 (2023).
    """

    model: nn.Module
    sites: int
    chains: int
    sweeps: int

    def begun(self, variables: Any, log_odds: np.ndarray, seed: int) -> Kept:
        return _begun(self, variables, HOTTER * jnp.asarray(log_odds), np.int64(seed))

    def blank(self, restarts: int) -> Kept:
        shape = (restarts, self.chains)
        bits = np.zeros((*shape, self.sites), np.int32)
        chains = Chains(bits, np.zeros(shape), np.zeros(restarts))
        return Kept(chains, chains, np.zeros((restarts, 2), np.uint32))

    def followed(self, variables: Any, average: Any, memory: Kept, step: Array) -> Kept:
        key = jax.random.fold_in(jax.random.wrap_key_data(memory.key), step)
        one, other = jax.random.split(key)
        return memory._replace(
            teachers=self._moved(variables, memory.teachers, one),
            witnesses=self._moved(average, memory.witnesses, other),
        )

    def _moved(self, variables: Any, chains: Chains, key: Array) -> Chains:
        method = chain_method(self.model)
        return followed(method, self.model, variables, chains, key, self.sweeps)

    def log_z(self, variables: Any, memory: Kept) -> Array:
        """The gradient is that of the teachers, the value that of the witnesses."""
        taught = log_norm(self.model, variables, memory.teachers)
        seen = log_norm(self.model, variables, memory.witnesses)
        return taught + jax.lax.stop_gradient(seen - taught)

    def judged(self, average: Any, memory: Kept) -> tuple[Array, Array]:
        return (
            log_norm(self.model, average, memory.witnesses),
            log_norm_error(self.model, average, memory.witnesses),
        )


@partial(jax.jit, static_argnames="partition")
def _begun(partition: Sampled, variables: Any, log_odds: Array, seed: Any) -> Kept:
    key = jax.random.fold_in(jax.random.key(seed), _PURPOSE)
    model, chains = partition.model, partition.chains

    def one(each):
        variables, restart = each
        first, second, walk = jax.random.split(jax.random.fold_in(key, restart), 3)
        begun = partial(annealed, chain_method(model), model, variables, log_odds)
        return Kept(
            begun(first, chains, _FIRST_TEMPERATURES),
            begun(second, chains, _FIRST_TEMPERATURES),
            jax.random.key_data(walk),
        )

    restarts = jax.tree.leaves(variables)[0].shape[0]
    return jax.lax.map(one, (variables, jnp.arange(restarts)))


def partition_of(model: nn.Module, sites: int, chains: int, sweeps: int) -> Partition:
    """Of this state, pure or mixed; chains and sweeps where it is not normalised.

    ValueError where it holds one magnetisation alone, which a product state does not.
    """
    if isinstance(dilation(model).whole, autoregressive.Normalised):
        return Normalised()
    if sector_of(model) is not None:
        raise ValueError(
            f"{type(model).__name__} fixes the magnetisation and is not normalised, so that chains "
            "cannot come to it from a product state; choose an autoregressive ansatz."
        )
    return Sampled(model, sites, chains, sweeps)
