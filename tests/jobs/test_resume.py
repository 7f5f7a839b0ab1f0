"""A run that was interrupted and resumed is the run that was not, bit for bit."""

import json
import os
import signal

import jax
import numpy as np
import pytest
from flax import linen as nn
from numpy.testing import assert_array_equal

import nqs
from nqs.config import toml
from nqs.config.tomography import Tomography
from nqs.jobs import folder as place
from nqs.jobs import tomography as job
from nqs.measurement import file
from nqs.training import run as running
from nqs.training.run import Interrupted


@pytest.fixture(scope="module")
def shots(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("shots") / "shots.h5"
    file.write(path, data)
    return path


@pytest.fixture(scope="module")
def config(shots):
    return toml.checked(
        Tomography,
        {
            "data": {"file": str(shots)},
            "training": {"steps": 300, "restarts": 2},
            "baseline": {"method": "none"},
        },
    )


def begun(config, folder, **rest):
    inputs = job.read_inputs(config)
    return job.carry_out(config, inputs, place.new_folder(folder), **rest)


def resumed(folder):
    """As `nqs resume` does: from what lies in the folder alone."""
    config = toml.checked(Tomography, toml.read(folder / "config.toml"))
    inputs = job.read_inputs(config)
    place.refuse_changed(folder, inputs.source)
    config.time_limit = None
    return job.carry_out(config, inputs, folder, resume=True)


@pytest.fixture(scope="module")
def whole(config, tmp_path_factory):
    """The folder of the run that nobody interrupted."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    begun(config, folder)
    return folder


def summary(folder):
    found = json.loads((folder / "summary.json").read_text())
    for key in ("seconds", "seconds_compiling"):
        del found["training"][key]
    return found


def assert_same_run(folder, whole):
    assert summary(folder) == summary(whole)
    assert (folder / "metrics.jsonl").read_text() == (whole / "metrics.jsonl").read_text()
    for figure in sorted((whole / "figures").glob("*.csv")):
        assert (folder / "figures" / figure.name).read_text() == figure.read_text(), figure.name
    a, b = nqs.load(folder).state, nqs.load(whole).state
    for x, y in zip(jax.tree.leaves(a.variables), jax.tree.leaves(b.variables), strict=True):
        assert_array_equal(x, y)


def rows(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def asked_to_stop(phase, step, number=signal.SIGTERM):
    def watch(row):
        if (row["phase"], row["step"]) == (phase, step):
            os.kill(os.getpid(), number)

    return watch


def test_the_same_config_gives_the_same_run(config, whole, tmp_path):
    begun(config, tmp_path / "run")
    assert_same_run(tmp_path / "run", whole)


@pytest.mark.parametrize(("phase", "step"), [("search", 200), ("refit", 50), ("mirror", 200)])
def test_stopped_by_a_signal_and_resumed(config, whole, tmp_path, phase, step):
    folder = tmp_path / "run"
    if phase not in {row["phase"] for row in rows(whole)}:
        pytest.fail(f"the run has no phase {phase}; this test no longer tests it")
    with pytest.raises(Interrupted):
        begun(config, folder, watch=asked_to_stop(phase, step))
    assert not (folder / "summary.json").exists()
    assert rows(folder)[-1]["phase"] == phase
    assert rows(folder) != rows(whole)
    resumed(folder)
    assert_same_run(folder, whole)


def test_stopped_twice_and_resumed_twice(config, whole, tmp_path):
    folder = tmp_path / "run"
    with pytest.raises(Interrupted):
        begun(config, folder, watch=asked_to_stop("search", 100))
    again = toml.checked(Tomography, toml.read(folder / "config.toml"))
    with pytest.raises(Interrupted):
        job.carry_out(
            again,
            job.read_inputs(again),
            folder,
            watch=asked_to_stop("refit", 100, signal.SIGINT),
            resume=True,
        )
    resumed(folder)
    assert_same_run(folder, whole)


@pytest.mark.parametrize("phase", ["search", "refit"])
def test_broken_off_between_two_checkpoints_and_resumed(
    config, whole, tmp_path, monkeypatch, phase
):
    """As by a power cut: steps since the last checkpoint are lost and done again."""

    class PowerCut(BaseException):
        pass

    def watch(row):
        if (row["phase"], row["step"]) == (phase, 250):
            raise PowerCut

    monkeypatch.setattr(running, "_CHECKPOINT_SECONDS", 0.0)
    with pytest.raises(PowerCut):
        begun(config, tmp_path / "run", watch=watch)
    resumed(tmp_path / "run")
    assert_same_run(tmp_path / "run", whole)


def test_broken_off_before_the_first_checkpoint_it_begins_again(config, whole, tmp_path):
    class PowerCut(BaseException):
        pass

    def watch(row):
        raise PowerCut

    with pytest.raises(PowerCut):
        begun(config, tmp_path / "run", watch=watch)
    assert not (tmp_path / "run" / "checkpoint.h5").exists()
    resumed(tmp_path / "run")
    assert_same_run(tmp_path / "run", whole)


def test_stopped_by_a_time_limit_and_resumed(config, whole, tmp_path):
    """Before its first step: a summary that says so, and the whole run afterwards."""
    limited = config.model_copy(update={"time_limit": 1e-6})
    found = begun(limited, tmp_path / "run")
    assert found.summary["stopped"] == "time limit"
    assert found.summary["verdict"] == "warning"
    assert "time limit" in " ".join(found.summary["warnings"])
    json.dumps(found.summary, allow_nan=False)
    resumed(tmp_path / "run")
    assert_same_run(tmp_path / "run", whole)


def test_a_finished_run_resumed_is_the_same_run(config, whole, tmp_path):
    begun(config, tmp_path / "run")
    resumed(tmp_path / "run")
    assert_same_run(tmp_path / "run", whole)


def test_the_resolved_config_repeats_the_run(whole, tmp_path):
    config = toml.checked(Tomography, toml.read(whole / "config.toml"))
    of_others = {"strings", "chains", "sweeps", "shift", "trust"}  # branches, natural gradients
    assert None not in config.training.model_dump(exclude=of_others).values()
    assert config.ansatz.name is not None
    begun(config, tmp_path / "run")
    ours, theirs = summary(tmp_path / "run"), summary(whole)
    assert ours.pop("chosen") == []  # nothing was left to choose
    theirs.pop("chosen")
    assert ours == theirs


def test_shots_without_a_file_are_kept_with_the_run(data, tmp_path):
    """A run on arrays is resumed from its folder like any other."""
    nqs.tomography(data, out=tmp_path / "run", steps=300, restarts=2, method="none")
    before = summary(tmp_path / "run")
    resumed(tmp_path / "run")
    assert summary(tmp_path / "run") == before
    assert_array_equal(file.read(tmp_path / "run" / "shots.h5").table(), data.table())


def test_shots_that_changed_are_refused(config, shots, tmp_path):
    copy = tmp_path / "copy.h5"
    copy.write_bytes(shots.read_bytes())
    changed = config.model_copy(deep=True)
    changed.data.file = [str(copy)]
    with pytest.raises(Interrupted):
        begun(changed, tmp_path / "run", watch=asked_to_stop("search", 50))
    file.write(copy, job.read_inputs(config).data, "another description")
    with pytest.raises(ValueError, match=r"changed since the run began .*put the files back"):
        resumed(tmp_path / "run")


@pytest.mark.parametrize("during", ["fisher_rank", "_goodness", "_amplitude_rows"])
def test_stopped_while_judging_and_resumed(config, whole, tmp_path, monkeypatch, during):
    from nqs.jobs import judge

    folder, step = tmp_path / "run", getattr(judge, during)

    def slow(*rest):
        os.kill(os.getpid(), signal.SIGTERM)
        return step(*rest)

    monkeypatch.setattr(judge, during, slow)
    with pytest.raises(Interrupted) as stop:
        begun(config, folder)
    assert stop.value.folder == folder
    assert not (folder / "summary.json").exists()
    monkeypatch.setattr(judge, during, step)
    resumed(folder)
    assert_same_run(folder, whole)


def test_a_mirror_cut_short_by_the_clock_excludes_nothing(config, tmp_path, monkeypatch):
    """Its fit would look worse than it is."""
    from nqs.jobs import reconstruct

    train = reconstruct.train

    def cut(run, phase, *rest, **more):
        if phase == "mirror":
            run.stopped = "budget"
            more["steps"] = 10
        return train(run, phase, *rest, **more)

    monkeypatch.setattr(reconstruct, "train", cut)
    found = begun(config, tmp_path / "run").summary["identifiability"]
    assert found["conjugate_excluded"] is None
    assert found["determined"] is None


class Table(nn.Module):
    """A free log ψ for each basis state."""

    @nn.compact
    def __call__(self, bits):
        real, imaginary = (self.param(n, nn.initializers.normal(1.0), (8,), float) for n in "ri")
        index = bits @ (2 ** np.arange(3)[::-1])
        return real[index] + 1j * imaginary[index]


class Twin(Table):
    """Other states behind the same parameters."""


def test_a_run_of_the_users_own_module_goes_on_with_it(data, tmp_path, monkeypatch):
    options = {"steps": 300, "restarts": 2, "rate": 0.05, "method": "none"}
    whole = nqs.tomography(data, Table(), **options)
    monkeypatch.setattr(running, "_CHECKPOINT_SECONDS", 0.0)
    nqs.tomography(data, Table(), out=tmp_path / "run", time_limit=1e-6, **options)
    with pytest.raises(ValueError, match=r"unknown ansatz 'Table'.*nqs\.resume"):
        nqs.resume(tmp_path / "run")
    with pytest.raises(ValueError, match="holds the ansatz 'Table', not 'Twin'"):
        nqs.resume(tmp_path / "run", Twin())
    found = nqs.resume(tmp_path / "run", Table())
    assert_array_equal(found.state.vector(), whole.state.vector())


@pytest.mark.parametrize(
    "text", ["[]", "{}", '{"source": 3, "chosen": []}', "{", '{"chosen": [1]}']
)
def test_notes_of_another_shape_are_refused_in_a_sentence(whole, tmp_path, text):
    (tmp_path / "begun.json").write_text(text)
    with pytest.raises(ValueError, match="begin a new run"):
        place.begun(tmp_path)
