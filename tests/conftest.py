"""Double precision once, for all tests; a compilation cache where the environment names one.

Programs are compiled without most optimisations, which take longer than most tests; a module whose
tests compute for longer says `OPTIMISED = True`. NQS_TEST_OPTIMISED=1 compiles all as users do.
"""

import os
from importlib.metadata import version

import pytest

os.environ.setdefault("NETKET_SHARDING", "0")  # one device is enough, and starts faster
# programs are compiled in two thirds of the time; a flag that is not known would end the process
os.environ.update(
    {"XLA_FLAGS": os.environ.get("XLA_FLAGS", "") + " --xla_cpu_use_fusion_emitters=false"}
    if not os.environ.get("NQS_TEST_OPTIMISED") and version("jaxlib").startswith("0.10.")
    else {}
)

import jax  # after the environment it reads
from blank import left_blank

from nqs.jobs.start import give_back_programs, give_threads

HASTY = not os.environ.get("NQS_TEST_OPTIMISED")

give_threads()
jax.config.update("jax_enable_x64", True)
jax.config.update("jax_disable_most_optimizations", HASTY)
if cache := os.environ.get("NQS_TEST_CACHE"):
    jax.config.update("jax_compilation_cache_dir", cache)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


@pytest.fixture(autouse=True, scope="module")
def compiled_programs_are_given_back(request):
    if getattr(request.module, "OPTIMISED", False):
        jax.config.update("jax_disable_most_optimizations", False)
    yield
    jax.config.update("jax_disable_most_optimizations", HASTY)
    give_back_programs()


@pytest.fixture(autouse=True, scope="module")
def figures_are_left_blank():
    """Tests of the report take this back."""
    with pytest.MonkeyPatch.context() as patch:
        left_blank(patch)
        yield
