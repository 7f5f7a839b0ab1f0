"""Fermions on qubits by the mapping of Jordan and Wigner: bit 1 is an occupied mode."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import product

import numpy as np

from nqs.systems.lattices import Lattice
from nqs.systems.pauli import PauliSum, refuse_too_many_sites

Product = tuple[tuple[int, bool], ...]
"""Operators from left to right: each a mode and whether it is a creator."""

_NEGLIGIBLE = 1e-12
"""Integrals that are left out."""


def jordan_wigner(terms: Iterable[tuple[complex, Product]], modes: int) -> PauliSum:
    """Σ coefficient · product, hermitian altogether; mode m is site m.

    a_m = ∏_{n<m} Z_n (X_m + i Y_m)/2, which takes |1⟩ to |0⟩.
    Jordan and Wigner, Z. Phys. 47, 631 (1928).
    """
    refuse_too_many_sites(modes)
    found: dict[tuple[int, int], complex] = defaultdict(complex)
    for coefficient, factors in terms:
        # each operator is Σ_k ½ (−1)^{k if it annihilates} X Z^k times the Z before it
        for choice in product((0, 1), repeat=len(factors)):
            x = z = 0
            sign = 1
            for (mode, creates), k in zip(factors, choice, strict=True):
                here = 1 << mode
                if k and not creates:
                    sign = -sign
                if z & here:  # X^x Z^z X = ± X^x X Z^z
                    sign = -sign
                x ^= here
                z ^= (here if k else 0) | (here - 1)
            found[x, z] += sign * coefficient / 2 ** len(factors)
    strings = list(found)
    flips, signs = (_bits([s[part] for s in strings], modes) for part in (0, 1))
    # X Z = −i Y
    values = np.array([found[s] for s in strings]) * (-1j) ** (flips & signs).sum(axis=1)
    return PauliSum.from_bits(flips, signs, values)


def hubbard(lattice: Lattice, t: float = 1.0, U: float = 4.0) -> PauliSum:
    """H = −t Σ_(ij)s (c†_is c_js + c†_js c_is) + U Σ_i n_i↑ n_i↓.

    Site i with spin up is qubit i, with spin down qubit sites + i.
    Hubbard, Proc. R. Soc. A 276, 238 (1963).
    """
    terms: list[tuple[complex, Product]] = []
    for i, j in lattice.edges.tolist():
        for first in (0, lattice.sites):
            a, b = first + i, first + j
            terms += [(-t, ((a, True), (b, False))), (-t, ((b, True), (a, False)))]
    for up in range(lattice.sites):
        down = up + lattice.sites
        terms.append((U, ((up, True), (up, False), (down, True), (down, False))))
    return jordan_wigner(terms, 2 * lattice.sites)


def electronic(one: np.ndarray, two: np.ndarray, constant: float = 0.0) -> PauliSum:
    """H = Σ h_pq c†_ps c_qs + ½ Σ (pq|rs) c†_ps c†_rs' c_ss' c_qs + constant.

    one: (orbitals, orbitals). two: (orbitals,) * 4, real, in chemists' order: electron 1 in p and
    q. Orbital p with spin up is qubit p, with spin down qubit orbitals + p.
    Szabo and Ostlund, Modern Quantum Chemistry, chapter 2.
    """
    orbitals = len(one)
    terms: list[tuple[complex, Product]] = []
    for p, q in np.argwhere(np.abs(one) > _NEGLIGIBLE).tolist():
        for first in (0, orbitals):
            terms.append((one[p, q], ((first + p, True), (first + q, False))))
    for p, q, r, s in np.argwhere(np.abs(two) > _NEGLIGIBLE).tolist():
        for mine, other in product((0, orbitals), repeat=2):
            made, gone = (mine + p, other + r), (other + s, mine + q)
            if made[0] != made[1] and gone[0] != gone[1]:
                factors = tuple((m, True) for m in made) + tuple((m, False) for m in gone)
                terms.append((0.5 * two[p, q, r, s], factors))
    found = jordan_wigner(terms, 2 * orbitals)
    return PauliSum.from_bits(found.x, found.z, found.coefficients, found.constant + constant)


def molecule(
    geometry: str, basis: str = "sto-3g", charge: int = 0, spin: int = 0
) -> tuple[PauliSum, tuple[int, int]]:
    """Electrons of a molecule in Hartree-Fock orbitals, energies in hartree; those of each spin.

    geometry: as "Li 0 0 0; H 0 0 1.5949", in ångström. spin: unpaired electrons. The nuclei's
    repulsion is in the constant. ValueError without pyscf, or where it refuses the molecule.
    """
    try:
        from pyscf import ao2mo, gto, scf
    except ImportError:
        raise ValueError(
            "integrals of a molecule take pyscf: pip install 'nqs[molecules]'."
        ) from None
    try:
        atoms = gto.M(atom=geometry, basis=basis, charge=charge, spin=spin, verbose=0)
    except (RuntimeError, KeyError, ValueError, IndexError) as problem:
        raise ValueError(f"pyscf refuses {geometry!r} in {basis!r}: {problem}.") from None
    field = (scf.RHF if spin == 0 else scf.ROHF)(atoms).run(conv_tol=1e-12)
    if not field.converged:
        raise ValueError(f"the Hartree-Fock orbitals of {geometry!r} do not converge.")
    orbitals = field.mo_coeff
    one = orbitals.T @ field.get_hcore() @ orbitals
    two = ao2mo.restore(1, ao2mo.kernel(atoms, orbitals), orbitals.shape[1])
    return electronic(one, two, atoms.energy_nuc()), atoms.nelec


def _bits(numbers: Sequence[int], modes: int) -> np.ndarray:
    """(numbers, modes) bool, mode 0 the least significant bit."""
    return np.array([[n >> mode & 1 for mode in range(modes)] for n in numbers], bool)
