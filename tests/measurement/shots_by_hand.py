"""Shots known by hand, lopsided, and how the files of others write them down."""

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

SHOTS = {
    "XZY": {"001": 3, "110": 1},
    "YXX": {"011": 2, "010": 1},
    "ZZX": {"100": 4},
}
"""Setting → outcome → count; site 0 is the first letter and the first bit. Unequal numbers of shots."""

IN_Z = {"ZZZ": {"001": 3, "110": 1, "100": 2}}
ONE_BY_ONE = [(s, o) for s, counts in SHOTS.items() for o, n in counts.items() for _ in range(n)]
ONE_BY_ONE_IN_Z = [o for o, n in IN_Z["ZZZ"].items() for _ in range(n)]
SETTINGS = "".join(f"{s}\n" for s, _ in ONE_BY_ONE)
BITS = np.array([[int(c) for c in o] for _, o in ONE_BY_ONE])
BITS_IN_Z = np.array([[int(c) for c in o] for o in ONE_BY_ONE_IN_Z])
LETTERS = np.array([list(s) for s, _ in ONE_BY_ONE])


@dataclass
class Case:
    """What is written to a file, and what must come out: counts, or words of the refusal."""

    content: str | bytes | Callable[[Path], None]
    expected: dict[str, dict[str, int]] | str
    bases: str | None = None
    options: dict[str, Any] = field(default_factory=dict)


def case(content, expected, bases=None, **options) -> Case:
    return Case(content, expected, bases, options)


def reversed_shots(key=lambda outcome: outcome, value=lambda n: n) -> dict:
    """The shots with qubit 0 rightmost, in settings and outcomes alike."""
    return {s[::-1]: {key(o[::-1]): value(n) for o, n in c.items()} for s, c in SHOTS.items()}


def outcomes_as_text(separator=" ", words="01") -> str:
    return "".join(separator.join(words[b] for b in row) + "\n" for row in BITS)


def npz(**arrays):
    return lambda path: np.savez(path.open("wb"), **arrays)


def npy(array):
    return lambda path: np.save(path.open("wb"), array)


def hdf5(**data_sets):
    """Data sets as Julia writes them; text as strings of variable length."""

    def write(path):
        with h5py.File(path, "w") as out:
            for name, values in data_sets.items():
                text = np.asarray(values).dtype.kind == "U"
                out.create_dataset(
                    name,
                    data=np.asarray(values, dtype=object) if text else values,
                    dtype=h5py.string_dtype() if text else None,
                )

    return write


def frequency_table(path):
    settings = list(SHOTS)
    shares = np.zeros((1, 3, 8))
    for row, counts in enumerate(SHOTS.values()):
        for outcome, n in counts.items():
            shares[0, row, int(outcome, 2)] = n / sum(counts.values())
    with h5py.File(path, "w") as out:
        out["ions"] = shares
        out["ions"].attrs["tomo_order"] = settings


def cirq_result(bits: np.ndarray, key="m", **changes) -> dict:
    record = {
        "packed_digits": np.packbits(np.array(bits, bool)).tobytes().hex(),
        "binary": True,
        "dtype": "int8",
        "shape": [len(bits), 1, len(bits[0])],
    }
    parameters = {"cirq_type": "ParamResolver", "param_dict": []}
    return {
        "cirq_type": "ResultDict",
        "params": parameters,
        "records": {key: record | changes},
    }


def bits_of(setting: str) -> np.ndarray:
    return BITS[[s == setting for s, _ in ONE_BY_ONE]]


def cirq_unpacked(key="m", values=BITS_IN_Z) -> dict:
    """As Cirq writes what is not binary: the bytes of a .npy in hexadecimal."""
    buffer = io.BytesIO()
    np.save(buffer, np.array(values, np.int8)[:, None, :])
    return cirq_result(BITS_IN_Z, key, packed_digits=buffer.getvalue().hex(), binary=False)


def cirq_keys(**bits) -> dict:
    records: dict = {}
    for key, column in bits.items():
        records |= cirq_result(column, key)["records"]
    return cirq_result(BITS_IN_Z) | {"records": records}


def data(metadata: Callable[[str], dict], key=lambda outcome: outcome) -> list[dict]:
    """Data of qiskit-experiments, one of each setting; bit strings have qubit 0 rightmost."""
    return [
        {
            "job_id": "7",
            "counts": {key(outcome[::-1]): n for outcome, n in counts.items()},
            "metadata": metadata(setting),
        }
        for setting, counts in SHOTS.items()
    ]


def m_idx(setting: str) -> dict:
    return {"m_idx": ["ZXY".index(c) for c in setting], "clbits": [0, 1, 2], "cond_clbits": None}


HALF = 1 / np.sqrt(2)
UNITARY = {
    "Z": np.eye(2),
    "X": HALF * np.array([[1, 1], [1, -1]]),
    "Y": HALF * np.array([[1, -1j], [-1j, 1]]),  # rows with phases of their own
}


def random_measurements(results_of=lambda bits: 1 - bits, name="measurement_settings", **more):
    """Two settings of two shots as RandomMeas.jl exports them: 1 is the first basis state."""
    settings = ("XZY", "YXX")
    bits = np.array([[[0, 0, 1], [1, 1, 0]], [[0, 1, 1], [0, 1, 0]]])
    unitaries = np.array([[UNITARY[c] for c in s] for s in settings], complex)
    arrays = {
        "N": 3,
        "NU": 2,
        "NM": 2,
        "measurement_results": np.asfortranarray(results_of(bits)),
        name: np.asfortranarray(unitaries),
    }
    return npz(**arrays | more)


OF_RANDOM_MEASUREMENTS = {"XZY": {"001": 1, "110": 1}, "YXX": {"011": 1, "010": 1}}

ATOMS = np.array([[[0, 1, 0], [0, 1, 1]], [[1, 1, 0], [1, 0, 0]], [[0, 0, 1], [0, 0, 0]]], bool)
"""(Lx, Ly, shots) = (3, 2, 3): which atoms are excited."""
OF_ATOMS = {"ZZZZZZ": {"001100": 1, "111000": 1, "010010": 1}}
SWEEP = np.stack([~ATOMS, ATOMS], axis=2)

PENNYLANE = {
    "bits": BITS.astype(np.int8),
    "recipes": np.array([["XYZ".index(c) for c in row] for row in LETTERS], np.int8),
}
CODED = BITS * 3 + np.array([["ZXY".index(c) for c in row] for row in LETTERS])

SHADOWS = "3\n" + "".join(
    " ".join(f"{letter} {1 - 2 * bit}" for letter, bit in zip(row, bits, strict=True)) + " \n"
    for row, bits in zip(LETTERS, BITS, strict=True)
)
ROWS = "".join(f"{s},{o},{n}\n" for s, counts in SHOTS.items() for o, n in counts.items())
RESULT = {
    "results": [
        {"data": {"counts": counts}, "header": {"memory_slots": 3, "name": setting}}
        for setting, counts in reversed_shots(lambda o: hex(int(o, 2))).items()
    ]
}
NAMELESS = {
    "results": [
        {
            "data": {"counts": {hex(int(o[::-1], 2)): n for o, n in counts.items()}},
            "header": {"memory_slots": 3, "name": "circuit-7", "metadata": m_idx(setting)},
        }
        for setting, counts in SHOTS.items()
    ]
}
TASK = {
    "braketSchemaHeader": {"name": "braket.task_result.gate_model_task_result", "version": "1"},
    "measurements": BITS_IN_Z.tolist(),
    "measuredQubits": [0, 1, 2],
}
