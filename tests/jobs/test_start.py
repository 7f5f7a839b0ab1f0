"""What every job does first."""

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
