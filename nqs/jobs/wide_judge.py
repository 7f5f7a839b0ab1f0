"""The judges of a state too large for a vector: every number from samples or from shots held out."""

from typing import Any

import numpy as np

from nqs.config.tomography import Tomography
from nqs.evaluation import checks, observables, verdict
from nqs.evaluation.fidelity import fidelity as of_vectors
from nqs.evaluation.heldout import Estimate, mean_of_strata
from nqs.evaluation.identifiability import SAME_AS_CONJUGATE, SAME_STATE, blind_to_conjugation
from nqs.evaluation.linked import links, never_rotated
from nqs.evaluation.overlap import OverlapTooSmall, sampled_fidelity
from nqs.evaluation.typical import typicality
from nqs.jobs.choices import Choice
from nqs.jobs.judge import about
from nqs.jobs.properties import beside, fidelity_to, number, properties
from nqs.jobs.wide import Shots, Tried, Wide, letters_that_rotate_nothing
from nqs.measurement.kinds import kind
from nqs.measurement.strata import Stratum
from nqs.state.reading import Reader, shot_log_probabilities
from nqs.state.state import State
from nqs.systems.observable import observable
from nqs.training.batches import Batches
from nqs.training.run import Run

_SAMPLES = 8192
_STRINGS = 2**19
"""Strings of the shots that a likelihood or a test is taken from."""

_MOST_DRAWN_SETTINGS = 64
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
    reader = Reader.of(state.model, shots.groups, shots.effects)
    run.heed()
    trained = _some(shots.train, shots, reader)
    of_trained = shot_log_probabilities(state.model, state.variables, reader, trained)
    run.heed()
    p_value, misfits = _typical(state, data, shots, reader, of_trained, config.seed)
    run.heed()
    rotates_nothing = letters_that_rotate_nothing(data)
    linked = None
    if not data.only_z:
        linked = links(state, data.settings, config.seed, rotates_nothing).frozen
    run.heed()
    excluded = None if data.only_z else _conjugate_excluded(found, reader, config.seed)
    train_nll = _nll(of_trained, shots)
    against = None
    if found.baseline is not None and found.baseline is not chosen:
        against = chosen.above(found.baseline)
    of_target = _held_out_log_p(target, shots) if isinstance(target, State) else None
    gap = chosen.nll()
    findings = verdict.Findings(
        only_z=data.only_z,
        positive=not getattr(state.model, "phase", True),
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
            gap.value - train_nll.value, float(np.hypot(gap.error or 0, train_nll.error or 0))
        ),
        shots=data.shots,
        held_out_shots=sum(p.shots for p in shots.held_out),
        skipped=chosen.skipped,
        refit_failed=False,
        ended_early=run.stopped,
        baseline="a matrix-product state",
        frozen=linked,
        unrotated=tuple(never_rotated(data.settings, rotates_nothing)),
    )
    found_out = verdict.checks(findings)
    summary = about(config, choices, run, source, data)
    summary["verdict"] = checks.level(found_out)
    summary["warnings"] = checks.alarms(found_out)
    summary["checks"] = checks.rows(found_out)
    summary["ansatz"] = {
        "name": chosen.rung.name,
        **{k: v for k, v in chosen.rung.options.items() if v is not None},
        "parameters": state.parameters,
    }
    summary["training"] |= {
        "best_step": chosen.steps[chosen.best],
        "best_restart": chosen.best,
        "final_restart": chosen.best,
        "stop": None,
        "folds": None,
        "refit_steps": None,
        "likelihood": "branch",
        "seconds_reading": round(run.seconds_reading, 3),
        "contracted": reader.contracted,
    }
    summary["data"]["held_out_shots"] = findings.held_out_shots
    summary |= {
        "likelihood": {
            "nll": number(_together(train_nll, chosen.nll(), shots)),
            "train_nll": number(train_nll),
            "held_out_nll": number(chosen.nll()),
            "floor": None if of_target is None else _floor(of_target, shots),
            "above_target": None if of_target is None else _above(chosen, of_target, shots),
            "chi2_per_dof": None,
            "p_value": p_value,
            "p_value_method": "typicality: −log P of shots against that of the state's own samples",
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
        "ladder": [_rung_row(tried, chosen) for tried in found.ladder],
        "baseline": _baseline_part(found, target),
    }
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
    tables = {"ladder": _ladder_rows(found), "typicality": misfits}
    return summary, {**tables, **properties(state, data, config.seed)}


def _some(parts: tuple[Stratum, ...], shots: Shots, reader: Reader):
    """Bits and settings of some shots of each stratum, as many as are affordable."""
    sizes = Batches.of(reader, parts, shots.shares, _STRINGS).sizes
    return [p.taken(slice(0, n)) for p, n in zip(parts, sizes, strict=True)]


def _nll(log_p: list[np.ndarray], shots: Shots) -> Estimate:
    found = mean_of_strata(log_p, shots.shares)
    return Estimate(-found.value, found.error)


def _held_out_log_p(state: State, shots: Shots) -> list[np.ndarray]:
    reader = Reader.of(state.model, shots.groups, shots.effects)
    parts = [p.taken(slice(None)) for p in shots.held_out]
    return shot_log_probabilities(state.model, state.variables, reader, parts)


def _floor(log_p: list[np.ndarray], shots: Shots) -> dict[str, Any]:
    return {"name": "the target, of the shots held out", "value": _nll(log_p, shots).value}


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


def _typical(state: State, data, shots: Shots, reader: Reader, log_p, seed: int):
    """p-value, and a row for each setting: −log P of shots beside that of the state's samples."""
    names = [s for group in shots.groups for s in group]
    first = np.cumsum([0, *map(len, shots.groups)])
    rows, measured, own = [], [], []
    taken = _some(shots.train, shots, reader)
    by_setting = {}
    for g, (values, (_, index)) in enumerate(zip(log_p, taken, strict=True)):
        for place in np.unique(index):
            by_setting[(g, int(place))] = values[index == place]
    largest = sorted(by_setting, key=lambda key: -len(by_setting[key]))[:_MOST_DRAWN_SETTINGS]
    for g, place in sorted(largest):
        setting, values = names[first[g] + place], by_setting[(g, place)]
        drawn = state.sample(len(values), seed + _PURPOSE, setting).bits
        parts = [(np.zeros((0, data.sites), np.uint8), np.zeros(0, np.int64)) for _ in taken]
        parts[g] = (drawn, np.full(len(drawn), place))
        one = Reader.of(state.model, [shots.groups[g]], shots.effects)
        (samples,) = shot_log_probabilities(state.model, state.variables, one, [parts[g]])
        measured.append(values)
        own.append(samples)
        rows.append(
            {
                "setting": setting,
                "shots": len(values),
                "nll": -float(values.mean()),
                "own": -float(samples.mean()),
            }
        )
    found = typicality(measured, own, state.parameters / (2 * data.shots))
    for row, z in zip(rows, found.z, strict=False):
        row["z"] = z
    return found.p_value, rows


def _agreement(chosen: Tried, seed: int) -> float | None:
    """Least fidelity with the restarts that are within one paired error of the best."""
    found = []
    for restart, state in enumerate(chosen.states):
        above = chosen.above(chosen, restart)
        if restart == chosen.best or above.value > (above.error or 0.0):
            continue
        found.append(_fidelity(chosen.state, state, seed))
    return min(found, default=None)


def _fidelity(a: State, b: State, seed: int) -> float:
    try:
        return sampled_fidelity(a, b, _SAMPLES, seed=seed).value
    except OverlapTooSmall:
        return 0.0


def _conjugate_excluded(found: Wide, reader: Reader, seed: int) -> bool:
    """Whether ψ* explains the shots held out worse than ψ by two paired errors, or is ψ."""
    state, shots = found.chosen.state, found.shots
    phases = state.log_psi(state.sample(_SAMPLES, seed + _PURPOSE).bits).imag
    if abs(np.exp(2j * phases).mean()) ** 2 >= SAME_AS_CONJUGATE:
        return True
    if blind_to_conjugation(found.data):
        return False
    parts = [p.taken(slice(None)) for p in shots.held_out]
    mirrored = shot_log_probabilities(state.model, state.variables, reader.conjugated(), parts)
    own = found.chosen.log_p[found.chosen.best]
    pairs = zip(own, mirrored, strict=True)
    worse = mean_of_strata([ours - theirs for ours, theirs in pairs], shots.shares)
    return worse.value > 2 * (worse.error or 0.0)


def _rung_row(tried: Tried, chosen: Tried) -> dict[str, Any]:
    return {
        "ansatz": tried.rung.label,
        "parameters": tried.state.parameters,
        "held_out_nll": number(tried.nll()),
        "chosen": tried.rung == chosen.rung,
    }


def _ladder_rows(found: Wide) -> list[dict[str, Any]]:
    """Held-out NLL of every size above that of the best, with the paired error."""
    if not found.ladder:
        return []
    best = min(found.ladder, key=lambda tried: tried.nll().value)
    rows = []
    for tried in found.ladder:
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


def _baseline_part(found: Wide, target: np.ndarray | State | None) -> dict[str, Any] | None:
    best = found.baseline
    if best is None:
        return None
    to_target = None
    if isinstance(target, np.ndarray):
        to_target = of_vectors(best.state.vector(), target)
    return {
        "method": "mps",
        "bond": best.rung.options.get("bond"),
        "nll": None,
        "train_nll": None,
        "held_out_nll": number(best.nll()),
        "is_the_state": best is found.chosen,
        "fidelity": to_target,
    }
