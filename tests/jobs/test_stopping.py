"""When to stop, told by shots held out: by one part of them, or by all in turn."""

import os
import signal

import numpy as np
import pytest
from flax import linen as nn
from numpy.testing import assert_array_equal

import nqs
from nqs.jobs import reconstruct, stopping
from nqs.jobs.bootstrap import refit, replicas
from nqs.jobs.resume import resume
from nqs.state.simulate import simulate
from nqs.systems.known import product
from nqs.training.fit import equal_travel
from nqs.training.run import Interrupted, Run

SITES, SHOTS, STEPS = 5, 100, 600
FEW = {"restarts": 2, "steps": STEPS, "rate": 0.02, "method": "none", "seed": 1}


class Table(nn.Module):
    """A free real log ψ for each basis state, which begins almost uniform."""

    @nn.compact
    def __call__(self, bits):
        table = self.param("table", nn.initializers.normal(0.01), (2**SITES,), float)
        return table[bits @ (2 ** np.arange(SITES)[::-1])] + 0j


def logged(*held_out):
    """Rows of a log, ten steps apart; held_out: (restarts,) each."""
    return [
        {"step": 10 * (i + 1), "train_nll": [0.0] * len(row), "held_out_nll": row}
        for i, row in enumerate(held_out)
    ]


# Parts of shots


def test_folds_are_parts_of_equal_size_that_add_up():
    counts = np.random.default_rng(1).poisson(3.0, (40, 8)).astype(float)
    counts[0] = 0
    parts = stopping.folds(counts, np.random.default_rng(2))
    assert parts.shape == (stopping.FOLDS, 40, 8)
    assert_array_equal(parts.sum(axis=0), counts)
    sizes = parts.sum(axis=2)
    assert np.all(parts >= 0)
    assert np.all(np.ptp(sizes, axis=0) <= 1)
    assert np.ptp(sizes.sum(axis=1)) <= 1  # what is left over goes round


def test_folds_are_drawn_shot_by_shot():
    """A cell of the first fold is hypergeometric; its mean is off by five errors once in 10⁶."""
    rng, counts = np.random.default_rng(3), np.array([[7.0, 3.0]])
    first = np.array([stopping.folds(counts, rng)[0, 0] for _ in range(2000)])
    assert_array_equal(first.sum(axis=1), 2)
    chance = 2 * 0.7
    error = np.sqrt(2 * 0.7 * 0.3 * (8 / 9) / 2000)
    assert abs(first[:, 0].mean() - chance) < 5 * error


def test_one_part_is_a_share_of_every_setting():
    counts = np.random.default_rng(4).poisson(20.0, (3, 6, 4)).astype(float)
    (part,) = stopping.one_part(counts, 0.2, np.random.default_rng(5))
    assert np.all(np.abs(part.sum(axis=-1) - 0.2 * counts.sum(axis=-1)) < 1)
    assert np.all(part <= counts)
    single = np.tile([1.0, 0.0], (500, 1))  # settings of one shot: a fifth of them is held out
    (part,) = stopping.one_part(single, 0.2, np.random.default_rng(6))
    assert 60 < part.sum() < 140  # 100 ± 9


# Who tells


@pytest.mark.parametrize(
    ("sites", "only_z", "parameters", "share", "parts"),
    [
        (10, True, 1000, 0.2, 1),  # overfitting is 7 paired errors on a fifth of the shots
        (6, False, 1000, 0.2, stopping.FOLDS),
        (6, True, 1000, 0.2, stopping.FOLDS),
        (6, True, 10, 0.2, 0),  # a network that can hardly overfit
        (3, False, 1000, 0.2, 0),
        (6, False, 1000, 0.0, 0),
    ],
)
def test_shots_are_held_out_in_turn_where_one_part_tells_too_little(
    sites, only_z, parameters, share, parts
):
    assert stopping.parts_held_out(sites, only_z, parameters, share) == parts


def test_the_stop_is_where_the_mean_of_all_folds_is_least():
    rows = logged([3.0, 1.0], [1.9, 1.8], [1.0, 3.0], [2.5, 2.5])
    assert stopping.told_by_folds(rows, 1000) == 20
    rows[1]["held_out_nll"] = [1.9, None]  # what is not finite is never the best
    assert stopping.told_by_folds(rows, 1000) == 10


def test_a_difference_within_two_paired_errors_tells_nothing():
    rows = logged([2.0], [1.0], [1.1])
    assert stopping.told_by_folds(rows, 79) is None
    assert stopping.told_by_folds(rows, 81) == 20
    assert stopping.told_by_folds([], 1000) is None
    never = [dict(row, held_out_nll=None) for row in rows]
    assert stopping.told_by_folds(never, 10**6) is None


def test_folds_end_once_their_mean_has_been_behind_for_200_steps():
    """By Δ > 18/shots, three paired errors √(2Δ/shots)."""
    rows = logged([1.0], *[[1.02]] * 20)
    assert stopping.folds_are_past_the_best(rows, 1000)
    assert not stopping.folds_are_past_the_best(rows, 800)
    assert not stopping.folds_are_past_the_best(rows[:-1], 1000)
    rows[10]["held_out_nll"] = [1.01]
    assert not stopping.folds_are_past_the_best(rows, 1000)


# A tomography of few shots


@pytest.fixture(scope="module")
def truth():
    return product(SITES, angles=[(np.pi / 2 + 0.1 * site, 0.0) for site in range(SITES)])


@pytest.fixture(scope="module")
def few(truth):
    return simulate(truth, ["Z" * SITES], SHOTS, seed=2)


@pytest.fixture(scope="module")
def run(few, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "run"
    return nqs.tomography(few, Table(), out=folder, **FEW)


def divergence(truth, vector):
    p, q = np.abs(truth) ** 2, np.abs(vector) ** 2
    return float((p * np.log(p / q)).sum())


def test_few_shots_are_not_overfitted(run, few, truth):
    """Trained to the end, the state lies much further from the truth than where folds stop it."""
    training = run.summary["training"]
    assert training["folds"] == stopping.FOLDS
    assert training["stop"] < STEPS / 2
    assert training["refit_steps"] == equal_travel(training["stop"], STEPS)
    whole = nqs.tomography(few, Table(), held_out=0.0, **FEW)
    assert whole.summary["training"]["stop"] is None
    kept = divergence(truth, run.state.vector())
    assert kept < 0.6 * divergence(truth, whole.state.vector())


def test_a_fit_stopped_by_folds_is_repeated_whole(run, few):
    """What refits lose to the fit, they lose for want of shots: less than they would at the end."""
    psi = run.state.vector()
    how = refit(run.state, few, run.summary)
    assert how.steps == how.last == run.summary["training"]["refit_steps"]
    lost = {}
    for name, way in (("stopped", how), ("to the end", how._replace(steps=STEPS, last=STEPS))):
        again = replicas(run.state, few, 8, 1, way)
        assert again.shape == (8, 2**SITES)
        lost[name] = np.mean([divergence(psi, other) for other in again])
    assert 0 < lost["stopped"] < 0.6 * lost["to the end"]


def test_cut_short_while_shots_are_held_out_in_turn_it_is_the_state_of_the_search(few, monkeypatch):
    """The clock runs out before the first step without a fold; refits take as many steps."""
    out_of_time = Run.out_of_time

    def clock(run, share, **more):
        if share == reconstruct._SHARES[reconstruct.IN_TURN]:
            run.stopped = "budget"
        return run.stopped is not None or out_of_time(run, share, **more)

    monkeypatch.setattr(Run, "out_of_time", clock)
    found = nqs.tomography(few, Table(), **FEW)
    training = found.summary["training"]
    assert found.summary["stopped"] == "budget"
    assert training["stop"] is training["folds"] is training["refit_steps"] is None
    assert training["best_step"] < STEPS
    how = refit(found.state, few, found.summary)
    assert (how.steps, how.last, how.share) == (STEPS, training["best_step"], 0)


def test_interrupted_while_shots_are_held_out_in_turn_and_resumed(run, few, tmp_path):
    def watch(row):
        if (row["phase"], row["step"]) == ("folds", 100):
            os.kill(os.getpid(), signal.SIGTERM)

    folder = tmp_path / "run"
    with pytest.raises(Interrupted):
        broken_off(few, folder, watch)
    assert not (folder / "summary.json").exists()
    again = resume(folder, Table())
    assert again.summary["training"]["stop"] == run.summary["training"]["stop"]
    assert_array_equal(again.state.vector(), run.state.vector())
    log = (folder / "metrics.jsonl").read_text()
    assert log == (run.folder / "metrics.jsonl").read_text()


def broken_off(data, folder, watch):
    from nqs.config import toml
    from nqs.config.tomography import Tomography
    from nqs.jobs import tomography as job

    config = toml.from_keywords(Tomography, FEW)
    inputs = job.stored_inputs(data, {"file": None, "sha256": None})
    job.carry_out(config, inputs, job.place.new_folder(folder), model=Table(), watch=watch)
