"""Ansätze with parameters far from zero, so that a wrong sign or a lost term shows."""

import jax
import numpy as np

from nqs.ansatz import ANSATZE, build
from nqs.state.state import State


def lively(name: str, sites: int, seed: int = 0, strength: float = 0.5, **options) -> State:
    """The ansatz called `name` with normal parameters of the given strength added.

    An array has two columns where it can, and one where it has to.
    """
    if name == "recurrent-2d":
        options.setdefault("size", (sites // 2, 2) if sites % 2 == 0 else (sites, 1))
    return moved(build(name, sites, **options), sites, seed, strength)


def moved(model, sites: int, seed: int = 0, strength: float = 0.5) -> State:
    """A module at its start, with normal parameters of the given strength added."""
    state = State.initial(model, sites, seed)
    rng = np.random.default_rng(4000 + seed)

    def farther(leaf):
        return leaf + strength * rng.normal(size=leaf.shape)

    return State(state.model, jax.tree.map(farther, state.variables), sites)


NAMES = tuple(name for name in ANSATZE if name != "pair-product")
"""Ansätze that any number of sites has, and every configuration."""
