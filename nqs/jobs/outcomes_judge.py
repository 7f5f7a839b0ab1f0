"""The judges of a model of outcomes: likelihood, goodness of fit, and how far it is from that of a state."""

from typing import Any

import numpy as np

from nqs.config.tomography import Tomography
from nqs.evaluation import checks, drift
from nqs.evaluation.checks import Check
from nqs.evaluation.fidelity import fidelity
from nqs.evaluation.heldout import Estimate
from nqs.evaluation.outcomes import (
    MATRIX_SITES,
    Physicality,
    expectation,
    operator_of,
    physicality,
    values_of,
)
from nqs.jobs.choices import Choice
from nqs.jobs.judge import about
from nqs.jobs.outcomes import NAME, Learnt
from nqs.jobs.properties import number
from nqs.jobs.tried import both
from nqs.jobs.wide_judge import ladder_part, ladder_rows, nll_of, training_part
from nqs.jobs.wide_typical import some, typical
from nqs.state.outcomes import OutcomeModel
from nqs.state.reading import shot_log_probabilities
from nqs.state.state import State
from nqs.statistics import SIGNIFICANT
from nqs.systems.observable import observable
from nqs.training.run import Run

_SAMPLES = 2**15
_PURPOSE = 0x0C7

_TOLERATED = 0.01
"""Of a smallest eigenvalue below zero that is known exactly."""

_FAR = 4.0
"""Errors that one from samples may be below zero: it is the worst of many."""


def judge(
    found: Learnt,
    config: Tomography,
    choices: list[Choice],
    run: Run,
    source: dict[str, Any],
    target: np.ndarray | State | None,
    target_name: str | None,
) -> tuple[dict[str, Any], dict[str, list[dict]]]:
    """The contents of summary.json, and the rows of each figure by its name."""
    data, chosen, shots, model = found.data, found.chosen, found.shots, found.final
    reader = shots.reader(chosen.state.model)
    trained = some(shots.train, shots, reader)
    of_trained = shot_log_probabilities(chosen.state.model, chosen.state.variables, reader, trained)
    run.heed()
    p_value, _ = typical(
        chosen.state, chosen.norm, shots, reader, trained, of_trained, config.seed, data.shots
    )
    run.heed()
    train_nll = nll_of(of_trained, shots)
    held_nll = nll_of(chosen.log_p[chosen.best], shots)
    gap = Estimate(held_nll.value - train_nll.value, both(held_nll.error, train_nll.error))
    physical = physicality(model, _SAMPLES, config.seed + _PURPOSE)
    found_out = [
        checks.training(run.stopped),
        Check("goodness of fit, p", p_value, f"≥ {SIGNIFICANT:g}", _misfit(p_value)),
        _physical(physical, data.sites),
        checks.overfitted(gap, "a smaller ansatz.hidden"),
        checks.skipped(chosen.skipped),
        drift.check(data),
        checks.of_pairs(data),
    ]
    summary = about(config, choices, run, source, data)
    summary |= checks.verdict(found_out)
    summary["ansatz"] = {
        "name": NAME,
        "hidden": chosen.rung.options["hidden"],
        "outcomes": model.levels,
        "parameters": model.parameters,
    }
    summary["training"] |= training_part(chosen, run, "outcomes", contracted=False)
    summary["data"]["held_out_shots"] = sum(p.shots for p in shots.held_out)
    summary |= {
        "likelihood": {
            "nll": None,
            "train_nll": number(train_nll),
            "held_out_nll": number(held_nll),
            "floor": None,
            "chi2_per_dof": None,
            "p_value": p_value,
            "p_value_method": "typicality: −log P of shots against that of the model's own samples",
            "chi2_p_value": None,
            "noise_tests": [],
        },
        "ladder": ladder_part(found.ladder, chosen),
        "baseline": None,
        "physicality": {
            "smallest_eigenvalue": number(physical.least),
            "sites": list(physical.sites),
        },
    }
    run.heed()
    drawn = model.sample(_SAMPLES, config.seed + 2 * _PURPOSE)
    summary["observables"] = [
        _beside(text, model, drawn, found) for text in config.evaluation.observables
    ]
    if isinstance(target, np.ndarray) and data.sites <= MATRIX_SITES:
        summary |= _near(model, target, str(target_name))
    return summary, {"ladder": ladder_rows(found.ladder)}


def _misfit(p_value: float | None) -> str | None:
    if p_value is None or p_value >= SIGNIFICANT:
        return None
    return (
        f"The model does not explain the shots (p = {p_value:.1g}): they are less typical than its own samples. "
        "Train longer, or take a larger ansatz.hidden."
    )


def _physical(found: Physicality, sites: int) -> Check:
    """Whether the outcomes are those of some state."""
    least, exact = found.least, found.least.error is None
    least_allowed = -_TOLERATED if exact else -_FAR * (least.error or 0.0)
    where = "" if len(found.sites) == sites else f" of sites {found.sites[0]}-{found.sites[-1]}"
    alarm = None
    if least.value < least_allowed:
        shown = f"{least.value:.2g}" + ("" if exact else f" ± {least.error:.1g}")
        alarm = (
            f"No state has these outcomes: the operator{where} that they stand for has the eigenvalue {shown}. "
            "Expectation values may leave their range; purification or lpdo are states whatever their parameters."
        )
    return Check(f"smallest eigenvalue{where}", least.value, f"≥ {least_allowed:.2g}", alarm)


def _beside(text: str, model: OutcomeModel, drawn: np.ndarray, found: Learnt) -> dict[str, Any]:
    """An observable of the model and of the shots alone, both by the same numbers of each outcome."""
    total, values = observable(text, model.sites), values_of(model.effects)
    own = expectation(drawn, values, total)
    told = expectation(found.outcomes.symbols, values, total, found.outcomes.counts)
    error = float(np.hypot(own.error or 0, told.error or 0))
    return {
        "name": text,
        "state": number(own),
        "statistical": None,
        "shots": number(told),
        "pull": (own.value - told.value) / error if error else None,
    }


def _near(model: OutcomeModel, target: np.ndarray, name: str) -> dict[str, Any]:
    """Fidelity of a known pure state with the operator, which may leave its range, and of their outcomes,
    (Σ √(p q))²."""
    table = model.table()
    if table is None:
        return {}
    rho = target if target.ndim == 2 else np.outer(target, target.conj())
    known = rho.reshape((2,) * (2 * model.sites))
    for left, own in zip(range(model.sites, 0, -1), model.effects, strict=True):
        known = np.tensordot(known, own, axes=([0, left], [2, 1]))  # its outcome goes to the end
    classical = float(np.sqrt(np.clip(known.real, 0, None) * table).sum() ** 2)
    found: dict[str, Any] = {"classical_fidelity": {"value": classical, "target": name}}
    if target.ndim == 1:
        operator = operator_of(table, values_of(model.effects))
        found["fidelity"] = {
            "value": fidelity(operator, target),
            "error": None,
            "interval": None,
            "fitted": fidelity(operator, target),
            "target": name,
            "statistical": None,
        }
    return found
