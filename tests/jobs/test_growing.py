"""Runs that begin from what was trained before: another run, a smaller lattice, fewer units."""

import pytest

import nqs
from nqs.systems.hamiltonians import ising
from nqs.systems.lattices import chain


def test_a_run_begins_from_the_state_of_another(tmp_path):
    """Ten more steps from a trained state end where it was; from nothing they would not."""
    folder, given = tmp_path / "first", {"hidden": 6, "samples": 64, "lattice": "chain"}
    first = nqs.ground_state(ising(chain(6)), steps=150, size=[6], out=folder, **given).summary
    given |= {"begin_from": str(folder), "steps": 10}
    again = nqs.ground_state(ising(chain(6)), size=[6], **given).summary
    assert abs(again["relative_error"]["value"]) < 2e-3 + 2 * abs(first["relative_error"]["value"])
    with pytest.raises(ValueError, match=r"whose state cannot be taken on: its .* has the shape"):
        nqs.ground_state(ising(chain(6)), size=[6], **given | {"hidden": 7})
    with pytest.raises(ValueError, match="whose ansatz is 'recurrent' and not 'mps'"):
        nqs.ground_state(ising(chain(6)), "mps", begin_from=str(folder))
    with pytest.raises(ValueError, match=r"whose ansatz\.even is true; choose the same"):
        nqs.ground_state(ising(chain(6)), size=[6], **given | {"even": False})


def test_a_run_grows_in_width_and_on_its_lattice(tmp_path):
    config = tmp_path / "grown.toml"
    config.write_text("""
        job = "ground-state"
        hamiltonian = {name = "ising", lattice = "chain", size = [6]}
        ansatz = {name = "recurrent", hidden = 8}
        [training]
        samples = 128
        steps = 30
        grow_from = [4, 5]
        grow_width = [4, 8]
        grow_steps = [60, 30]
    """)
    result = nqs.ground_state(config)
    assert result.summary["training"]["steps"] == 30
    assert abs(result.summary["relative_error"]["value"]) < 0.01
    for wrong, message in [
        ({"grow_width": [9, 4]}, r"expected growing widths up to ansatz.hidden = 8"),
        ({"grow_width": [4]}, r"grow_width is \[4\]; expected a number for each size"),
        ({"begin_from": "."}, "two beginnings"),
    ]:
        with pytest.raises(ValueError, match=message):
            nqs.ground_state(config, **wrong)
    with pytest.raises(ValueError, match=r"grow_width is for recurrent, .* units are all alike"):
        nqs.ground_state(ising(chain(6)), "transformer", grow_width=[4])
    with pytest.raises(ValueError, match="a Hamiltonian that has a name and a lattice"):
        nqs.ground_state(ising(chain(6)), size=[6], lattice="chain", grow_from=[4])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"hidden": 16, "grow_width": [8, 8]}, "expected growing widths"),
        ({"hidden": 16, "grow_width": [4, 16]}, "expected growing widths"),
    ],
)
def test_what_cannot_grow_is_refused_before_anything_is_trained(words, message):
    with pytest.raises(ValueError, match=message):
        nqs.ground_state(ising(chain(6)), **words)
