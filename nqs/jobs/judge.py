"""The judges: every number of a tomography's summary, and the tables behind its figures."""

import platform
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nqs.config.tomography import Tomography
from nqs.evaluation import checks, drift, verdict
from nqs.evaluation.fidelity import fidelity, is_positive
from nqs.evaluation.goodness import (
    Goodness,
    combined,
    likelihood_ratio_test,
    simulated_test,
)
from nqs.evaluation.heldout import Estimate, nll, nll_difference
from nqs.evaluation.identifiability import SAME_STATE, fisher_rank, least_agreement
from nqs.evaluation.maximum_likelihood import pure_maximum_likelihood
from nqs.evaluation.noise import noise_tests
from nqs.evaluation.observables import expectation
from nqs.evaluation.shot_fidelity import fidelity_from_shots
from nqs.jobs.bootstrap import scatter
from nqs.jobs.choices import Choice
from nqs.jobs.properties import beside, fidelity_to, number, properties
from nqs.jobs.reconstruct import Reconstruction
from nqs.measurement.calibration import rates_of
from nqs.measurement.dataset import Measurements
from nqs.measurement.effects import UNMEASURED, each_cell_once
from nqs.measurement.kinds import every_pauli_setting
from nqs.measurement.readout import Pair
from nqs.state.born import rotations_of, vector_log_probabilities
from nqs.state.reach import LIKELIEST_SITES
from nqs.state.state import State
from nqs.systems.observable import observable
from nqs.training.run import Run

_PACKAGES = ("nqs", "jax", "jaxlib", "flax", "optax", "numpy", "scipy", "h5py")
_MOST_AMPLITUDES = 64
_WORST_SETTINGS = 6


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide the numbers."""
    return {"python": platform.python_version(), **{name: version(name) for name in _PACKAGES}}


def device() -> str:
    """What the arrays lay on: "cpu", or the name of a graphics card."""
    return jax.devices()[0].device_kind


def judge(
    found: Reconstruction,
    config: Tomography,
    choices: list[Choice],
    run: Run,
    source: dict[str, Any],
    target: np.ndarray | State | None,
    target_name: str | None,
) -> tuple[dict[str, Any], dict[str, list[dict]]]:
    """The contents of summary.json, and the rows of each figure by its name."""
    if isinstance(target, State) and target.dense:
        target = target.exact()
    vector = target if isinstance(target, np.ndarray) else None
    data = found.data
    psi = found.final.vector()
    plan = rotations_of(data)
    counts = data.table()
    log_p = found.final.log_table(plan)
    kept = found.kept[found.best]
    train_counts = found.train.table()
    held_counts = None if found.held_out is None else found.held_out.table()

    run.heed()  # a signal does not wait for the end of all this; resuming judges again
    baseline, exact, against = _baseline(found, config, vector, kept.log_p, held_counts)
    run.heed()
    rank = fisher_rank(psi, data)
    run.heed()
    goodness = _goodness(counts, log_p, data, config.seed, rank.rank, exact)
    run.heed()
    noise = [] if exact is None or data.only_z else noise_tests(data, exact)
    p_value, method = combined(goodness, noise)
    findings = verdict.Findings(
        only_z=data.only_z,
        positive=is_positive(psi),
        letters=frozenset("".join(data.settings)),
        most_rotated=max(sum(c not in ("Z", UNMEASURED) for c in s) for s in data.settings),
        sites=data.sites,
        rank=rank.rank,
        directions=rank.directions,
        restarts=len(found.kept),
        agreement=least_agreement(psi, [s.vector() for s in found.finals]),
        same_state=SAME_STATE,
        conjugate_excluded=found.conjugate_excluded,
        p_value=p_value,
        noise=noise,
        against_baseline=against,
        overfitting=_overfitting(found, nll(log_p, counts), train_counts, held_counts),
        shots=data.shots,
        held_out_shots=0 if found.held_out is None else found.held_out.shots,
        skipped=found.skipped,
        refit_failed=found.refit_failed if found.again or found.refit_failed else None,
        ended_early=run.stopped,
        built_in=config.ansatz.built_in(),
        every_setting=every_pauli_setting(data.settings),
    )
    found_out = [
        *verdict.checks(findings),
        drift.check(data),
        checks.of_pairs(data, data.undone_pairs),
    ]
    if config.data.readout != "calibrated":  # by these shots themselves
        found_out.append(checks.of_calibration(data))
    summary = about(config, choices, run, source, data, data.undone_pairs)
    summary |= checks.verdict(found_out)
    summary["ansatz"]["parameters"] = found.final.parameters
    summary["training"] |= {
        "best_step": kept.step,
        "best_restart": found.best,
        "final_restart": found.winner,
        "stop": None if found.again is None else found.again.stop,
        "folds": None if found.again is None else found.again.folds,
        "refit_steps": None if found.again is None else found.again.steps,
    }
    summary["data"]["held_out_shots"] = findings.held_out_shots
    summary |= {
        "likelihood": {
            "nll": number(nll(log_p, counts)),
            "train_nll": number(nll(kept.log_p, train_counts)),
            "held_out_nll": None if held_counts is None else number(nll(kept.log_p, held_counts)),
            "floor": _floor(data, vector, baseline),
            "chi2_per_dof": goodness.chi2_per_dof,
            "p_value": p_value,
            "p_value_method": method,
            "chi2_p_value": goodness.p_value,
            "noise_tests": [test._asdict() for test in noise],
        },
        "identifiability": {
            "rank": rank.rank,
            "directions": rank.directions,
            "restarts_agree": findings.restarts_agree,
            "least_agreement": findings.agreement,
            "conjugate_excluded": found.conjugate_excluded,
            "determined": findings.determined,
        },
        "baseline": baseline,
    }
    run.heed()
    wanted = config.evaluation
    scattered = None
    if wanted.bootstrap or wanted.observables or target is not None:
        scattered = scatter(found.final, data, summary, wanted.bootstrap, config.seed)
        run.heed()
    if wanted.bootstrap:
        summary["bootstrap"] = {"replicas": wanted.bootstrap}
    if target is not None:
        summary["fidelity"] = fidelity_to(
            target, str(target_name), found.final, scattered, config.seed
        )
    if found.held_out is not None:
        summary["fidelity_from_shots"] = _told(kept.state, found.held_out)
    totals = [observable(text, data.sites) for text in wanted.observables]
    summary["observables"] = [
        beside(text, Estimate(expectation(psi, total), None), data, total, scattered)
        for text, total in zip(wanted.observables, totals, strict=True)
    ]
    tables = {
        "chi2_per_setting": chi2_rows(data, goodness),
        "amplitudes": _amplitude_rows(psi, vector),
        "histograms": histogram_rows(data, counts, np.exp(log_p), goodness),
        **properties(found.final, data, config.seed, data.lattice),
    }
    run.heed()
    return summary, tables


def failed(
    problem: Exception,
    config: Tomography,
    choices: list[Choice],
    run: Run,
    source: dict[str, Any],
    data: Measurements,
) -> dict[str, Any]:
    """The summary of a run whose numbers failed: what was tried, and no result."""
    return {
        **about(config, choices, run, source, data),
        "verdict": "failed",
        "warnings": [str(problem)],
        "stopped": "numerical failure",
    }


def about(config, choices, run, source, data, pairs: Sequence[Pair] = ()) -> dict[str, Any]:
    """What a summary says of its making, whatever came of it. pairs: of sites misread together, that were undone."""
    return {
        "nqs": version("nqs"),
        "job": "tomography",
        "verdict": None,
        "warnings": [],
        "stopped": run.stopped,
        "seed": config.seed,
        "versions": versions(),
        "sites": data.sites,
        "ansatz": {"name": config.ansatz.name},
        "chosen": [choice._asdict() for choice in choices],
        "training": {
            "steps": config.training.steps,
            "restarts": config.training.restarts,
            "rate": config.training.rate,
            "optimiser": config.training.optimiser,
            "shift": config.training.shift,
            "trust": config.training.trust,
            "seconds": round(run.seconds, 3),
            "seconds_compiling": round(run.seconds_compiling, 3),
            "device": device(),
        },
        "data": {
            **source,
            "select": config.data.select,
            "shots": data.shots,
            "settings": len(data.settings),
            "readout": _misread(data, pairs),
        },
    }


def _misread(data: Measurements, pairs: Sequence[Pair]) -> dict[str, Any] | None:
    """The readout errors that are undone: P(1 | 0) and P(0 | 1) of every site, and the matrices of pairs."""
    if data.readout is None:
        return None
    return {
        "rates": rates_of(data.readout).tolist(),
        "pairs": [{"sites": list(sites), "matrix": matrix.tolist()} for sites, matrix in pairs],
    }


def _told(state: State, held_out: Measurements) -> dict[str, Any] | None:
    """Fidelity with what was measured, of the state that did not see these shots; None out of reach."""
    try:
        told = fidelity_from_shots(state.vector(), held_out)
    except ValueError:
        return None
    return {**number(told.fidelity), "method": told.method, "shots": held_out.shots}


def _floor(data: Measurements, target: np.ndarray | None, baseline) -> dict[str, Any] | None:
    """−log likelihood that a state of these shots can hardly get below, and what has it."""
    if target is not None and target.ndim == 1:
        p = each_cell_once(np.exp(vector_table(target, data)), data.settings)
        entropy = -(p * np.log(np.where(p > 0, p, 1))).sum(axis=1)
        value = np.average(entropy, weights=data.shots_per_setting)
        return {"name": "entropy of the target", "value": float(value)}
    if baseline is not None:
        return {"name": "most likely pure state", "value": baseline["nll"]}
    return None


def _overfitting(found: Reconstruction, every: Estimate, train, held_out) -> Estimate | None:
    """Held-out NLL minus training NLL, as of independent shots.

    Of the folds that told when to stop, where they did: all shots were held out and trained on.
    Of the state kept otherwise. every: NLL of all shots.
    """
    if found.again is not None and found.again.gap is not None:
        return Estimate(found.again.gap, float(np.sqrt(2) * (every.error or 0)))
    if held_out is None:
        return None
    log_p = found.kept[found.best].log_p
    one, other = nll(log_p, held_out), nll(log_p, train)
    return Estimate(one.value - other.value, float(np.hypot(one.error or 0, other.error or 0)))


def _baseline(found, config, target, kept_log_p, held_counts):
    """Its part of the summary, the exact maximum on all shots, and the paired difference."""
    data = found.data
    if config.baseline.method != "maximum-likelihood" or data.sites > LIKELIEST_SITES:
        return None, None, None
    everything = pure_maximum_likelihood(data, config.seed, also_from=found.final.vector())
    part = {
        "method": config.baseline.method,
        "nll": everything.nll,
        "train_nll": everything.nll,
        "held_out_nll": None,
        "fidelity": None if target is None else fidelity(everything.vector, target),
    }
    if held_counts is None:
        return part, everything, None
    trained = pure_maximum_likelihood(
        found.train, config.seed, also_from=found.kept[found.best].state.vector()
    )
    table = vector_table(trained.vector, data)
    part["train_nll"] = trained.nll
    part["held_out_nll"] = number(nll(table, held_counts))
    return part, everything, nll_difference(kept_log_p, table, held_counts)


def vector_table(vector: np.ndarray, data: Measurements) -> np.ndarray:
    """log P of every outcome in every setting for a state vector, (settings, 2**sites)."""
    return np.asarray(vector_log_probabilities(jnp.asarray(vector), rotations_of(data)))


def _goodness(counts, log_p, data, seed, rank, exact) -> Goodness:
    probability = each_cell_once(np.exp(log_p), data.settings)
    if exact is not None and rank is not None:
        slack = 2 * data.shots * (nll(log_p, counts).value - exact.nll)
        tested = likelihood_ratio_test(counts, probability, rank=rank, slack=slack, seed=seed)
        if tested is not None:
            return tested
    return simulated_test(counts, probability, seed)


def chi2_rows(data: Measurements, goodness: Goodness) -> list[dict]:
    pooled = iter(goodness.per_setting)
    rows = []
    for setting, taken in zip(data.settings, data.shots_per_setting, strict=True):
        if taken:
            cells = next(pooled)
            rows.append(
                {
                    "setting": setting,
                    "shots": int(taken),
                    "cells": len(cells.expected),
                    "chi2": cells.chi2,
                    "expected": len(cells.expected) - 1,
                }
            )
    return rows


def _amplitude_rows(psi: np.ndarray, target: np.ndarray | None) -> list[dict]:
    """The largest amplitudes; phases relative to the target where it is pure."""
    pure = target if target is not None and target.ndim == 1 else None
    weight = np.abs(psi) ** 2
    if target is None:
        target_weight = None
    else:
        target_weight = np.abs(target) ** 2 if pure is not None else np.diagonal(target).real
    shown = weight if target_weight is None else np.maximum(weight, target_weight)
    largest = np.sort(np.argsort(-shown, kind="stable")[:_MOST_AMPLITUDES])
    # a common phase means nothing: turn the overlap, or the largest amplitude, to phase zero
    turn = np.vdot(pure, psi) if pure is not None else psi[np.argmax(weight)]
    psi = psi * np.exp(-1j * np.angle(turn))
    sites = int(np.log2(psi.size))
    return [
        {
            "bits": format(i, f"0{sites}b"),
            "probability": float(weight[i]),
            "phase": float(np.angle(psi[i])),
            "target_probability": None if target_weight is None else float(target_weight[i]),
            "target_phase": None if pure is None else float(np.angle(pure[i])),
        }
        for i in largest
    ]


def histogram_rows(data, counts, probability, goodness) -> list[dict]:
    """Observed and expected shots of the settings that fit worst."""
    taken = np.flatnonzero(data.shots_per_setting)
    excess = [p.chi2 - (len(p.expected) - 1) for p in goodness.per_setting]
    worst = [int(taken[i]) for i in np.argsort(excess)[::-1][:_WORST_SETTINGS]]
    probability = each_cell_once(probability, data.settings)
    rows = []
    for setting in sorted(worst):
        expected = probability[setting] * counts[setting].sum()
        shown = np.argsort(-np.maximum(expected, counts[setting]), kind="stable")[:32]
        rows += [
            {
                "setting": data.settings[setting],
                "outcome": np.base_repr(int(i), data.levels).zfill(data.sites),
                "shots": int(counts[setting].sum()),
                "observed": int(counts[setting, i]),
                "expected": float(expected[i]),
            }
            for i in np.sort(shown)
        ]
    return rows
