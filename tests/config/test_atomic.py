"""A file is replaced whole or not at all."""

import os
import stat

import pytest

from nqs.config.atomic import replacing


def test_the_old_file_stays_until_the_block_ends(tmp_path):
    path = tmp_path / "state.txt"
    path.write_text("old")
    with replacing(path) as part:
        part.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("problem", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_writer_that_raises_leaves_the_old_file_and_nothing_else(tmp_path, problem):
    path = tmp_path / "state.txt"
    path.write_text("old")
    with pytest.raises(problem), replacing(path) as part:
        part.write_text("half of the n")
        raise problem
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_writer_that_raises_leaves_no_new_file(tmp_path):
    with pytest.raises(ValueError, match="no"), replacing(tmp_path / "new.txt") as part:
        part.write_text("half")
        raise ValueError("no")
    assert list(tmp_path.iterdir()) == []


def test_permissions_are_those_of_the_file_replaced_or_of_any_new_file(tmp_path):
    old, new, plain = tmp_path / "old", tmp_path / "new", tmp_path / "plain"
    old.write_text("secret")
    old.chmod(0o640)
    plain.write_text("")
    for path in (old, new):
        with replacing(path) as part:
            part.write_text("x")
    assert stat.S_IMODE(old.stat().st_mode) == 0o640
    assert stat.S_IMODE(new.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


def test_names_near_the_limit_of_the_file_system_are_written(tmp_path):
    path = tmp_path / ("n" * 250)
    with replacing(path) as part:
        part.write_text("x")
    assert os.listdir(tmp_path) == [path.name]
