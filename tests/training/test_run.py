"""A run logs every step, never NaN, stops when told to, and goes on as if it had not stopped."""

import json
import os
import signal
import time

import jax
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from teachers import BOWL, NoJudge, Quadratic, starts

from nqs.state import checkpoint
from nqs.training.fit import Recipe, begin
from nqs.training.run import Interrupted, NumericalFailure, Run, train

RECIPE = Recipe(0.1)


def trained(run, phase="search", *, batch=BOWL, objective=None, steps=60, **rest):
    rest = {"steps_per_dispatch": 20, **rest}
    objective = objective or Quadratic()
    return train(run, phase, objective, RECIPE, starts(), batch, steps=steps, **rest)


def logged(folder):
    """Rows of metrics.jsonl; NaN or infinity is no JSON."""

    def refused(name):
        raise AssertionError(f"{name} in metrics.jsonl")

    text = (folder / "metrics.jsonl").read_text()
    return [json.loads(line, parse_constant=refused) for line in text.splitlines()]


def same_bits(a, b):
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert_array_equal(np.asarray(x), np.asarray(y))


@pytest.fixture(scope="module")
def whole():
    """The run that nobody interrupted: progress and rows."""
    run = Run()
    progress = trained(run)
    return progress, run.rows


def test_every_tenth_step_is_a_row(tmp_path, whole):
    seen = []
    run = Run(tmp_path, watch=seen.append)
    trained(run)
    assert [row["step"] for row in run.rows] == [10, 20, 30, 40, 50, 60]
    assert run.rows == seen == logged(tmp_path) == whole[1]
    for row in run.rows:
        assert row["phase"] == "search"
        assert row["steps"] == 60
        assert len(row["train_nll"]) == len(row["held_out_nll"]) == 3


def test_a_number_that_is_not_finite_is_null(tmp_path):
    """One restart out of three begins where every value is NaN."""
    variables = jax.tree.map(lambda x: x.at[1, 0].set(50.0), starts())
    batch = BOWL._replace(broken=10.0)
    run = Run(tmp_path)
    train(run, "search", Quadratic(), RECIPE, variables, batch, steps=20, steps_per_dispatch=20)
    rows = logged(tmp_path)
    assert [[x is None for x in row["train_nll"]] for row in rows] == 2 * [[False, True, False]]


def test_without_a_judge_the_held_out_likelihood_is_null(tmp_path):
    trained(Run(tmp_path), objective=NoJudge(), steps=20)
    assert [row["held_out_nll"] for row in logged(tmp_path)] == [None, None]


def test_the_length_of_a_dispatch_changes_nothing(whole):
    run = Run()
    same_bits(trained(run, steps_per_dispatch=30), whole[0])
    assert run.rows == whole[1]


@pytest.mark.parametrize(
    ("number", "name"), [(signal.SIGTERM, "SIGTERM"), (signal.SIGINT, "SIGINT")]
)
def test_a_signal_ends_the_run_with_a_checkpoint_and_it_goes_on(tmp_path, whole, number, name):
    def send(row):
        if row["step"] == 30:
            os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    run = Run(tmp_path, watch=send)
    with pytest.raises(Interrupted) as stop, run.listening():
        trained(run)
    assert stop.value.name == name
    assert signal.getsignal(number) is before
    assert [row["step"] for row in logged(tmp_path)] == [10, 20, 30, 40]  # to the dispatch's end

    again = Run(tmp_path)
    assert again.restore({"search": begin(starts())}) is None
    same_bits(trained(again), whole[0])
    assert again.rows == logged(tmp_path) == whole[1]


def test_while_it_is_judged_a_run_ends_at_once(tmp_path):
    """What is trained is saved; afterwards, and before, a signal waits for the next dispatch."""
    run, after = Run(tmp_path), []
    with pytest.raises(Interrupted) as stop, run.listening(), run.judging():
        os.kill(os.getpid(), signal.SIGTERM)
        after.append("judged")
    assert stop.value.name == "SIGTERM"
    assert stop.value.folder == tmp_path
    assert not after
    with pytest.raises(Interrupted), run.listening():
        os.kill(os.getpid(), signal.SIGTERM)
        after.append("written")
        with run.judging():
            after.append("judged")
    assert after == ["written"]


def test_a_damaged_checkpoint_is_told_and_the_one_before_it_used(tmp_path, whole):
    """Rows that the older checkpoint has not reached are logged again, not twice."""
    run = Run(tmp_path, watch=lambda row: run.save())
    trained(run)
    path = tmp_path / "checkpoint.h5"
    run.phases["search"] = begin(starts())  # the file before the last is an early one
    run.save()
    run.phases["search"] = whole[0]
    run.save()
    path.write_bytes(path.read_bytes()[:-100])
    again = Run(tmp_path)
    complaint = again.restore({"search": begin(starts())})
    assert "checkpoint.h5" in complaint
    assert "before it" in complaint
    assert logged(tmp_path) == []
    same_bits(trained(again), whole[0])
    assert logged(tmp_path) == whole[1]


def test_a_line_cut_off_in_the_log_is_dropped(tmp_path, whole):
    trained(Run(tmp_path))
    log = tmp_path / "metrics.jsonl"
    log.write_text(log.read_text() + '{"phase": "search", "st')
    again = Run(tmp_path)
    again.restore({"search": begin(starts())})
    assert again.rows == logged(tmp_path) == whole[1]


def test_several_phases_are_taken_up_where_each_was(tmp_path):
    run = Run(tmp_path)
    first, second = trained(run, "search"), trained(run, "refit", steps=40)
    again = Run(tmp_path)
    template = begin(starts())
    again.restore({"search": template, "refit": template, "mirror": template})
    assert set(again.phases) == {"search", "refit"}
    same_bits(again.phases, {"search": first, "refit": second})
    assert again.rows == run.rows


def test_a_run_without_a_checkpoint_begins_again(tmp_path, whole):
    """Its log belonged to steps that are lost."""
    (tmp_path / "metrics.jsonl").write_text('{"phase": "search", "step": 10}\n')
    again = Run(tmp_path)
    assert "begins again" in again.restore({"search": begin(starts())})
    same_bits(trained(again), whole[0])
    assert logged(tmp_path) == whole[1]


def test_two_damaged_checkpoints_are_an_error(tmp_path):
    for name in ("checkpoint.h5", "checkpoint.previous.h5"):
        (tmp_path / name).write_bytes(b"damaged")
    with pytest.raises(checkpoint.DamagedCheckpoint, match=r"checkpoint\.previous\.h5"):
        Run(tmp_path).restore({"search": begin(starts())})


def test_a_run_stopped_before_its_first_row_goes_on(tmp_path, whole):
    """A checkpoint of step 0 and no log yet."""
    trained(Run(tmp_path, time_limit=1e-9))
    assert not (tmp_path / "metrics.jsonl").exists()
    again = Run(tmp_path)
    assert again.restore({"search": begin(starts())}) is None
    same_bits(trained(again), whole[0])


@pytest.mark.parametrize(("limit", "reason"), [("budget", "budget"), ("time_limit", "time limit")])
def test_a_limit_used_up_ends_training_and_is_noted(limit, reason):
    run = Run(**{limit: 1e-9})
    progress = trained(run)
    assert run.stopped == reason
    assert run.rows == []
    assert_array_equal(progress.step, 0)


def test_a_phase_may_use_its_share_of_the_time_only():
    """A clock of our own: half of a hundred seconds are gone."""
    run = Run(budget=100.0)
    run._started = time.monotonic() - 50.0
    trained(run, share=0.6, steps=20)
    assert run.stopped is None
    assert len(run.rows) == 2
    trained(run, "refit", share=0.4)
    assert run.stopped == "budget"
    assert len(run.rows) == 2


def test_a_phase_that_has_had_enough_is_not_out_of_time():
    """As one that had ended by itself before an interruption."""
    run = Run(budget=100.0)
    run._started = time.monotonic() - 50.0
    trained(run, share=0.4, enough=lambda progress, rows: True)
    assert run.stopped is None


def test_a_budget_counts_the_time_before_an_interruption_and_a_time_limit_does_not(tmp_path):
    before = Run(tmp_path)
    before.phases, before.seconds = {"search": begin(starts())}, 60.0
    before.save()
    run = Run(tmp_path, budget=100.0, time_limit=50.0)
    run.restore({"search": begin(starts())})
    assert 30 < run.budget_left(1.0) <= 40
    assert not run.out_of_time(0.9)
    assert run.out_of_time(0.6)
    assert run.stopped == "budget"


def test_what_takes_longer_than_is_left_is_out_of_time():
    run = Run(budget=100.0)
    assert not run.out_of_time(0.5, ahead=40.0)
    assert run.stopped is None
    assert run.out_of_time(0.5, ahead=60.0)
    assert run.stopped == "budget"


def test_without_limits_a_run_is_never_out_of_time():
    run = Run()
    run._started = time.monotonic() - 1e9
    assert not run.out_of_time(0.1)
    assert run.stopped is None


def test_a_run_whose_every_restart_fails_says_so_and_keeps_its_state(tmp_path):
    run = Run(tmp_path)
    with pytest.raises(NumericalFailure, match=r"rate is 0\.1"):
        trained(run, batch=BOWL._replace(broken=-100.0))
    found, _ = checkpoint.load(tmp_path / "checkpoint.h5", {"search": begin(starts())})
    assert_array_equal(found["search"].variables["params"]["x"], starts()["params"]["x"])
