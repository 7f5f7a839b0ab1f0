"""A checkpoint gives back what was written, or says that it cannot."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from nqs.state import checkpoint
from nqs.state.checkpoint import DamagedCheckpoint, load, previous, save


class Carried(NamedTuple):
    step: Any
    variables: Any
    moments: Any


def tree(seed: int = 0) -> dict[str, Carried]:
    """Nested dictionaries, tuples and NamedTuples of every type that training carries."""
    rng = np.random.default_rng(seed)
    variables = {"params": {"w": rng.normal(size=(3, 2)), "b": rng.normal(size=2) * 1e-300}}
    return {
        "search": Carried(
            np.array([3, -5], np.int32),
            variables,
            (jax.tree.map(lambda x: x.astype(np.float32), variables), np.array(7), None),
        ),
        "other": Carried(
            np.array(rng.random() < 0.5), [rng.normal(size=1) * 1j], np.array([np.inf, -0.0])
        ),
    }


FACTS = {"phases": ["search", "other"], "seconds": 1.25, "text": 'ψ "quoted"\n'}


def identical(a, b) -> bool:
    """Same structure, types and bits."""
    if jax.tree.structure(a) != jax.tree.structure(b):
        return False
    pairs = zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    return all(
        np.asarray(x).dtype == np.asarray(y).dtype
        and np.shape(x) == np.shape(y)
        and np.asarray(x).tobytes() == np.asarray(y).tobytes()
        for x, y in pairs
    )


def test_what_was_written_is_read_bit_for_bit(tmp_path):
    path = tmp_path / "c.h5"
    save(path, tree(1), FACTS)
    found, facts = load(path, tree(2))
    assert identical(found, tree(1))
    assert not identical(found, tree(2))
    assert facts == checkpoint.facts(path) == FACTS


def test_a_single_leaf_and_arrays_on_the_device_are_trees_as_well(tmp_path):
    leaf = jnp.arange(3.0) / 7
    save(tmp_path / "c.h5", leaf, {})
    found, _ = load(tmp_path / "c.h5", np.zeros(3))
    assert_array_equal(found, np.asarray(leaf))


def test_the_file_before_is_kept_and_only_that(tmp_path):
    path = tmp_path / "c.h5"
    for step in range(3):
        save(path, {"x": np.array(step)}, {"step": step})
    assert load(path, {"x": np.array(0)})[0]["x"] == 2
    assert load(previous(path), {"x": np.array(0)})[0]["x"] == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["c.h5", "c.previous.h5"]


def test_a_save_that_fails_leaves_the_checkpoint(tmp_path):
    path = tmp_path / "c.h5"
    save(path, {"x": np.array(1)}, {})
    before = path.read_bytes()
    with pytest.raises(TypeError):
        save(path, {"x": np.array([object()])}, {})
    with pytest.raises(TypeError):
        save(path, {"x": np.array(1)}, {"not JSON": object()})
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["c.h5"]


def test_one_flipped_bit_is_noticed_or_harmless(tmp_path):
    """240 random single bits of the file; whatever is still read is what was written."""
    path, damaged = tmp_path / "c.h5", tmp_path / "d.h5"
    save(path, tree(1), FACTS)
    content = path.read_bytes()
    noticed = 0
    for place in np.random.default_rng(11).integers(0, 8 * len(content), 240):
        flipped = bytearray(content)
        flipped[place // 8] ^= 1 << (place % 8)
        damaged.write_bytes(flipped)
        try:
            found, facts = load(damaged, tree(2))
        except DamagedCheckpoint as problem:
            assert "d.h5" in str(problem)
            noticed += 1
        else:
            assert identical(found, tree(1)), f"bit {place}"
            assert facts == FACTS, f"bit {place}"
    assert noticed > 0  # some bits of the file are free space


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.9, 0.999])
def test_a_file_cut_off_is_noticed(tmp_path, share):
    path = tmp_path / "c.h5"
    save(path, tree(1), FACTS)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(DamagedCheckpoint, match=r"c\.h5"):
        load(path, tree(1))
    with pytest.raises(DamagedCheckpoint, match=r"c\.h5"):
        checkpoint.facts(path)


@pytest.mark.parametrize("content", [b"", b"not HDF5 at all", b"\x89HDF\r\n\x1a\n" + bytes(200)])
def test_something_else_is_no_checkpoint(tmp_path, content):
    path = tmp_path / "c.h5"
    path.write_bytes(content)
    with pytest.raises(DamagedCheckpoint):
        load(path, tree())


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DamagedCheckpoint, match=r"c\.h5"):
        load(tmp_path / "c.h5", tree())


@pytest.mark.parametrize(
    ("template", "leaf"),
    [
        ({"w": np.zeros((2, 4))}, "w"),
        ({"w": np.zeros(6)}, "w"),
        ({"w": np.zeros((2, 3)), "b": np.zeros(2)}, "b"),
        ({"v": np.zeros((2, 3))}, "v"),
    ],
)
def test_the_parameters_of_another_ansatz_are_refused(tmp_path, template, leaf):
    save(tmp_path / "c.h5", {"w": np.ones((2, 3))}, {})
    with pytest.raises(DamagedCheckpoint, match=rf"{leaf} holds .*another ansatz"):
        load(tmp_path / "c.h5", template)


def test_names_that_differ_do_not_collide(tmp_path):
    """The same key at two depths, and places of a tuple."""
    values = {"a": {"b": np.array(1.0)}, "c": (np.array(2.0), np.array(3.0)), "b": np.array(4.0)}
    save(tmp_path / "c.h5", values, {})
    found, _ = load(tmp_path / "c.h5", values)
    assert identical(found, values)
