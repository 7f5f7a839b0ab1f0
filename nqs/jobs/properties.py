"""What a state is like, beside what the shots say: tables of every job, and of their figures."""

from typing import Any

import numpy as np

from nqs.evaluation import correlations, entropy, mixed
from nqs.evaluation.correlations import Moments
from nqs.evaluation.fidelity import fidelity, projection
from nqs.evaluation.heldout import Estimate
from nqs.evaluation.mixed_overlap import fidelity_of_samples
from nqs.evaluation.overlap import OverlapTooSmall
from nqs.evaluation.scatter import Action, Scatter
from nqs.evaluation.shots import from_shots
from nqs.measurement.dataset import Measurements
from nqs.measurement.effects import PAULI_LETTERS
from nqs.state.sampling import Samples
from nqs.state.state import State
from nqs.statistics import finite, standard_error
from nqs.systems.pauli import PauliSum

_PURPOSE = 0x9A0
"""Added to the seed, so that samples are neither those of the training nor of the energy."""

_WORK = 2**24
"""Sites read for each table of a large state: some seconds."""

_FEWEST, _MOST = 128, 2048
"""Samples behind a table."""

_FLIPPED_SITES = 200
"""Sites up to which X and Y are looked at without a vector: each is a flip of every sample."""

_MOST_CUTS = 16

_FIDELITY_SAMPLES = 2**14

_NOT_KNOWN: dict[str, Any] = dict.fromkeys(
    ("value", "error", "interval", "fitted", "statistical", "samples")
)

Rows = list[dict[str, Any]]


def properties(
    state: State,
    data: Measurements | None,
    seed: int,
    lengths: tuple[int, ...] | None = None,
    drawn: Samples | None = None,
) -> dict[str, Rows]:
    """Tables by name, of the state and of shots, and entropies of the state.

    Magnetisation, correlations, and their transform. Exact as far as vectors and density matrices reach, beyond
    from samples, fewer of them the larger the state; each row says how many. lengths: of the grid of sites, a
    row of them where left out. drawn: samples of the state, of a mixed one of its `whole`; new ones where left out.
    """
    lengths = lengths or (state.sites,)
    if state.dense:
        number, exact = None, state.exact()
        own = correlations.of_exact(exact)
        cuts = _mixed_cuts(exact) if exact.ndim == 2 else _exact_cuts(exact)
        waves = correlations.structure_factor(own.pair[2], lengths)
        spread = np.zeros_like(waves)
    else:
        number = int(np.clip(_WORK // state.sites**2, _FEWEST, _MOST))
        both = (drawn or state.whole().sample(2 * number, seed + _PURPOSE)).first(2 * number)
        some = both.first(number)
        number = len(some.bits)
        letters = PAULI_LETTERS if state.sites <= _FLIPPED_SITES else "Z"
        own, cuts = correlations.of_samples(state, some, letters), _sampled_cuts(state, both)
        places, white = state.dilation.places(state.sites), state.white()
        each = correlations.structure_factors(1.0 - 2.0 * some.bits[:, places], lengths)
        each = (1 - white) * each + white
        waves = each.mean(axis=0)
        spread = np.apply_along_axis(standard_error, 0, each, some.dependent)
    told = correlations.unknown(state.sites) if data is None else correlations.of_shots(data)
    tables = {
        "magnetisation": _magnetisation(own, told),
        "correlations": _correlations(own, told),
        "structure_factor": _structure(waves, spread, data, lengths),
        "entropies": cuts,
    }
    return {name: [{**row, "samples": number} for row in rows] for name, rows in tables.items()}


def beside(
    name: str,
    own: Estimate,
    shots: Measurements | None,
    total: PauliSum,
    scatter: Scatter | None = None,
) -> dict[str, Any]:
    """An observable of the state and of shots, and their difference over its standard error.

    state: with its Monte Carlo error, None where exact. statistical: with the error that the shots
    leave by its `scatter`; None without. shots: by themselves.
    """
    told = None if shots is None else from_shots(shots, total)
    pull = None
    if told is not None:
        error = float(np.hypot(own.error or 0.0, told.error or 0.0))
        pull = (own.value - told.value) / error if error > 0 else None
    size = float(np.abs(total.coefficients).sum())
    least, most = total.constant - size, total.constant + size
    return {
        "name": name,
        "state": number(own),
        "statistical": _statistical(scatter, total.action(), least, most) if scatter else None,
        "shots": None if told is None else number(told),
        "pull": pull,
    }


def fidelity_to(
    target: np.ndarray | State, name: str, state: State, scatter: Scatter | None, seed: int
) -> dict[str, Any]:
    """Fidelity with a target: of a fitted state, and what the shots leave of that of the truth.

    fitted: of the state as it is; exact of a vector, and from samples of a State beyond, with
    their error. value, error, interval: statistical ones where there are.
    """
    if isinstance(target, State) or not state.dense:
        return _sampled_fidelity_to(target, name, state, seed)
    own = fidelity(state.exact(), target)
    found = {"value": own, "error": None, "interval": None, "fitted": own, "target": name}
    linear = target.ndim == 1 or not state.mixed  # of two mixed states it is no expectation value
    again = _statistical(scatter, projection(target), 0, 1) if scatter and linear else None
    if again and not again["open"]:
        found |= {key: again[key] for key in ("value", "error", "interval")}
    return {**found, "statistical": again}


def _sampled_fidelity_to(
    target: np.ndarray | State, name: str, state: State, seed: int
) -> dict[str, Any]:
    try:
        found = fidelity_of_samples(state, target, _FIDELITY_SAMPLES, seed)
    except OverlapTooSmall:
        found = Estimate(0.0, None)
    except ValueError as problem:  # both are mixed
        return {**_NOT_KNOWN, "target": name, "why": str(problem)}
    about = {"interval": None, "fitted": found.value, "target": name, "statistical": None}
    return {**number(found), **about, "samples": _FIDELITY_SAMPLES}


def _statistical(scatter: Scatter, action: Action, least: float, most: float) -> dict[str, Any]:
    """A number of the state that was measured; open where the shots do not fix it."""
    found = scatter.interval(action, least, most)
    # None where nobody looked for states that explain the shots as well
    about = {
        "method": scatter.method,
        "open": found is None or (False if scatter.searched else None),
    }
    if found is None:
        return {"value": None, "error": None, "interval": None, **about}
    ends = [found.low, found.high]
    return {"value": found.value, "error": found.error, "interval": ends, **about}


def number(estimate: Estimate) -> dict[str, float | None]:
    return {"value": estimate.value, "error": estimate.error}


def _magnetisation(own: Moments, told: Moments) -> Rows:
    """A row for each letter and site that the state or the shots know."""
    known = np.isfinite(own.site) | np.isfinite(told.site)
    sides = (own.site, own.site_error), (told.site, told.site_error)
    return [
        {"letter": PAULI_LETTERS[k], "site": int(i), **_both(sides, (k, i))}
        for k, i in np.argwhere(known)
    ]


def _correlations(own: Moments, told: Moments) -> Rows:
    """A row for each letter and pair of sites that the state or the shots know."""
    known = np.triu(np.isfinite(own.pair) | np.isfinite(told.pair), 1)
    sides = (own.pair, own.pair_error), (told.pair, told.pair_error)
    return [
        {"letter": PAULI_LETTERS[k], "i": int(i), "j": int(j), **_both(sides, (k, i, j))}
        for k, i, j in np.argwhere(known)
    ]


def _structure(waves, spread, data: Measurements | None, lengths: tuple[int, ...]) -> Rows:
    """A row for each wave vector 2π (k / lengths[0], l / lengths[1])."""
    nothing = np.full(lengths, np.nan)
    told = None if data is None else correlations.structure_factor_of_shots(data, lengths)
    sides = (waves, spread), told or (nothing, nothing)
    return [
        {"k": where[0], "l": where[1] if len(where) > 1 else None, **_both(sides, where)}
        for where in np.ndindex(*lengths)
    ]


def _both(sides, where) -> dict[str, float | None]:
    """What the state and the shots have at one place, with their errors."""
    (own, own_error), (told, told_error) = sides
    return {
        "state": finite(own[where]),
        "state_error": finite(own_error[where]),
        "shots": finite(told[where]),
        "shots_error": finite(told_error[where]),
    }


def _exact_cuts(vector: np.ndarray) -> Rows:
    """Entropies of the sites before each bond with those behind it."""
    rows = []
    for cut in range(1, int(np.log2(vector.size))):
        found = entropy.entropies(vector, range(cut))
        rows.append(_cut(cut, found.renyi2, 0.0, found.von_neumann))
    return rows


def _mixed_cuts(rho: np.ndarray) -> Rows:
    """Entropies of the sites before each bond, and their negativity with those behind it."""
    rows = []
    for cut in range(1, int(np.log2(len(rho)))):
        part = mixed.reduced(rho, range(cut))
        renyi2 = -float(np.log(mixed.purity(part)))
        row = _cut(cut, renyi2, 0.0, mixed.von_neumann(part))
        rows.append({**row, "negativity": mixed.negativity(rho, range(cut))})
    return rows


def _sampled_cuts(state: State, drawn: Samples) -> Rows:
    """Rényi-2 entropies of some bonds, the middle one among them; none where samples do not see it."""
    one, other = drawn.halves()
    number = len(one.bits)
    affordable = int(np.clip(_WORK // (2 * number * state.sites), 1, _MOST_CUTS))
    step = max(1, -(-state.sites // (2 * affordable)))
    middle = state.sites // 2
    rows = []
    for cut in range(middle % step or step, state.sites, step):
        try:
            value, error = entropy.renyi2_of_part(state, one, other, range(cut))
        except entropy.PurityTooSmall:
            continue
        rows.append(_cut(cut, value, error or 0.0, None))
    return rows


def _cut(cut: int, renyi2: float, error: float, von_neumann: float | None) -> dict[str, Any]:
    return {"cut": cut, "renyi2": renyi2, "renyi2_error": error, "von_neumann": von_neumann}
