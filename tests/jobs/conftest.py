"""One problem for every job here, so that each program is compiled once."""

import pytest

from nqs.state.simulate import chosen_settings, simulate
from nqs.systems.known import random_state

SITES, STEPS = 3, 300


@pytest.fixture(autouse=True, scope="session")
def no_cache():
    """Nothing is written to the home folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NQS_CACHE", "")
        yield


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Every test works in a folder of its own."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def truth():
    return random_state(SITES, 5)


@pytest.fixture(scope="session")
def data(truth):
    """A complex state without symmetry, 200 shots in each of the 27 settings."""
    return simulate(truth, chosen_settings("all", SITES, 1), 200, seed=1)
