"""Which phases the settings link: strings interfere only where a setting rotates all they differ in."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np

from nqs.state.state import State
from nqs.state.turned import redrawn

_CHAINS, _SWEEPS = 48, 24
_STRINGS = 2**20
_MOST_TOGETHER = 6
"""Sites redrawn at once; of larger sets a random part at a time."""

_MOST_SETS = 64
_STILL = 0.05
"""Share of a site's variance within chains below which it counts as one that never moves."""


class Links(NamedTuple):
    """frozen: sites that no allowed move changes, though ψ has both values there."""

    frozen: tuple[int, ...]


def links(state: State, settings: Sequence[str], seed: int, plain: frozenset[str]) -> Links:
    """Walks from samples of |ψ|², each move redrawing the sites that one setting rotates.

    Two strings whose relative phase the settings can tell are joined by such moves through
    strings that ψ holds. A site that differs between walks but never within one marks
    parts of ψ between which no setting sees interference, as in a GHZ state measured on
    few sites at a time. plain: letters that rotate nothing.
    """
    sets = {tuple(n for n, c in enumerate(s) if c not in plain) for s in settings}
    sets.discard(())
    if any(len(places) == state.sites for places in sets):
        return Links(())  # everything interferes with everything
    rng = np.random.default_rng([seed, 0x11C5])
    start = state.sample(_CHAINS, seed + 0x11C5).bits
    bits, seen = start, [start]
    moves = sorted(sets)
    key = jax.random.fold_in(jax.random.key(seed), 0x11C5)
    cost = sum(2 ** min(len(places), _MOST_TOGETHER) for places in moves[:_MOST_SETS])
    sweeps = int(np.clip(_STRINGS // (_CHAINS * max(cost, 1)), 8, _SWEEPS))
    for sweep in range(sweeps):
        if not moves:
            break
        chosen = rng.permutation(len(moves))[:_MOST_SETS]
        for number, which in enumerate(chosen):
            places = np.array(moves[which])
            if len(places) > _MOST_TOGETHER:
                places = np.sort(rng.choice(places, _MOST_TOGETHER, replace=False))
            now = jax.random.fold_in(key, sweep * _MOST_SETS + number)
            bits = redrawn(state.model, state.variables, places, bits, now)
        seen.append(bits)
    walks = np.array(seen, float)
    within = walks.var(axis=0).mean(axis=0)
    whole = walks.reshape(-1, state.sites).var(axis=0)
    held = (whole > 1e-3) & (within < _STILL * whole)
    return Links(tuple(int(n) for n in np.flatnonzero(held)))


def never_rotated(settings: Sequence[str], plain: frozenset[str]) -> list[int]:
    """Sites that no setting rotates."""
    return [n for n in range(len(settings[0])) if all(s[n] in plain for s in settings)]
