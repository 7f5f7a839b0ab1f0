"""What may be wrong with an energy: frozen chains, heavy tails, bounds that are broken."""

from dataclasses import dataclass

import numpy as np

from nqs.evaluation.checks import Check
from nqs.evaluation.energy import Energy
from nqs.evaluation.heldout import Estimate
from nqs.statistics import finite

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


def checks(
    found: Energy,
    v_score: Estimate | None,
    exact: float | None,
    training: Training,
    infinite_temperature: float = 0.0,
    *,
    bound: bool = True,
) -> list[Check]:
    """All that an energy is judged by; those of the samples first, for the others rest on them.

    infinite_temperature: Tr H / 2^N, from which energies are counted where it is asked
    whether they are far apart. bound: whether no energy can lie below the exact one.
    """
    energy = found.energy.value
    scale = abs((energy if exact is None else exact) - infinite_temperature)
    known = [] if exact is None else _beside_exact(found.energy, exact, scale, bound)
    far = known[-1].alarm is not None if known else False  # said once
    return [*_of_samples(found, scale), *known, _far(v_score, far), *_of_training(training)]


def reference(given: float, exact: float, method: str) -> Check:
    """Whether an energy from elsewhere is the exact one, to the digits it is given with."""
    alarm = None
    if abs(given - exact) > _REFERENCE * abs(exact):
        alarm = (
            f"reference.energy is {given:.10g}, and the exact energy {exact:.10g} ({method}); check "
            "the config."
        )
    return Check("reference energy", given, f"{exact:.10g}", alarm)


def _beside_exact(energy: Estimate, exact: float, scale: float, bound: bool) -> list[Check]:
    error, above = energy.error or 0.0, energy.value - exact
    below = far = None
    if bound and above < -_ERRORS * error - 1e-8 * scale:
        below = (
            f"the energy lies {-above:.2g} below the exact one, more than {_ERRORS:g} errors: no state "
            "can. The samples do not represent |ψ|²; try another sampler or a smaller rate."
        )
    elif above > _POOR_ERROR * scale + _ERRORS * error:
        share = f"{above / scale:.1%}" if scale else f"{above:.2g}"
        far = (
            f"the energy lies {share} above the exact one: the training has not "
            "found the ground state. Try another seed, more steps or a larger ansatz."
        )
    errors = -above / error if error else None
    return [
        Check(
            "energy below the exact one, in errors",
            errors if bound else None,
            f"≤ {_ERRORS:g}",
            below,
        ),
        Check(
            "energy above the exact one, relative",
            above / scale if scale else None,
            f"≤ {_POOR_ERROR:g}",
            far,
        ),
    ]


def _far(v_score: Estimate | None, said: bool) -> Check:
    alarm = None
    if v_score is not None and v_score.value > _POOR_V_SCORE and not said:
        alarm = (
            f"the V-score is {v_score.value:.2g}: the state is far from any eigenstate. Try more steps "
            "or a larger ansatz."
        )
    return Check("V-score", v_score and v_score.value, f"≤ {_POOR_V_SCORE:g}", alarm)


def _of_training(training: Training) -> list[Check]:
    back = skipped = early = None
    if training.halvings:
        back = (
            f"the training went back to an earlier state {training.halvings} time(s) and halved its "
            "rate; see metrics.jsonl for where."
        )
    if training.skipped:
        skipped = f"{training.skipped} steps met numbers that are not finite and were not taken."
    if training.ended_early == "time limit":
        early = "the time limit ended the training before its schedule; resume the run."
    return [
        Check("returns to an earlier state", training.halvings, "0", back),
        Check("steps skipped", training.skipped, "0", skipped),
        Check("training", training.ended_early or "complete", "complete", early),
    ]


def _of_samples(found: Energy, scale: float) -> list[Check]:
    """Nothing where the energy is an exact sum."""
    if not found.samples:
        return []
    confirmed = _confirmed(found, scale)
    still = few = blind = apart = short = heavy = None
    if found.acceptance is not None and found.acceptance < _LEAST_ACCEPTANCE:
        still = (
            f"the chains took {found.acceptance:.2%} of their moves: they stand still, and neither energy "
            "nor variance can be trusted. Try an autoregressive ansatz, or exact sums."
        )
    if found.distinct < min(_FEWEST_DISTINCT, found.samples) and not confirmed:
        few = (
            f"{found.samples:,} samples are only {found.distinct} different configuration(s): the variance "
            "between them says little of the state."
        )
    if _blind(found, scale) and found.around is not None:
        blind = (
            f"the samples miss where H ψ is large and ψ small: the variance is "
            f"{found.variance.value:.2g} on them and {found.around.value:.2g} with these. The V-score "
            "is too small; train further, or with exact sums."
        )
    if found.r_hat is not None and not found.r_hat < _MIXED:
        apart = (
            f"the chains disagree (R̂ = {found.r_hat:.2f}, expected below {_MIXED}); take more sweeps or "
            "an autoregressive ansatz."
        )
    if found.effective_samples is not None and found.effective_samples < _FEWEST_EFFECTIVE:
        short = f"the energy rests on {found.effective_samples:.0f} independent samples; take more."
    if found.heavy_tailed and not confirmed:
        heavy = (
            f"{found.top_share:.0%} of the variance comes from 1 % of the samples: such heavy tails make "
            "the error bar too small. Train further or take more samples."
        )
    second = None if found.around is None else found.around.value
    return [
        Check("moves accepted", found.acceptance, f"≥ {_LEAST_ACCEPTANCE:g}", still),
        Check("different configurations", found.distinct, f"≥ {_FEWEST_DISTINCT}", few),
        Check(
            "variance, second look",
            second,
            f"≤ {_BLIND:g} × {found.variance.value:.2g} and its errors",
            blind,
        ),
        Check("R̂ of the chains", finite(found.r_hat), f"< {_MIXED:g}", apart),
        Check(
            "effective samples", finite(found.effective_samples), f"≥ {_FEWEST_EFFECTIVE}", short
        ),
        Check("variance in 1 % of the samples", found.top_share, "no heavy tail", heavy),
    ]


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
