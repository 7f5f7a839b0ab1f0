"""A tree of arrays ↔ one HDF5 file, with a checksum, replaced in one stroke."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import h5py
import jax
import numpy as np

from nqs.config.atomic import replacing

_FORMAT = "nqs-checkpoint"


class DamagedCheckpoint(ValueError):
    """A checkpoint whose content is not what was written."""


def save(path: str | Path, tree: Any, facts: dict) -> None:
    """Write the leaves of `tree` and JSON-able `facts`; the file before it becomes *.previous.h5."""
    path = Path(path)
    leaves = {_name(k): np.asarray(v) for k, v in jax.tree_util.tree_flatten_with_path(tree)[0]}
    text = json.dumps(facts, sort_keys=True)
    with replacing(path) as temporary:
        with h5py.File(temporary, "w", libver="latest") as file:
            for name, leaf in leaves.items():
                file.create_dataset(name, data=leaf)
            file.attrs["format"] = _FORMAT
            file.attrs["facts"] = text
            file.attrs["sha256"] = _digest(leaves, text)
        if path.exists():
            os.replace(path, previous(path))


def load(path: str | Path, template: Any) -> tuple[Any, dict]:
    """The tree, in the shape of `template`, and the facts; DamagedCheckpoint where they differ."""
    leaves, facts = _read(Path(path))
    paths, structure = jax.tree_util.tree_flatten_with_path(template)
    values = []
    for key, like in paths:
        name = _name(key)
        expected = np.shape(like)
        if name not in leaves or leaves[name].shape != expected:
            found = leaves[name].shape if name in leaves else "nothing"
            raise DamagedCheckpoint(
                f"{path}: {name} holds {found} where {expected} was expected; it belongs to "
                "another ansatz or another version of nqs."
            )
        values.append(leaves[name].astype(np.asarray(like).dtype, copy=False))
    return jax.tree_util.tree_unflatten(structure, values), facts


def facts(path: str | Path) -> dict:
    """Only the facts, checked as well."""
    return _read(Path(path))[1]


def previous(path: str | Path) -> Path:
    """Where the file before this one is kept."""
    path = Path(path)
    return path.with_name(f"{path.stem}.previous{path.suffix}")


def _read(path: Path) -> tuple[dict[str, np.ndarray], dict]:
    leaves: dict[str, np.ndarray] = {}
    try:
        with h5py.File(path, "r") as file:
            file.visititems(
                lambda name, item: (
                    leaves.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None
                )
            )
            kind, text, digest = (file.attrs.get(k) for k in ("format", "facts", "sha256"))
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, MemoryError) as problem:
        raise DamagedCheckpoint(f"{path} cannot be read as a checkpoint: {problem}") from None
    if kind != _FORMAT or text is None or digest != _digest(leaves, text):
        raise DamagedCheckpoint(f"{path} is damaged: its content does not match its checksum.")
    return leaves, json.loads(text)


def _digest(leaves: dict[str, np.ndarray], text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(leaves):
        leaf = leaves[name]
        digest.update(f"{name} {leaf.dtype.str} {leaf.shape}".encode())
        digest.update(np.ascontiguousarray(leaf).tobytes())
    return digest.hexdigest()


def _name(path) -> str:
    return jax.tree_util.keystr(path, simple=True, separator="/") or "leaf"
