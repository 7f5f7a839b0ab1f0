"""What a tomography chooses fills gaps, and only gaps."""

import dataclasses

import numpy as np
import pytest

from nqs.ansatz import ANSATZE, DENSITIES, build
from nqs.ansatz.autoregressive import Autoregressive
from nqs.config.menu import ANSATZ_OPTIONS
from nqs.config.tables import Network as Ansatz
from nqs.config.tomography import Baseline, Tomography, Training
from nqs.jobs.choices import choose, cost
from nqs.jobs.rungs import choose as choose_wide
from nqs.jobs.rungs import families
from nqs.measurement.dataset import Measurements


def taken(settings, shots=100) -> Measurements:
    sites = len(settings[0])
    return Measurements(
        np.zeros((len(settings), sites), int),
        tuple(settings),
        np.arange(len(settings)),
        np.full(len(settings), shots),
    )


KINDS = {
    "z": taken(["ZZZ"]),
    "rotated": taken(["ZZZ", "XYZ"]),
    "unmeasured": taken(["ZIZ", "IIZ"]),
    "long": taken(["Z" * 12, "X" * 12], 100_000),
}


OF_OTHERS = {"strings", "chains", "sweeps", "shift", "trust"}
"""Keys of the likelihood of branches, and of natural gradients."""


def test_the_menu_is_that_of_the_ansaetze():
    every = ANSATZE | DENSITIES
    assert tuple(ANSATZ_OPTIONS) == (*every, "outcome")
    for name, options in list(ANSATZ_OPTIONS.items())[:-1]:
        fields = {f.name for f in dataclasses.fields(every[name])}
        if issubclass(every[name], Autoregressive):
            fields |= {"even"}  # what any of these is made
        assert set(options) == fields & set(Ansatz.model_fields) - {"name"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", [None, *(n for n in ANSATZE if n != "pair-product")])
def test_every_gap_is_filled_and_told(kind, name):
    data = KINDS[kind]
    given = {"size": [data.sites, 1]} if name == "recurrent-2d" else {}  # none is a square
    config, made = choose(Tomography(ansatz=Ansatz(name=name, **given)), data)
    options = set(ANSATZ_OPTIONS[config.ansatz.name]) - {"reach"}  # none is as far as the lattice
    assert None not in [getattr(config.ansatz, option) for option in options]
    assert None not in config.training.model_dump(exclude=OF_OTHERS).values()
    for choice in made:
        table, key = choice.key.split(".")
        assert getattr(getattr(config, table), key) == choice.value
        assert choice.why
    keys = {f"ansatz.{o}" for o in options} | {f"training.{t}" for t in Training.model_fields}
    keys -= {f"training.{key}" for key in OF_OTHERS} | {f"ansatz.{key}" for key in given}
    keys |= {"baseline.method"}
    assert {c.key for c in made} == keys | ({"ansatz.name"} if name is None else set())
    build(config.ansatz.name, data.sites, **{o: getattr(config.ansatz, o) for o in options})


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_given_stays(kind):
    given = Tomography(
        seed=9,
        ansatz=Ansatz(
            name="recurrent",
            hidden=5,
            phase=kind == "z",
            site_dependent=False,
            ends=False,
            even=False,
        ),
        training=Training(steps=77, rate=0.5, restarts=3, optimiser="adam", likelihood="dense"),
        baseline=Baseline(method="none"),
    )
    config, made = choose(given, KINDS[kind])
    assert config == given
    assert made == []


def test_choosing_leaves_the_config_it_was_given():
    given = Tomography()
    config, _ = choose(given, KINDS["rotated"])
    assert given == Tomography()
    assert config != given


def test_choosing_again_changes_nothing():
    """The resolved config, read back, means the same run."""
    for data in KINDS.values():
        config, _ = choose(Tomography(), data)
        again, made = choose(config, data)
        assert again == config
        assert made == []


@pytest.mark.parametrize(
    ("kind", "phase"), [("z", False), ("unmeasured", False), ("rotated", True)]
)
def test_phases_are_learned_where_the_shots_know_of_them(kind, phase):
    assert choose(Tomography(), KINDS[kind])[0].ansatz.phase is phase


def test_more_work_costs_more():
    small, _ = choose(Tomography(), KINDS["rotated"])
    large, _ = choose(Tomography(), KINDS["long"])
    a, b = cost(small, KINDS["rotated"], 1000), cost(large, KINDS["long"], 1000)
    assert all(b[key] > a[key] > 0 for key in ("memory_mb", "seconds"))
    assert np.isfinite([*a.values(), *b.values()]).all()


def test_a_ladder_climbs_the_lattice_that_the_file_says():
    """Two dimensions of the file are tried as such; one, or none, as a chain."""
    shots = np.zeros((10, 24), np.uint8)
    grid = Measurements(shots, ("Z" * 24,), np.zeros(10, int), lattice=(4, 6))
    chain = dataclasses.replace(grid, lattice=(24,))
    auto = Tomography(ansatz=Ansatz(name="auto"))
    names = [{r.name for ladder in families(auto, d) for r in ladder} for d in (grid, chain)]
    assert names == [{"mps", "recurrent-2d"}, {"mps", "recurrent"}]
    named, made = choose_wide(Tomography(ansatz=Ansatz(name="recurrent-2d")), grid)
    assert named.ansatz.size == [4, 6]
    assert ("ansatz.size", "as the file has it") in [(c.key, c.why) for c in made]
