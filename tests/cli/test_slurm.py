"""The batch script: a run that is stopped is queued again, and goes on where it was."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "slurm.sh"
WORDS = [
    "ground-state",
    "--ansatz",
    "rbm",
    "--set",
    "hamiltonian.name=ising",
    "--set",
    "hamiltonian.lattice=chain",
    "--set",
    "hamiltonian.size=[4]",
    "--set",
    "training.steps=40",
    "--set",
    "training.samples=32",
    "--set",
    "evaluation.samples=256",
    "--quiet",
]


@pytest.fixture
def turn(tmp_path):
    """One turn of the job with a time limit → its exit status; what it asks of SLURM is written down."""
    commands = {
        "srun": 'exec "$@"',
        "scontrol": f'echo "$@" >> {tmp_path}/asked',
        "nqs": f'exec {sys.executable} -m nqs "$@"',
    }
    for name, line in commands.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{line}\n")
        (tmp_path / name).chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "SLURM_JOB_ID": "17", "NQS_CACHE": ""}

    def taken(limit):
        command = ["bash", str(SCRIPT), "run", *WORDS]
        with_limit = environment | {"NQS_TIME_LIMIT": limit}
        return subprocess.run(command, cwd=tmp_path, env=with_limit, check=False).returncode

    return taken


def test_a_stopped_run_is_queued_again_and_ends(turn, tmp_path):
    assert turn("0.001s") == 75
    assert (tmp_path / "asked").read_text() == "requeue 17\n"
    assert turn("10m") == 0
    assert (tmp_path / "asked").read_text() == "requeue 17\n"
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["stopped"] is None
    assert summary["training"]["steps"] == 40


def test_a_run_cut_off_while_it_began_begins_again(turn, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "begun.json").write_text("{")
    assert turn("10m") == 0
