"""Fidelity of state vectors and density matrices, exact."""

from collections.abc import Callable

import numpy as np

_PHASELESS = 1e-9
"""Infidelity with its own modulus below which a state counts as positive."""


def fidelity(a: np.ndarray, b: np.ndarray) -> float:
    """Squared overlap |⟨a|b⟩|², ⟨a|b|a⟩ or (Tr √(√a b √a))², independent of norms and phases.

    Each of shape (dim,) or (dim, dim).
    """
    a, b = np.asarray(a, dtype=complex), np.asarray(b, dtype=complex)
    if a.shape[0] != b.shape[0]:
        raise ValueError(
            f"the states have {a.shape[0]} and {b.shape[0]} amplitudes; "
            "fidelity compares states of the same sites."
        )
    a, b = a / _weight(a), b / _weight(b)
    if a.ndim == 1 and b.ndim == 1:
        value = abs(np.vdot(a, b)) ** 2
    elif a.ndim == 1:
        value = np.vdot(a, b @ a).real
    elif b.ndim == 1:
        value = np.vdot(b, a @ b).real
    else:
        values, vectors = np.linalg.eigh(a)
        root = (vectors * np.sqrt(values.clip(min=0))) @ vectors.conj().T
        value = np.sqrt(np.linalg.eigvalsh(root @ b @ root).clip(min=0)).sum() ** 2
    return float(np.clip(value, 0.0, 1.0))


def is_positive(psi: np.ndarray) -> bool:
    """Whether a vector is that of its moduli, up to its norm and a global phase."""
    return fidelity(psi, np.abs(psi)) > 1 - _PHASELESS


def projection(target: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """ψ ↦ ρψ of a state vector or density matrix, whose mean is the fidelity with it."""
    rho = np.asarray(target, dtype=complex)
    rho = rho / _weight(rho)
    if rho.ndim == 1:
        return lambda psi: rho * np.vdot(rho, psi)
    return lambda psi: rho @ psi


def _weight(state: np.ndarray) -> float:
    weight = np.linalg.norm(state) if state.ndim == 1 else np.trace(state).real
    if not np.isfinite(weight) or weight <= 0:
        raise ValueError(f"a state of norm {weight} has no fidelity; expected a positive norm.")
    return float(weight)
