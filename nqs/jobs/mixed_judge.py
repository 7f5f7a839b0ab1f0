"""The judges of a mixed state: every number of its summary, and the tables behind its figures."""

from dataclasses import replace
from typing import Any

import numpy as np

from nqs.config.tomography import Tomography
from nqs.evaluation import checks, completeness, drift, mixed, mixed_verdict
from nqs.evaluation.fidelity import fidelity
from nqs.evaluation.goodness import Goodness, likelihood_ratio_test, simulated_test
from nqs.evaluation.heldout import Estimate, nll, nll_difference
from nqs.evaluation.interval import corrected
from nqs.evaluation.mixed_likelihood import Description
from nqs.evaluation.observables import expectation
from nqs.evaluation.scatter import Refits, Scatter, Unfixed
from nqs.jobs import mixed_replicas
from nqs.jobs.choices import Choice
from nqs.jobs.judge import about, chi2_rows, histogram_rows
from nqs.jobs.mixed import Mixed
from nqs.jobs.mixed_replicas import Replicas
from nqs.jobs.properties import beside, fidelity_to, number, properties
from nqs.measurement.calibration import rates_of
from nqs.measurement.effects import each_cell_once
from nqs.measurement.readout import composed
from nqs.state.state import State
from nqs.systems.observable import observable
from nqs.training.run import Run

_LEAST_WEIGHT = 1e-4
"""Of an eigenvector that counts as a direction that the fit followed."""


def judge(
    found: Mixed,
    config: Tomography,
    choices: list[Choice],
    run: Run,
    source: dict[str, Any],
    target: np.ndarray | State | None,
    target_name: str | None,
) -> tuple[dict[str, Any], dict[str, list[dict]]]:
    """The contents of summary.json, and the rows of each figure by its name."""
    data, rho = found.data, found.final.density_matrix()
    if isinstance(target, State) and target.dense:
        target = target.exact()
    counts, log_p = data.table(), found.final.log_table(found.plan)
    trained = found.trained.log_table(found.plan)
    held = None if found.held_out is None else found.held_out.table()
    train = found.train.table()
    run.heed()
    goodness = _goodness(found, counts, log_p, config.seed)
    run.heed()
    train_nll, held_nll = nll(trained, train), None if held is None else nll(trained, held)
    above = None
    if held is not None and found.without_held_out is not None:
        above = nll_difference(trained, found.without_held_out.log_table(found.plan), held)
    confusion = found.final.mixture().confusion if found.final.mixed else None
    gap = None
    if held_nll is not None:
        error = float(np.hypot(held_nll.error or 0, train_nll.error or 0))
        gap = Estimate(held_nll.value - train_nll.value, error)
    findings = mixed_verdict.MixedFindings(
        p_value=goodness.p_value,
        told=completeness.told(data),
        values=4**data.sites - 1,
        above_baseline=above,
        overfitting=gap,
        held_out_shots=0 if found.held_out is None else found.held_out.shots,
        skipped=found.skipped,
        refit_failed=found.refit_failed,
        ended_early=run.stopped,
        confusable=_confusable(found),
        learnt_readout=None if confusion is None else float(rates_of(confusion).max()),
    )
    # what was learnt of the readout is undone in what the shots alone say as well
    told_by = data
    if confusion is not None:
        both = composed(confusion, data.readout, data.readout_pairs)
        told_by = replace(data, readout=both[0], readout_pairs=both[1])
    found_out = mixed_verdict.checks(findings)
    if not found.calibrated:  # these shots themselves
        found_out.append(checks.of_calibration(told_by))
    found_out += [drift.check(data), checks.of_pairs(data, data.undone_pairs)]
    summary = about(config, choices, run, source, data, data.undone_pairs)
    summary |= checks.verdict(found_out)
    name, options = found.named(config)
    summary["ansatz"] = {"name": name, **options, "parameters": _parameters(found)}
    summary["training"] |= _training(found)
    summary["data"]["held_out_shots"] = findings.held_out_shots
    summary |= {
        "likelihood": {
            "nll": number(nll(log_p, counts)),
            "train_nll": number(train_nll),
            "held_out_nll": None if held_nll is None else number(held_nll),
            "floor": None,
            "above_most_likely": None if above is None else number(above),
            "chi2_per_dof": goodness.chi2_per_dof,
            "p_value": goodness.p_value,
            "p_value_method": goodness.method,
            "chi2_p_value": goodness.p_value,
            "noise_tests": [],
        },
        "identifiability": {
            "rank": findings.told,
            "directions": findings.values,
            "restarts_agree": None,
            "least_agreement": None,
            "conjugate_excluded": None,
            "determined": findings.determined,
        },
        "ladder": _ladder(found),
        "baseline": _baseline(found, target, held),
    }
    run.heed()
    again = None
    wanted = config.evaluation
    if wanted.bootstrap:
        again = mixed_replicas.replicas(found.final, data, wanted.bootstrap, config.seed, run.heed)
        summary["bootstrap"] = {"replicas": wanted.bootstrap}
    complete = findings.told == findings.values
    summary["mixture"] = _mixture(found, rho, again if complete else None)
    matrices = None if again is None else again.matrices
    run.heed()
    if target is not None:
        shown = str(target_name)
        summary["fidelity"] = fidelity_to(target, shown, found.final, None, config.seed)
        if matrices is not None and isinstance(target, np.ndarray):
            summary["fidelity"] |= _fidelity_again(rho, matrices, target, complete)
        if isinstance(target, np.ndarray):
            summary["trace_distance"] = mixed.trace_distance(rho, target)
    totals = [observable(text, data.sites) for text in wanted.observables]
    summary["observables"] = [
        beside(
            text,
            Estimate(expectation(rho, total), None),
            told_by,
            total,
            _scatter(rho, matrices, completeness.tells(data, total), complete),
        )
        for text, total in zip(wanted.observables, totals, strict=True)
    ]
    tables = {
        "ladder": _ladder_rows(found),
        "chi2_per_setting": chi2_rows(data, goodness),
        "density_matrix": _matrix_rows(rho, target),
        "histograms": histogram_rows(data, counts, np.exp(log_p), goodness),
        **properties(found.final, told_by, config.seed, data.lattice),
    }
    return summary, tables


def _goodness(found: Mixed, counts: np.ndarray, log_p: np.ndarray, seed: int) -> Goodness:
    """By the likelihood ratio, where the most likely state is known; the fit follows those directions that its
    eigenvectors of some weight have."""
    data = found.data
    probability = each_cell_once(np.exp(log_p), data.settings)
    if found.most_likely is None:
        return simulated_test(counts, probability, seed)
    slack = 0.0
    if found.description is not None:
        m = found.final.mixture()
        inside = m.amplitudes @ m.amplitudes.conj().T
        rank = max(mixed.numerical_rank(inside, _LEAST_WEIGHT), 1)
        used = found.description._replace(rank=rank)
    else:
        rank = mixed.numerical_rank(found.most_likely.density_matrix, _LEAST_WEIGHT)
        used = Description(rank)
        slack = 2 * data.shots * (nll(log_p, counts).value - found.most_likely.nll)
    told = completeness.told(data)
    directions = used.parameters(data.sites)
    directions = directions if told is None else min(directions, told)
    tested = likelihood_ratio_test(
        counts, probability, rank=directions, slack=max(slack, 0.0), seed=seed
    )
    return tested or simulated_test(counts, probability, seed)


def _scatter(rho, again: np.ndarray | None, told: bool | None, complete: bool) -> Scatter | None:
    """Of an observable: open where the settings do not tell it."""
    if again is None:
        return None
    if told is False or (told is None and not complete):
        return Unfixed(rho, rho[None], True)
    return Refits(rho, rho[None], True, again)


def _fidelity_again(rho, again: np.ndarray, target: np.ndarray, complete: bool) -> dict[str, Any]:
    """Of the state that was measured, by refits; open where the settings do not tell all of it."""
    if not complete:
        nothing = {"value": None, "error": None, "interval": None}
        return {"statistical": {**nothing, "method": "bootstrap", "open": True}}
    values = np.array([fidelity(one, target) for one in again])
    told = _interval(fidelity(rho, target), values, 0.0, 1.0)
    return {**told, "statistical": {**told, "method": "bootstrap", "open": False}}


def _confusable(found: Mixed) -> tuple[str, Estimate] | None:
    """The pure state with readout errors of the ladder, where a mixed one was chosen."""
    if found.description is None or found.description == Description():
        return None
    by = {tried.description: tried for tried in found.ladder}
    other, own = by.get(Description(1, readout=True)), by.get(found.description)
    if other is None or own is None:
        return None
    return "A pure state with readout errors", other.above(own)


def _parameters(found: Mixed) -> int:
    if found.description is not None:
        return found.description.parameters(found.data.sites)
    return found.final.parameters


def _training(found: Mixed) -> dict[str, Any]:
    network = found.network
    if network is None:
        return dict.fromkeys(
            ("best_step", "best_restart", "final_restart", "stop", "folds", "refit_steps")
        )
    again = network.again
    return {
        "best_step": network.kept[network.best].step,
        "best_restart": network.best,
        "final_restart": network.winner,
        "stop": None if again is None else again.stop,
        "folds": None if again is None else again.folds,
        "refit_steps": None if again is None else again.steps,
    }


def _ladder(found: Mixed) -> list[dict[str, Any]]:
    return [
        {
            "ansatz": tried.description.label,
            "parameters": tried.description.parameters(found.data.sites),
            "held_out_nll": number(tried.nll),
            "nll": tried.whole.nll,
            "chosen": tried.description == found.description,
            "eligible": not tried.description.readout,
        }
        for tried in found.ladder
    ]


def _ladder_rows(found: Mixed) -> list[dict[str, Any]]:
    """Held-out NLL of every description above that of the best, with the paired error."""
    if not found.ladder:
        return []
    best = min(found.ladder, key=lambda tried: tried.nll.value)
    rows = []
    for tried in found.ladder:
        above = tried.above(best)
        rows.append(
            {
                "ansatz": tried.description.label,
                "parameters": tried.description.parameters(found.data.sites),
                "nll": tried.nll.value,
                "above": above.value,
                "error": above.error,
            }
        )
    return rows


def _baseline(found: Mixed, target: Any, held: np.ndarray | None) -> dict[str, Any] | None:
    everything, rest = found.most_likely, found.without_held_out
    if everything is None or rest is None:
        return None
    rho = everything.density_matrix
    return {
        "method": "maximum-likelihood",
        "nll": everything.nll,
        "train_nll": rest.nll,
        "held_out_nll": None if held is None else number(nll(rest.log_table(found.plan), held)),
        "purity": mixed.purity(rho),
        "fidelity": None if not isinstance(target, np.ndarray) else fidelity(rho, target),
    }


def _mixture(found: Mixed, rho: np.ndarray, again: Replicas | None) -> dict[str, Any]:
    """What a mixed state is like, with intervals where there are refits."""
    size = len(rho)
    values = np.linalg.eigvalsh(rho)[::-1]
    purity = {"value": mixed.purity(rho), "error": None, "interval": None}
    entropy = {"value": mixed.von_neumann(rho), "error": None, "interval": None}
    pure = found.description is not None and found.description == Description()
    if again is not None and not pure:  # which would be pure in every refit as well
        purities = np.array([mixed.purity(one) for one in again.matrices])
        purity |= _interval(mixed.purity(rho), purities, 1 / size, 1.0)
        entropies = np.array([mixed.von_neumann(one) for one in again.matrices])
        entropy |= _interval(mixed.von_neumann(rho), entropies, 0.0, float(np.log(size)))
    m = found.final.mixture() if found.final.mixed else None
    half = range(max(found.data.sites // 2, 1))
    return {
        "purity": purity,
        "von_neumann": entropy,
        "negativity": None if found.data.sites == 1 else mixed.negativity(rho, half),
        "eigenvalues": [float(v) for v in values[:16]],
        "nearest_pure_fidelity": float(values[0]),
        "white_noise": None
        if m is None or m.white is None
        else _share(float(m.white), None if again is None else again.white),
        "readout_errors": None if m is None or m.confusion is None else _rates(m.confusion, again),
    }


def _share(own: float, values: np.ndarray | None) -> dict[str, Any]:
    """A probability that was learnt, as the fit has it, and its error and interval by refits."""
    if values is None:
        return {"value": own, "error": None, "interval": None}
    told = _interval(own, values, 0.0, 1.0)
    return {"value": own, "error": told["error"], "interval": told["interval"]}


def _rates(confusion: np.ndarray, again: Replicas | None) -> list[list[dict[str, Any]]]:
    """Of every site P(1 | 0) and P(0 | 1)."""
    values = None if again is None else again.rates
    return [
        [
            _share(float(p), None if values is None else values[:, site, which])
            for which, p in enumerate(pair)
        ]
        for site, pair in enumerate(rates_of(confusion))
    ]


def _interval(own: float, values: np.ndarray, least: float, most: float) -> dict[str, Any]:
    found = corrected(own, values, least=least, most=most, as_wide=True)
    return {
        "fitted": own,
        "value": found.value,
        "error": found.error,
        "interval": [found.low, found.high],
    }


def _matrix_rows(rho: np.ndarray, target: Any) -> list[dict[str, Any]]:
    """Every element of ρ, and of the target where it is there, of states that are small enough to see."""
    sites = int(np.log2(len(rho)))
    if sites > 5:
        return []
    other = None if not isinstance(target, np.ndarray) else mixed.as_matrix(target)
    words = [format(i, f"0{sites}b") for i in range(len(rho))]
    return [
        {
            "row": words[i],
            "column": words[j],
            "real": float(rho[i, j].real),
            "imaginary": float(rho[i, j].imag),
            "target_real": None if other is None else float(other[i, j].real),
            "target_imaginary": None if other is None else float(other[i, j].imag),
        }
        for i in range(len(rho))
        for j in range(len(rho))
    ]
