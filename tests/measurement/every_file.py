"""Files by what they look like → what comes out of them, or the sentence they are refused with."""

import json

import numpy as np
from shots_by_hand import (
    ATOMS,
    BITS,
    BITS_IN_Z,
    CODED,
    IN_Z,
    LETTERS,
    NAMELESS,
    OF_ATOMS,
    OF_RANDOM_MEASUREMENTS,
    ONE_BY_ONE,
    ONE_BY_ONE_IN_Z,
    PENNYLANE,
    RESULT,
    ROWS,
    SETTINGS,
    SHADOWS,
    SHOTS,
    SWEEP,
    TASK,
    UNITARY,
    bits_of,
    case,
    cirq_keys,
    cirq_result,
    cirq_unpacked,
    data,
    frequency_table,
    hdf5,
    m_idx,
    npy,
    npz,
    outcomes_as_text,
    random_measurements,
    reversed_shots,
)

QUCUMBER = {
    "QuCumber: blanks between, settings too": case(
        outcomes_as_text(), SHOTS, "".join(" ".join(s) + " \n" for s, _ in ONE_BY_ONE)
    ),
    "letter runs as settings": case(outcomes_as_text(), SHOTS, SETTINGS),
    "runs of bits, CRLF, a blank last line": case(
        outcomes_as_text("").replace("\n", "\r\n") + " \r\n\r\n", SHOTS, SETTINGS + "\n"
    ),
    "only Z, without a bases file": case("\n".join(ONE_BY_ONE_IN_Z), IN_Z),
    "numbers with decimals": case(outcomes_as_text(words=("0.0", "1.0")), SHOTS, SETTINGS),
    "±1, said to be": case(outcomes_as_text(words=("1", "-1")), SHOTS, SETTINGS, format="pm1"),
    "±1, not said": case(outcomes_as_text(words=("1", "-1")), "--format pm1", SETTINGS),
    "±1 among 0 and 1": case("0 1\n1 -1\n", "line 2", "XZ\nXZ\n"),
    "0 among ±1": case("1 1\n1 0\n", "Do not mix", "XZ\nXZ\n", format="pm1"),
    "identity letters": case("0 1\n1 1\n1 1\n", {"XI": {"00": 1, "10": 2}}, "XI\nXI\nXI\n"),
    "lower-case letters": case(outcomes_as_text(), "write upper case", SETTINGS.lower()),
    "unknown letters": case("0 1\n", "unknown letter 'H'", "XH\n"),
    "more than two levels": case("0 1\n0 2\n", "native format", "XZ\nXZ\n"),
    "list of distinct settings": case(
        outcomes_as_text(), "list of distinct settings", "XZY\nYXX\nZZX\n"
    ),
    "settings shorter than the samples": case(
        outcomes_as_text(), "line 3 has no partner", "XZY\nXZY\n"
    ),
    "settings longer than the samples": case(
        outcomes_as_text(), "line 12 has no partner", SETTINGS + "XZY\n"
    ),
    "a setting longer than the row": case("0 1 1\n", "names 4 sites", "XZYX\n"),
}

COUNTS = {
    "Qiskit: counts of each setting, qubit 0 rightmost": case(json.dumps(reversed_shots()), SHOTS),
    "counts of one setting": case('{"100": 3, "011": 1, "001": 2}', IN_Z),
    "two registers, last declared first": case(
        json.dumps(reversed_shots(lambda o: o[:1] + " " + o[1:])), SHOTS
    ),
    "hexadecimal keys": case(json.dumps(reversed_shots(lambda o: hex(int(o, 2)))), SHOTS, sites=3),
    "decimal keys": case(json.dumps(reversed_shots(lambda o: str(int(o, 2)))), SHOTS, sites=3),
    "decimal keys, number of sites not said": case('{"4": 3, "3": 1}', "--sites N"),
    "hexadecimal keys, number of sites not said": case('{"0x4": 3}', "--sites N"),
    "Qiskit's Result, circuits named by settings": case(json.dumps(RESULT), SHOTS),
    "Qiskit's Result, settings in the metadata": case(json.dumps(NAMELESS), SHOTS),
    "JSON with qubit 0 leftmost, said to be": case(json.dumps(SHOTS), SHOTS, format="braket"),
    "probabilities and their shots": case(
        json.dumps({"YZX": {"100": 0.75, "011": 0.25}}),
        {"XZY": SHOTS["XZY"]},
        shots_per_setting=4,
    ),
    "probabilities alone": case('{"100": 0.75, "011": 0.25}', "--shots-per-setting N"),
    "negative quasi-probabilities": case(
        '{"YZX": {"100": 1.02, "011": -0.02}}', "give the raw counts", shots_per_setting=100
    ),
    "identity letters in counts": case('{"IX": {"10": 4, "00": 1}}', {"XI": {"00": 5}}),
    "lower-case setting of counts": case('{"xz": {"01": 5}}', "upper case"),
    "a setting longer than its outcomes": case('{"XZZ": {"01": 5}}', "each letter"),
    "three levels in counts": case('{"02x": 5}', "two levels"),
}

BRAKET = {
    "Braket: a Counter, qubit 0 leftmost": case("Counter({'001': 3, '100': 2, '110': 1})\n", IN_Z),
    "a printed dictionary": case("{'001': 3, '110': 1, '100': 2}", IN_Z),
    "a printed dictionary over several lines": case(
        "{'001': 3,\r\n '100': 2,\r\n '110': 1}\r\n\r\n", IN_Z
    ),
    "Counters by setting": case(
        "{" + ", ".join(f"'{s}': Counter({c})" for s, c in SHOTS.items()) + "}", SHOTS
    ),
    "a Counter a line, and its settings": case(
        "".join(f"Counter({c})\n" for c in SHOTS.values()), SHOTS, "XZY\nYXX\nZZX\n"
    ),
    "a dictionary a line, and its settings": case(
        "".join(f"{c}\n" for c in SHOTS.values()), SHOTS, "X Z Y\nY X X\nZ Z X\n"
    ),
    "a Counter a line, without settings": case(
        "".join(f"Counter({c})\n" for c in SHOTS.values()), "give --bases"
    ),
    "fewer settings than Counters": case(
        "".join(f"Counter({c})\n" for c in SHOTS.values()), "line of counts", "XZY\nYXX\n"
    ),
    "a setting longer than the Counter": case("Counter({'01': 5})", "names 3 sites", "XZY\n"),
    "a printed dictionary of Qiskit, said to be": case(
        "{'100': 3, '011': 1, '001': 2}", IN_Z, format="qiskit"
    ),
    "whole numbers as keys": case("{1: 3, 6: 1, 4: 2}", IN_Z, sites=3),
    "whole numbers as keys, sites not said": case("{1: 3, 6: 1, 4: 2}", "--sites N"),
    "printed probabilities": case("{'001': 0.75, '110': 0.25}", "--shots-per-setting N"),
    "a key twice": case("{'001': 3, '001': 1}", "stands twice"),
    "a list of shots": case(str(BITS_IN_Z.tolist()), IN_Z),
    "a list of shots, and their settings": case(
        json.dumps(BITS.tolist(), indent=1), SHOTS, SETTINGS
    ),
    "a list of shots, ±1": case("[[1, -1], [1, 1]]", "Convert +1 to 0"),
    "a list of shots, three levels": case("[[0, 1], [0, 2]]", "shot 2"),
    "a list of shots, ragged": case("[[0, 1], [0, 1, 1]]", "shot 2"),
    "a task's result": case(json.dumps(TASK), IN_Z),
    "a task's result of other order": case(
        json.dumps(TASK | {"measuredQubits": [2, 1, 0]}), "rising order"
    ),
    "a task's probabilities": case(
        json.dumps(
            TASK | {"measurements": None, "measurementProbabilities": {"001": 0.75, "110": 0.25}}
        ),
        {"ZZZ": {"001": 3, "110": 1}},
        shots_per_setting=4,
    ),
    "a task without shots": case(json.dumps(TASK | {"measurements": None}), "with shots"),
    "code instead of counts": case("{'01': __import__('os').getpid()}", "more than counts"),
}

EXPERIMENTS = {
    "qiskit-experiments: a list of data": case(json.dumps(data(m_idx)), SHOTS),
    "one datum": case(
        '{"counts": {"100": 3, "011": 1}, "metadata": {"m_idx": [1, 0, 2]}}', {"XZY": SHOTS["XZY"]}
    ),
    "metadata beyond the beginning": case(
        json.dumps([d | {"memory": ["000"] * 20_000} for d in data(m_idx)]), SHOTS
    ),
    "bits of other clbits": case(
        # classical bits 3 and 4 hold something else, bit 0 too; qubit 0 is in bit 1
        json.dumps(
            data(lambda s: m_idx(s) | {"clbits": [1, 2, 3]}, key=lambda key: "1" + key + "0")
        ),
        SHOTS,
    ),
    "clbits that cross": case(
        json.dumps(data(lambda s: m_idx(s) | {"clbits": [2, 1, 0]}, key=lambda key: key[::-1])),
        SHOTS,
    ),
    "too few bits": case(
        json.dumps(data(lambda s: m_idx(s) | {"clbits": [1, 2, 3]})), "classical bit 3"
    ),
    "fewer bases than bits": case(
        json.dumps(data(lambda s: m_idx(s) | {"m_idx": [1, 0]})), "one bit for each"
    ),
    "a fourth basis": case(json.dumps(data(lambda s: {"m_idx": [0, 3, 1]})), "from 0 to 2"),
    "no bases": case(json.dumps(data(lambda s: {})), "m_idx"),
    "process tomography": case(
        json.dumps(data(lambda s: m_idx(s) | {"p_idx": [0, 1, 2]})), "process tomography"
    ),
    "conditional tomography": case(
        json.dumps(data(lambda s: m_idx(s) | {"cond_clbits": [3]})), "conditional"
    ),
}

CIRQ = {
    "Cirq: one key is all Z": case(json.dumps(cirq_result(BITS_IN_Z), indent=2), IN_Z),
    "digits written out by hand": case(
        # 001 001 001 110 100 100 and six bits of padding
        '{"cirq_type": "ResultDict", "params": {}, "records": {"m": {"packed_digits": "24e900",'
        ' "binary": true, "dtype": "bool", "shape": [6, 1, 3]}}}',
        IN_Z,
    ),
    "not packed": case(json.dumps(cirq_unpacked()), IN_Z),
    "measurements of an older version": case(
        json.dumps(
            {
                "cirq_type": "TrialResult",
                "measurements": cirq_result(BITS_IN_Z, shape=[6, 3])["records"],
            }
        ),
        IN_Z,
    ),
    "a key that is the setting": case(
        json.dumps(cirq_result(bits_of("XZY"), "XZY")), {"XZY": SHOTS["XZY"]}
    ),
    "results by the settings of their keys": case(
        json.dumps([cirq_result(bits_of(s), s) for s in SHOTS]), SHOTS
    ),
    "a list of results for each circuit": case(
        json.dumps([[cirq_result(bits_of(s), s)] for s in SHOTS]), SHOTS
    ),
    "results by setting": case(json.dumps({s: cirq_result(bits_of(s)) for s in SHOTS}), SHOTS),
    "several keys, in the order of the file": case(
        json.dumps(cirq_keys(ion=BITS_IN_Z[:, :1], atoms=BITS_IN_Z[:, 1:])), IN_Z
    ),
    "a key for each qubit, in the order of their numbers": case(
        json.dumps(cirq_keys(**{f"q({i})": BITS_IN_Z[:, [i]] for i in (0, 2, 1)})), IN_Z
    ),
    "a sweep that says no setting": case(
        json.dumps([cirq_result(BITS_IN_Z)] * 2), "name the key by its letters"
    ),
    "a setting longer than the qubits": case(
        json.dumps({"XZYX": cirq_result(BITS_IN_Z)}), "names 4 sites"
    ),
    "lower-case setting": case(json.dumps({"xzy": cirq_result(BITS_IN_Z)}), "upper case"),
    "three levels": case(json.dumps(cirq_unpacked(values=2 * BITS_IN_Z)), "two levels"),
    "±1": case(json.dumps(cirq_unpacked(values=1 - 2 * BITS_IN_Z)), "Convert +1 to 0"),
    "a key measured twice": case(
        json.dumps(cirq_result(BITS_IN_Z, shape=[3, 2, 3])), "measured 2 times"
    ),
    "unequal repetitions": case(
        json.dumps(cirq_keys(a=BITS_IN_Z, b=BITS_IN_Z[1:])), "one number, as in a single run"
    ),
    "a shape that asks for more": case(
        json.dumps(cirq_result(BITS_IN_Z, shape=[10**9, 1, 3])), "asks for 3,000,000,000 bits"
    ),
    "no hexadecimal": case(json.dumps(cirq_result(BITS_IN_Z, packed_digits="xy")), "hexadecimal"),
    "objects instead of digits": case(
        json.dumps(cirq_result(BITS_IN_Z, packed_digits="80049500", binary=False)), "header"
    ),
    "no records": case('{"cirq_type": "ResultDict", "records": {}}', "no records"),
    "something else of Cirq": case('{"cirq_type": "Circuit", "moments": []}', "cirq.to_json"),
}

TABLES = {
    "CSV: setting, outcome, count": case(ROWS, SHOTS),
    "with a header, in another order, CRLF": case(
        "Count\tOutcome\tBasis\r\n"
        + "".join(f"{n}\t{o}\t{s}\r\n" for s, c in SHOTS.items() for o, n in c.items()),
        SHOTS,
    ),
    "a column for each qubit": case(
        "q0,q1,q2\n" + outcomes_as_text(","),
        {"ZZZ": {"001": 3, "110": 1, "011": 2, "010": 1, "100": 4}},
    ),
    "a column for each qubit, no header": case(
        "".join(",".join(o) + "\n" for o in ONE_BY_ONE_IN_Z), IN_Z
    ),
    "a blank last line": case(ROWS + "\n \n", SHOTS),
    "frequencies and their shots": case(
        "setting,outcome,frequency\nXZY,001,0.75\nXZY,110,0.25\n",
        {"XZY": SHOTS["XZY"]},
        shots_per_setting=4,
    ),
    "frequencies alone": case("XZY,001,0.75\nXZY,110,0.25\n", "--shots-per-setting N"),
    "lower-case letters in a table": case(ROWS.lower(), "upper case"),
    "unknown letters in a table": case("XZ,01,5\nXQ,01,5\n", "unknown letters"),
    "a setting longer than the row of a table": case(
        "XZY,001,3\nXZYX,001,3\n", "one letter a site"
    ),
    "±1 in a table": case("q0,q1\n1,-1\n", "Convert +1 to 0"),
    "three levels in a table": case("q0,q1\n0,2\n", "native format"),
}

ARRAYS = {
    "coded .npy: basis + 3·bit": case(npy(CODED), SHOTS),
    "coded .npy out of range": case(npy(CODED + 3), "expected 0 to 5"),
    "PennyLane: bits and recipes": case(npz(**PENNYLANE), SHOTS),
    "PennyLane: a fourth recipe": case(
        npz(**PENNYLANE | {"recipes": PENNYLANE["recipes"] + 1}), "0 = X, 1 = Y and 2 = Z"
    ),
    "PennyLane: ±1": case(npz(**PENNYLANE | {"bits": 1 - 2 * BITS}), "Convert +1 to 0"),
    "PennyLane: shapes that differ": case(
        npz(**PENNYLANE | {"recipes": PENNYLANE["recipes"][1:]}), "expected both"
    ),
    "RandomMeas.jl: 1 is the first basis state": case(
        random_measurements(), OF_RANDOM_MEASUREMENTS
    ),
    "RandomMeas.jl as it was: 1 and 2": case(
        random_measurements(lambda bits: bits + 1, "local_unitaries"), OF_RANDOM_MEASUREMENTS
    ),
    "RandomMeas.jl, one setting without unitaries": case(
        npz(measurement_results=1 - BITS_IN_Z), IN_Z
    ),
    "RandomMeas.jl, rows of a unitary exchanged": case(
        npz(
            measurement_results=1 - np.array([[0, 0, 1], [1, 1, 0]]),
            measurement_settings=np.array([UNITARY["X"][::-1], UNITARY["Z"], UNITARY["Y"]]),
        ),
        {"XZY": {"101": 1, "010": 1}},
    ),
    "RandomMeas.jl, unitaries in single precision": case(
        random_measurements(
            measurement_settings=np.array(
                [[UNITARY[c] for c in s] for s in ("XZY", "YXX")], np.complex64
            )
        ),
        OF_RANDOM_MEASUREMENTS,
    ),
    "RandomMeas.jl, settings not told": case(
        npz(measurement_results=np.zeros((2, 5, 3), int)), "export the group with its settings"
    ),
    "RandomMeas.jl, no unitary": case(
        random_measurements(measurement_settings=np.ones((2, 3, 2, 2))), "setting 1, site 1"
    ),
    "RandomMeas.jl, too few unitaries": case(
        random_measurements(measurement_settings=np.ones((2, 2, 2, 2))), "(2, 3, 2, 2)"
    ),
    "RandomMeas.jl, three levels": case(random_measurements(lambda bits: 3 * bits), "two levels"),
    "atoms: the name says that 1 is excited": case(npz(rydberg_data=ATOMS), OF_ATOMS),
    "atoms: the name says that 1 is the ground state": case(npz(ground_state=~ATOMS), OF_ATOMS),
    "atoms: one detuning of several": case(
        npz(rydberg_data=SWEEP, params=np.array([-1.5, 2.5])), OF_ATOMS, select="detuning=1"
    ),
    "atoms: the only detuning": case(npz(occupation=SWEEP[:, :, 1:].astype(int)), OF_ATOMS),
    "atoms: a row a shot": case(npz(occupations=ATOMS.reshape(6, 3).T.astype(float)), OF_ATOMS),
    "atoms: no detuning picked": case(npz(rydberg_data=SWEEP), "detuning=0 to detuning=1"),
    "atoms: a detuning too far": case(npz(rydberg_data=SWEEP), "'detuning=2'", select="detuning=2"),
    "atoms: nothing to pick": case(npz(rydberg_data=ATOMS), "leave out", select="detuning=0"),
    "atoms: the level is not told": case(npz(data=ATOMS), "no known layout"),
    "atoms: the level is not told, asked for": case(
        npz(data=ATOMS), "call one 'rydberg_data'", format="occupations"
    ),
    "atoms: mean occupations": case(npz(occupation=ATOMS.mean(axis=2)), "expected 0 or 1"),
}

TREES = {
    "PastaQ: Julia's axes": case(hdf5(outcomes=BITS.T, bases=LETTERS.T), SHOTS),
    "PastaQ: only Z": case(hdf5(outcomes=BITS_IN_Z.T), IN_Z),
    "PastaQ's names, a setting a shot": case(
        hdf5(outcomes=BITS, bases=np.array([s for s, _ in ONE_BY_ONE])), SHOTS
    ),
    "PastaQ's names, other axes, said to be": case(
        hdf5(outcomes=BITS, bases=LETTERS), SHOTS, sites=3
    ),
    "PastaQ's names, other axes": case(
        hdf5(outcomes=BITS, bases=LETTERS), "--sites 3 or --sites 11"
    ),
    "PastaQ: as many shots as sites": case(
        hdf5(outcomes=BITS[:3].T, bases=LETTERS[:3].T), {"XZY": {"001": 3}}
    ),
    "PastaQ: process tomography": case(
        hdf5(outcomes=BITS.T, bases=LETTERS.T, inputs=LETTERS.T), "process tomography"
    ),
    "PastaQ: bases of other shape": case(
        hdf5(outcomes=BITS.T, bases=LETTERS[1:].T), "a letter for every outcome"
    ),
    "PastaQ: a setting longer than the row": case(
        hdf5(outcomes=BITS, bases=np.array([s + "X" for s, _ in ONE_BY_ONE])), "names 4 sites"
    ),
    "PastaQ: lower case": case(hdf5(outcomes=BITS.T, bases=np.char.lower(LETTERS.T)), "upper case"),
    "PastaQ: unknown letters": case(
        hdf5(outcomes=BITS.T, bases=np.char.add(LETTERS.T, "+")), "expected X, Y, Z or I"
    ),
    "PastaQ: ±1": case(hdf5(outcomes=1 - 2 * BITS.T, bases=LETTERS.T), "Convert +1 to 0"),
    "PastaQ: three levels": case(hdf5(outcomes=2 * BITS.T, bases=LETTERS.T), "native format"),
    "frequencies in HDF5 and their shots": case(
        frequency_table,
        {"XZY": {"001": 9, "110": 3}, "YXX": {"011": 8, "010": 4}, "ZZX": {"100": 12}},
        shots_per_setting=12,
    ),
    "frequencies in HDF5 that make no whole shots": case(
        frequency_table, "no whole number", shots_per_setting=10
    ),
    "frequencies in HDF5 alone": case(frequency_table, "--shots-per-setting N"),
}

TEXT_OF_SHADOWS = {
    "classical shadows": case(SHADOWS, SHOTS),
    "classical shadows, CRLF, a blank last line": case(
        SHADOWS.replace("\n", "\r\n") + "\r\n", SHOTS
    ),
    "shadows with a 0": case("2\nX 1 Z -1\nX 0 Z 1\n", "line 3"),
    "shadows in lower case": case("2\nx 1 z -1\n", "upper case"),
    "shadows of unknown letters": case("2\nX 1 H -1\n", "'H'"),
    "shadows of other length": case("3\nX 1 Z -1\n", "line 1 says 3 sites"),
    "shadows of three levels": case("2\nX 1 Z 2\n", "neither +1 nor -1"),
    "shadows of nothing": case("2\nX 1 Z 1\n"[:2], "no line follows", format="shadows"),
}

EVERY = QUCUMBER | COUNTS | BRAKET | EXPERIMENTS | CIRQ | TABLES | ARRAYS | TREES | TEXT_OF_SHADOWS
ACCEPTED = [name for name, one in EVERY.items() if not isinstance(one.expected, str)]
REFUSED = [name for name, one in EVERY.items() if isinstance(one.expected, str)]
