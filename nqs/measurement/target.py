"""A known state to compare with: a vector or density matrix from text, .npy or HDF5."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nqs.config.atomic import replacing
from nqs.measurement.file import SIGNATURE, hdf5_tree
from nqs.measurement.npy import MAGIC, mapped
from nqs.measurement.problems import FormatError, listed, named, quoted

MOST_SITES = 26
NORM_TOLERANCE = 1e-3
POSITIVE_TOLERANCE = 1e-6
LONGEST_NUMBER = 64
IN_HDF5 = ("/target/statevector", "/target/density_matrix", "/statevector", "/density_matrix")


def read_target(paths: str | os.PathLike | Sequence[str | os.PathLike], sites: int) -> np.ndarray:
    """A state vector (2**sites,), normalised, or a density matrix of trace 1; complex.

    One file; or two text files with the real and imaginary part of a density
    matrix. Site 0 is the most significant bit of the index.
    """
    files = [Path(p) for p in ([paths] if isinstance(paths, (str, os.PathLike)) else paths)]
    if sites > MOST_SITES:
        raise FormatError(
            f"{named(files[0])}: a target of {sites} sites has 2^{sites} entries; the limit is"
            f" 2^{MOST_SITES}. Leave out the target."
        )
    if len(files) == 2:
        real, imaginary = (_numbers(path, 2**sites, 2**sites) for path in files)
        return checked(named(files[0]), real + 1j * imaginary, sites)
    if len(files) != 1:
        raise FormatError(
            f"{len(files)} target files were given ({listed(p.name for p in files)}); expected one,"
            " or two for the real and imaginary part of a density matrix."
        )
    return checked(named(files[0]), _one_file(files[0], sites), sites)


def _one_file(path: Path, sites: int) -> np.ndarray:
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except OSError as problem:
        raise FormatError(
            f"{named(path)}: the target cannot be opened ({problem.strerror}); check the name."
        ) from None
    if head == SIGNATURE:
        return _from_hdf5(path)
    if head.startswith(MAGIC):
        return mapped(path, "complex")
    columns = _numbers(path, 2**sites, 2)
    return columns[:, 0] + (1j * columns[:, 1] if columns.shape[1] == 2 else 0)


def _from_hdf5(path: Path) -> np.ndarray:
    arrays = hdf5_tree(path).arrays
    for name in IN_HDF5:
        if name in arrays:
            return arrays[name]
    raise FormatError(
        f"{named(path)}: it holds {listed(arrays, 6) or 'no data'}; expected a data set"
        " 'statevector' or 'density_matrix' at the root or in the group 'target'."
    )


def _numbers(path: Path, rows: int, most_columns: int) -> np.ndarray:
    """Real numbers in lines of equal length, (rows, columns); blank lines at the end are fine."""
    largest = rows * most_columns * LONGEST_NUMBER + 4096
    try:
        with path.open("rb") as file:
            text = file.read(largest + 1)
    except OSError as problem:
        raise FormatError(
            f"{named(path)}: the target cannot be opened ({problem.strerror}); check the name."
        ) from None
    lines = text.rstrip().split(b"\n") if text.strip() else []
    if len(text) > largest or len(lines) != rows:
        found = f"more than {largest:,} bytes" if len(text) > largest else f"{len(lines)} lines"
        raise FormatError(
            f"{named(path)}: the target has {found}; expected {rows} lines, one for each of the"
            f" {rows} basis states. Check that it belongs to these measurements."
        )
    words = [line.split() for line in lines]
    columns = len(words[0])
    for number, row in enumerate(words, start=1):
        allowed = len(row) == columns and columns in {1, 2, most_columns}
        if not allowed or (most_columns > 2 and columns != most_columns):
            raise FormatError(
                f"{named(path)}, line {number}: it holds {len(row)} numbers; expected"
                + (" 're im' or one real number" if most_columns == 2 else f" {most_columns}")
                + " in every line. A density matrix comes as two files, real and imaginary part."
            )
    try:
        return np.array(words, dtype=float)
    except ValueError:
        number, word = next(_unreadable(words))
        raise FormatError(
            f"{named(path)}, line {number}: {quoted(word)} is not a number; write plain decimals."
        ) from None


def _unreadable(words):
    for number, row in enumerate(words, start=1):
        for word in row:
            try:
                float(word)
            except ValueError:
                yield number, word


def checked(where: str, state: np.ndarray, sites: int) -> np.ndarray:
    """The state as normalised complex numbers, after the checks that make it one.

    where: the file or argument it came from, for the message of a FormatError.
    """
    size = 2**sites
    if state.ndim == 2 and 1 in state.shape and size > 1:
        state = state.reshape(-1)  # a column or row vector
    if state.shape not in {(size,), (size, size)} or state.dtype.kind not in "fciu":
        raise FormatError(
            f"{where}: the target has shape {state.shape} and type {state.dtype}; expected"
            f" numbers of shape ({size},) or ({size}, {size}) for {sites} sites."
        )
    state = np.array(state, dtype=complex)
    if not np.isfinite(state).all():
        place = int(np.argmin(np.isfinite(state.reshape(-1)))) // (size if state.ndim == 2 else 1)
        raise FormatError(
            f"{where}, row {place + 1}: the target holds a number that is not finite; correct it."
        )
    return _unit_vector(where, state) if state.ndim == 1 else _density_matrix(where, state)


def _unit_vector(where: str, vector: np.ndarray) -> np.ndarray:
    norm = float(np.linalg.norm(vector))
    if abs(norm - 1) > NORM_TOLERANCE:
        raise FormatError(
            f"{where}: the target vector has norm {norm:.6g}; expected 1 within"
            f" {NORM_TOLERANCE}. Normalise it."
        )
    return vector / norm


def _density_matrix(where: str, matrix: np.ndarray) -> np.ndarray:
    skew = float(np.abs(matrix - matrix.conj().T).max())
    trace = complex(np.trace(matrix))
    if skew > POSITIVE_TOLERANCE:
        raise FormatError(
            f"{where}: the target differs from its adjoint by {skew:.3g}; a density matrix"
            " is hermitian. Check the sign of its imaginary part."
        )
    if abs(trace - 1) > NORM_TOLERANCE:
        raise FormatError(
            f"{where}: the target has trace {trace.real:.6g}; expected 1 within"
            f" {NORM_TOLERANCE}. Normalise it."
        )
    matrix = (matrix + matrix.conj().T) / 2 / trace.real
    lowest = float(np.linalg.eigvalsh(matrix)[0])
    if lowest < -POSITIVE_TOLERANCE:
        raise FormatError(
            f"{where}: the target has the eigenvalue {lowest:.3g}; a density matrix has none"
            " below 0. Give a physical estimate."
        )
    return matrix


def sites_of(path: str | os.PathLike) -> int:
    """Number of sites of the state in one file; FormatError where its length is no power of 2."""
    path = Path(path)
    if not path.is_file():
        raise FormatError(f"{named(path)}: there is no such file; check the path.")
    with path.open("rb") as file:
        head = file.read(8)
        if head == SIGNATURE:
            dimension = len(_from_hdf5(path))
        elif head.startswith(MAGIC):
            shape = mapped(path, "complex").shape
            dimension = shape[0] if shape else 0
        else:
            dimension = sum(1 for line in (head + file.read()).split(b"\n") if line.strip())
    sites = max(dimension.bit_length() - 1, 0)
    if sites < 1 or dimension != 2**sites:
        raise FormatError(
            f"{named(path)}: it holds {dimension} rows; a state of N sites has 2^N of them."
        )
    return sites


def write_state(path: str | os.PathLike, state: np.ndarray) -> None:
    """A state vector as .npy, .h5 (data set `statevector`) or .txt ('re im' a line), a density matrix as
    .npy or .h5 (`density_matrix`)."""
    path = Path(path)
    if state.ndim == 2 and path.suffix == ".txt":
        raise ValueError(f"{path}: a density matrix is written as .npy or .h5.")
    if path.suffix not in (".npy", ".h5", ".txt"):
        raise ValueError(
            f"{path} ends in {path.suffix!r}; a state is written as .npy, .h5 or .txt, and"
            " its parameters as .safetensors."
        )
    with replacing(path) as part:
        if path.suffix == ".npy":
            with part.open("wb") as file:
                np.save(file, state)
        elif path.suffix == ".txt":
            np.savetxt(part, np.stack([state.real, state.imag], axis=1), fmt="%.17g")
        else:
            import h5py

            with h5py.File(part, "w", libver="latest") as file:
                name = "statevector" if state.ndim == 1 else "density_matrix"
                file.create_dataset(name, data=state)
