"""State: an ansatz with its parameters, whoever taught it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from nqs.ansatz.density import Density
from nqs.state import born, interchange, sampling
from nqs.state.dilation import Dilation, all_at_once, dilation
from nqs.state.reach import MATRIX_SITES, VECTOR_SITES


@dataclass(frozen=True)
class State:
    """A state given by a linen module and its variables.

    model: of a pure state maps bits (…, sites) to log ψ (…), complex, normalised or not; of a mixed one
        is a `Density`.
    variables: the module's variables, {"params": …}.
    """

    model: nn.Module
    variables: Any
    sites: int

    @classmethod
    def initial(cls, model: nn.Module, sites: int, seed: int) -> "State":
        """The state before training; restart 0 of a training with the same seed."""
        return cls(
            model, jax.tree.map(lambda v: v[0], initial_variables(model, sites, seed, 1)), sites
        )

    @property
    def parameters(self) -> int:
        """Number of real parameters (a complex one counts twice)."""
        leaves = jax.tree.leaves(self.variables["params"])
        return sum(x.size * (2 if jnp.iscomplexobj(x) else 1) for x in leaves)

    def log_psi(self, bits) -> np.ndarray:
        """log ψ of bits (…, sites), complex (…); as normalised as the model."""
        self._refuse_mixed("amplitudes")
        return np.asarray(_log_psi(self.model, self.variables, jnp.asarray(bits, jnp.int32)))

    def vector(self) -> np.ndarray:
        """All amplitudes, normalised, in index order, (2**sites,); up to 20 sites."""
        if self.sites > VECTOR_SITES:
            raise ValueError(
                f"a state vector of {self.sites} sites has 2^{self.sites} entries; the limit is "
                f"{VECTOR_SITES} sites. Draw samples instead."
            )
        self._refuse_mixed("vector of amplitudes")
        return np.asarray(_vector(self.model, self.variables, self.sites))

    def _refuse_large(self) -> None:
        if self.mixed and not self.dense:
            raise ValueError(
                f"the density matrix of a mixed state of {self.sites} sites, or all amplitudes of its ancillas, are out "
                f"of reach: up to {MATRIX_SITES} sites, and 2^{VECTOR_SITES} amplitudes. Draw samples instead."
            )

    def _refuse_mixed(self, what: str) -> None:
        if self.mixed:
            raise ValueError(f"a mixed state has no {what}; take its density matrix.")

    @property
    def mixed(self) -> bool:
        """Whether it is a density operator, not a vector of amplitudes."""
        return isinstance(self.model, Density)

    @property
    def dense(self) -> bool:
        """Whether `exact` reaches: to vectors of 20 sites, density matrices of 12."""
        if not self.mixed:
            return self.sites <= VECTOR_SITES
        return self.sites <= MATRIX_SITES and all_at_once(self.model)

    @property
    def dilation(self) -> Dilation:
        """What it is a part of; ValueError of mixed states that are known by all amplitudes alone."""
        return dilation(self.model)

    def whole(self) -> "State":
        """The pure state of the sites and of ancillas that it is a part of, but for white noise."""
        form = self.dilation
        return State(form.whole, form.variables(self.variables), self.sites + form.ancillas)

    def white(self) -> float:
        """s of the white noise in it, ρ → (1 − s) ρ + s 1/2^N; 0 without."""
        found = self.dilation.white(self.variables)
        return 0.0 if found is None else float(found)

    def density_matrix(self) -> np.ndarray:
        """ρ, (2**sites, 2**sites), of unit trace; up to 12 sites. Its white noise is part of it, readout
        errors are not."""
        if self.sites > MATRIX_SITES:
            raise ValueError(
                f"a density matrix of {self.sites} sites has 4^{self.sites} entries; the limit is "
                f"{MATRIX_SITES} sites."
            )
        if not self.mixed:
            vector = self.vector()
            return np.outer(vector, vector.conj())
        return self.mixture().density_matrix

    def mixture(self) -> born.Mixture:
        """A mixed state, or a pure one as such, as its outcomes need it, arrays of NumPy."""
        if not self.mixed:
            return born.Mixture(self.vector()[:, None])
        self._refuse_large()
        return jax.tree.map(np.asarray, _mixture(self.model, self.variables))

    def exact(self) -> np.ndarray:
        """The vector (2**sites,) of a pure state, the density matrix (2**sites, 2**sites) of a mixed one; a mixture
        of one vector without noise is pure."""
        if not self.mixed:
            return self.vector()
        m = self.mixture()
        one = m.amplitudes.shape[1] == 1 and m.white is None
        return m.amplitudes[:, 0] if one else self.density_matrix()

    def log_probabilities(
        self, settings: Sequence[str], effects=None, readout=None, pairs=()
    ) -> np.ndarray:
        """log P of every outcome in every setting, (settings, 2**sites), normalised.

        effects, readout, pairs: as `Measurements` has them, what letters stand for and how sites, and pairs of
        them, are misread.
        ValueError with the number of terms where that is out of reach.
        """
        plan = born.rotations(tuple(settings), effects, readout)
        return self.log_table(born.misread_by(plan, readout, pairs))

    def log_table(self, plan: born.Rotations) -> np.ndarray:
        """`log_probabilities` of settings whose rotations are planned already."""
        if self.mixed:
            self._refuse_large()
            m = _mixture(self.model, self.variables)
            return np.asarray(_mixture_log_probabilities(m, plan))
        psi = _vector(self.model, self.variables, self.sites)
        return np.asarray(_log_probabilities(psi, plan))

    def sample(self, shots: int, seed: int, setting: str | None = None) -> sampling.Samples:
        """`shots` new outcomes in one setting, all sites in Z if left out.

        ValueError with the number of terms where a rotated setting is out of reach.
        """
        return sampling.sample_setting(
            self.model, self.variables, self.sites, setting or "Z" * self.sites, shots, seed
        )

    def to_netket(self, sampler=None, **options):
        """The same state as an nk.vqs.MCState, to go on with in NetKet.

        Without a sampler: exact samples for autoregressive states, single-flip Metropolis
        for others, exchanges where Σ Z is fixed. `options` go to MCState.
        """
        from nqs.state.netket import mcstate

        self._refuse_mixed("variational state of NetKet's MCState")

        return mcstate(self.model, self.variables, self.sites, sampler, **options)

    def to_qutip(self):
        """As a qutip.Qobj of qubits, a ket or a density matrix, site 0 first; up to 20 sites."""
        return interchange.qutip_state(self.exact())

    def to_qiskit(self):
        """As a qiskit.quantum_info.Statevector or DensityMatrix, site n its qubit n; up to 20 sites."""
        return interchange.qiskit_state(self.exact())

    def write_parameters(self, path: str | Path) -> None:
        """All parameters as a .safetensors file, by their path in the tree of the module."""
        interchange.write_parameters(path, self.variables)


def initial_variables(model: nn.Module, sites: int, seed: int, restarts: int) -> Any:
    """Variables of several restarts, restarts in front; a function of the seed alone."""
    return _initial(model, sites, restarts, np.int64(seed))


def vectors(model: nn.Module, variables: Any, sites: int) -> np.ndarray:
    """Normalised vectors (states, 2**sites) of variables with the states in front."""
    return np.asarray(_vectors(model, variables, sites))


# takes milliseconds: making it fast would take longer than it ever runs
@partial(
    jax.jit,
    static_argnames=("model", "sites", "restarts"),
    compiler_options={"xla_backend_optimization_level": 0},
)
def _initial(model, sites, restarts, seed):
    keys = jax.vmap(partial(jax.random.fold_in, jax.random.key(seed)))(jnp.arange(restarts))
    bits = jnp.zeros((1, sites), jnp.int32)
    # one by one: several QR decompositions of batches at once wait for each other for ever (JAX 0.10)
    return jax.lax.map(lambda key: {"params": model.init(key, bits)["params"]}, keys)


@partial(jax.jit, static_argnames="model")
def _log_psi(model, variables, bits):
    return model.apply(variables, bits)


@partial(jax.jit, static_argnames=("model", "sites"))
def _vector(model, variables, sites):
    return born.normalised(born.all_log_psi(model, variables, sites))


@partial(jax.jit, static_argnames=("model", "sites"))
def _vectors(model, variables, sites):
    return jax.lax.map(lambda v: _vector(model, v, sites), variables)


_mixture = jax.jit(born.mixture, static_argnames="model")
_log_probabilities = jax.jit(born.vector_log_probabilities)
_mixture_log_probabilities = jax.jit(born.mixture_log_probabilities)
