"""Tomographies whose steps are natural gradients."""

import json

import numpy as np
import pytest
from interrupted import stopped_at

import nqs
from nqs.config.toml import ConfigError
from nqs.config.tomography import Tomography, Training
from nqs.jobs.bootstrap import refit
from nqs.jobs.choices import choose
from nqs.measurement.dataset import Measurements
from nqs.state.simulate import chosen_settings

QUICK = {"hidden": 6, "optimiser": "natural", "restarts": 2, "seed": 3}


@pytest.fixture(scope="module")
def whole(data):
    return nqs.tomography(data, ansatz="rbm-phase", **QUICK)


def test_sixty_steps_are_as_likely_as_exact_maximum_likelihood(whole):
    summary = whole.summary
    training = summary["training"]
    assert (training["optimiser"], training["steps"], training["rate"]) == ("natural", 60, 1.0)
    assert 0 < training["shift"] < training["trust"] < 1
    exact = summary["baseline"]["nll"]
    assert exact - 1e-6 < summary["likelihood"]["nll"]["value"] < exact + 2e-4
    assert summary["identifiability"]["determined"] is True
    assert summary["fidelity"]["value"] > 0.99


def test_an_interrupted_run_goes_on_bit_for_bit(data, whole, tmp_path):
    stopped_at(3, lambda: nqs.tomography(data, ansatz="rbm-phase", out=tmp_path / "run", **QUICK))
    again = nqs.resume(tmp_path / "run").summary
    for key in ("likelihood", "identifiability", "fidelity", "verdict"):
        assert again[key] == whole.summary[key]


def test_refits_behind_statistical_errors_take_the_same_steps(data, whole):
    how = refit(whole.state, data, whole.summary)
    assert how.recipe.optimiser == "natural"
    assert how.steps <= 60
    summary = json.loads(json.dumps(whole.summary))
    del summary["training"]["optimiser"]  # of a run from before there was a choice
    assert refit(whole.state, data, summary).recipe.optimiser == "adam"


def test_adam_is_chosen_and_natural_steps_are_as_many_as_they_need(data):
    config, made = choose(Tomography(), data)
    assert (config.training.optimiser, config.training.steps) == ("adam", 2000)
    assert [c.why for c in made if c.key == "training.optimiser"] != [""]
    asked = Tomography(training=Training(optimiser="natural", trust=0.2))
    config, made = choose(asked, data)
    assert (config.training.steps, config.training.rate) == (60, 1.0)
    assert config.training.trust == 0.2
    assert {"training.shift", "training.rate"} < {c.key for c in made}


def test_what_cannot_be_is_refused_in_a_sentence(data):
    with pytest.raises(ConfigError, match=r"optimiser.*'adam' or 'natural'"):
        nqs.tomography(data, optimiser="newton")
    with pytest.raises(ValueError, match="trust has no effect beside optimiser adam"):
        nqs.tomography(data, optimiser="adam", trust=0.1)
    sites, settings = 12, chosen_settings("pauli:200", 12, 1)
    index = np.arange(len(settings))
    large = Measurements(np.zeros((len(settings), sites), np.uint8), settings, index)
    with pytest.raises(ValueError, match=r"968 parameters and 819,200 outcomes.*optimiser adam"):
        nqs.tomography(large, optimiser="natural")
