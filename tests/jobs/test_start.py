"""What every job does first."""

import os
import subprocess
import sys
from pathlib import Path

import jax
import pytest

from nqs.jobs import start


@pytest.mark.skipif(not Path("/proc/self/maps").is_file(), reason="maps are counted on Linux")
@pytest.mark.parametrize(("most", "compiled"), [(0, 2), (10**9, 1)])
def test_programs_are_forgotten_where_too_many_are_held(monkeypatch, most, compiled):
    traced = []

    @jax.jit
    def program(x):
        traced.append(x)
        return x + 1

    program(1.0)
    monkeypatch.setattr(start, "_MANY_MAPS", most)
    start.give_back_programs()
    assert program(1.0) == 2
    assert len(traced) == compiled


THREADS = """
from pathlib import Path
from nqs.jobs.start import prepare
prepare()
import jax.numpy as jnp
jnp.ones(3).sum().block_until_ready()
names = [task.read_text() for task in Path("/proc/self/task").glob("*/comm")]
print(sum("XLAEigen" in name for name in names))
"""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are counted on Linux")
@pytest.mark.parametrize(("asked", "threads"), [(None, 8), ("3", 3)])
def test_xla_has_threads_enough_on_few_processors_unless_it_is_told_how_many(asked, threads):
    environment = {key: value for key, value in os.environ.items() if key != "NPROC"}
    if asked is not None:
        environment["NPROC"] = asked
    command = [sys.executable, "-c", THREADS]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert int(told.stdout) == threads or (asked is None and int(told.stdout) > threads)
