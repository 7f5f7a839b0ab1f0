"""The Born rule: log-probabilities of outcomes in any product of single-site bases, all at once.

Everything above this room asks here for log-probabilities, never for amplitudes.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from nqs.ansatz.autoregressive import Normalised
from nqs.ansatz.density import Density
from nqs.measurement.dataset import Measurements
from nqs.measurement.effects import (
    UNMEASURED,
    basis_bits,
    generalised,
    pieces_of,
    rotating_nothing,
)
from nqs.measurement.readout import Pair
from nqs.state.pieces import ROWS, in_turn
from nqs.state.reach import DENSE_SITES, refuse_out_of_reach

_FLOOR = 1e-30
"""Added to a probability before its logarithm: far below what shots can tell from zero."""


class Level(NamedTuple):
    """Rotation of one site in every distinct beginning of a setting.

    parents: (nodes,) the beginning, one letter shorter, that each node continues.
    children: (parents, most) the nodes continuing each parent; `nodes` where fewer.
    effects: (nodes, 2, 2) rows ⟨outcome| of each node's last letter.
    """

    parents: Any
    children: Any
    effects: Any


class Rotations(NamedTuple):
    """The settings as a tree: settings that begin alike share their rotations.

    levels: one per site; None where no setting leaves the Z basis there.
    order: (settings,) leaf of each setting.
    unmeasured: one per site; (settings,) 1 where the outcome is ignored, None where never.
    readout: (sites, 2, 2) P(read r | true t) as [site, r, t], or None.
    pairs: one per site; one per site for those that it is misread together with, (2, 2, 2, 2) P(read r_i r_j | true
    t_i t_j) as [r_i, r_j, t_i, t_j], else None; None where never.
    grouping: one per site; (settings, outcomes, pieces) that says which pieces of rank one each outcome of a
    generalised measurement is made of, None where all are outcomes themselves.
    flat: (settings, outcomes**sites) probabilities of white noise, None where all are alike.
    """

    levels: tuple[Level | None, ...]
    order: Any
    unmeasured: tuple[Any, ...]
    readout: Any
    pairs: Any = None
    grouping: Any = None
    flat: Any = None


class Mixture(NamedTuple):
    """A mixed state as its outcomes need it: ρ = (1 − s) A A† + s 1/2^N, and how it is misread.

    amplitudes: (2**sites, rank) A, of unit norm. white: s, or None. confusion: (sites, 2, 2)
    P(read r | true t) as [site, r, t] beside what the plan knows of, or None.
    """

    amplitudes: Any
    white: Any = None
    confusion: Any = None

    @property
    def density_matrix(self) -> Any:
        """ρ, (2**sites, 2**sites), the white noise a part of it; of arrays of NumPy."""
        matrix = self.amplitudes @ self.amplitudes.conj().T
        if self.white is None:
            return matrix
        return (1 - self.white) * matrix + self.white * np.eye(len(matrix)) / len(matrix)


def rotations_of(data: Measurements, settings: tuple[str, ...] | None = None) -> Rotations:
    """Plan of all rotations of the settings of shots, or of some settings, as those are misread."""
    return misread_by(
        rotations(settings or data.settings, data.effects, data.readout),
        data.readout,
        data.undone_pairs,
    )


def misread_by(plan: Rotations, readout: np.ndarray | None, pairs: Sequence[Pair]) -> Rotations:
    """The same plan with other readout errors; those of a pair are in place of those of its sites."""
    if readout is None or not pairs:
        return plan._replace(readout=readout, pairs=None)
    alone, sites = np.array(readout), range(len(readout))
    together: list[list[Any]] = [[None for _ in sites] for _ in sites]
    for (i, j), matrix in pairs:
        alone[[i, j]] = np.eye(2)
        in_order = matrix.reshape(2, 2, 2, 2)
        together[min(i, j)][max(i, j)] = in_order if i < j else in_order.transpose(1, 0, 3, 2)
    return plan._replace(readout=alone, pairs=tuple(map(tuple, together)))


def rotations(
    settings: tuple[str, ...],
    effects: Mapping[str, np.ndarray] | None = None,
    readout: np.ndarray | None = None,
) -> Rotations:
    """Plan of all rotations of `settings`; ValueError where a vector would not do."""
    sites = len(settings[0])
    known = {c: pieces_of(c, effects) for c in sorted(set("".join(settings)))}
    width = max(2, *(len(rows) for rows, _ in known.values()))
    refuse_out_of_reach(sites, len(settings), width)
    unrotated = rotating_nothing(effects) if width == 2 else frozenset()
    levels: list[Level | None] = []
    nodes = {"": 0}
    for site in range(sites):
        letters = {s[site] for s in settings}
        if letters <= unrotated:  # a beginning may be merged with its Z twin
            levels.append(None)
            nodes = {
                beginning + letter: node for beginning, node in nodes.items() for letter in letters
            }
            continue
        next_nodes: dict[str, int] = {}
        parents: list[int] = []
        rows: list[np.ndarray] = []
        for beginning in dict.fromkeys(s[: site + 1] for s in settings):
            next_nodes[beginning] = len(parents)
            parents.append(nodes[beginning[:-1]])
            rows.append(_padded(known[beginning[-1]][0], width))
        levels.append(Level(np.array(parents), _children(parents), np.stack(rows)))
        nodes = next_nodes
    ignored = np.array([[letter == UNMEASURED for letter in s] for s in settings])
    general = generalised(settings, effects or {})
    if general and readout is not None:
        raise ValueError(
            "readout errors of generalised measurements are a part of their effects; leave the matrices out."
        )
    return Rotations(
        levels=tuple(levels),
        order=np.array([nodes[s] for s in settings]),
        unmeasured=tuple(m.astype(float) if m.any() else None for m in ignored.T),
        readout=readout,
        grouping=_grouping(settings, known, width) if general else None,
        flat=_flat(settings, effects or {}) if general else None,
    )


def _padded(rows: np.ndarray, width: int) -> np.ndarray:
    return np.concatenate([rows, np.zeros((width - len(rows), 2))])


def _grouping(settings, known: dict, width: int) -> tuple[np.ndarray, ...]:
    """Which pieces each outcome of each setting is made of, one (settings, outcomes, pieces) a site."""
    levels = max(2, *(int(outcome.max()) + 1 for _, outcome in known.values()))
    tables = {}
    for letter, (_, outcome) in known.items():
        tables[letter] = np.zeros((levels, width))
        tables[letter][outcome, np.arange(len(outcome))] = 1
    return tuple(np.stack([tables[s[site]] for s in settings]) for site in range(len(settings[0])))


def _flat(settings, effects) -> np.ndarray:
    """Probabilities of all outcomes of white noise, as `log_probabilities` lays them out."""
    effects = {c: effects[c] for c in set("".join(settings)) & set(effects)}
    levels = max([2, *(len(e) for e in effects.values())])
    found = []
    for setting in settings:
        p: Any = np.ones(1)
        for letter in setting:
            site = np.zeros(levels)
            if letter in effects:
                site[: len(effects[letter])] = np.trace(effects[letter], axis1=1, axis2=2).real / 2
            elif letter == UNMEASURED:
                site[:] = 1
            else:
                site[:2] = 0.5
            p = np.kron(p, site)
        found.append(p)
    return np.stack(found)


def _children(parents: list[int]) -> np.ndarray:
    lists: list[list[int]] = [[] for _ in range(max(parents) + 1)]
    for node, parent in enumerate(parents):
        lists[parent].append(node)
    most = max(map(len, lists))
    return np.array([row + [len(parents)] * (most - len(row)) for row in lists])


def all_log_psi(model, variables, sites: int) -> Array:
    """log ψ of every basis state in index order, (2**sites,), as normalised as the model."""
    if isinstance(model, Normalised):
        return jnp.asarray(model.apply(variables, method=model.all_log_psi))
    # not a constant to XLA, which would work out at compile time what depends on it alone
    bits = jax.lax.optimization_barrier(jnp.asarray(basis_bits(sites), jnp.int32))
    # all at once as far as they are differentiated, with which pieces would interfere
    at_once = len(bits) if sites <= DENSE_SITES else ROWS
    log_psi = in_turn(partial(model.apply, variables), bits, at_once)
    return log_psi.astype(jnp.result_type(complex))  # whatever precision the module works in


def normalised(log_psi: Array) -> Array:
    """Amplitudes of unit norm from all log ψ, (2**sites,)."""
    largest = jax.lax.stop_gradient(jnp.max(log_psi.real))
    psi = jnp.exp(log_psi - largest)
    return psi / jnp.sqrt(jnp.sum(jnp.abs(psi) ** 2))


def log_probabilities(model, variables, sites: int, plan: Rotations) -> Array:
    """log P(outcomes) of every outcome in every setting, (settings, 2**sites), normalised.

    Where a site is not measured, both its outcomes carry the marginal.
    """
    if isinstance(model, Density):
        return mixture_log_probabilities(mixture(model, variables), plan)
    return vector_log_probabilities(normalised(all_log_psi(model, variables, sites)), plan)


def vector_log_probabilities(psi: Array, plan: Rotations) -> Array:
    """As `log_probabilities`, for a normalised state vector (2**sites,)."""
    probability = jnp.abs(rotated(psi, plan)) ** 2
    probability = observed(probability[plan.order], plan)
    return jnp.log(probability + _FLOOR)


def mixture(model: Density, variables: Any) -> Mixture:
    """What the parameters of a mixed state make of it."""

    def read(module):
        return module.all_amplitudes(), module.white_noise(), module.confusion()

    parts: Any = model.apply(variables, method=read)
    amplitudes, white, confusion = parts
    norm = jnp.sqrt(jnp.sum(jnp.abs(amplitudes) ** 2))
    return Mixture(amplitudes / norm, white, confusion)


def mixture_log_probabilities(m: Mixture, plan: Rotations) -> Array:
    """As `log_probabilities`, for a mixed state."""
    turned = jax.vmap(rotated, in_axes=(1, None))(m.amplitudes, plan)
    probability = jnp.sum(jnp.abs(turned) ** 2, axis=0)[plan.order]
    if m.white is not None:
        flat = 1 / probability.shape[1]
        if plan.flat is None:
            probability = (1 - m.white) * probability + m.white * flat
    if m.confusion is not None:
        before = np.eye(2) if plan.readout is None else plan.readout
        plan = plan._replace(readout=m.confusion @ before)
    probability = observed(probability, plan)
    if m.white is not None and plan.flat is not None:
        probability = (1 - m.white) * probability + m.white * plan.flat
    return jnp.log(probability + _FLOOR)


def probability_slopes(psi: Array, changes: Array, plan: Rotations) -> tuple[Array, Array]:
    """P(outcomes) of a normalised ψ (2**sites,), and how they change along each δψ, real.

    changes: (directions, 2**sites) complex. Returns (settings, 2**sites), the floor of
    `log_probabilities` added, and (directions, settings, 2**sites).
    """
    amplitudes = rotated(psi, plan)
    probability = observed((jnp.abs(amplitudes) ** 2)[plan.order], plan) + _FLOOR

    def along(change):
        slope = 2 * (amplitudes.conj() * rotated(change, plan)).real
        return observed(slope[plan.order], plan)

    at_once = max(1, ROWS // len(probability))  # of the many vectors that a change is turned into
    return probability, in_turn(jax.vmap(along), changes, at_once)


def observed(probability: Array, plan: Rotations) -> Array:
    """What is read out of true outcome probabilities (settings, pieces**sites): pieces of one outcome, flips,
    ignored sites."""
    settings, pieces = probability.shape[0], _pieces(plan)
    levels = pieces if plan.grouping is None else plan.grouping[0].shape[1]
    for i, row in enumerate(plan.pairs or ()):  # before the outcomes of either are forgotten
        for j, matrix in enumerate(row):
            if matrix is not None:
                block = probability.reshape(settings, 2**i, 2, 2 ** (j - i - 1), 2, -1)
                block = jnp.einsum("abij,sLiMjR->sLaMbR", matrix, block)
                probability = block.reshape(settings, -1)
    for site, ignored in enumerate(plan.unmeasured):
        block = probability.reshape(settings, levels**site, pieces, -1)
        if plan.grouping is not None:
            block = jnp.einsum("sop,slpR->sloR", plan.grouping[site], block)
        if plan.readout is not None:
            block = jnp.einsum("rt,sltR->slrR", plan.readout[site], block)
        if ignored is not None:
            others = block.sum(axis=2, keepdims=True) - block
            block = block + ignored[:, None, None, None] * others
        probability = block.reshape(settings, -1)
    return probability


def _pieces(plan: Rotations) -> int:
    """Outcomes of rank one that every site is turned to."""
    return next((len(level.effects[0]) for level in plan.levels if level is not None), 2)


@jax.custom_vjp
def rotated(psi: Array, plan: Rotations) -> Array:
    """⟨outcomes|ψ⟩ for every leaf of the tree, (leaves, 2**sites).

    A rotation is linear, so its gradient is the same walk backwards; written out,
    it keeps no intermediate vectors and gathers where autodiff would scatter.
    """
    amplitudes, pieces = psi[None], _pieces(plan)
    for site, level in enumerate(plan.levels):
        if level is not None:
            block = amplitudes.reshape(amplitudes.shape[0], pieces**site, 2, -1)
            amplitudes = _apply(level.effects, block[level.parents])
            amplitudes = amplitudes.reshape(amplitudes.shape[0], -1)
    return amplitudes


def _rotated_forward(psi, plan):
    return rotated(psi, plan), plan


def _rotated_backward(plan, gradient):
    pieces = _pieces(plan)
    for site in reversed(range(len(plan.levels))):
        level = plan.levels[site]
        if level is not None:
            block = gradient.reshape(gradient.shape[0], pieces**site, pieces, -1)
            block = _apply(jnp.swapaxes(level.effects, 1, 2), block)
            block = jnp.concatenate([block, jnp.zeros_like(block[:1])])
            gradient = sum(block[column] for column in level.children.T)
            gradient = gradient.reshape(gradient.shape[0], -1)
    return gradient[0], None


rotated.defvjp(_rotated_forward, _rotated_backward)


def _apply(effects: Array, block: Array) -> Array:
    """A matrix for each node, (nodes, out, in), on axis 2 of block (nodes, left, in, right)."""
    if effects.shape[1:] != (2, 2):
        return jnp.einsum("noi,nliR->nloR", effects, block)
    e = effects[:, :, :, None, None]
    zero, one = block[:, :, 0], block[:, :, 1]
    return jnp.stack([e[:, o, 0] * zero + e[:, o, 1] * one for o in (0, 1)], axis=2)


def conjugated(plan: Rotations) -> Rotations:
    """The plan under which ψ has the outcome probabilities that ψ* has under `plan`."""
    levels = tuple(
        None if level is None else level._replace(effects=level.effects.conj())
        for level in plan.levels
    )
    return plan._replace(levels=levels)
