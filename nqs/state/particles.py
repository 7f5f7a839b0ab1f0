"""More ancillas than are summed over: a few of their values for each shot, the likely ones kept and the others drawn.

A shot's probability is a sum over all ancilla strings. Read site by site, every string kept so far goes on with both
values of the next ancilla, and of twice as many strings those of large weight are kept as they are; of the others some
are drawn, and weighted by the inverse of their chance. The sum of those left has the right mean whatever the state is,
and so its logarithm is too small by half its relative variance: a bound.

Fearnhead and Clifford, J. R. Stat. Soc. B 65, 887 (2003); Burda, Grosse and Salakhutdinov, arXiv:1509.00519.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from nqs.ansatz.accompanied import Accompanied


class Draws(NamedTuple):
    """What chance does to the ancillas of some shots.

    uniform: (sites, shots) one number in [0, 1) for what stands behind each site. begun: (strings,) log weights at
    the start, that of one empty string.
    """

    uniform: Any
    begun: Any


def tree_log_psi(model: Accompanied, variables: Any, tree: Any, draws: Draws) -> Array:
    """log ψ of the leaves, with the strings of ancillas kept for their shot, (leaves, strings) complex; half the log
    of the weight of each is added, so that a sum of squares is that over all ancillas, in the mean."""

    def read(module):
        return _read(module, tree, draws)

    found: Any = model.apply(variables, method=read)
    return found


class _Nodes(NamedTuple):
    """Beginnings of strings, each with all strings of ancillas that are kept for its shot; leaves (nodes, strings, …)."""

    memory: Any
    log_modulus: Array
    phase: Array


def _read(model: Accompanied, tree: Any, draws: Draws) -> Array:
    shots = draws.uniform.shape[1]
    strings = len(draws.begun)
    begun = jax.tree.map(
        lambda leaf: leaf.reshape(1, strings, *leaf.shape[1:]), model.start(strings)
    )
    zero = jnp.zeros((1, strings), jax.tree.leaves(begun)[0].dtype)
    nodes = _Nodes(begun, zero, zero)
    log_weight = jnp.broadcast_to(jnp.asarray(draws.begun), (shots, strings))
    kept, followed = jnp.asarray(model.kept), jnp.asarray(model.followed)
    first = 0
    for block in tree:
        nodes = jax.tree.map(lambda leaf, above=block.parents: leaf[above], nodes)
        shot, last = jnp.asarray(block.shot), first + block.bits.shape[1]

        def visit(carry, step, shot=shot):
            nodes, log_weight = carry
            bit, place, follows, uniform = step
            nodes = _past_site(model, nodes, bit, place)

            def chosen(nodes, log_weight):
                return _past_ancilla(model, nodes, log_weight, shot, place + 1, uniform)

            return jax.lax.cond(follows, chosen, lambda *same: same, nodes, log_weight), None

        every = slice(first, last)
        steps = (
            block.bits.T.astype(jnp.int32),
            kept[every],
            followed[every],
            jnp.asarray(draws.uniform)[every],
        )
        (nodes, log_weight), _ = jax.lax.scan(visit, (nodes, log_weight), steps)
        first = last
    weight = log_weight[jnp.minimum(shot, shots - 1)]
    return nodes.log_modulus + 0.5 * weight + 1j * nodes.phase


def _past_site(model, nodes: _Nodes, bit: Array, place: Array) -> _Nodes:
    """bit: (nodes,)."""
    shape = nodes.phase.shape
    bit = jnp.broadcast_to(bit[:, None], shape).reshape(-1)
    memory = _flat(nodes.memory)
    expected = model.expected_of_site(memory, place)
    return _Nodes(
        _apart(model.past_site(memory, bit, place), shape),
        nodes.log_modulus + expected.log_modulus(bit).reshape(shape),
        nodes.phase + expected.phase(bit).reshape(shape),
    )


def _past_ancilla(model, nodes: _Nodes, log_weight, shot, place, uniform) -> tuple[_Nodes, Array]:
    shape, shots = nodes.phase.shape, len(log_weight)
    expected = _apart(model.expected_of_ancilla(_flat(nodes.memory), place), shape)
    both = jnp.stack([nodes.log_modulus + expected.log_modulus(bit) for bit in (0, 1)], axis=2)
    mass = _of_shots(jax.lax.stop_gradient(2 * both), shot, shots) + log_weight[:, :, None]
    which, log_chance = fewer(mass.reshape(shots, -1), shape[1], uniform)
    before, bit = which // 2, which % 2
    log_weight = jnp.take_along_axis(log_weight, before, axis=1) - log_chance
    of_node = jnp.minimum(shot, shots - 1)
    before, bit = before[of_node], bit[of_node]

    def taken(leaf):
        return jnp.take_along_axis(leaf, before.reshape(*shape, *(1,) * (leaf.ndim - 2)), axis=1)

    nodes, expected = jax.tree.map(taken, (nodes, expected))
    memory = model.past_ancilla(_flat(nodes.memory), bit.reshape(-1), place)
    log_modulus = nodes.log_modulus + expected.log_modulus(bit)
    return _Nodes(_apart(memory, shape), log_modulus, nodes.phase + expected.phase(bit)), log_weight


def _of_shots(log_mass: Array, shot: Array, shots: int) -> Array:
    """log of the sum over the nodes of each shot, (nodes, …) → (shots, …)."""
    most = jax.ops.segment_max(log_mass, shot, shots)
    there = jnp.exp(log_mass - most[jnp.minimum(shot, shots - 1)])
    return most + jnp.log(jax.ops.segment_sum(there, shot, shots))


def fewer(log_weight: Array, number: int, uniform: Array) -> tuple[Array, Array]:
    """Which of many weights are kept, (rows, number), and the log of the chance of that; −log 0 = ∞ of a place that
    is left empty.

    log_weight: (rows, many). uniform: (rows,) in [0, 1). Of large ones the chance is 1, of small ones proportional to
    the weight, so that those kept weigh the same: of all choices with the right mean that of least variance.
    """
    order = jnp.argsort(-log_weight, axis=1)
    sorted_log = jnp.take_along_axis(log_weight, order, axis=1)
    weight = jnp.exp(sorted_log - sorted_log[:, :1])
    rest = jnp.cumsum(weight[:, ::-1], axis=1)[:, ::-1]  # of those not larger
    left = number - jnp.arange(number)
    small = weight[:, :number] * left <= rest[:, :number]
    large = jnp.argmax(small, axis=1)[:, None]  # how many are kept whatever chance says
    level = jnp.take_along_axis(rest, large, axis=1) / (number - large)
    chance = jnp.where(level > 0, jnp.minimum(1, weight / jnp.where(level > 0, level, 1)), 0)
    chance = jnp.where(jnp.arange(weight.shape[1]) < large, 1, chance)
    passed = jnp.floor(jnp.cumsum(chance, axis=1) + uniform[:, None])
    drawn = jnp.diff(passed, axis=1, prepend=0) > 0
    first = jnp.argsort(~drawn, axis=1, stable=True)[:, :number]
    chance = jnp.where(drawn, chance, jnp.inf)
    kept = jnp.take_along_axis(chance, first, axis=1)
    return jnp.take_along_axis(order, first, axis=1), jnp.log(kept)


def _flat(tree: Any) -> Any:
    """(nodes, strings, …) → (nodes · strings, …)."""
    return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), tree)


def _apart(tree: Any, shape: tuple[int, ...]) -> Any:
    return jax.tree.map(lambda leaf: leaf.reshape(*shape, *leaf.shape[1:]), tree)
