"""What a ground state chooses: its samples, and an ansatz that knows its lattice."""

import pytest

from nqs.config import toml
from nqs.config.ground_state import GroundState
from nqs.jobs.ground_state import chosen
from nqs.jobs.hamiltonian import system

RYDBERG = {"name": "rydberg", "lattice": "square", "size": [2, 3]}
EDGES = {"name": "ising", "edges": [[0, 1], [1, 2], [2, 3]]}


def choices(hamiltonian, **ansatz):
    config = toml.checked(GroundState, {"hamiltonian": hamiltonian, "ansatz": ansatz}, "test")
    return chosen(config, system(config.hamiltonian))


def test_few_configurations_are_all_summed_unless_samples_are_asked_for():
    config, made = choices(RYDBERG)
    assert (config.training.sampler, config.training.samples) == ("all", "all")
    assert ("training.sampler", "64 configurations") in {(c.key, c.why) for c in made}
    for table in ("training", "evaluation"):
        asked = {"hamiltonian": RYDBERG, table: {"samples": 500}}
        asked = toml.checked(GroundState, asked, "test")
        assert chosen(asked, system(asked.hamiltonian))[0].training.sampler == "direct"


def test_an_array_is_that_of_the_hamiltonian():
    config, made = choices(RYDBERG | {"size": [2, 6]}, name="recurrent-2d")
    assert config.ansatz.size == [2, 6]
    assert config.training.sampler == "direct"
    assert "ansatz.size" in {choice.key for choice in made}
    again, made = chosen(config, system(config.hamiltonian))
    assert (again, made) == (config, [])


def test_an_array_of_which_nothing_is_known_is_a_square():
    assert choices(EDGES, name="recurrent-2d")[0].ansatz.size == [2, 2]


def test_an_array_unlike_that_of_the_hamiltonian_is_refused():
    with pytest.raises(ValueError, match=r"size is \[3, 2\], and the lattice .* \[2, 3\]"):
        choices(RYDBERG, name="recurrent-2d", size=[3, 2])


def test_heads_divide_the_hidden_units():
    assert choices(RYDBERG, name="transformer", hidden=6)[0].ansatz.heads == 2


def test_spins_of_a_large_frustrated_array_are_paired():
    """Where no sign is known, but that half of the spins are up; else a convolution."""
    frustrated = {"name": "j1j2", "lattice": "square", "periodic": True}
    large, small = frustrated | {"size": [6, 6]}, frustrated | {"size": [4, 4]}
    assert choices(large, free_magnetisation=True)[0].ansatz.name == "conv"
    config, _ = choices(large)
    assert (config.ansatz.name, config.ansatz.marshall) == ("pair-product", None)
    assert config.training.sampler == "exchange"
    assert config.ansatz.point_group
    assert choices(small)[0].ansatz.name == "conv"
