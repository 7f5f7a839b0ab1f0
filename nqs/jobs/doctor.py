"""Is this machine fit for nqs? Versions, devices, cache and a small tomography of a known state."""

import os
import time
from collections.abc import Iterator

FAILED = "FAILED"


def examined() -> Iterator[tuple[str, str]]:
    """Findings as (name, value), one after another."""
    from nqs.jobs.start import cache_folder, prepare

    prepare()
    import jax

    from nqs.jobs.judge import versions
    from nqs.jobs.tomography import tomography
    from nqs.state.simulate import chosen_settings, simulate
    from nqs.systems.known import w

    yield from versions().items()
    yield "devices", ", ".join(map(str, jax.devices()))
    folder = cache_folder()
    if folder is None:
        yield "cache", "off (NQS_CACHE is empty)"
    else:
        usable = folder.is_dir() and os.access(folder, os.W_OK)
        yield "cache", f"{folder}{'' if usable else ' cannot be written; runs compile anew'}"
    begun = time.monotonic()
    truth = w(3)
    data = simulate(truth, chosen_settings("all", 3, 1), 500, seed=1)
    fidelity = tomography(data, steps=500, restarts=2).fidelity(truth)
    verdict = "passed" if fidelity > 0.98 else FAILED
    yield (
        "self-test",
        f"{verdict}: W state, fidelity {fidelity:.4f}, {time.monotonic() - begun:.1f} s",
    )
