"""Wide reconstructions of states that are not normalised: log Z by chains."""

import jax
import numpy as np
import pytest
from interrupted import stopped_at
from lively import lively

import nqs
from nqs.evaluation import norm
from nqs.jobs import wide_fit
from nqs.measurement.dataset import Measurements
from nqs.state import born
from nqs.state.simulate import chosen_settings, simulate

SITES = 4
OPTIONS = {"ansatz": "rbm-phase", "seed": 1, "restarts": 1, "rate": 0.03, "steps": 400}
ALONE = {"baseline": {"method": "none"}}


@pytest.fixture(scope="module")
def truth():
    """A complex state without symmetry."""
    return lively("rbm-phase", SITES, seed=3, strength=0.4).vector()


@pytest.fixture(scope="module")
def shots(truth):
    return simulate(truth, chosen_settings("Z,pauli:14", SITES, 1), 700, seed=1)


@pytest.fixture(scope="module")
def by_chains(shots):
    """Judged as beyond 20 sites: log Z annealed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(norm, "VECTOR_SITES", 2)
        patch.setattr(wide_fit, "_SMALL", 1.0)
        return nqs.tomography(shots, likelihood="branch", chains=256, **OPTIONS, **ALONE)


def test_branches_and_chains_reach_what_all_amplitudes_reach(truth, shots, by_chains):
    """The same machine by either likelihood: fidelities within two hundredths."""
    dense = nqs.tomography(shots, refit=False, **OPTIONS, **ALONE)
    assert by_chains.fidelity(truth) > 0.95
    assert by_chains.fidelity(truth) > dense.fidelity(truth) - 0.02


def test_likelihoods_are_those_of_the_normalised_state(shots, by_chains):
    """log Z and the NLL of all shots within four errors of log Z of the exact ones.

    Fails by chance once in 16,000.
    """
    state, summary = by_chains.state, by_chains.summary
    log_z = summary["sampling"]["log_z"]
    exact = float(jax.nn.logsumexp(2 * born.all_log_psi(state.model, state.variables, SITES).real))
    assert abs(log_z["value"] - exact) < 4 * log_z["error"] < 0.1
    log_p, counts = state.log_probabilities(shots.settings), shots.table()
    nll = -(log_p * counts).sum() / counts.sum()
    assert abs(summary["likelihood"]["nll"]["value"] - nll) < 4 * log_z["error"] + 1e-9
    assert summary["likelihood"]["held_out_nll"]["error"] > log_z["error"]


def test_chains_say_what_they_are_worth(by_chains):
    """And the shots fit, but for once in ten thousand by chance."""
    sampling = by_chains.summary["sampling"]
    assert sampling["chains"] == 256
    assert sampling["r_hat"] < 1.1
    assert 100 < sampling["effective_samples"] <= sampling["samples"]
    assert sampling["annealed"]["effective_samples"] > 100
    assert {"training.chains", "training.sweeps"} & {c["key"] for c in by_chains.summary["chosen"]}
    assert by_chains.summary["likelihood"]["p_value"] > 1e-4


def test_an_interrupted_training_goes_on_bit_for_bit(tmp_path):
    rng = np.random.default_rng(2)
    bits = (rng.random((400, 4)) < [0.3, 0.5, 0.6, 0.8]).astype(np.uint8)
    data = Measurements(bits, ("ZZZZ",), np.zeros(400, np.uint32))
    options = {"ansatz": "rbm-phase", "steps": 60, "restarts": 2, "chains": 32, "seed": 4}
    options |= {"likelihood": "branch", **ALONE}
    whole = nqs.tomography(data, out=tmp_path / "whole", **options).summary
    stopped_at(2, lambda: nqs.tomography(data, out=tmp_path / "cut", **options))
    again = nqs.resume(tmp_path / "cut").summary
    for key in ("likelihood", "sampling", "ansatz"):
        assert again[key] == whole[key]
