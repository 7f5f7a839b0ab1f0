"""Reading an HDF5 file that we did not write: in a child process that may die of it.

The HDF5 library can be crashed, or made to eat all memory, by a file. The child
walks the file under limits of memory and time and hands plain arrays back; its
death is an error message. `python -m nqs.measurement.quarantine look|read PATH`.
"""

import functools
import json
import math
import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from nqs.measurement.problems import FormatError, named, quoted
from nqs.measurement.spool import IN_MEMORY, NoRoom, room

if TYPE_CHECKING:
    from nqs.measurement.hdf5_tree import Tree

SPARE_MEMORY = 192 * 1024**2
"""Bytes the child may use on top of what the file's checked declaration needs."""
SHORTEST_TIME = 10.0
BYTES_PER_SECOND = 10e6
REFUSED, NO_ROOM = 3, 4

_AT_ONCE = 2**24
"""Bytes of an array that are copied at a time."""


def read_tree(path: str | os.PathLike) -> "Tree":
    """Every data set and attribute of an HDF5 file, read in a child process."""
    return _ask("read", Path(path))


def look(path: str | os.PathLike) -> "Tree":
    """Shapes and attributes of an HDF5 file, without its data; asked once per file state."""
    path = Path(path).resolve()
    about = path.stat()
    return _look(path, about.st_mtime_ns, about.st_size, about.st_ino)


@functools.lru_cache(maxsize=16)
def _look(path: Path, *state: int) -> "Tree":
    return _ask("look", path)


def _ask(task: str, path: Path) -> "Tree":
    seconds = SHORTEST_TIME + path.stat().st_size / BYTES_PER_SECOND
    package_root = str(Path(__file__).resolve().parents[2])
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(
            filter(None, [package_root, os.environ.get("PYTHONPATH", "")])
        ),
        # Each thread of numpy's algebra reserves address space, which is limited here.
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }
    # -P: a file named numpy.py in the current folder must not be imported.
    command = [sys.executable, "-P", "-m", __name__, task, str(path.resolve())]
    with tempfile.TemporaryFile() as answer, tempfile.TemporaryFile() as words:
        try:
            status = subprocess.run(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=answer,
                stderr=words,
                timeout=seconds,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            raise FormatError(
                f"{named(path)}: reading this HDF5 file took longer than {seconds:.0f} s and was"
                " stopped; write it again with a current h5py, gzip and plain data sets."
            ) from None
        if status != 0:
            raise FormatError(_sentence(path, status, words))
        answer.seek(0)
        return _unpacked(answer)


def _sentence(path: Path, status: int, words: IO[bytes]) -> str:
    """What to tell of a child that gave no answer."""
    words.seek(0)
    said = words.read(4000).decode("utf-8", errors="replace").strip()
    if status == REFUSED and said:
        return (
            f"{named(path)}: this HDF5 file is not safe to read: {said}; write it again as plain"
            " data sets."
        )
    if status == NO_ROOM:
        return f"{named(path)}: {said}"
    if status < 0:
        said = f"the HDF5 library was killed by it (signal {-status})"
    else:
        said = quoted(said.splitlines()[-1] if said else f"exit status {status}", 200)
    return f"{named(path)}: this HDF5 file is damaged: {said}; fetch or write it again."


def _packed(tree: "Tree", out: IO[bytes]) -> None:
    """A tree as .npz: numbered arrays, and their names as JSON; nothing pickled."""
    store: list[np.ndarray] = []

    def number(value) -> int:
        store.append(np.asarray(value))
        return len(store) - 1

    names = {
        "shapes": tree.shapes,
        "kinds": tree.kinds,
        "arrays": {path: number(array) for path, array in tree.arrays.items()},
        "attributes": {
            path: {name: number(value) for name, value in found.items()}
            for path, found in tree.attributes.items()
        },
    }
    text = np.frombuffer(json.dumps(names).encode(), np.uint8)
    np.savez(
        out,
        allow_pickle=False,
        names=text,
        **{str(i): array for i, array in enumerate(store)},
    )


def _unpacked(answer: IO[bytes]) -> "Tree":
    from nqs.measurement.hdf5_tree import Tree

    with np.load(answer, allow_pickle=False) as store:
        names = json.loads(store["names"].tobytes())
        return Tree(
            shapes={path: tuple(shape) for path, shape in names["shapes"].items()},
            kinds=names["kinds"],
            arrays={path: _member(store, str(i)) for path, i in names["arrays"].items()},
            attributes={
                path: {name: _scalar(store[str(i)]) for name, i in found.items()}
                for path, found in names["attributes"].items()
            },
        )


def _member(store: Any, name: str) -> np.ndarray:
    """One array of an archive that the child wrote; a large one goes to the disk, not to memory."""
    form = np.lib.format
    with store.zip.open(f"{name}.npy") as stream:
        form.read_magic(stream)
        shape, fortran, dtype = form.read_array_header_1_0(stream)
        if fortran or not shape or math.prod(shape) * dtype.itemsize <= IN_MEMORY:
            return store[name]
        array = room(shape, dtype)
        rest = array.reshape(-1).view(np.uint8).data
        while len(rest):
            rest = rest[stream.readinto(rest[:_AT_ONCE]) :]
    return array


def _scalar(value: np.ndarray):
    return value.item() if value.ndim == 0 else value


# The child's side


def _limit_memory(spare: int) -> None:
    """Allow `spare` bytes of address space on top of what is in use now."""
    with suppress(ImportError, ValueError, OSError):  # not every system can
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + spare, hard))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _child(task: str, path: str, out: IO[bytes]) -> None:
    import h5py

    from nqs.measurement import hdf5_tree

    _limit_memory(SPARE_MEMORY)
    with h5py.File(path, "r", locking=False) as file:
        tree, data, declared = hdf5_tree.outline(file)
        if task == "read":
            # Read once, converted once, written once.
            _limit_memory(SPARE_MEMORY + 3 * declared)
            hdf5_tree.read_arrays(tree, data)
    _packed(tree, out)


def main() -> None:
    """Hand the tree of one file to standard output, or say in one line why not."""
    try:
        _child(sys.argv[1], sys.argv[2], sys.stdout.buffer)
    except FormatError as refusal:
        print(refusal, file=sys.stderr)
        sys.exit(REFUSED)
    except NoRoom as reason:
        print(reason, file=sys.stderr)
        sys.exit(NO_ROOM)
    except MemoryError:
        print("it needs more memory than its declared shapes account for", file=sys.stderr)
        sys.exit(REFUSED)
    except Exception as damage:  # whatever a broken file makes h5py raise
        print(" ".join(str(damage).split())[:300], file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
