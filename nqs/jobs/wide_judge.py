"""The judges of a state too large for a vector: every number from samples or from shots held out."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nqs.ansatz.autoregressive import Normalised
from nqs.config.tomography import Tomography
from nqs.evaluation import checks, drift, observables, verdict
from nqs.evaluation.bound import bias
from nqs.evaluation.heldout import Estimate, mean_of_strata
from nqs.evaluation.identifiability import SAME_AS_CONJUGATE, SAME_STATE, blind_to_conjugation
from nqs.evaluation.linked import links, never_rotated
from nqs.evaluation.mixed_overlap import conjugate_of, likeness
from nqs.evaluation.norm import Norm
from nqs.evaluation.overlap import OverlapTooSmall, sampled_fidelity
from nqs.jobs.choices import Choice
from nqs.jobs.judge import about
from nqs.jobs.properties import beside, fidelity_to, number, properties
from nqs.jobs.tried import Tried, both, less_log_z
from nqs.jobs.wide import Wide
from nqs.jobs.wide_mixed import mixture
from nqs.jobs.wide_shots import Shots
from nqs.jobs.wide_typical import TYPICAL, Parts, some, typical
from nqs.measurement.effects import rotating_nothing
from nqs.measurement.kinds import kind
from nqs.state.reading import DRAWN, JUDGED, Reader, shot_log_probabilities
from nqs.state.sampling import Samples, going_on
from nqs.state.state import State
from nqs.statistics import finite
from nqs.systems.observable import observable
from nqs.training.run import Run

_SAMPLES = 8192
_PURPOSE = 0x71DE


def judge(
    found: Wide,
    config: Tomography,
    choices: list[Choice],
    run: Run,
    source: dict[str, Any],
    target: np.ndarray | State | None,
    target_name: str | None,
) -> tuple[dict[str, Any], dict[str, list[dict]]]:
    """The contents of summary.json, and the rows of each figure by its name."""
    data, chosen, shots = found.data, found.chosen, found.shots
    state = chosen.state
    reader = shots.reader(state.model)
    run.heed()
    trained, reader = some(shots.train, shots, reader), reader.judging()
    of_trained = less_log_z(
        shot_log_probabilities(state.model, state.variables, reader, trained), chosen.norm
    )
    run.heed()
    p_value, misfits = typical(
        state, chosen.norm, shots, reader, trained, of_trained, config.seed, data.shots
    )
    run.heed()
    walked = _walked(chosen, config.seed)
    run.heed()
    rotates_nothing = rotating_nothing(data.effects)
    linked = None
    if not data.only_z and not state.dilation.ancillas:
        linked = links(state.whole(), data.settings, config.seed, rotates_nothing).frozen
    run.heed()
    excluded = None if data.only_z else _conjugate_excluded(found, reader, config.seed)
    # of shots alone: log Z is the same in both
    train_nll, held_nll = (nll_of(p, shots) for p in (of_trained, chosen.log_p[chosen.best]))
    against, told = None, held_nll.error
    if found.baseline is not None and found.baseline is not chosen:
        against = chosen.above(found.baseline)
        told = chosen.told_apart(found.baseline).error
    of_target = _held_out_log_p(target, shots)
    held_out = [p.taken(slice(None)) for p in shots.held_out]
    bound = bound_of(state, shots, held_out, chosen.log_p[chosen.best])
    too_high = None if bound is None else bound["bias"]["value"]
    findings = verdict.Findings(
        only_z=data.only_z,
        positive=_positive(state.dilation.whole),
        letters=frozenset("".join(data.settings)),
        most_rotated=max(kind(s, data.effects)[0] for s in data.settings),
        sites=data.sites,
        rank=None,
        directions=0,
        restarts=len(chosen.states),
        agreement=_agreement(chosen, config.seed),
        same_state=SAME_STATE,
        conjugate_excluded=excluded,
        p_value=p_value,
        noise=[],
        against_baseline=against,
        overfitting=Estimate(
            held_nll.value - train_nll.value, both(held_nll.error, train_nll.error)
        ),
        shots=data.shots,
        held_out_shots=sum(p.shots for p in shots.held_out),
        skipped=chosen.skipped,
        refit_failed=None,
        ended_early=run.stopped,
        built_in=config.ansatz.built_in(),
        mixed=state.mixed,
        baseline="a matrix-product state",
        baseline_ansatz="mps",
        frozen=linked,
        unrotated=tuple(never_rotated(data.settings, rotates_nothing)),
        r_hat=None if walked is None else walked.r_hat,
        effective_samples=None if walked is None else walked.effective_samples,
        log_z_error=chosen.norm.error,
        told_by_shots=told,
    )
    found_out = [*verdict.checks(findings), checks.of_bound(too_high, told), drift.check(data)]
    found_out.append(checks.of_pairs(data))
    if config.data.readout != "calibrated":  # by these shots themselves
        found_out.append(checks.of_calibration(data))
    summary = about(config, choices, run, source, data)
    summary |= checks.verdict(found_out)
    summary["ansatz"] = {
        "name": chosen.rung.name,
        **{k: v for k, v in chosen.rung.options.items() if v is not None},
        "parameters": state.parameters,
    }
    summary["training"] |= training_part(chosen, run, "branch", reader.contracted)
    summary["data"]["held_out_shots"] = findings.held_out_shots
    summary |= {
        "likelihood": {
            "nll": number(_with(_together(train_nll, held_nll, shots), chosen.norm)),
            "train_nll": number(_with(train_nll, chosen.norm)),
            "held_out_nll": number(chosen.nll()),
            "floor": None if of_target is None else _floor(of_target, shots),
            "above_target": None if of_target is None else _above(chosen, of_target, shots),
            "ancilla_bound": bound,
            "chi2_per_dof": None,
            "p_value": p_value,
            "p_value_method": TYPICAL,
            "chi2_p_value": None,
            "noise_tests": [],
        },
        "identifiability": {
            "rank": None,
            "directions": None,
            "restarts_agree": findings.restarts_agree,
            "least_agreement": findings.agreement,
            "conjugate_excluded": excluded,
            "phases_linked": None if linked is None else not linked,
            "determined": findings.determined,
        },
        "ladder": ladder_part(found.ladder, chosen),
        "baseline": _baseline_part(found, target, config.seed),
    }
    if state.mixed:
        summary["mixture"] = mixture(state, _SAMPLES, config.seed + _PURPOSE)
    if walked is not None:
        summary["sampling"] = _sampling(walked, chosen.norm, config)
    run.heed()
    totals = [observable(text, data.sites) for text in config.evaluation.observables]
    known = (
        observables.of_state(state, totals, _SAMPLES, seed=config.seed + _PURPOSE) if totals else []
    )
    summary["observables"] = [
        beside(text, own, data, total)
        for text, own, total in zip(config.evaluation.observables, known, totals, strict=True)
    ]
    if target is not None:
        about_it = target, str(target_name), state, None, config.seed + _PURPOSE
        summary["fidelity"] = fidelity_to(*about_it)
    run.heed()
    tables = {"ladder": ladder_rows(found.ladder), "typicality": misfits}
    return summary, {**tables, **properties(state, data, config.seed, data.lattice)}


def nll_of(log_p: list[np.ndarray], shots: Shots) -> Estimate:
    found = mean_of_strata(log_p, shots.shares)
    return Estimate(-found.value, found.error)


def _held_out_log_p(target: Any, shots: Shots) -> list[np.ndarray] | None:
    """Of a target that is a normalised State and can read the settings; None of others."""
    if not isinstance(target, State) or not isinstance(target.dilation.whole, Normalised):
        return None
    try:
        reader = shots.reader(target.model).judging()
    except ValueError:  # it would have to write out too many strings
        return None
    parts = [p.taken(slice(None)) for p in shots.held_out]
    return shot_log_probabilities(target.model, target.variables, reader, parts)


def bound_of(
    state: State, shots: Shots, parts: Parts, log_p: Sequence[np.ndarray]
) -> dict[str, Any] | None:
    """By how much −log P of some shots is too high, as not all ancillas were summed over; None where they were.

    log_p: of those shots, by a reader that judges.
    """
    reader = shots.reader(state.model)
    if not reader.drawn:
        return None
    few = shot_log_probabilities(state.model, state.variables, reader, parts)
    return {"strings": JUDGED, "bias": number(bias(few, log_p, shots.shares, JUDGED / DRAWN))}


def _floor(log_p: list[np.ndarray], shots: Shots) -> dict[str, Any]:
    return {"name": "the target, of the shots held out", "value": nll_of(log_p, shots).value}


def _above(chosen: Tried, log_p: list[np.ndarray], shots: Shots) -> dict[str, float | None]:
    """Held-out NLL of the state above that of the target, paired."""
    pairs = zip(log_p, chosen.log_p[chosen.best], strict=True)
    return number(mean_of_strata([theirs - ours for theirs, ours in pairs], shots.shares))


def _together(trained: Estimate, held_out: Estimate, shots: Shots) -> Estimate:
    """Of all shots, from both parts of them."""
    share = sum(p.shots for p in shots.held_out) / sum(
        p.shots for p in (*shots.train, *shots.held_out)
    )
    errors = ((1 - share) * (trained.error or 0.0), share * (held_out.error or 0.0))
    value = (1 - share) * trained.value + share * held_out.value
    return Estimate(value, float(np.hypot(*errors)))


def _with(nll: Estimate, norm: Norm) -> Estimate:
    """With the error of log Z, which all shots share."""
    return Estimate(nll.value, both(nll.error, norm.error))


def _positive(model: Any) -> bool:
    """Whether a state has no phases whatever its parameters are."""
    real = getattr(model, "real", False) and not getattr(model, "signed", False)
    return real or getattr(model, "phase", None) is False


def _walked(chosen: Tried, seed: int) -> Samples | None:
    """What the chains of the training are worth at the state kept; None of a normalised one."""
    if not chosen.chains:
        return None
    state = chosen.state
    return going_on(state.model, state.variables, chosen.chains[chosen.best], seed + _PURPOSE)


def _sampling(walked: Samples, norm: Norm, config: Tomography) -> dict[str, Any]:
    return {
        "samples": len(walked.bits),
        "effective_samples": finite(walked.effective_samples),
        "r_hat": finite(walked.r_hat),
        "acceptance": walked.acceptance,
        "chains": walked.chains,
        "sweeps": config.training.sweeps,
        "log_z": number(Estimate(norm.value, norm.error)),
        "annealed": {
            "chains": norm.chains,
            "temperatures": norm.temperatures,
            "effective_samples": norm.effective_samples,
        },
    }


def _agreement(chosen: Tried, seed: int) -> float | None:
    """Least fidelity with the restarts that are within one paired error of the best."""
    found = []
    for restart, state in enumerate(chosen.states):
        above = chosen.above(chosen, restart)
        if restart == chosen.best or above.value > (above.error or 0.0):
            continue
        found.append(_fidelity(chosen.state, state, seed))
    told = [f for f in found if f is not None]
    return min(told, default=None) if len(told) == len(found) else None


def _fidelity(a: State, b: State, seed: int) -> float | None:
    """Of mixed states what is as good a sign, 1 where they are the same."""
    if a.mixed:
        return likeness(a, b, _SAMPLES, seed=seed)
    try:
        return sampled_fidelity(a, b, _SAMPLES, seed=seed).value
    except OverlapTooSmall:
        return 0.0


def _conjugate_excluded(found: Wide, reader: Reader, seed: int) -> bool:
    """Whether ψ* explains the shots held out worse than ψ by two paired errors, or is ψ; of a mixed state ρ*."""
    state, shots = found.chosen.state, found.shots
    if state.mixed:
        mirror = conjugate_of(state)
        if (likeness(state, mirror, _SAMPLES, seed=seed + _PURPOSE) or 0) >= SAME_AS_CONJUGATE:
            return True
    else:
        phases = state.log_psi(state.sample(_SAMPLES, seed + _PURPOSE).bits).imag
        if abs(np.exp(2j * phases).mean()) ** 2 >= SAME_AS_CONJUGATE:
            return True
    if blind_to_conjugation(found.data):
        return False
    parts = [p.taken(slice(None)) for p in shots.held_out]
    mirrored = less_log_z(
        shot_log_probabilities(state.model, state.variables, reader.conjugated(), parts),
        found.chosen.norm,
    )
    own = found.chosen.log_p[found.chosen.best]
    pairs = zip(own, mirrored, strict=True)
    worse = mean_of_strata([ours - theirs for ours, theirs in pairs], shots.shares)
    return worse.value > 2 * (worse.error or 0.0)


def training_part(chosen: Tried, run: Run, likelihood: str, contracted: bool) -> dict[str, Any]:
    """Of the summary: what was kept of a training by batches, which is never refitted."""
    return {
        "best_step": chosen.steps[chosen.best],
        "best_restart": chosen.best,
        "final_restart": chosen.best,
        "stop": None,
        "folds": None,
        "refit_steps": None,
        "likelihood": likelihood,
        "seconds_reading": round(run.seconds_reading, 3),
        "contracted": contracted,
    }


def ladder_part(ladder: Sequence[Tried], chosen: Tried) -> list[dict[str, Any]]:
    """Of the summary: every size that was tried."""
    return [
        {
            "ansatz": tried.rung.label,
            "parameters": tried.state.parameters,
            "held_out_nll": number(tried.nll()),
            "chosen": tried.rung == chosen.rung,
        }
        for tried in ladder
    ]


def ladder_rows(ladder: Sequence[Tried]) -> list[dict[str, Any]]:
    """Held-out NLL of every size above that of the best, with the paired error."""
    if not ladder:
        return []
    best = min(ladder, key=lambda tried: tried.nll().value)
    rows = []
    for tried in ladder:
        above = tried.above(best)
        rows.append(
            {
                "ansatz": tried.rung.label,
                "parameters": tried.state.parameters,
                "nll": tried.nll().value,
                "above": above.value,
                "error": above.error,
            }
        )
    return rows


def _baseline_part(
    found: Wide, target: np.ndarray | State | None, seed: int
) -> dict[str, Any] | None:
    best = found.baseline
    if best is None:
        return None
    to_target = None
    if isinstance(target, np.ndarray) and (best.state.dense or target.ndim == 1):
        to_target = fidelity_to(target, "", best.state, None, seed)["fitted"]
    return {
        "method": best.rung.name,
        "bond": best.rung.options.get("bond"),
        "nll": None,
        "train_nll": None,
        "held_out_nll": number(best.nll()),
        "is_the_state": best is found.chosen,
        "fidelity": to_target,
    }
