"""The ground-state job: from a Hamiltonian to an energy, and on after an interruption, bit for bit."""

import json
import os
import signal
from pathlib import Path

import jax
import jax.numpy as jnp
import netket as nk
import numpy as np
import pytest
from flax import linen as nn
from numpy.testing import assert_allclose, assert_array_equal

import nqs
from nqs.config import toml
from nqs.config.ground_state import GroundState, Hamiltonian, Reference
from nqs.jobs import folder as place
from nqs.jobs import ground_state as job
from nqs.jobs.hamiltonian import exact, pauli_system
from nqs.jobs.optimise import grown
from nqs.systems.exact import ising_chain_energy
from nqs.systems.hamiltonians import heisenberg, ising, xxz
from nqs.systems.lattices import chain, square
from nqs.systems.pauli import PauliSum
from nqs.training import lower as lowering
from nqs.training.run import Interrupted, NumericalFailure

CHAIN = {"name": "ising", "lattice": "chain", "size": [6]}
RING = {"name": "heisenberg", "lattice": "chain", "size": [6], "periodic": True}
GRU, RBM, CONV = (
    {"name": "recurrent", "hidden": 6},
    {"name": "rbm", "hidden": 6},
    {"name": "conv", "features": 2},
)
KINDS = {
    "natural direct": (CHAIN, GRU, {"samples": 32}),
    "adam direct": (CHAIN, GRU, {"samples": 32, "optimiser": "adam"}),
    "natural metropolis": (CHAIN, RBM, {"samples": 32, "sampler": "metropolis"}),
    "adam metropolis": (
        CHAIN,
        RBM,
        {"samples": 32, "sampler": "metropolis", "optimiser": "adam"},
    ),
    "natural exchange": (RING, RBM, {"samples": 32, "sampler": "exchange"}),
    "natural exact": (RING, CONV, {"samples": 32, "sampler": "exact"}),
    "natural all": (RING, CONV, {"samples": "all"}),
}
"""Hamiltonian, ansatz and training of each way to draw, which the last word names."""


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


def begun(config, folder, **rest):
    found = job.system(config.hamiltonian)
    config, made = job.chosen(config, found)
    return job.carry_out(job.prepared(config, found), made, place.new_folder(folder), **rest)


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


def summary(folder):
    found = json.loads((folder / "summary.json").read_text())
    for key in ("seconds", "seconds_compiling"):
        del found["training"][key]
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_resumed_equals_uninterrupted(kind, tmp_path):
    begun(configured(kind), tmp_path / "whole")
    assert summary(tmp_path / "whole")["training"]["sampler"] == kind.split()[-1]
    taken_up_in_the_middle(configured(kind), tmp_path / "parts")
    same(tmp_path / "parts", tmp_path / "whole")


def test_a_small_chain_reaches_its_ground_state_and_is_loaded_again(tmp_path):
    result = nqs.ground_state(ising(chain(6)), steps=150, samples=128, out=tmp_path / "run")
    found = result.summary
    assert found["verdict"] == "ok"
    assert 0 < found["v_score"] < 1e-4
    assert abs(found["relative_error"]["value"]) < 1e-4
    assert_allclose(found["exact"]["energy"], -7.296229810558757, rtol=1e-9)
    psi = nqs.load(tmp_path / "run").state.vector()
    assert_allclose(
        np.vdot(psi, ising(chain(6)).times(psi)).real, found["exact"]["energy"], rtol=1e-4
    )
    assert found["sampling"]["distinct"] <= 64
    assert found["training"]["steps"] == 150


def test_a_run_of_a_hamiltonian_in_memory_is_resumed_from_its_terms(tmp_path):
    folder = tmp_path / "run"
    nqs.ground_state(ising(chain(4)), steps=40, samples=32, out=folder)
    before = summary(folder)
    (folder / "summary.json").unlink()
    nqs.resume(folder)
    assert summary(folder) == before


def test_a_netket_operator_and_its_pauli_sum_are_the_same_run():
    graph = nk.graph.Chain(5, pbc=False)
    operator = nk.operator.Ising(nk.hilbert.Spin(0.5, 5), graph, h=0.7, J=-1.0)
    one, other = (
        nqs.ground_state(h, "rbm", steps=20, samples=64, seed=3).summary["energy"]
        for h in (operator, ising(chain(5), 1.0, 0.7))
    )
    assert one == other


class Jastrow(nn.Module):
    """A module of somebody else's, with complex parameters."""

    @nn.compact
    def __call__(self, bits):
        z = 1 - 2.0 * bits
        pair = self.param("pair", nn.initializers.normal(0.1), (6, 6), jnp.complex128)
        return jnp.einsum("...i,ij,...j->...", z, pair, z)


@pytest.mark.parametrize("optimiser", ["natural", "adam"])
def test_a_module_of_the_users_with_complex_parameters_descends(optimiser):
    result = nqs.ground_state(
        xxz(chain(6), -1.0, 0.5, hx=0.7),
        Jastrow(),
        sampler="all",
        samples="all",
        steps=200,
        rate=0.05,
        optimiser=optimiser,
    )
    found = result.summary
    assert found["energy"]["error"] is None
    assert found["exact"]["energy"] <= found["energy"]["value"] < 0.8 * found["exact"]["energy"]
    assert found["chosen"]  # what was not given


def test_a_module_in_a_sector_is_loaded_again(tmp_path):
    """With its prior, which the run knows of."""
    result = nqs.ground_state(
        heisenberg(chain(6)),
        Jastrow(),
        lattice="chain",
        size=[6],
        magnetisation=0,
        marshall=True,
        steps=20,
        samples=64,
        out=tmp_path / "run",
    )
    again = nqs.load(tmp_path / "run", Jastrow()).state
    psi = result.state.vector()
    assert_allclose(again.vector(), psi, atol=1e-12)
    outside = np.bitwise_count(np.arange(64)) != 3
    assert np.abs(psi[outside]).max() == 0


def test_a_hamiltonian_in_memory_on_its_lattice_is_the_run_of_the_config():
    """Lattice, sector, signs, ansatz and draws: the same energy to the last digit."""
    hamiltonian = {k: v for k, v in RING.items() if k != "name"}
    one = nqs.ground_state(heisenberg(chain(6, True)), steps=30, **hamiltonian).summary
    other = nqs.ground_state(_config(PERIODIC_6), steps=30).summary
    assert one["energy"] == other["energy"]
    assert one["exact"] == other["exact"]
    assert one["ansatz"] == other["ansatz"]
    with pytest.raises(ValueError, match="6 sites and its lattice 4"):
        nqs.ground_state(heisenberg(chain(6)), lattice="chain", size=[4])


PERIODIC_6 = """
[hamiltonian]
name = "heisenberg"
lattice = "chain"
size = [6]
periodic = true
"""


def test_a_config_is_an_operator_of_netket(tmp_path):
    """As dense as the sum itself, on bits with site 0 in front."""
    operator = nqs.operator(_config(PERIODIC_6.replace("periodic = true", "J = [1, 2, 3, 4, 5]")))
    total = heisenberg(chain(6), np.arange(1.0, 6.0))
    dense = np.stack([total.times(column) for column in np.eye(64)])
    assert_allclose(operator.to_dense(), dense, atol=1e-12)


def test_free_fermions_are_known_whoever_wrote_the_chain():
    """Beyond Lanczos: a chain with a broken bond, a ring, and neither."""
    J, h = np.linspace(0.5, 1.4, 29), np.linspace(-1.2, 0.9, 30)
    J[12] = 0
    found = {
        name: exact(pauli_system(total, Hamiltonian()), Reference(), None)
        for name, total in {
            "open": ising(chain(30), J, h),
            "ring": ising(chain(30, True), 0.7, 1.1),
            "field": ising(chain(30), 1.0, 1.0, 0.2),
            "ladder": ising(square(2, 15)),
        }.items()
    }
    assert_allclose(found["open"].energy, ising_chain_energy(J, h))
    assert_allclose(
        found["ring"].energy, ising_chain_energy(np.full(30, 0.7), np.full(30, 1.1), periodic=True)
    )
    assert found["field"] is found["ladder"] is None


def test_a_reference_is_no_bound_unless_it_says_so():
    found = {
        exact: nqs.ground_state(
            ising(chain(30), 1.0, 1.0, 0.1),
            steps=40,
            samples=32,
            reference={"energy": -10.0, "exact": exact},
        ).summary["warnings"]
        for exact in (False, True)
    }
    assert not any("below" in w for w in found[False])
    assert any("below the exact one" in w for w in found[True])
    wrong = nqs.ground_state(ising(chain(5)), steps=20, samples=32, energy=-7.0).summary
    assert any("check the config" in w for w in wrong["warnings"])


MENU = {
    "ising": ({}, {"g": 0.3}, {"J": -1.0}, {"h": 0.0}),
    "xxz": ({}, {"delta": 2.0}, {"J": -1.0}, {"hz": 0.4}, {"hx": 0.4}),
    "heisenberg": ({}, {"J": -1.0}),
    "j1j2": ({}, {"J2": -0.5}),
    "rydberg": ({}, {"V": 0.0}),
}
PLACES = [("chain", [n], p) for n in (5, 6) for p in (False, True)]
PLACES += [("square", size, p) for size in ([2, 3], [3, 3], [4, 4]) for p in (False, True)]


@pytest.mark.parametrize("name", MENU)
def test_what_is_chosen_is_never_refused(name):
    """Every Hamiltonian of the menu, on even, odd, open and closed lattices, of either sign."""
    for couplings in MENU[name]:
        for lattice, size, periodic in PLACES:
            tables = {"name": name, "lattice": lattice, "size": size, "periodic": periodic}
            config = toml.checked(GroundState, {"hamiltonian": tables | couplings})
            config, made = job.chosen(config, job.system(config.hamiltonian))
            assert made
            again = toml.checked(GroundState, config.model_dump(exclude_none=True))
            assert job.chosen(again, job.system(again.hamiltonian))[1] == []


def test_exact_sums_over_orbits_lower_a_frustrated_energy_to_the_exact_one():
    result = nqs.ground_state(_config(PERIODIC))
    found = result.summary
    assert found["ansatz"]["ones"] == 4
    assert found["ansatz"]["rotated"] == [1, 3, 5, 7]
    assert 0 <= found["relative_error"]["value"] < 1e-4
    assert found["sampling"]["samples"] is None
    psi = result.state.vector()
    assert_allclose(
        np.vdot(psi, heisenberg(chain(8, True)).times(psi)).real,
        found["energy"]["value"],
        rtol=1e-9,
    )


PERIODIC = """
[hamiltonian]
name = "heisenberg"
lattice = "chain"
size = [8]
periodic = true
[ansatz]
features = 3
[training]
samples = "all"
steps = 150
"""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def _config(text):
    Path("config.toml").write_text(text)
    return "config.toml"


@pytest.mark.parametrize(
    ("name", "sampler", "size"),
    [
        ("conv", "exact", {"features": 3}),
        ("conv", "exchange", {"features": 3}),
        ("recurrent", "direct", {"hidden": 12}),
        ("rbm", "exchange", {"hidden": 12}),
    ],
)
def test_every_way_to_stay_in_a_sector_finds_the_same_energy(name, sampler, size):
    file = _config(
        PERIODIC.replace("features = 3\n", "").replace('samples = "all"', "samples = 256")
    )
    found = nqs.ground_state(file, name, sampler=sampler, steps=250, **size).summary
    assert found["training"]["sampler"] == sampler
    error = found["relative_error"]
    assert -4 * error["error"] < error["value"] < 0.01


GROWING = """
[hamiltonian]
name = "ising"
lattice = "chain"
size = [24]
[ansatz]
hidden = 12
[training]
steps = 10
samples = 32
grow_from = [6, 12]
grow_steps = [100, 40]
grow_samples = [64, 32]
"""


def test_a_long_chain_grows_from_a_short_one():
    result = nqs.ground_state(_config(GROWING), out="run")
    rows = Path("run/metrics.jsonl").read_text().splitlines()
    phases = {json.loads(row)["phase"] for row in rows}
    assert phases == {"grow-6", "grow-12", "train"}
    assert 0 < result.summary["relative_error"]["value"] < 0.01


def test_a_run_that_is_still_growing_is_resumed():
    config = toml.checked(GroundState, toml.read(Path(_config(GROWING))), "config.toml")
    begun(config, Path("whole"))
    taken_up_in_the_middle(config, Path("parts"), phase="grow-12", step=20)
    same(Path("parts"), Path("whole"))


def test_what_sites_have_of_their_own_is_stretched_in_the_middle():
    small = {"bias": jnp.arange(4.0), "cell": jnp.ones((2, 2))}
    large = {"bias": jnp.zeros(7), "cell": jnp.zeros((2, 2))}
    found = grown(small, large)
    assert found["bias"].tolist() == [0, 1, 2, 2, 2, 2, 3]
    assert found["cell"].tolist() == [[1, 1], [1, 1]]


def test_a_budget_shortens_the_schedule_and_says_nothing_else(tmp_path):
    found = nqs.ground_state(ising(chain(6)), steps=10**6, samples=16, budget=6.0)
    assert found.summary["training"]["steps"] < 10**5


def disturbed(monkeypatch, times, change):
    """What the first `times` dispatches after the second come back with is changed."""
    descend, calls = lowering.descend, iter(range(10**6))

    def broken(*arguments):
        after = descend(*arguments)
        return change(*after) if 2 <= next(calls) < 2 + times else after

    monkeypatch.setattr(lowering, "descend", broken)


def test_a_training_compiles_its_loop_once(monkeypatch, caplog):
    """Rollbacks and a budget included, all of which hand other arrays to it."""
    disturbed(monkeypatch, 1, FAILURES["exploded"])
    with jax.log_compiles():
        nqs.ground_state(ising(chain(7)), "rbm", steps=100, samples=16, budget=600.0)
    assert caplog.text.count("Compiling jit(descend)") == 1


FAILURES = {
    "not finite": lambda d, curve: (d._replace(skipped=d.skipped + 10), curve),
    "exploded": lambda d, curve: (d, curve._replace(energy=curve.energy + 1e3)),
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
