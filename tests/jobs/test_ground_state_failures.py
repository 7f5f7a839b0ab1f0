"""What a training does when its numbers fail, and that its loop is compiled once."""

import json

import jax
import jax.numpy as jnp
import pytest
from flax import linen as nn
from ground import summary

import nqs
from nqs.systems.hamiltonians import ising
from nqs.systems.lattices import chain
from nqs.systems.pauli import PauliSum
from nqs.training import lower as lowering
from nqs.training.run import NumericalFailure


def disturbed(monkeypatch, times, change):
    """What the first `times` dispatches after the second come back with is changed."""
    descend, calls = lowering.descend, iter(range(10**6))

    def broken(*arguments):
        after = descend(*arguments)
        return change(*after) if 2 <= next(calls) < 2 + times else after

    monkeypatch.setattr(lowering, "descend", broken)


def test_a_training_compiles_its_loop_once(monkeypatch, caplog):
    """Rollbacks and a budget included, and on a mesh of devices as NetKet sets one up."""
    disturbed(monkeypatch, 1, FAILURES["exploded"])
    with jax.set_mesh(jax.make_mesh((1,), ("S",))), jax.log_compiles():
        nqs.ground_state(ising(chain(7)), "rbm", steps=100, samples=16, budget=600.0)
    assert caplog.text.count("Compiling jit(descend)") == 1


FAILURES = {
    "not finite": lambda d, curve: (d._replace(skipped=d.skipped + 10), curve),
    "exploded": lambda d, curve: (d, curve._replace(energy=curve.energy + 1e3)),
    "that exploded": lambda d, curve: (  # and the variance with it
        d,
        curve._replace(energy=curve.energy + 1e3, variance=curve.variance + 1e9),
    ),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failure_goes_back_to_the_last_good_state_at_half_the_rate(failure, monkeypatch):
    disturbed(monkeypatch, 2, FAILURES[failure])
    found = nqs.ground_state(ising(chain(5)), steps=150, samples=64).summary
    assert found["verdict"] == "warning"
    assert "2 time(s)" in " ".join(found["warnings"])
    assert abs(found["relative_error"]["value"]) < 1e-2


@pytest.mark.parametrize("failure", FAILURES)
def test_failures_that_come_back_end_the_run_with_a_summary(failure, monkeypatch, tmp_path):
    disturbed(monkeypatch, 100, FAILURES[failure])
    with pytest.raises(NumericalFailure, match=failure):
        nqs.ground_state(ising(chain(5)), steps=150, samples=64, out=tmp_path / "run")
    assert summary(tmp_path / "run")["verdict"] == "failed"


class Cliff(nn.Module):
    """Finite only while its one parameter is small."""

    @nn.compact
    def __call__(self, bits):
        strength = self.param("strength", nn.initializers.constant(0.05), (), jnp.float64)
        log_psi = strength * (bits[..., 0] == bits[..., 1]) + 0j
        return jnp.where(strength > 0.2, jnp.nan, log_psi)


def test_steps_into_nan_are_not_taken(tmp_path):
    """The energy falls towards the cliff, whatever the rate."""
    with pytest.raises(NumericalFailure, match="not finite"):
        nqs.ground_state(
            ising(chain(2)), Cliff(), samples="all", steps=400, optimiser="adam", out=tmp_path / "r"
        )
    rows = (tmp_path / "r/metrics.jsonl").read_text().splitlines()
    energies = [json.loads(row)["energy"] for row in rows]
    assert all(energy is not None for energy in energies[:1])
    assert min(energy for energy in energies if energy is not None) < energies[0]


def test_chains_that_stand_still_are_a_failure():
    """Two spins that are equal but for e^−600: once there, no flip is ever taken."""
    with pytest.raises(NumericalFailure, match="stand still"):
        nqs.ground_state(
            PauliSum.from_terms([(-1.0, "Z0 Z1"), (-1e-9, "X0"), (-1e-9, "X1")]),
            Peaked(),
            sampler="metropolis",
            steps=150,
            samples=16,
        )


class Peaked(nn.Module):
    @nn.compact
    def __call__(self, bits):
        strength = self.param("strength", nn.initializers.constant(300.0), (), jnp.float64)
        return strength * (bits[..., 0] == bits[..., 1]) + 0j
