"""How far a state vector reaches, and what is said beyond; known without loading JAX."""

from collections.abc import Iterator
from pathlib import Path

DENSE_SITES = 16
"""Sites of the dense likelihood."""

VECTOR_SITES = 20
"""Sites of a dense vector evaluated once."""

MATRIX_SITES = 12
"""Sites of a density matrix."""

DENSE_TERMS = 2**25
"""Amplitudes, over all settings, of one evaluation of the dense likelihood."""

LIKELIEST_SITES = 8
"""Sites up to which the exact maximum-likelihood state is looked for."""

MATRIX_LIKELIEST_SITES = 6
"""Sites up to which the same is looked for among mixed states."""

FISHER_SITES = 10
"""Sites up to which the Fisher matrix is built."""

FISHER_WORK = 2**28
"""Settings × 4**sites that go into it: about half a minute."""


ERROR_SITES = 8
"""Sites up to which every tomography is given the errors of its Fisher matrix."""

ERROR_WORK = 2**25
"""Settings × 4**sites of it: some seconds."""


def available_memory() -> float | None:
    """Bytes that are free now, for this job of a batch queue or container; None where nobody says."""
    found = [free for free in (_of_machine(), *_of_groups()) if free is not None]
    return min(found, default=None)


def _of_machine() -> float | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(1024.0 * float(x.split()[1]) for x in lines if x.startswith("MemAvailable:"))
    except (OSError, ValueError, IndexError, StopIteration):
        return None


def _of_groups(root: str = "/sys/fs/cgroup", own: str = "/proc/self/cgroup") -> Iterator[float]:
    """What each control group that this process is in has left of its limit."""
    try:
        line = next(x for x in Path(own).read_text().splitlines() if x.startswith("0::"))
    except (OSError, StopIteration):
        return
    group = Path(root) / line[3:].lstrip("/")
    for folder in (group, *group.parents):
        try:
            limit = (folder / "memory.max").read_text().strip()
            used = float((folder / "memory.current").read_text())
            stat = (folder / "memory.stat").read_text().split()
            cached = float(stat[stat.index("inactive_file") + 1])
            yield float(limit) - used + cached  # "max" is no number
        except (OSError, ValueError):
            continue


def within_reach(sites: int, settings: int, outcomes: int = 2) -> bool:
    """Whether the dense Born rule reaches."""
    return sites <= DENSE_SITES and settings * outcomes**sites <= DENSE_TERMS


def refuse_out_of_reach(sites: int, settings: int, outcomes: int = 2) -> None:
    """ValueError, with the number of terms, where the dense Born rule does not reach."""
    terms = settings * outcomes**sites
    if not within_reach(sites, settings, outcomes):
        reach = max(1, DENSE_TERMS // outcomes ** min(sites, DENSE_SITES))
        raise ValueError(
            f"{settings} settings of {sites} sites need {terms:.3g} amplitudes at every step; the "
            f"limit is {DENSE_TERMS:.3g} amplitudes and {DENSE_SITES} sites. Use fewer sites, or at "
            f"most {reach} settings at {min(sites, DENSE_SITES)} sites."
        )
