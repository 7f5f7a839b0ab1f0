"""What may be wrong with an energy: frozen chains, heavy tails, bounds that are broken."""

from dataclasses import dataclass

from nqs.evaluation.energy import Energy
from nqs.evaluation.heldout import Estimate

_ERRORS = 4.0
_MIXED = 1.05
_FEWEST_EFFECTIVE = 100
_LEAST_ACCEPTANCE = 0.01
_FEWEST_DISTINCT = 10
_HEAVY = 0.4
"""Share of the variance in the top hundredth: 0.08 for a Gaussian, 0.15 for Student's t
with ten degrees of freedom, above 0.6 with one and a half."""

_BLIND = 2.0
"""How much larger the second look at the variance may be."""

_POOR_V_SCORE = 1e-2
_POOR_ERROR = 1e-2


@dataclass(frozen=True)
class Training:
    """What the training has to say: steps skipped, rates halved, and why it ended early."""

    skipped: int
    halvings: int
    ended_early: str | None


def warnings(
    found: Energy, v_score: Estimate | None, exact: float | None, training: Training
) -> list[str]:
    """A sentence for everything that should be doubted, and what to do."""
    said = _of_samples(found)
    energy, error = found.energy.value, found.energy.error or 0.0
    if exact is not None:
        above = energy - exact
        if above < -_ERRORS * error - 1e-8 * abs(exact):
            said.append(
                f"the energy lies {-above:.2g} below the exact one, more than {_ERRORS:g} errors: no state "
                "can. The samples do not represent |ψ|²; try another sampler or a smaller rate."
            )
        elif above > _POOR_ERROR * abs(exact) + _ERRORS * error:
            said.append(
                f"the energy lies {above / abs(exact):.1%} above the exact one: the training has not "
                "found the ground state. Try another seed, more steps or a larger ansatz."
            )
    elif v_score is not None and v_score.value > _POOR_V_SCORE:
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


def _of_samples(found: Energy) -> list[str]:
    said = []
    if found.acceptance is not None and found.acceptance < _LEAST_ACCEPTANCE:
        said.append(
            f"the chains took {found.acceptance:.2%} of their moves: they stand still, and neither energy "
            "nor variance can be trusted. Try an autoregressive ansatz, or exact sums."
        )
    if 0 < found.samples and found.distinct < min(_FEWEST_DISTINCT, found.samples):
        said.append(
            f"{found.samples:,} samples are only {found.distinct} different configuration(s): the variance "
            "between them says little of the state."
        )
    around = found.around
    if around is not None and around.error is not None and found.variance.error is not None:
        margin = _ERRORS * float((around.error**2 + found.variance.error**2) ** 0.5)
        floor = _BLIND * found.variance.value + 1e-9 * found.energy.value**2
        if around.value > floor + margin:
            said.append(
                f"the samples miss where H ψ is large and ψ small: the variance is "
                f"{found.variance.value:.2g} on them and {around.value:.2g} one step away. The V-score is "
                "too small; train further, or with exact sums."
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
    if found.samples and found.top_share > _HEAVY and found.variance.value > 0:
        said.append(
            f"{found.top_share:.0%} of the variance comes from 1 % of the samples: such heavy tails make "
            "the error bar too small. Train further or take more samples."
        )
    return said
