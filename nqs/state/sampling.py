"""Shots of a state: direct, by Gibbs or Metropolis chains, and in rotated settings; one call for all."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from nqs import statistics
from nqs.ansatz.autoregressive import Normalised
from nqs.ansatz.density import Density
from nqs.measurement.effects import UNMEASURED, index_bits, rotating_nothing
from nqs.measurement.kinds import refuse_too_many_terms
from nqs.state import born, products, turned
from nqs.state.dilation import all_at_once, dilation
from nqs.state.markov import is_boltzmann, random_bits, sector_of, sweeps
from nqs.state.reach import DENSE_SITES, VECTOR_SITES

_PURPOSE = 0x5A3B1E
"""Folded into the key of a seed, so that samples share no draw with the initial parameters."""

_BATCH_BYTES = 2**27
_LARGEST_BATCH = 2**14

_DRAWS_PER_CHAIN = 16
"""Enough for a chain to tell its own memory; more shots mean more chains first."""
_FEWEST_CHAINS, _MOST_CHAINS = 16, 1024

_LONG = 64
"""Draws of chains that are looked at for themselves."""

_BURN_IN = {"gibbs": 200, "metropolis": 100, "exchange": 100}
_THINNING = {"gibbs": 5, "metropolis": 5, "exchange": 5}
"""Sweeps before the first draw and between draws; R̂ and the effective samples judge them."""


@dataclass(frozen=True)
class Samples:
    """Shots of a state and how independent they are.

    bits: (shots, sites) uint8 outcomes, site 0 first.
    method: how they were drawn.
    chains: independent sequences; as many as shots where every shot is independent.
    acceptance: share of proposals taken; None where nothing is proposed.
    effective_samples: independent shots that would be worth as much, by the worst
        of log|ψ| and the single bits; None where the chains are too short to tell.
    r_hat: the largest split R̂ of the same; None for independent shots.
    """

    bits: np.ndarray
    method: str
    chains: int
    acceptance: float | None = None
    effective_samples: float | None = None
    r_hat: float | None = None

    @property
    def dependent(self) -> int | None:
        """Chains from which shots were drawn in turn; None where every shot is independent."""
        return None if self.r_hat is None else self.chains

    def first(self, shots: int) -> "Samples":
        """No more than the first `shots` of them; of chains the first draws of each."""
        if shots >= len(self.bits):
            return self
        return self._some(self.bits[:shots], min(shots, self.chains))

    def halves(self) -> tuple["Samples", "Samples"]:
        """Two parts as long as each other that share no shot and no chain."""
        half = self.chains // 2
        draws = self.bits[: len(self.bits) // self.chains * self.chains]
        draws = draws.reshape(-1, self.chains, self.bits.shape[1])
        parts = draws[:, :half], draws[:, half : 2 * half]
        one, other = (self._some(x.reshape(-1, self.bits.shape[1]), half) for x in parts)
        return one, other

    def _some(self, bits: np.ndarray, chains: int) -> "Samples":
        share = len(bits) / len(self.bits)
        known = None if self.effective_samples is None else self.effective_samples * share
        return replace(self, bits=bits, chains=chains, effective_samples=known)


def sample(
    model: nn.Module,
    variables: Any,
    sites: int,
    shots: int,
    seed: int,
    *,
    method: str | None = None,
) -> Samples:
    """Outcomes of `shots` measurements of all sites in Z, distributed as |ψ|².

    Without a method: direct for autoregressive states; for others "exact", from all
    2**sites probabilities at once, as far as those reach, and beyond that block
    Gibbs for Boltzmann machines, exchanges for a state of fixed magnetisation and
    single-flip Metropolis for any other module. A function of its arguments alone.
    """
    if shots < 1:
        raise ValueError(f"shots is {shots}; expected at least 1.")
    if isinstance(model, Density) and method is None:
        return sample_setting(model, variables, sites, "Z" * sites, shots, seed)
    method = method or _natural(model, sites)
    if method not in METHODS:
        raise ValueError(f"unknown sampling method {method!r}; choose one of {', '.join(METHODS)}.")
    return METHODS[method](model, variables, sites, shots, _key(seed, method))


def sample_setting(
    model: nn.Module,
    variables: Any,
    sites: int,
    setting: str,
    shots: int,
    seed: int,
    *,
    effects: Mapping[str, np.ndarray] | None = None,
    method: str | None = None,
) -> Samples:
    """Outcomes of `shots` measurements in one setting, a letter per site.

    A setting of Z alone is left to `sample`. A rotated one is drawn from all 2**sites
    amplitudes as far as the dense Born rule reaches; beyond, a matrix-product state is turned
    as a whole, and of others the rotated sites are drawn again from the amplitudes that
    interfere: ValueError, with their number, where those are too many. Sites that are not
    measured read 0.
    """
    if len(setting) != sites:
        raise ValueError(f"setting {setting!r} names {len(setting)} sites; the state has {sites}.")
    measured = np.array([letter != UNMEASURED for letter in setting], np.uint8)
    mixed = isinstance(model, Density)
    if set(setting) <= rotating_nothing(effects) and not mixed:
        drawn = sample(model, variables, sites, shots, seed, method=method)
        return Samples(**{**vars(drawn), "bits": drawn.bits * measured})
    if method not in {None, "exact"}:
        raise ValueError(
            f"sampling method {method!r} draws in Z only; setting {setting!r} is drawn by 'exact'."
        )
    if mixed and not (sites <= DENSE_SITES and all_at_once(model)):
        return _of_part(model, variables, setting, shots, seed, effects)
    if sites > DENSE_SITES and not mixed:
        return _turned(model, variables, sites, setting, shots, seed, effects, measured)
    plan = born.rotations((setting,), effects)
    log_p = _setting_log_probabilities(model, variables, sites, plan)
    bits = _categorical(np.asarray(log_p)[0], sites, shots, _key(seed, setting))
    return _independent(bits * measured, "exact")


def _of_part(model, variables, setting, shots, seed, effects) -> Samples:
    """Shots of a mixed state from those of the pure one that it is a part of, the ancillas read and forgotten;
    where white noise hits, any outcome."""
    form = dilation(model)
    sites, places = len(setting), form.places(len(setting))
    letters = np.full(sites + form.ancillas, "Z")
    letters[places] = list(setting)
    own, whole = form.variables(variables), "".join(letters)
    drawn = sample_setting(form.whole, own, len(whole), whole, shots, seed, effects=effects)
    bits = drawn.bits[:, places]
    white = form.white(variables)
    if white is not None:
        rng = np.random.default_rng([seed, _PURPOSE, *map(ord, setting)])
        measured = np.array([letter != UNMEASURED for letter in setting], np.uint8)
        lost = rng.random(shots) < float(white)
        anything = rng.integers(0, 2, bits.shape, np.uint8) * measured
        bits = np.where(lost[:, None], anything, bits)
    return replace(drawn, bits=bits)


def _turned(model, variables, sites, setting, shots, seed, effects, measured) -> Samples:
    # a key of its own for every setting: those that agree at many sites would agree in outcomes
    method = _natural(model, sites)
    key = _key(seed, f"{method} {setting}")
    if products.contracted(dilation(model), ["X" * sites]):
        own = turned.turned_variables(variables, setting.replace(UNMEASURED, "Z"), effects)
        drawn = METHODS[method](model, own, sites, shots, key)
        return Samples(**{**vars(drawn), "bits": drawn.bits * measured})
    refuse_too_many_terms([setting.replace(UNMEASURED, "Z")], effects)
    drawn = METHODS[method](model, variables, sites, shots, key)
    bits = turned_to(model, variables, setting, drawn.bits, seed, effects)
    return Samples(**{**vars(drawn), "bits": bits})


def turned_to(
    model: nn.Module,
    variables: Any,
    setting: str,
    bits: np.ndarray,
    seed: int,
    effects: Mapping[str, np.ndarray] | None = None,
) -> np.ndarray:
    """Outcomes of a setting, (shots, sites) uint8, from outcomes in Z; 0 where not measured."""
    measured = np.array([letter != UNMEASURED for letter in setting], np.uint8)
    if set(setting) <= rotating_nothing(effects):
        return bits * measured
    key = _key(seed, setting)
    return turned.read_anew(model, variables, setting, bits, key, effects) * measured


# Every shot independent


def _direct(model, variables, sites, shots, key) -> Samples:
    if not isinstance(model, Normalised):
        raise ValueError(
            f"{type(model).__name__} has no conditionals to draw from directly; choose 'gibbs', "
            "'metropolis' or 'exact'."
        )
    batch = _batch(model, variables, shots)
    parts = []
    for first in range(0, shots, batch):
        bits, log_modulus = draw_directly(model, variables, jax.random.fold_in(key, first), batch)
        _refuse_not_finite(log_modulus)
        parts.append(np.asarray(bits))
    return _independent(np.concatenate(parts)[:shots], "direct")


@partial(jax.jit, static_argnames=("model", "batch"))
def draw_directly(model, variables, key, batch):
    """Bits (batch, sites) and log |ψ| (batch,)."""
    return model.apply(variables, key, batch, method="draw")


def _batch(model: Normalised, variables: Any, shots: int) -> int:
    """Rows drawn at once: a power of two, so that few sizes are compiled, within memory."""

    def one_row():
        return model.apply(variables, 1, method=model.start)

    row = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(jax.eval_shape(one_row)))
    fitting = 2 ** max(0, (_BATCH_BYTES // max(row, 1)).bit_length() - 1)
    return min(fitting, _LARGEST_BATCH, 2 ** (shots - 1).bit_length())


def _exact(model, variables, sites, shots, key) -> Samples:
    if sites > VECTOR_SITES:
        raise ValueError(
            f"{sites} sites have 2^{sites} probabilities; 'exact' reaches to {VECTOR_SITES} sites. "
            "Choose 'gibbs' or 'metropolis'."
        )
    log_p = 2 * np.asarray(_log_moduli(model, variables, sites))
    return _independent(_categorical(log_p, sites, shots, key), "exact")


@partial(jax.jit, static_argnames=("model", "sites"))
def _log_moduli(model, variables, sites):
    """log |ψ| of all basis states (2**sites,), normalised."""
    return jnp.log(jnp.abs(born.normalised(born.all_log_psi(model, variables, sites))) + 1e-150)


@partial(jax.jit, static_argnames=("model", "sites"))
def _setting_log_probabilities(model, variables, sites, plan):
    if isinstance(model, Density):
        true = born.mixture(model, variables)._replace(confusion=None)  # shots of the state itself
        return born.mixture_log_probabilities(true, plan)
    return born.log_probabilities(model, variables, sites, plan)


def _categorical(log_p: np.ndarray, sites: int, shots: int, key: Array) -> np.ndarray:
    """Bits (shots, sites) from all log-probabilities (2**sites,), by inverting their sum."""
    _refuse_not_finite(log_p)
    total = np.cumsum(np.exp(log_p.astype(np.float64)))
    # 53 random bits whatever JAX's precision: single-precision numbers would show their grain
    high, low = np.asarray(jax.random.bits(key, (2, shots), jnp.uint32)).astype(np.uint64)
    uniform = ((high << np.uint64(21)) | (low >> np.uint64(11))) * 2.0**-53
    return index_bits(np.searchsorted(total, uniform * total[-1], side="right"), sites)


def _independent(bits: np.ndarray, method: str) -> Samples:
    shots = len(bits)
    return Samples(bits, method, chains=shots, effective_samples=float(shots))


# Markov chains


def _gibbs(model, variables, sites, shots, key) -> Samples:
    if not is_boltzmann(model):
        raise ValueError(
            f"{type(model).__name__} has no hidden units to draw; choose 'metropolis' or 'exact'."
        )
    return _from_chains(model, variables, sites, shots, key, "gibbs")


def _metropolis(model, variables, sites, shots, key) -> Samples:
    return _from_chains(model, variables, sites, shots, key, "metropolis")


def _exchange(model, variables, sites, shots, key) -> Samples:
    if sector_of(model) is None:
        raise ValueError("'exchange' keeps Σ Z, which this state does not; choose 'metropolis'.")
    return _from_chains(model, variables, sites, shots, key, "exchange")


def _from_chains(model, variables, sites, shots, key, method) -> Samples:
    chains = min(max(shots // _DRAWS_PER_CHAIN, _FEWEST_CHAINS), _MOST_CHAINS)
    draws = max(-(-shots // chains), statistics.FEWEST_DRAWS)
    ones = sector_of(model)
    if method == "metropolis" and ones is not None:
        raise ValueError("'metropolis' flips single bits and leaves the sector; choose 'exchange'.")
    start, walk = jax.random.split(key)
    bits = random_bits(start, chains, sites, ones)
    return _gone_on(model, variables, bits, walk, draws, method, _BURN_IN[method], shots)


def going_on(model: nn.Module, variables: Any, bits: np.ndarray, seed: int) -> Samples:
    """Samples of chains that have been walking for long, from where they are, (chains, sites)."""
    method = chain_method(model)
    key, shots = _key(seed, "going on"), _LONG * len(bits)
    begun = jnp.asarray(bits, jnp.int32)
    return _gone_on(model, variables, begun, key, _LONG, method, 0, shots)


def _gone_on(model, variables, bits, key, draws, method, burn_in, shots) -> Samples:
    chains, sites = bits.shape
    bits, log_modulus, accepted = _walk(model, variables, bits, key, draws, method, burn_in)
    _refuse_not_finite(log_modulus)
    bits = np.asarray(bits)  # (draws, chains, sites): what is cut off are the last draws
    effective, r_hat = _judged(bits, np.asarray(log_modulus))
    return Samples(
        bits.reshape(-1, sites)[:shots],
        method,
        chains=chains,
        acceptance=None if method == "gibbs" else float(accepted),
        effective_samples=min(effective / (draws * chains), 1.0) * shots,
        r_hat=r_hat,
    )


@partial(jax.jit, static_argnames=("model", "draws", "method", "burn_in"))
def _walk(model, variables, bits, key, draws, method, burn_in):
    """Bits (draws, chains, sites), log |ψ| (draws, chains) and the mean acceptance."""
    thinning = _THINNING[method]

    def draw(bits, number):
        first = burn_in + number * thinning
        bits, accepted = sweeps(method, model, variables, bits, key, first, thinning)
        log_modulus = model.apply(variables, bits).real
        return bits, (bits.astype(jnp.uint8), log_modulus, accepted)

    bits, _ = sweeps(method, model, variables, bits, key, 0, burn_in)
    _, (bits, log_modulus, accepted) = jax.lax.scan(draw, bits, jnp.arange(draws))
    return bits, log_modulus, accepted.mean()


def _judged(bits: np.ndarray, log_modulus: np.ndarray) -> tuple[float, float]:
    """Effective samples and R̂ of log |ψ| and of every bit, the worst of each.

    log |ψ| alone is blind to chains that sit in either half of a GHZ state.
    """
    watched = [log_modulus.T, *(bits[:, :, site].T for site in range(bits.shape[2]))]
    return (
        min(statistics.effective_samples(chains) for chains in watched),
        max(statistics.split_r_hat(chains) for chains in watched),
    )


# Choice


METHODS = {
    "direct": _direct,
    "gibbs": _gibbs,
    "metropolis": _metropolis,
    "exchange": _exchange,
    "exact": _exact,
}


def _natural(model: nn.Module, sites: int) -> str:
    if isinstance(model, Normalised):
        return "direct"
    if sites <= VECTOR_SITES:
        return "exact"
    return chain_method(model)


def chain_method(model: nn.Module) -> str:
    """How Markov chains of a state move."""
    if is_boltzmann(model):
        return "gibbs"
    return "metropolis" if sector_of(model) is None else "exchange"


def _key(seed: int, purpose: str) -> Array:
    """A key of its own for every method and every setting."""
    key = jax.random.fold_in(jax.random.key(seed), _PURPOSE)
    for letter in purpose:
        key = jax.random.fold_in(key, ord(letter))
    return key


def _refuse_not_finite(log_values) -> None:
    broken = int(np.sum(~np.isfinite(np.asarray(log_values))))
    if broken:
        raise FloatingPointError(
            f"{broken} of {np.size(log_values)} samples have a log ψ that is not finite; the state's "
            "parameters have diverged, or its chains never found where it is not zero."
        )
