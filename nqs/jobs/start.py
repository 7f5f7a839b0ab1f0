"""What every job does first: double precision and a cache for compiled programs."""

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_MAPS = Path("/proc/self/maps")
_MANY_MAPS = 30_000
_THREADS = 8


def prepare() -> None:
    """Switch on float64 and the persistent compilation cache; make room for new programs.

    The cache lies in NQS_CACHE, or else in the user's cache folder; an empty
    NQS_CACHE switches it off. One that cannot be written is done without.
    """
    give_threads()
    import jax

    jax.config.update("jax_enable_x64", True)
    # a graphics card would keep eleven bits of the factors of products in single precision
    jax.config.update("jax_default_matmul_precision", "highest")
    give_back_programs()
    folder = cache_folder()
    if folder is None or "JAX_COMPILATION_CACHE_DIR" in os.environ:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK)
    except OSError:
        writable = False
    if writable:
        jax.config.update("jax_compilation_cache_dir", str(folder))
        # with the default thresholds nothing of ours would ever be kept
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def give_threads() -> None:
    """Let XLA have at least eight threads, if it has not begun yet and NPROC does not say how many.

    A thread that factorises many matrices (jaxlib 0.10) waits for others to be free: where two do so at a
    time, two in all wait for ever. No program here does more than four such things at a time.
    """
    if _processors() < _THREADS:
        os.environ.setdefault("NPROC", str(_THREADS))


def _processors() -> int:
    """Those that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def give_back_programs() -> None:
    """Forget compiled programs where a process holds so many that soon none could be added.

    Every program maps memory; beyond 65,530 maps Linux gives none, and JAX crashes. A hundred
    tomographies of different settings get there.
    """
    import jax

    if _MAPS.is_file() and _MAPS.read_bytes().count(b"\n") > _MANY_MAPS:
        jax.clear_caches()


def meanwhile(*tasks: Callable[[], object]) -> None:
    """Do what only saves time later in a thread of its own: imports, small compilations.

    XLA compiles without holding Python's lock. A task that fails does so again, and
    is heard, where its result is wanted.
    """

    def work() -> None:
        for task in tasks:
            with suppress(Exception):
                task()

    threading.Thread(target=work).start()


def cache_folder() -> Path | None:
    """Where compiled programs are kept, or None."""
    chosen = os.environ.get("NQS_CACHE")
    if chosen is not None:
        return Path(chosen) if chosen else None
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "nqs"
