"""Entropies of regions of a state's sites, and what pairs of regions have in common."""

import re
from collections.abc import Callable, Sequence
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np

from nqs.evaluation import entropy, mixed
from nqs.evaluation.heldout import Estimate
from nqs.jobs.properties import number
from nqs.state.state import State

_SECOND = 0x5EC
"""Added to the seed for the second copy."""

Region = tuple[int, ...]


def region(text: str, sites: int) -> Region:
    """The sites that "0-3,7" names, in order; ValueError says what is wrong with it."""
    found: set[int] = set()
    for part in text.split(","):
        ends = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?", part)
        if not ends:
            raise ValueError(f"the region {text!r} is not a list of sites such as 0-3,7.")
        first = int(ends[1])
        last = int(ends[2] or first)
        if last < first or last >= sites:
            raise ValueError(f"the region {text!r} names sites that are not from 0 to {sites - 1}.")
        found.update(range(first, last + 1))
    if len(found) == sites:
        raise ValueError(
            f"the region {text!r} is the whole; there is nothing it is entangled with."
        )
    return tuple(sorted(found))


def entropies(
    state: State, wanted: Sequence[Region], samples: int, seed: int
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Of each region with the rest, and of each two that share no site their mutual information.

    In nats. Exact as far as vectors and density matrices reach; beyond, Rényi-2 from samples of two copies, with the reason where
    they see nothing of it.
    """
    pairs = [(a, b) for a, b in combinations(wanted, 2) if not set(a) & set(b)]
    if state.dense:
        if state.mixed:
            return _of_mixture(state, wanted, pairs)
        vector = state.vector()
        own = [entropy.entropies(vector, part) for part in wanted]
        return (
            [
                _row({"sites": a}, _exact(e.renyi2), _exact(e.von_neumann))
                for a, e in zip(wanted, own, strict=True)
            ],
            [
                _row(
                    {"a": a, "b": b},
                    _exact(_renyi2(vector, a, b)),
                    _exact(entropy.mutual_information(vector, a, b)),
                )
                for a, b in pairs
            ],
        )
    whole = state.whole()
    copies = whole.sample(samples, seed), whole.sample(samples, seed + _SECOND)
    alone = partial(entropy.renyi2_of_part, state, *copies)
    if state.mixed:
        common = partial(_shared, alone)
    else:
        common = partial(entropy.renyi2_information, state, *copies)
    return (
        [_sampled({"sites": a}, alone) for a in wanted],
        [_sampled({"a": a, "b": b}, common) for a, b in pairs],
    )


def _of_mixture(state: State, wanted: Sequence[Region], pairs) -> tuple[list, list]:
    """Of a density matrix: entropies of parts are not those of entanglement, negativity is."""
    rho = state.density_matrix()

    def both(sites) -> np.ndarray:
        part = mixed.reduced(rho, sites)
        return np.array([-np.log(mixed.purity(part)), mixed.von_neumann(part)])

    own = []
    for part in wanted:
        row = _row({"sites": part}, *map(_exact, both(part)))
        own.append({**row, "negativity": number(_exact(mixed.negativity(rho, part)))})
    common = [
        _row({"a": a, "b": b}, *map(_exact, both(a) + both(b) - both({*a, *b}))) for a, b in pairs
    ]
    return own, common


def _shared(alone: Callable[[Region], Estimate], a: Region, b: Region) -> Estimate:
    """S₂(A) + S₂(B) − S₂(A ∪ B), its error at most that of three independent numbers' sum."""
    one, other, both = (alone(part) for part in (a, b, tuple(sorted({*a, *b}))))
    errors = [e.error or 0.0 for e in (one, other, both)]
    return Estimate(one.value + other.value - both.value, float(sum(errors)))


def _renyi2(vector, a: Region, b: Region) -> float:
    one, other, both = (entropy.entropies(vector, part).renyi2 for part in (a, b, {*a, *b}))
    return one + other - both


def _exact(value: float) -> Estimate:
    return Estimate(value, None)


def _sampled(about: dict[str, Region], find: Callable[..., Estimate]) -> dict[str, Any]:
    try:
        return _row(about, find(*about.values()), None)
    except entropy.PurityTooSmall as problem:
        return {**_row(about, None, None), "why": str(problem)}


def _row(
    about: dict[str, Region], renyi2: Estimate | None, von_neumann: Estimate | None
) -> dict[str, Any]:
    return {
        **{key: list(sites) for key, sites in about.items()},
        "renyi2": None if renyi2 is None else number(renyi2),
        "von_neumann": None if von_neumann is None else number(von_neumann),
    }
