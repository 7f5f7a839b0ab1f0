"""Which symmetries of its lattice a Hamiltonian has, and where its elements are negative."""

from collections.abc import Sequence

import numpy as np

from nqs.groups import point_group
from nqs.systems.lattices import Lattice
from nqs.systems.pauli import PauliSum

_MOST_SIGNS = 16


def translation_invariant(total: PauliSum, size: Sequence[int]) -> bool:
    """Whether H commutes with every translation: with one step along each direction."""
    number = np.arange(np.prod(size)).reshape(size)
    for axis in range(len(size)):
        order = np.roll(number, 1, axis).reshape(-1)
        if not _permuted(total, order):
            return False
    return True


def point_group_invariant(total: PauliSum, size: Sequence[int]) -> bool:
    """Whether H commutes with every rotation and reflection of an array about its middle."""
    return all(_permuted(total, order) for order in point_group(tuple(size)))


def _permuted(total: PauliSum, order: np.ndarray) -> bool:
    """Whether sites in another order leave H as it is."""
    moved = PauliSum.from_bits(total.x[:, order], total.z[:, order], total.coefficients)
    return same(total, moved)


def flip_invariant(total: PauliSum) -> bool:
    """Whether H commutes with ∏ X, the flip of all spins."""
    return not (total.z.sum(axis=1) % 2).any()


def spin_rotation_invariant(total: PauliSum) -> bool:
    """Whether H commutes with every rotation of all spins together, as Heisenberg's does.

    It does where it conserves Σ Z and is the same with X, Y, Z in place of Y, Z, X.
    """
    turned = PauliSum.from_bits(total.x ^ total.z, total.x, total.coefficients, total.constant)
    return total.conserves_magnetisation() and same(total, turned)


def lowest_magnetisation(total: PauliSum, rotated: Sequence[int] | None) -> int | None:
    """Σ Z of a ground state where theory tells it, else None.

    The least |Σ Z| where H is invariant under all rotations of the spins: every multiplet
    has a member there. The same for Σ a (XX + YY) + b ZZ with a ≥ |b| between two
    sublattices: Lieb and Mattis, J. Math. Phys. 3, 749 (1962).

    rotated: sites of one sublattice, None where there are not two.
    """
    least = total.sites % 2
    if spin_rotation_invariant(total):
        return least
    if rotated is None or not total.conserves_magnetisation() or not stoquastic(total, rotated):
        return None
    on = total.x | total.z
    if not (on.sum(axis=1) == 2).all():
        return None
    plane: dict[bytes, float] = {}
    axis: dict[bytes, float] = {}
    for pair, flips, value in zip(on, total.x, total.coefficients, strict=True):
        found = plane if flips.any() else axis
        found[pair.tobytes()] = max(found.get(pair.tobytes(), 0.0), abs(value))
    if any(value > plane.get(pair, 0.0) * (1 + 1e-12) for pair, value in axis.items()):
        return None
    return least


def sublattice(lattice: Lattice) -> tuple[int, ...] | None:
    """Sites of one of two sublattices, the one without site 0; None where edges frustrate it."""
    neighbours: list[list[int]] = [[] for _ in range(lattice.sites)]
    for a, b in lattice.edges.tolist():
        neighbours[a].append(b)
        neighbours[b].append(a)
    side = [-1] * lattice.sites
    for start in range(lattice.sites):
        if side[start] >= 0:
            continue
        side[start], waiting = 0, [start]
        while waiting:
            here = waiting.pop()
            for there in neighbours[here]:
                if side[there] < 0:
                    side[there] = 1 - side[here]
                    waiting.append(there)
                elif side[there] == side[here]:
                    return None
    return tuple(site for site, value in enumerate(side) if value)


def stoquastic(total: PauliSum, rotated: Sequence[int] = ()) -> bool:
    """Whether a positive ground state exists: no off-diagonal element is above zero.

    rotated: sites of a Marshall sign ∏_{i rotated} (−1)^{σ_i}, under which an element
    that flips an odd number of them changes sign. False as well where it would take
    more than 2^16 signs to know.
    """
    if not total.real:
        return False
    distinct, group = total.flips
    values = total.coefficients * ((-1j) ** (total.x & total.z).sum(axis=1)).real
    for number in range(1, len(distinct)):
        sign = (-1) ** int(distinct[number, list(rotated)].sum())
        terms = np.flatnonzero(group == number)
        z = total.z[terms]
        read = np.flatnonzero(z.any(axis=0))
        if len(read) > _MOST_SIGNS:
            return False
        bits = (np.arange(2 ** len(read))[:, None] >> np.arange(len(read))) & 1
        signs = 1 - 2 * ((bits @ z[:, read].T.astype(int)) % 2)
        if (sign * (signs @ values[terms])).max() > 1e-12 * total.scale:
            return False
    return True


def same(one: PauliSum, other: PauliSum) -> bool:
    """Whether two sums have the same strings and strengths; both come sorted from `from_bits`."""
    return (
        one.x.shape == other.x.shape
        and bool((one.x == other.x).all() and (one.z == other.z).all())
        and np.allclose(one.coefficients, other.coefficients, rtol=1e-12, atol=1e-14 * one.scale)
    )
