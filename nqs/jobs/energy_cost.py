"""What a ground state costs: memory that is refused beforehand where it is not there, and time."""

from nqs.ansatz.prior import said_of
from nqs.jobs.optimise import Problem
from nqs.state.pieces import rows_at_once
from nqs.state.reach import VECTOR_SITES, available_memory
from nqs.training.slopes import entries_at_once

_BASE = 4e8
"""Bytes of Python, JAX and the compiled programs."""

_WIDTH = 64
"""Numbers that a network keeps for each site of a configuration, roughly, if it does not say."""


_LISTED = 64
"""Bytes of an element of H that is looked up beforehand."""


def memory(problem: Problem) -> float:
    """Bytes that the largest step of the run needs, roughly: of any phase, or of the judging."""
    return _BASE + max([*map(_training, problem.phases().values()), _judging(problem)])


def _training(problem: Problem) -> float:
    rows, sites, width = problem.rows(), problem.sites, 8.0
    configurations = (rows + rows_at_once()) * sites * _width(problem) * width
    if problem.config.training.sampler in ("exact", "all"):
        configurations += rows * len(problem.elements.flips) * _LISTED
    if problem.config.training.optimiser == "adam":
        return 2 * configurations
    rows *= 1 if getattr(problem.model, "real", False) else 2
    jacobian = 3 * width * rows * problem.parameters
    differentiated = said_of(problem.model, "numbers_differentiated", 0)
    around = 3 * width * min(rows * differentiated, entries_at_once())
    return jacobian + around + 4 * width * min(rows, problem.parameters) ** 2 + configurations


def _width(problem: Problem) -> int:
    return said_of(problem.model, "numbers_kept", _WIDTH)


def _judging(problem: Problem) -> float:
    """Fresh samples with their energies, drawn from all amplitudes where there are few sites."""
    sites, samples = problem.sites, problem.config.evaluation.samples or 0
    if problem.config.training.sampler == "all":
        return 0.0
    listed = sites <= VECTOR_SITES and problem.config.training.sampler != "direct"
    return (
        samples * (8.0 * sites + 200)
        + rows_at_once() * sites * _width(problem) * 8.0
        + listed * 2**sites * 100.0
    )


def refuse_too_large(problem: Problem) -> None:
    """ValueError where the memory does not suffice."""
    needed, there = memory(problem), available_memory()
    if there is not None and needed > there:
        config = problem.config
        raise ValueError(
            f"{config.training.samples} samples of {problem.parameters:,} parameters, and "
            f"{config.evaluation.samples or 0:,} for the final energy, need about {needed / 1e9:.1f} GB, and "
            f"{there / 1e9:.1f} GB are free; take fewer training.samples or evaluation.samples, or "
            "optimiser adam."
        )


def cost(problem: Problem) -> dict[str, float]:
    """Memory in MB, and seconds by a rule of thumb for two cores."""
    seconds = sum(part.seconds() for part in problem.phases().values())
    return {"memory_mb": memory(problem) / 1e6, "seconds": seconds}
