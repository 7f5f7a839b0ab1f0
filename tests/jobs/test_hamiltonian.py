"""Hamiltonians of the job: from configs, what is chosen for them, and what is known of them."""

import numpy as np
import pytest
from ground import PERIODIC_6, written
from numpy.testing import assert_allclose

import nqs
from nqs.config import toml
from nqs.config.ground_state import GroundState, Hamiltonian, Reference, Uniform
from nqs.jobs import ground_state as job
from nqs.jobs.energy_choices import facts
from nqs.jobs.hamiltonian import exact, pauli_system, system
from nqs.systems.exact import heisenberg_ring_energy, ising_chain_energy
from nqs.systems.hamiltonians import heisenberg, ising
from nqs.systems.lattices import chain, square


def test_a_config_is_an_operator_of_netket(tmp_path):
    """As dense as the sum itself, on bits with site 0 in front."""
    operator = nqs.operator(written(PERIODIC_6.replace("periodic = true", "J = [1, 2, 3, 4, 5]")))
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


def test_a_long_ring_is_known_by_bethes_ansatz():
    """Beyond Lanczos, in any units; not where a bond differs or favours equal spins."""
    ring = Hamiltonian(name="heisenberg", lattice="chain", size=[40], periodic=True)
    found = exact(system(ring), Reference(), 0)
    assert (found.method, found.energy) == ("Bethe ansatz", heisenberg_ring_energy(40))
    halves = exact(system(ring.model_copy(update={"units": "spin-half"})), Reference(), None)
    assert_allclose(halves.energy, found.energy / 4)
    bonds = [1.0] * 39 + [1.1]
    for other in ({"J": bonds}, {"J": -1.0}, {"periodic": False}, {"size": [41]}):
        assert exact(system(ring.model_copy(update=other)), Reference(), None) is None


def test_qubits_may_lie_elsewhere_than_on_the_sites():
    """On edges, or orbitals of both spins with their electrons, half of them where it is silent."""
    square = {"lattice": "square", "size": [3, 3], "periodic": True}
    code = system(Hamiltonian(name="toric", **square))
    assert (code.total.sites, code.lattice, code.electrons) == (18, None, None)
    chain = {"lattice": "chain", "size": [3]}
    half = system(Hamiltonian(name="hubbard", **chain))
    assert (half.total.sites, half.electrons) == (6, (2, 1))
    assert facts(half).lowest == [-1, 1]
    fewer = system(Hamiltonian(name="hubbard", U=2.0, electrons=[1, 1], **chain))
    assert facts(fewer).lowest == [1, 1]
    assert fewer.parameters["t"] == 1.0
    with pytest.raises(
        ValueError, match=r"electrons is \[4, 1\]; expected two numbers from 0 to 3"
    ):
        system(Hamiltonian(name="hubbard", electrons=[4, 1], **chain))
    with pytest.raises(ValueError, match="a molecule takes its geometry in ångström"):
        system(Hamiltonian(name="molecule"))
    with pytest.raises(ValueError, match=r"hamiltonian\.lattice has no effect on 'molecule'"):
        system(Hamiltonian(name="molecule", geometry="H 0 0 0; H 0 0 1", lattice="chain"))


def test_random_couplings_are_as_many_as_they_couple():
    """Of xyz one for each edge and site, of the toric code one for each of its qubits."""
    random = Uniform(uniform=[0.5, 1.5])
    on = {"lattice": "square", "size": [3, 3], "periodic": True, "disorder_seed": 7}
    spins = system(Hamiltonian(name="xyz", Jx=random, Jy=0.0, Jz=0.0, hy=random, **on))
    assert len(np.unique(spins.total.coefficients)) == 18 + 9
    assert np.abs(spins.total.coefficients).min() >= 0.5
    code = system(Hamiltonian(name="toric", hz=random, **on))
    assert len(code.total.coefficients) == 18 + 18


def test_a_reference_is_no_bound_unless_it_says_so():
    found = {
        exact: nqs.ground_state(
            ising(chain(30), 1.0, 1.0, 0.1),
            "rbm-positive",
            hidden=2,
            steps=40,
            samples=32,
            evaluation={"samples": 500},
            reference={"energy": -10.0, "exact": exact},
        ).summary["warnings"]
        for exact in (False, True)
    }
    assert not any("below" in w for w in found[False])
    assert any("below the exact one" in w for w in found[True])
    wrong = nqs.ground_state(ising(chain(5)), "rbm", steps=20, samples="all", energy=-7.0).summary
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
