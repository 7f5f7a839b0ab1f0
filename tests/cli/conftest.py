"""The command line called in this process, and one finished run to work with."""

import sys
from typing import NamedTuple

import pytest
from blank import left_blank

from nqs.cli.main import app
from nqs.cli.refused import exit_status
from nqs.measurement import file
from nqs.state.simulate import chosen_settings, simulate
from nqs.systems.known import random_state


class Said(NamedTuple):
    status: int
    out: str
    err: str


@pytest.fixture(autouse=True, scope="session")
def no_cache():
    """Nothing is written to the home folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NQS_CACHE", "")
        yield


@pytest.fixture
def nqs(monkeypatch, capsys, tmp_path):
    """nqs("data", "inspect", …) in an empty folder → exit status and what was printed."""
    monkeypatch.chdir(tmp_path)

    def called(*words) -> Said:
        monkeypatch.setattr(sys, "argv", ["nqs", *map(str, words)])
        capsys.readouterr()
        status = exit_status(app, debug="--debug" in words)
        return Said(status, *capsys.readouterr())

    return called


@pytest.fixture(scope="session")
def quick():
    """Flags of a tomography of a second."""
    values = ("training.steps=300", "training.restarts=2", "baseline.method=none")
    return [word for value in values for word in ("--set", value)]


@pytest.fixture(scope="session")
def shots(tmp_path_factory):
    """The measurement file of the tests of jobs: 3 sites, 27 settings of 200 shots."""
    path = tmp_path_factory.mktemp("data") / "shots.h5"
    data = simulate(random_state(3, 5), chosen_settings("all", 3, 1), 200, seed=1)
    file.write(path, data)
    return path


@pytest.fixture(scope="session")
def finished(shots, quick, tmp_path_factory):
    """Folder of a finished run."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    with pytest.MonkeyPatch.context() as patch:
        left_blank(patch)
        patch.setattr(
            sys, "argv", ["nqs", "tomography", str(shots), "--out", str(folder), *quick, "--quiet"]
        )
        assert exit_status(app, debug=True) == 0
    return folder
