"""The judges of a ground state: every number of its summary."""

from importlib.metadata import version
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nqs.evaluation import alarms, checks
from nqs.evaluation.energy import Energy, sampled_energy, summed_energy
from nqs.evaluation.heldout import Estimate
from nqs.jobs import excited
from nqs.jobs.choices import Choice
from nqs.jobs.hamiltonian import exact
from nqs.jobs.judge import device, versions
from nqs.jobs.optimise import Problem, Trained
from nqs.jobs.properties import number
from nqs.state.sampling import Samples
from nqs.statistics import finite
from nqs.training.run import Run

_FRESH = 0x5EED
"""Added to the seed, so that the final samples are not those of the training."""

_BINS = 60

_PACKAGES = ("netket", "arviz-stats")


def judge(
    trained: Trained, problem: Problem, made: list[Choice], run: Run
) -> tuple[dict[str, Any], dict[str, list[dict]], Samples | None]:
    """The contents of summary.json, the rows of the samples' figure and the samples where there are any."""
    config, state = problem.config, trained.state
    found = measured(trained, problem)
    if not np.isfinite([found.energy.value, found.variance.value]).all():
        raise FloatingPointError(
            "the energy of the trained state is not finite; try a smaller rate."
        )
    system = problem.system
    level = len(config.excited.above)
    known = exact(system, config.reference, config.ansatz.magnetisation, level)
    v_score = found.v_score(state.sites, system.total.constant) if system.spin_model else None
    found_out = alarms.checks(
        found,
        v_score,
        None if known is None else known.energy,
        alarms.Training(
            skipped=trained.skipped,
            halvings=trained.halvings,
            ended_early=run.stopped,
        ),
        system.total.constant,
        bound=known is None or known.bound,
    )
    if known is not None and config.reference.energy is not None:
        found_out.append(alarms.reference(config.reference.energy, known.energy, known.method))
    levels: dict[str, Any] = {}
    if problem.below:
        levels, more = excited.said(problem.below, state, found.energy, config.seed)
        found_out += more
    summary = _about(problem, made, run)
    summary |= checks.verdict(found_out)
    summary["training"]["steps"] = trained.steps
    energy, error = found.energy
    per_site = Estimate(energy / state.sites, None if error is None else error / state.sites)
    summary |= {
        "energy": {**number(found.energy), "per_site": number(per_site)},
        "variance": number(found.variance),
        "v_score": None if v_score is None else v_score.value,
        "v_score_error": None if v_score is None else v_score.error,
        "exact": None if known is None else known._asdict(),
        "relative_error": None if known is None else _relative(found.energy, known.energy),
        "sampling": _sampling(found),
        **levels,
    }
    seen = {} if found.local is None else {"local_energies": _binned(found.local)}
    return summary, seen, found.drawn


def measured(trained: Trained, problem: Problem) -> Energy:
    """The energy of a trained state: an exact sum where it was trained by one, else fresh samples."""
    config, state = problem.config, trained.state
    states = problem.listed
    if states is not None:
        states = jax.tree.map(jnp.asarray, states)
        if config.training.sampler == "all":
            return summed_energy(state, states)
    seed = config.seed + _FRESH
    drawn = state.sample(int(config.evaluation.samples or 0), seed)
    quick = None if problem.quick is problem.model else problem.quick
    return sampled_energy(state, drawn, problem.elements, quick=quick, states=states, seed=seed)


def failed(failure: Exception, problem: Problem, made: list[Choice], run: Run) -> dict[str, Any]:
    """The summary of a run whose numbers failed: what was tried, and no result."""
    return {
        **_about(problem, made, run),
        "verdict": "failed",
        "warnings": [str(failure)],
        "stopped": "numerical failure",
    }


def _about(problem: Problem, made: list[Choice], run: Run) -> dict[str, Any]:
    """What a summary says of its making, whatever came of it."""
    config, training = problem.config, problem.config.training
    return {
        "nqs": version("nqs"),
        "job": "ground-state",
        "verdict": None,
        "warnings": [],
        "stopped": run.stopped,
        "seed": config.seed,
        "versions": versions() | {name: version(name) for name in _PACKAGES},
        "sites": problem.sites,
        "ansatz": {"name": config.ansatz.name, "parameters": problem.parameters, **problem.options},
        "chosen": [choice._asdict() for choice in made],
        "training": {
            "optimiser": training.optimiser,
            "sampler": training.sampler,
            "samples": training.samples,
            "schedule": training.steps,
            "rate": training.rate,
            "precision": problem.precision,
            "steps": None,
            "best_step": None,
            "seconds": round(run.seconds, 3),
            "seconds_compiling": round(run.seconds_compiling, 3),
            "device": device(),
        },
        "hamiltonian": {
            "name": problem.system.name,
            "parameters": problem.system.parameters,
            "units": config.hamiltonian.units,
        },
    }


def _binned(local: np.ndarray) -> list[dict[str, float]]:
    """How many samples have which local energy, and how many would have if they were Gaussian."""
    centre, spread = float(local.mean()), float(local.std())
    narrow = np.ptp(local) <= 1e-9 * max(abs(centre), 1.0)  # the same but for rounding
    ends = (centre - 0.5, centre + 0.5) if narrow else None
    counts, edges = np.histogram(local, 1 if narrow else _BINS, ends)
    middles, widths = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
    bell = np.zeros(len(counts))
    if not narrow:
        scaled = (middles - centre) / spread
        bell = len(local) * widths / spread * np.exp(-(scaled**2) / 2) / np.sqrt(2 * np.pi)
    return [
        {"energy": float(e), "width": float(w), "samples": int(n), "gaussian": float(g)}
        for e, w, n, g in zip(middles, widths, counts, bell, strict=True)
    ]


def _relative(energy: Estimate, known: float) -> dict[str, float | None]:
    scale = abs(known) or 1.0
    error = None if energy.error is None else energy.error / scale
    return {"value": (energy.value - known) / scale, "error": error}


def _sampling(found: Energy) -> dict[str, Any]:
    around = found.around
    return {
        "samples": found.samples or None,
        "distinct": found.distinct,
        "effective_samples": found.effective_samples or (found.samples or None),
        "r_hat": finite(found.r_hat),
        "acceptance": found.acceptance,
        "top_share": found.top_share,
        "variance_around": None if around is None else number(around),
        "rounding": found.rounding,
    }
