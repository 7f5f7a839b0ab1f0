"""The ladder keeps the simplest description that explains shots held out."""

from itertools import product

import numpy as np
import pytest
from exact import asymmetric_state, mixed_state

from nqs.evaluation.fidelity import fidelity
from nqs.evaluation.mixed_likelihood import Description
from nqs.jobs.descriptions import climb, ladder, simplest
from nqs.state.born import rotations, rotations_of
from nqs.state.simulate import simulate

SITES = 2
SETTINGS = ["".join(c) for c in product("XYZ", repeat=SITES)]


def chosen(state, shots, **noise):
    data = simulate(state, SETTINGS, shots, seed=3, **noise)
    plan = rotations_of(data)
    return simplest(climb(data, plan, seed=1))


def test_a_pure_state_is_called_pure():
    assert chosen(asymmetric_state(SITES), 100).description == Description()


def test_white_noise_is_seen_under_declared_readout_errors():
    psi = asymmetric_state(SITES)
    found = chosen(psi, 4000, depolarising=0.1, readout=(0.02, 0.05))
    assert found.description == Description(1, white=True)
    rho = 0.9 * np.outer(psi, psi.conj()) + 0.1 * np.eye(4) / 4
    assert fidelity(found.whole.density_matrix, rho) > 0.999


def test_a_mixture_of_everything_is_called_mixed():
    assert chosen(mixed_state(SITES), 4000).description.rank > 1


def test_readout_errors_are_never_chosen_without_calibration():
    """Whatever they explain, a mixed state might as well."""
    found = chosen(asymmetric_state(SITES), 4000, readout=(0.05, 0.1))
    data = simulate(asymmetric_state(SITES), SETTINGS, 4000, 3, readout=(0.05, 0.1))
    from dataclasses import replace

    undeclared = replace(data, readout=None)
    plan = rotations(undeclared.settings)
    tried = climb(undeclared, plan, seed=1)
    assert found.description == Description()
    assert not simplest(tried).description.readout
    assert any(t.description.readout for t in tried)


@pytest.mark.parametrize("sites", [1, 2, 3])
def test_the_ladder_rises_to_all_mixed_states(sites):
    rungs = ladder(sites, calibrated=True)
    assert rungs[0] == Description()
    assert rungs[-1] == Description(2**sites)
    assert len({*rungs}) == len(rungs)
    assert not any(rung.readout for rung in rungs)
