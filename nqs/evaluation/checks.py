"""One thing that was looked at in a result: what was found, what is expected, what it means."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from nqs.evaluation.heldout import Estimate
from nqs.measurement.calibration import rates_of
from nqs.measurement.dataset import Measurements
from nqs.measurement.readout import Pair
from nqs.statistics import SIGNIFICANT

_GAP = 4.0
"""Errors by which shots held out may be less likely than those trained on."""


class Check(NamedTuple):
    """A row of the table behind a verdict.

    found: a number or a word, None where it could not be looked at. alarm: what is wrong, what it
    means and what to do, None where nothing is.
    """

    name: str
    found: float | str | None
    expected: str
    alarm: str | None


def in_errors(estimate: Estimate | None) -> float | None:
    """A number in units of its error; None where it has none."""
    if estimate is None or not estimate.error:
        return None
    return estimate.value / estimate.error


def training(ended_early: str | None) -> Check:
    """Whether a training came to the end of its schedule."""
    alarm = ended_early and (
        f"Training ended before its schedule ({ended_early}): the state may still improve. "
        "Give it more time, or resume the run."
    )
    return Check("training", ended_early or "complete", "complete", alarm)


def skipped(steps: int) -> Check:
    """Whether numbers stayed finite in training."""
    alarm = None
    if steps:
        alarm = (
            f"{steps} steps were skipped because a gradient was not finite. "
            "Try a smaller training.rate."
        )
    return Check("steps skipped", steps, "0", alarm)


def refit(failed: bool | None) -> Check:
    """Whether training on all shots went well; None where there was none."""
    alarm = None
    if failed:
        alarm = (
            "Training on all shots met numbers that are not finite; the state from before, which did not "
            "see the shots held out, was kept. Try a smaller training.rate."
        )
    word = {True: "failed", False: "done", None: None}[failed]
    return Check("training on all shots", word, "done", alarm)


def overfitted(gap: Estimate | None, remedy: str) -> Check:
    """Held-out NLL minus training NLL: of other draws both, so that their errors add up."""
    far, alarm = in_errors(gap), None
    if gap is not None and far is not None and far > _GAP:
        alarm = (
            f"Shots held out are less likely than those trained on by {gap.value:.2g} ± {gap.error:.1g} nats "
            f"per shot: the state has learnt the noise of its shots. Take more shots or {remedy}."
        )
    return Check("held-out NLL above training NLL, in errors", far, f"≤ {_GAP:g}", alarm)


def of_bound(bias: float | None, error: float | None) -> Check:
    """Whether a likelihood known as a bound is known as well as the shots tell; None where it is exact."""
    far, alarm = None, None
    if bias is not None and error:
        far = bias / error
    if bias is not None and far is not None and far > 1:
        alarm = (
            f"The likelihood of a shot is a bound, as only some strings of ancillas are summed for it: NLL is too high "
            f"by about {bias:.2g} nats per shot, more than its error, and a comparison with another state is "
            "unfair to this one. Take fewer ancillas, or lpdo, which sums over all."
        )
    return Check("NLL of the ancillas drawn too high, in errors", far, "≤ 1", alarm)


def of_pairs(data: Measurements, undone: Sequence[Pair] = ()) -> Check:
    """Whether sites that are misread together, as a matrix or calibration shots tell, are undone site by site.

    undone: the pairs that are undone together; none where not all outcomes are listed.
    """
    told = [pair.sites for pair in data.readout_pairs]
    if data.readout is not None and data.calibration is not None:
        told += [(i, j) for i, j, _ in data.calibration.together()]
    done = {frozenset(pair.sites) for pair in undone}
    alone = {frozenset(sites): sites for sites in told if frozenset(sites) not in done}
    named, alarm = ", ".join(f"{i} and {j}" for i, j in list(alone.values())[:6]), None
    if alone:
        alarm = (
            f"Sites {named} are misread together, and each was undone by itself. Correlations between them are not to "
            "be trusted. To undo both at once takes calibration shots of all four of their states, each site in one "
            "pair, no setting that reads one of them alone, and a likelihood of all outcomes."
        )
    return Check("pairs of sites misread together, undone alone", len(alone) or None, "0", alarm)


def alarms(checks: Iterable[Check]) -> list[str]:
    """The warnings of a summary."""
    return [check.alarm for check in checks if check.alarm]


def level(checks: Iterable[Check]) -> str:
    """The verdict: "ok", or "warning" where anything is wrong."""
    return "warning" if alarms(checks) else "ok"


def verdict(checks: Sequence[Check]) -> dict[str, Any]:
    """What a summary says of all that was looked at: verdict, warnings and the table of checks."""
    return {"verdict": level(checks), "warnings": alarms(checks), "checks": rows(checks)}


def rows(checks: Iterable[Check]) -> list[dict[str, Any]]:
    """The table for summary.json, a row for each check that could be made."""
    return [
        {
            "check": check.name,
            "found": check.found,
            "expected": check.expected,
            "ok": check.alarm is None,
        }
        for check in checks
        if check.found is not None
    ]


def of_calibration(data: Measurements) -> Check:
    """Whether calibration shots beside the others are as the readout that the fit assumes would have them.

    A mixed state explains most of what misread shots look like: nothing but calibration tells.
    """
    name, expected = "calibration shots under the readout assumed, p", f"≥ {SIGNIFICANT:g}"
    known = data.calibration
    if known is None:
        return Check(name, None, expected, None)
    p_value, alarm = known.p_value(data.readout), None
    if p_value < SIGNIFICANT:
        seen = known.seen()
        wrong = (rates_of(seen) / np.maximum(seen.sum(axis=1), 1)).max(axis=1)
        site = int(np.argmax(wrong))
        assumed = (
            "perfect readout" if data.readout is None else "the readout errors that the fit assumes"
        )
        shown = f"p = {p_value:.2g}" if p_value > 1e-12 else "p < 1e-12"
        alarm = (
            f"Calibration shots contradict {assumed} ({shown}): they say that site {site} is misread with a chance of "
            f"{100 * wrong[site]:.1f} %. Set data.readout to calibrated; the state is not to be trusted without."
        )
    return Check(name, p_value, expected, alarm)
