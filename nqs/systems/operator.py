"""A Pauli sum as a NetKet operator, for its states, samplers and drivers."""

import jax
import jax.numpy as jnp
import netket as nk
import numpy as np
from jax import Array
from netket.operator import DiscreteJaxOperator

from nqs.systems.elements import Elements, diagonal, elements, off_diagonal
from nqs.systems.pauli import PauliSum, with_sites


@jax.tree_util.register_pytree_node_class
class PauliOperator(DiscreteJaxOperator):
    """H on bits: as many connected elements as distinct sets of flipped sites, and itself.

    hilbert: nk.hilbert.Qubit or any of bits 0 and 1. Zeros are kept where a flip has no
    element at σ, so that shapes do not depend on it.
    """

    def __init__(self, total: PauliSum, hilbert=None):
        super().__init__(hilbert or nk.hilbert.Qubit(total.sites))
        if self.hilbert.size != total.sites:
            raise ValueError(
                f"the Hilbert space has {self.hilbert.size} sites and the operator {total.sites}."
            )
        if list(self.hilbert.local_states) != [0, 1]:
            raise ValueError(
                f"the Hilbert space has the local states {list(self.hilbert.local_states)}; expected "
                "bits 0 and 1, such as nk.hilbert.Qubit."
            )
        self.elements: Elements = jax.tree.map(jnp.asarray, elements(total))

    @property
    def dtype(self):
        return self.elements.coefficients.dtype

    @property
    def is_hermitian(self) -> bool:
        return True

    @property
    def max_conn_size(self) -> int:
        return 1 + self.elements.flips.shape[0]

    def get_conn_padded(self, x: Array) -> tuple[Array, Array]:
        """Connected configurations (…, connected, sites) and ⟨σ|H|σ'⟩ (…, connected)."""
        e = self.elements
        bits = jnp.asarray(x)
        flipped = jnp.where(e.flips, 1 - bits[..., None, :], bits[..., None, :])
        itself = diagonal(e, bits)[..., None].astype(self.dtype)
        connected = jnp.concatenate([bits[..., None, :], flipped], axis=-2)
        return connected, jnp.concatenate([itself, off_diagonal(e, bits)], axis=-1)

    def tree_flatten(self):
        return (self.elements,), {"hilbert": self.hilbert}

    @classmethod
    def tree_unflatten(cls, structure, leaves):
        made = object.__new__(cls)
        DiscreteJaxOperator.__init__(made, structure["hilbert"])
        (made.elements,) = leaves
        return made


def from_netket(operator) -> PauliSum:
    """A NetKet operator on bits or spins 1/2 as a Pauli sum; ValueError where it is none."""
    if not isinstance(operator, nk.operator.AbstractOperator):
        raise ValueError(
            f"the Hamiltonian is of type {type(operator).__name__}; expected a NetKet operator, a PauliSum "
            "or the path of a config."
        )
    if not operator.is_hermitian:
        raise ValueError(f"this {type(operator).__name__} is not hermitian; add its adjoint.")
    if isinstance(operator, nk.operator.PauliStrings | nk.operator.PauliStringsJax):
        strings = [with_sites(word) for word in np.asarray(operator.operators)]
        weights = np.asarray(operator.weights)
        return PauliSum.from_terms(list(zip(weights, strings, strict=True)), operator.hilbert.size)
    two_levels = set(operator.hilbert.shape) == {2}
    for way in ("to_pauli_strings", "to_local_operator"):
        if two_levels and hasattr(operator, way):
            return from_netket(getattr(operator, way)())
    raise ValueError(
        f"{type(operator).__name__} cannot be written as a sum of Pauli strings; give it as "
        "nk.operator.PauliStrings."
    )
