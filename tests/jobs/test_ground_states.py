"""The ground-state job: from a Hamiltonian to an energy."""

import json
from pathlib import Path

import jax.numpy as jnp
import netket as nk
import numpy as np
import pytest
from flax import linen as nn
from ground import GROWING, PERIODIC_6, RING, written
from numpy.testing import assert_allclose

import nqs
from nqs.systems.hamiltonians import heisenberg, ising, j1j2, xxz
from nqs.systems.lattices import chain


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


def test_a_march_from_a_high_temperature_ends_in_the_ground_state(tmp_path):
    """And is resumed as any other: its memory has two parts."""
    result = nqs.ground_state(
        ising(chain(6)),
        optimiser="march",
        temperature=2.0,
        steps=150,
        samples=128,
        out=tmp_path / "run",
    )
    assert (
        result.summary["relative_error"]["value"] + 4 * result.summary["relative_error"]["error"]
        >= 0
    )
    assert abs(result.summary["relative_error"]["value"]) < 1e-3
    rows = [
        json.loads(row) for row in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    ]
    assert rows[2]["energy"] > -7.0 > rows[-1]["energy"]
    assert nqs.resume(tmp_path / "run").summary["energy"] == result.summary["energy"]


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


def test_a_hamiltonian_in_memory_on_its_lattice_is_the_run_of_thewritten():
    """Lattice, sector, signs, ansatz and draws: the same energy to the last digit."""
    hamiltonian = {k: v for k, v in RING.items() if k != "name"}
    one = nqs.ground_state(heisenberg(chain(6, True)), steps=30, **hamiltonian).summary
    other = nqs.ground_state(written(PERIODIC_6), steps=30).summary
    assert one["energy"] == other["energy"]
    assert one["exact"] == other["exact"]
    assert one["ansatz"] == other["ansatz"]
    with pytest.raises(ValueError, match="6 sites and its lattice 4"):
        nqs.ground_state(heisenberg(chain(6)), lattice="chain", size=[4])


def test_exact_sums_over_orbits_lower_a_frustrated_energy_to_the_exact_one():
    result = nqs.ground_state(written(PERIODIC))
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


def test_pairs_of_spins_reach_a_frustrated_ground_state_and_are_loaded_again(tmp_path):
    """Sums over orbits have the energy of the whole state."""
    frustrated = j1j2(chain(8, periodic=True), 1.0, 0.4)
    result = nqs.ground_state(
        frustrated,
        "pair-product",
        lattice="chain",
        size=[8],
        periodic=True,
        steps=200,
        features=2,
        pairs=2,
        magnetisation=0,
        out=tmp_path / "run",
    )
    energy = result.summary["energy"]["value"]
    assert 0 <= result.summary["relative_error"]["value"] < 1e-4
    psi = nqs.load(tmp_path / "run").state.vector()
    assert_allclose(np.vdot(psi, frustrated.times(psi)).real, energy, rtol=1e-9)


def test_distinct_strings_of_a_peaked_state_are_read_once():
    """At most two dozen strings stand for a million draws."""
    peaked = ising(chain(6), 1.0, 0.2, 0.3)
    found = nqs.ground_state(peaked, sampler="unique", samples=24, steps=150).summary
    assert found["training"]["samples"] == 24
    assert abs(found["relative_error"]["value"]) < 1e-4
    with pytest.raises(ValueError, match="has no effect beside a sampler that is not unique"):
        nqs.ground_state(peaked, repeats=100)


def test_electrons_of_either_spin_are_kept(tmp_path):
    """Two sites: E = (U − √(U² + 16 t²)) / 2 with one of each, −t and degenerate with one alone."""
    config = tmp_path / "dimer.toml"
    config.write_text(
        'job = "ground-state"\n[hamiltonian]\nname = "hubbard"\nlattice = "chain"\nsize = [2]\n'
        "t = 0.8\nU = 3.0\n"
    )
    found = nqs.ground_state(config, hidden=4, steps=200).summary
    assert found["ansatz"]["ones"] == [1, 1]
    assert found["sampling"]["samples"] is None
    assert_allclose(found["energy"]["value"], (3 - np.sqrt(9 + 16 * 0.64)) / 2, atol=1e-6)
    assert found["v_score"] is not None
    one = nqs.ground_state(config, "rbm", electrons=[1, 0], steps=200).summary
    assert_allclose(one["energy"]["value"], -0.8, atol=1e-6)
    assert one["v_score"] is None


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


@pytest.mark.parametrize(
    ("name", "sampler", "size"),
    [
        ("conv", "exact", {"features": 3}),
        ("recurrent", "direct", {"hidden": 12}),
        ("rbm", "exchange", {"hidden": 12}),
    ],
)
def test_every_way_to_stay_in_a_sector_finds_the_same_energy(name, sampler, size):
    file = written(
        PERIODIC.replace("features = 3\n", "").replace('samples = "all"', "samples = 128")
    )
    few = {"samples": 2000}
    found = nqs.ground_state(file, name, sampler=sampler, steps=200, evaluation=few, **size).summary
    assert found["training"]["sampler"] == sampler
    error = found["relative_error"]
    assert -4 * error["error"] < error["value"] < 0.01


def test_a_long_chain_grows_from_a_short_one():
    result = nqs.ground_state(written(GROWING), out="run")
    rows = Path("run/metrics.jsonl").read_text().splitlines()
    phases = {json.loads(row)["phase"] for row in rows}
    assert phases == {"grow-3", "grow-6", "train"}
    error = result.summary["relative_error"]
    assert -4 * error["error"] < error["value"] < 0.01


def test_a_budget_shortens_the_schedule_and_says_nothing_else(tmp_path):
    found = nqs.ground_state(ising(chain(6)), steps=10**6, samples=16, budget=6.0)
    assert found.summary["training"]["steps"] < 10**5
