"""What a density matrix is like: purity, entropies of the whole and of parts, negativity. Exact, in nats."""

from collections.abc import Iterable

import numpy as np

from nqs.evaluation.fidelity import fidelity


def purity(rho: np.ndarray) -> float:
    """Tr ρ², 1 for a pure state, of a density matrix (dim, dim)."""
    return float((np.abs(rho) ** 2).sum())


def von_neumann(rho: np.ndarray) -> float:
    """−Tr ρ ln ρ."""
    p = np.linalg.eigvalsh(rho)
    p = p[p > 0]
    return max(0.0, float(-(p * np.log(p)).sum()))


def reduced(rho: np.ndarray, part: Iterable[int]) -> np.ndarray:
    """Density matrix of the sites in `part`, in their order, of one of all sites (2**sites, 2**sites)."""
    kept, sites = _part(rho, part)
    rest = [site for site in range(sites) if site not in kept]
    order = [*kept, *rest]
    tensor = rho.reshape((2,) * (2 * sites)).transpose([*order, *(sites + s for s in order)])
    left = 2 ** len(kept)
    return np.einsum("iaja->ij", tensor.reshape(left, -1, left, 2 ** len(rest)))


def negativity(rho: np.ndarray, part: Iterable[int]) -> float:
    """Sum of the negative eigenvalues of ρ transposed in `part` alone, without their sign: 0 where the part is not
    entangled with the rest, or not so that this can tell. Vidal and Werner, Phys. Rev. A 65, 032314 (2002)."""
    kept, sites = _part(rho, part)
    order = list(range(2 * sites))
    for site in kept:
        order[site], order[sites + site] = sites + site, site
    turned = rho.reshape((2,) * (2 * sites)).transpose(order).reshape(rho.shape)
    values = np.linalg.eigvalsh(turned)
    return float(-values[values < 0].sum())


def trace_distance(a: np.ndarray, b: np.ndarray) -> float:
    """½ Tr |a − b| of two states, vectors (dim,) or density matrices (dim, dim)."""
    difference = as_matrix(a) - as_matrix(b)
    return float(np.abs(np.linalg.eigvalsh(difference)).sum() / 2)


def as_matrix(state: np.ndarray) -> np.ndarray:
    """The density matrix of a normalised vector, or of itself."""
    return np.outer(state, state.conj()) if state.ndim == 1 else state


def numerical_rank(rho: np.ndarray, least: float = 1e-6) -> int:
    """Eigenvalues above `least`."""
    return int((np.linalg.eigvalsh(rho) > least).sum())


def nearest_pure(rho: np.ndarray) -> tuple[np.ndarray, float]:
    """The pure state of the largest fidelity with ρ, (dim,), and that fidelity."""
    _, vectors = np.linalg.eigh(rho)
    psi = vectors[:, -1]
    return psi, fidelity(psi, rho)


def _part(rho: np.ndarray, part: Iterable[int]) -> tuple[list[int], int]:
    kept, sites = sorted(set(part)), int(np.log2(len(rho)))
    if not kept or kept[0] < 0 or kept[-1] >= sites:
        raise ValueError(f"the part {kept} is not made of sites from 0 to {sites - 1}.")
    return kept, sites
