"""Measurements as the data sets of a native file, and back; both ways checked."""

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from nqs.measurement.calibration import Calibration
from nqs.measurement.dataset import Measurements
from nqs.measurement.effects import checked_effects
from nqs.measurement.problems import listed, quoted
from nqs.measurement.readout import Pair

if TYPE_CHECKING:
    from nqs.measurement.hdf5_tree import Tree

LARGEST_COUNT = 2**32 - 1


def stored_arrays(data: Measurements) -> dict[str, np.ndarray]:
    """The data sets of a file by name, in the stored types."""
    if (data.counts > LARGEST_COUNT).any():
        raise ValueError(
            f"row {int(np.argmax(data.counts > LARGEST_COUNT))} has a count above 2^32−1;"
            " divide it over several rows."
        )
    arrays = {
        "/outcomes": data.outcomes,
        "/settings": np.array([s.encode("ascii") for s in data.settings], f"S{data.sites}"),
        "/setting_index": data.setting_index.astype("<u4"),
    }
    if (data.counts != 1).any():
        arrays["/counts"] = data.counts.astype("<u4")
    if data.block is not None:
        arrays["/block"] = data.block.astype("<u4")
    for letter, effect in data.effects.items():
        arrays[f"/effects/{letter}"] = effect.astype("<c16")
    if data.readout is not None:
        arrays["/readout"] = data.readout.astype("<f8")
    if data.readout_pairs:
        sites, matrices = zip(*data.readout_pairs, strict=True)
        arrays["/readout_pairs/sites"] = np.array(sites, "<u4")
        arrays["/readout_pairs/matrices"] = np.array(matrices, "<f8")
    if data.calibration is not None:
        if data.calibration.counts.max() > LARGEST_COUNT:
            raise ValueError(
                "a count of the calibration shots is above 2^32−1; divide it over several rows."
            )
        arrays["/calibration/prepared"] = data.calibration.prepared
        arrays["/calibration/outcomes"] = data.calibration.outcomes
        arrays["/calibration/counts"] = data.calibration.counts.astype("<u4")
    if data.target is not None:
        name = "statevector" if data.target.ndim == 1 else "density_matrix"
        arrays[f"/target/{name}"] = data.target.astype("<c16")
    return arrays


def digest(arrays: dict[str, np.ndarray]) -> str:
    """SHA-256 of the data sets' bytes in C order and little-endian, by sorted name."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        if array.dtype.byteorder == ">":
            array = array.astype(array.dtype.newbyteorder("<"))
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def measurements(tree: "Tree") -> Measurements:
    arrays, root = tree.arrays, tree.attributes["/"]
    for name in ("/outcomes", "/settings", "/setting_index"):
        if name not in arrays:
            raise ValueError(f"the data set {name} is missing; found {listed(arrays)}.")
    if root.get("sha256") != digest(arrays):
        raise ValueError(
            "its data do not match its SHA-256 checksum: the file is damaged; fetch or write it"
            " again."
        )
    outcomes = _typed(arrays, "/outcomes", "u", 2)
    if root.get("sites") != outcomes.shape[1]:
        raise ValueError(
            f"the attribute sites says {quoted(root.get('sites'))} but /outcomes has"
            f" {outcomes.shape[1]} columns; expected one column for each site."
        )
    effects = {
        name.removeprefix("/effects/"): _effect(name, array)
        for name, array in arrays.items()
        if name.startswith("/effects/")
    }
    return Measurements(
        outcomes=outcomes,
        settings=_settings(_typed(arrays, "/settings", "SU", 1)),
        setting_index=_typed(arrays, "/setting_index", "u", 1),
        **({"counts": _typed(arrays, "/counts", "u", 1)} if "/counts" in arrays else {}),
        block=_typed(arrays, "/block", "u", 1) if "/block" in arrays else None,
        effects=effects,
        readout=_typed(arrays, "/readout", "f", 3) if "/readout" in arrays else None,
        readout_pairs=_pairs(arrays),
        calibration=_calibration(arrays),
        target=_target(arrays),
        source=str(root.get("source", "")),
        lattice=_lattice(root.get("lattice")),
    )


def _pairs(arrays: dict[str, np.ndarray]) -> tuple[Pair, ...]:
    names = ("/readout_pairs/sites", "/readout_pairs/matrices")
    there = [name for name in names if name in arrays]
    if not there:
        return ()
    if len(there) < 2:
        raise ValueError(f"of {' and '.join(names)} there is {there[0]} alone; expected both.")
    sites = _typed(arrays, "/readout_pairs/sites", "u", 2)
    matrices = _typed(arrays, "/readout_pairs/matrices", "f", 3)
    if sites.shape[1:] != (2,) or len(sites) != len(matrices):
        raise ValueError(
            f"/readout_pairs/sites has shape {sites.shape} and /readout_pairs/matrices {matrices.shape}; expected two "
            "sites, and a matrix, of each pair."
        )
    return tuple(Pair((int(i), int(j)), m) for (i, j), m in zip(sites, matrices, strict=True))


def _lattice(stored: Any) -> tuple[int, ...] | None:
    if stored is None:
        return None
    lengths = np.atleast_1d(stored)
    if lengths.dtype.kind not in "iu" or lengths.ndim != 1 or not 0 < lengths.size < 4:
        raise ValueError(
            f"the attribute lattice is {quoted(stored)}; expected up to three lengths."
        )
    return tuple(lengths.tolist())


def _typed(arrays: dict[str, np.ndarray], name: str, kinds: str, axes: int) -> np.ndarray:
    array = arrays[name]
    if array.dtype.kind not in kinds or array.ndim != axes:
        raise ValueError(
            f"{name} has type {array.dtype} and shape {array.shape}; expected {axes} axes of"
            f" {_WORDS[kinds]}."
        )
    return array


_WORDS = {"u": "unsigned integers", "SU": "strings", "f": "real numbers", "c": "complex numbers"}


def _settings(stored: np.ndarray) -> tuple[str, ...]:
    try:
        return tuple(stored.astype(str).tolist())
    except UnicodeDecodeError:
        raise ValueError("/settings holds bytes that are not ASCII letters.") from None


def _calibration(arrays: dict[str, np.ndarray]) -> Calibration | None:
    names = [f"/calibration/{part}" for part in ("prepared", "outcomes", "counts")]
    there = [name in arrays for name in names]
    if not any(there):
        return None
    if not all(there):
        raise ValueError(f"of {listed(names)} some are missing; expected all of them or none.")
    prepared, outcomes = (_typed(arrays, name, "u", 2) for name in names[:2])
    return Calibration(prepared, outcomes, _typed(arrays, names[2], "u", 1))


def _target(arrays: dict[str, np.ndarray]) -> np.ndarray | None:
    for name, axes in (("/target/statevector", 1), ("/target/density_matrix", 2)):
        if name in arrays:
            return _typed(arrays, name, "c", axes)
    return None


def _effect(name: str, stored: np.ndarray) -> np.ndarray:
    if stored.dtype.kind != "c":
        raise ValueError(f"{name} has type {stored.dtype}; expected complex numbers.")
    return checked_effects(name.removeprefix("/effects/"), stored)
