"""How far a state vector reaches, and what is said beyond; known without loading JAX."""

from pathlib import Path

DENSE_SITES = 16
"""Sites of the dense likelihood."""

VECTOR_SITES = 20
"""Sites of a dense vector evaluated once."""

DENSE_TERMS = 2**25
"""Amplitudes, over all settings, of one evaluation of the dense likelihood."""


FISHER_SITES = 10
"""Sites up to which the Fisher matrix is built."""

FISHER_WORK = 2**28
"""Settings × 4**sites that go into it: about half a minute."""


def available_memory() -> float | None:
    """Bytes that are free now; None where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(1024.0 * float(x.split()[1]) for x in lines if x.startswith("MemAvailable:"))
    except (OSError, ValueError, IndexError, StopIteration):
        return None


def refuse_out_of_reach(sites: int, settings: int) -> None:
    """ValueError, with the number of terms, where the dense Born rule does not reach."""
    terms = settings * 2**sites
    if sites > DENSE_SITES or terms > DENSE_TERMS:
        reach = max(1, DENSE_TERMS >> min(sites, DENSE_SITES))
        raise ValueError(
            f"{settings} settings of {sites} sites need {terms:.3g} amplitudes at every step; the "
            f"limit is {DENSE_TERMS:.3g} amplitudes and {DENSE_SITES} sites. Use fewer sites, or at "
            f"most {reach} settings at {min(sites, DENSE_SITES)} sites."
        )
