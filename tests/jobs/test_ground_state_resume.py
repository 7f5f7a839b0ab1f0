"""A ground state goes on after an interruption, bit for bit."""

import json
import os
import signal
from pathlib import Path

import jax
import pytest
from ground import CHAIN, CONV, GROWING, GRU, RBM, RING, begun, summary, written
from numpy.testing import assert_array_equal

import nqs
from nqs.config import toml
from nqs.config.ground_state import GroundState
from nqs.systems.hamiltonians import ising
from nqs.systems.lattices import chain
from nqs.training.run import Interrupted

KINDS = {
    "natural direct": (CHAIN, GRU, {"samples": 32}),
    "adam metropolis": (
        CHAIN,
        RBM,
        {"samples": 32, "sampler": "metropolis", "optimiser": "adam"},
    ),
    "natural exchange": (RING, RBM, {"samples": 32, "sampler": "exchange"}),
    "natural exact": (RING, CONV, {"samples": 32, "sampler": "exact"}),
    "natural all": (RING, CONV, {"samples": "all"}),
}
"""Hamiltonian, ansatz and training; every optimiser once, every way to draw, the last word, once."""


def configured(kind):
    hamiltonian, ansatz, training = KINDS[kind]
    tables = {
        "hamiltonian": hamiltonian,
        "ansatz": ansatz,
        "training": {"steps": 60, **training},
    }
    if training["samples"] != "all":
        tables["evaluation"] = {"samples": 256}
    return toml.checked(GroundState, tables)


def taken_up_in_the_middle(config, folder, *, phase="train", step=30):
    """Stopped by SIGTERM at a step of a phase, then gone on with what lies in the folder alone."""

    def stop(row):
        if (row["phase"], row["step"]) == (phase, step):
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Interrupted):
        begun(config, folder, watch=stop)
    row = json.loads((folder / "metrics.jsonl").read_text().splitlines()[-1])
    assert (row["phase"], row["step"]) == (phase, step)
    nqs.resume(folder)


def same(one, other):
    """All that two run folders say, but for the time it took."""
    assert summary(one) == summary(other)
    assert (one / "metrics.jsonl").read_text() == (other / "metrics.jsonl").read_text()
    a, b = nqs.load(one).state, nqs.load(other).state
    for x, y in zip(jax.tree.leaves(a.variables), jax.tree.leaves(b.variables), strict=True):
        assert_array_equal(x, y)


@pytest.mark.parametrize("kind", KINDS)
def test_resumed_equals_uninterrupted(kind, tmp_path):
    begun(configured(kind), tmp_path / "whole")
    assert summary(tmp_path / "whole")["training"]["sampler"] == kind.split()[-1]
    taken_up_in_the_middle(configured(kind), tmp_path / "parts")
    same(tmp_path / "parts", tmp_path / "whole")


def test_a_run_of_a_hamiltonian_in_memory_is_resumed_from_its_terms(tmp_path):
    folder = tmp_path / "run"
    nqs.ground_state(ising(chain(4)), "rbm", steps=40, samples=32, out=folder)
    before = summary(folder)
    (folder / "summary.json").unlink()
    nqs.resume(folder)
    assert summary(folder) == before


def test_a_run_that_is_still_growing_is_resumed():
    config = toml.checked(GroundState, toml.read(Path(written(GROWING))), "config.toml")
    begun(config, Path("whole"))
    taken_up_in_the_middle(config, Path("parts"), phase="grow-6", step=20)
    same(Path("parts"), Path("whole"))
