"""What a mixed state, or a pure one with noise, is judged by."""

from dataclasses import dataclass

from nqs.evaluation.checks import Check, in_errors, overfitted, refit, skipped, training
from nqs.evaluation.heldout import Estimate
from nqs.statistics import SIGNIFICANT

_ERRORS = 2.0
"""By which the most likely mixed state may be better."""

_FEWEST_HELD_OUT = 20
_ROUNDING = 1e-8
"""Of an optimum, nats per shot."""


@dataclass(frozen=True)
class MixedFindings:
    """What the evaluation found; None where it was not computed.

    told: expectation values that the settings tell, of `values`. above_baseline: held-out NLL above that of the
    most likely of all mixed states, paired. overfitting: held-out NLL minus training NLL. confusable: a
    description that shots alone cannot tell from the one kept, and its held-out NLL above that. learnt_readout:
    largest readout error that was learnt beside the state.
    """

    p_value: float | None
    told: int | None
    values: int
    above_baseline: Estimate | None
    overfitting: Estimate | None
    held_out_shots: int
    skipped: int
    refit_failed: bool
    ended_early: str | None
    confusable: tuple[str, Estimate] | None
    learnt_readout: float | None

    @property
    def determined(self) -> bool | None:
        """Whether no two states have the same outcomes in these settings."""
        if self.told is None:
            return None
        return self.told == self.values and self.learnt_readout is None


def checks(f: MixedFindings) -> list[Check]:
    """All that it is judged by."""
    return [
        training(f.ended_early),
        Check("goodness of fit, p", f.p_value, f"≥ {SIGNIFICANT:g}", _does_not_fit(f)),
        Check("expectation values told", f.told, f"{f.values}", _incomplete(f)),
        Check(
            "held-out NLL above the most likely mixed state, in errors",
            _beyond_rounding(f.above_baseline),
            f"≤ {_ERRORS:g}",
            _baseline_better(f),
        ),
        overfitted(f.overfitting, "a simpler description (--ansatz auto)"),
        Check("shots held out", f.held_out_shots, f"≥ {_FEWEST_HELD_OUT}", _few_held_out(f)),
        skipped(f.skipped),
        refit(f.refit_failed or None),
        Check(
            "readout errors learnt beside the state",
            f.learnt_readout,
            "calibrated instead",
            _readout_learnt(f),
        ),
        Check(
            "readout errors in place of mixing",
            None if f.confusable is None else in_errors(f.confusable[1]),
            f"> {_ERRORS:g}",
            _confusable(f),
        ),
    ]


def _beyond_rounding(estimate: Estimate | None) -> float | None:
    """In errors; None where two fits are the same."""
    return None if estimate is None or abs(estimate.value) < _ROUNDING else in_errors(estimate)


def _does_not_fit(f: MixedFindings) -> str | None:
    if f.p_value is None or f.p_value >= SIGNIFICANT:
        return None
    return (
        f"The shots contradict the state (p = {f.p_value:.2g}), though it may be mixed. Candidates: too few "
        "vectors or ancillas, readout errors that depend on other sites, drift between settings, or a wrong "
        "order of sites or letters in the file; `nqs data inspect` shows what was understood."
    )


def _incomplete(f: MixedFindings) -> str | None:
    if f.told is None or f.told == f.values:
        return None
    return (
        f"These settings tell {f.told} of the {f.values} expectation values of a mixed state: the others are "
        "left open but for positivity. Measure further settings, all Pauli settings at best, or take a pure "
        "ansatz if purity is known."
    )


def _baseline_better(f: MixedFindings) -> str | None:
    worse = f.above_baseline
    if worse is None or not worse.error or worse.value <= _ERRORS * worse.error + _ROUNDING:
        return None
    return (
        f"On held-out shots the state is worse than the most likely of all mixed states by {worse.value:.2g} ± "
        f"{worse.error:.1g} nats per shot. Take --ansatz auto or low-rank, or more ancillas and steps."
    )


def _few_held_out(f: MixedFindings) -> str | None:
    if f.held_out_shots >= _FEWEST_HELD_OUT:
        return None
    return (
        f"Only {f.held_out_shots} shots were held out: how likely new shots are under the state is hardly known. "
        "Take more shots, or set data.held_out to 0.2."
    )


def _readout_learnt(f: MixedFindings) -> str | None:
    if f.learnt_readout is None:
        return None
    return (
        f"Readout errors of up to {f.learnt_readout:.1%} were learnt from the same shots as the state: a mixed "
        "state would explain much of them as well. Calibrate them, and give the matrices with the shots."
    )


def _confusable(f: MixedFindings) -> str | None:
    if f.confusable is None:
        return None
    name, above = f.confusable
    if above.value > _ERRORS * (above.error or 0.0):
        return None
    return (
        f"{name} explains shots held out as well as what was chosen ({above.value:+.2g} ± {above.error or 0:.1g} nats per "
        "shot): these shots cannot tell readout errors from a mixed state. Calibrate the readout; where it is known "
        "that the state is pure, --ansatz low-rank --set ansatz.rank=1 --set ansatz.readout_errors=true is it."
    )
