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


FRUSTRATED = {"name": "j1j2", "lattice": "square", "size": [6, 6], "periodic": True}
FALLING_OFF = {"name": "heisenberg", "alpha": 2.0, "periodic": True}


def test_spins_of_a_large_frustrated_array_are_paired():
    config, _ = choices(FRUSTRATED)
    assert (config.ansatz.name, config.ansatz.marshall) == ("pair-product", None)
    assert config.training.sampler == "exchange"
    assert not config.ansatz.point_group  # of larger J2 the ground state is odd under rotations


@pytest.mark.parametrize(
    ("hamiltonian", "ansatz"),
    [
        (FRUSTRATED | {"size": [4, 4]}, {}),  # all of it is listed
        (FRUSTRATED, {"marshall": True}),
        (FRUSTRATED, {"signed": True}),
        (FRUSTRATED, {"free_magnetisation": True}),
        (FALLING_OFF | {"lattice": "triangular", "size": [6, 6]}, {}),
        (FALLING_OFF | {"lattice": "chain", "size": [36]}, {}),
    ],
)
def test_what_pairs_have_not_or_is_no_square_stays_with_filters(hamiltonian, ansatz):
    assert choices(hamiltonian, **ansatz)[0].ansatz.name == "conv"


def test_a_frustrated_array_that_grows_stays_with_filters():
    asked = {"hamiltonian": FRUSTRATED, "training": {"grow_from": [[4, 4]]}}
    config = toml.checked(GroundState, asked, "test")
    assert chosen(config, system(config.hamiltonian))[0].ansatz.name == "conv"
