"""What may be wrong with an energy: frozen chains, heavy tails, bounds that are broken."""

from dataclasses import dataclass

import numpy as np

from nqs.evaluation.energy import Energy
from nqs.evaluation.heldout import Estimate

_ERRORS = 4.0
_MIXED = 1.05
_FEWEST_EFFECTIVE = 100
_LEAST_ACCEPTANCE = 0.01
_FEWEST_DISTINCT = 10
_BLIND = 2.0
"""How much larger the second look at the variance may be."""

_ROUNDED = 1e-9
"""Variance, over the square of the energy, that may come from rounding."""

_REFERENCE = 1e-4
"""Relative error of a reference energy that may come from rounding it."""

_POOR_V_SCORE = 1e-2
_POOR_ERROR = 1e-2


@dataclass(frozen=True)
class Training:
    """What the training has to say: steps skipped, rates halved, and why it ended early."""

    skipped: int
    halvings: int
    ended_early: str | None


def warnings(
    found: Energy,
    v_score: Estimate | None,
    exact: float | None,
    training: Training,
    infinite_temperature: float = 0.0,
    *,
    bound: bool = True,
) -> list[str]:
    """A sentence for everything that should be doubted, and what to do.

    infinite_temperature: Tr H / 2^N, from which energies are counted where it is asked
    whether they are far apart. bound: whether no energy can lie below the exact one.
    """
    energy, error = found.energy.value, found.energy.error or 0.0
    scale = abs((energy if exact is None else exact) - infinite_temperature)
    said = _of_samples(found, scale)
    far = v_score is not None and v_score.value > _POOR_V_SCORE
    if exact is not None:
        above = energy - exact
        if bound and above < -_ERRORS * error - 1e-8 * scale:
            said.append(
                f"the energy lies {-above:.2g} below the exact one, more than {_ERRORS:g} errors: no state "
                "can. The samples do not represent |ψ|²; try another sampler or a smaller rate."
            )
        elif above > _POOR_ERROR * scale + _ERRORS * error:
            far = False  # said once
            share = f"{above / scale:.1%}" if scale else f"{above:.2g}"
            said.append(
                f"the energy lies {share} above the exact one: the training has not "
                "found the ground state. Try another seed, more steps or a larger ansatz."
            )
    if far and v_score is not None:
        said.append(
            f"the V-score is {v_score.value:.2g}: the state is far from any eigenstate. Try more steps "
            "or a larger ansatz."
        )
    if training.halvings:
        said.append(
            f"the training went back to an earlier state {training.halvings} time(s) and halved its "
            "rate; see metrics.jsonl for where."
        )
    if training.skipped:
        said.append(f"{training.skipped} steps met numbers that are not finite and were not taken.")
    if training.ended_early == "time limit":
        said.append("the time limit ended the training before its schedule; resume the run.")
    return said


def reference(given: float, exact: float, method: str) -> list[str]:
    """Whether an energy from elsewhere is the exact one, to the digits it is given with."""
    if abs(given - exact) <= _REFERENCE * abs(exact):
        return []
    return [
        f"reference.energy is {given:.10g}, and the exact energy {exact:.10g} ({method}); check the config."
    ]


def _of_samples(found: Energy, scale: float) -> list[str]:
    said = []
    if found.acceptance is not None and found.acceptance < _LEAST_ACCEPTANCE:
        said.append(
            f"the chains took {found.acceptance:.2%} of their moves: they stand still, and neither energy "
            "nor variance can be trusted. Try an autoregressive ansatz, or exact sums."
        )
    few = found.samples > 0 and found.distinct < min(_FEWEST_DISTINCT, found.samples)
    if few and not _confirmed(found, scale):
        said.append(
            f"{found.samples:,} samples are only {found.distinct} different configuration(s): the variance "
            "between them says little of the state."
        )
    if _blind(found, scale) and found.around is not None:
        said.append(
            f"the samples miss where H ψ is large and ψ small: the variance is "
            f"{found.variance.value:.2g} on them and {found.around.value:.2g} with these. The V-score "
            "is too small; train further, or with exact sums."
        )
    if found.r_hat is not None and not found.r_hat < _MIXED:
        said.append(
            f"the chains disagree (R̂ = {found.r_hat:.2f}, expected below {_MIXED}); take more sweeps or "
            "an autoregressive ansatz."
        )
    if found.effective_samples is not None and found.effective_samples < _FEWEST_EFFECTIVE:
        said.append(
            f"the energy rests on {found.effective_samples:.0f} independent samples; take more."
        )
    if found.heavy_tailed and not _confirmed(found, scale):
        said.append(
            f"{found.top_share:.0%} of the variance comes from 1 % of the samples: such heavy tails make "
            "the error bar too small. Train further or take more samples."
        )
    return said


def _blind(found: Energy, scale: float) -> bool:
    """Whether there is variance that the samples do not see."""
    around, seen = found.around, found.variance
    if around is None or seen.error is None:
        return False
    margin = _ERRORS * float(np.hypot(around.error or 0.0, seen.error))
    return around.value > _BLIND * seen.value + _ROUNDED * scale**2 + margin


def _confirmed(found: Energy, scale: float) -> bool:
    """Whether the second look, which goes where samples are rare, finds no more variance."""
    around = found.around
    if around is None:
        return False
    most = around.value + 2 * (around.error or 0.0)
    return most < _BLIND * found.variance.value + _ROUNDED * scale**2
