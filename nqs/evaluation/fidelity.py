"""Fidelity of state vectors and density matrices, exact."""

import numpy as np


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


def _weight(state: np.ndarray) -> float:
    weight = np.linalg.norm(state) if state.ndim == 1 else np.trace(state).real
    if not np.isfinite(weight) or weight <= 0:
        raise ValueError(f"a state of norm {weight} has no fidelity; expected a positive norm.")
    return float(weight)
