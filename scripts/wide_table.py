"""What a tomography of many sites reaches, case by case, against the bar of each case.

Everything is as it is chosen, but the arrays name their ansatz, `recurrent-2d`, and leave out the
ladder that would come to it.

    python scripts/wide_table.py                    every case (about two hours on two cores)
    python scripts/wide_table.py ghz-20 cluster-20  some cases

The chains of 40 sites need quimb (pip install '.[dmrg]'); the Rydberg arrays are found through
NQS_DATA. Rows that lack what they need are skipped, and say so.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import nqs
from nqs.evaluation.heldout import mean_of_strata
from nqs.evaluation.observables import of_state
from nqs.evaluation.overlap import sampled_fidelity
from nqs.jobs.start import prepare
from nqs.measurement.dataset import Measurements
from nqs.systems import hamiltonians, lattices, matrix_products
from nqs.systems.observable import observable

REAL = Path(os.environ.get("NQS_DATA", "/nonexistent"))
ARRAYS = REAL / "rydberg_256" / "KZ_data_16x16_30_MHz_per_us.npz"


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    case: str
    bar: str
    found: str
    met: bool


class Missing(Exception):
    """What a row needs is not there."""


def remark(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


# Chains of 40 sites


def blocks(sites: int) -> list[str]:
    """Ten settings, each with two blocks of four neighbours rotated: every site once in X and once in Y."""
    patterns, found = ("XXYY", "XYYX", "YXXY", "YYXX"), []
    for number in range(sites // 4):
        letters = ["Z"] * sites
        other = (number + sites // 8) % (sites // 4)
        turned = patterns[other % 4].translate(str.maketrans("XY", "YX"))
        letters[4 * number : 4 * number + 4] = patterns[number % 4]
        letters[4 * other : 4 * other + 4] = turned
        found.append("".join(letters))
    return found


def chain_of_40(phases: bool) -> list[Row]:
    """A critical Ising chain, with a random phase at every site or without."""
    from nqs.state.simulate_large import of_matrices, simulate_large

    sites = 40
    try:
        lowest = matrix_products.dmrg(hamiltonians.ising(lattices.chain(sites), 1.0, 1.0))
    except ValueError as problem:
        raise Missing(str(problem)) from None
    matrices = [m.astype(complex) for m in lowest.matrices]
    if phases:
        for matrix, angle in zip(
            matrices, np.random.default_rng(5).uniform(-np.pi, np.pi, sites), strict=True
        ):
            matrix[1] *= np.exp(1j * angle)
    truth = of_matrices(matrices)
    parts = [
        simulate_large(truth, ["Z" * sites], 100_000, seed=1),
        simulate_large(truth, blocks(sites), 10_000, seed=2),
    ]
    from nqs.measurement.dataset import joined

    result = nqs.tomography(joined(parts), seed=1)
    name = "40 sites, random phases" if phases else "40 sites"
    fresh = joined(
        [
            simulate_large(truth, ["Z" * sites], 20_000, seed=11),
            simulate_large(truth, blocks(sites), 2_000, seed=12),
        ]
    )
    above = relative_nll(result.state, truth, fresh)
    fidelity = sampled_fidelity(result.state, truth, 16384)
    rows = [
        Row(
            f"{name}: NLL above the truth's",
            "≤ 0.1 %",
            f"{100 * above[0]:.3f} ± {100 * above[1]:.3f} %",
            above[0] <= 1e-3,
        ),
        Row(
            f"{name}: fidelity",
            "≥ 0.95",
            f"{fidelity.value:.4f} ± {fidelity.error or 0:.4f}",
            fidelity.value >= 0.95,
        ),
    ]
    for text in ("Z4 Z5", "Z19 Z20", "X4 X5", "X20 X21"):
        total = [observable(text, sites)]
        ours, theirs = (
            of_state(result.state, total, 65536, seed=3)[0],
            of_state(truth, total, 65536, seed=4)[0],
        )
        # as well as the shots of one setting tell it
        error = np.hypot(
            np.hypot(ours.error or 0, theirs.error or 0),
            np.sqrt((1 - theirs.value**2) / (100_000 if "Z" in text else 10_000)),
        )
        pull = (ours.value - theirs.value) / error
        rows.append(
            Row(
                f"{name}: ⟨{text}⟩",
                "within 3 errors",
                f"{ours.value:.4f} and {theirs.value:.4f}, {pull:+.1f} errors",
                abs(pull) < 3,
            )
        )
    rows.append(peak_memory(name))
    remark(f"{name}: {result.summary['ansatz']}, verdict {result.summary['verdict']}")
    return rows


def relative_nll(state, truth, data: Measurements) -> tuple[float, float]:
    """(NLL − truth's NLL) / truth's NLL on fresh shots, with its paired error."""
    from nqs.measurement.kinds import kind
    from nqs.measurement.strata import shares, strata
    from nqs.state.reading import Reader, shot_log_probabilities

    parts = list(strata(data, kind, 1).values())
    taken = [p.taken(slice(None)) for p in parts]
    log_p = [
        shot_log_probabilities(
            s.model, s.variables, Reader.of(s.model, [p.settings for p in parts]), taken
        )
        for s in (state, truth)
    ]
    share = shares(parts).tolist()
    own = -mean_of_strata(log_p[1], share).value
    above = mean_of_strata([b - a for a, b in zip(*log_p, strict=True)], share)
    return above.value / own, (above.error or 0.0) / own


def peak_memory(name: str) -> Row:
    """Of this process so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return Row(f"{name}: peak memory", "≤ 3 GB", f"{peak:.2f} GB", peak <= 3)


# Stabiliser states of 20 sites


def of_twenty(name: str) -> list[Row]:
    """50,000 shots in settings of at most eight rotated sites."""
    from nqs.jobs.simulate import simulated

    data = simulated(name, "Z,pauli:30/8", 50_000 // 31, 1, sites=20)
    summary = nqs.tomography(data, seed=1).summary
    fidelity = summary["fidelity"]["value"]
    named = [w for w in summary["warnings"] if "Add settings such as" in w]
    determined = summary["identifiability"]["determined"]
    found = f"{fidelity:.4f}, {'determined' if determined else 'open: ' + named[0][-60:] if named else 'open'}"
    met = fidelity >= 0.95 if determined else bool(named)
    return [Row(f"{name} of 20 sites", "≥ 0.95, or what is missing", found, met)]


# Real arrays of 256 atoms


def array(detuning: int) -> list[Row]:
    """Five-fold held-out NLL beside independent sites and a chain of neighbours."""
    if not ARRAYS.is_file():
        raise Missing("NQS_DATA is not set, or holds no rydberg_256")
    data = nqs.read_measurements(str(ARRAYS), select=f"detuning={detuning}")
    bits = np.repeat(data.outcomes, data.counts, axis=0)
    order = np.random.default_rng(detuning).permutation(len(bits))
    values: dict[str, list[np.ndarray]] = {"ours": [], "sites": [], "chain": [], "mps": []}
    for fold in range(5):
        held = order[fold::5]
        train = np.setdiff1d(order, held)
        part = Measurements(
            bits[train], data.settings, np.zeros(len(train), np.uint32), lattice=data.lattice
        )
        result = nqs.tomography(part, ansatz="recurrent-2d", seed=fold)
        values["ours"].append(2 * result.state.log_psi(bits[held]).real)
        values["sites"].append(independent(bits[train], bits[held]))
        values["chain"].append(neighbours(bits[train], bits[held]))
        values["mps"].append(
            np.full(len(held), -result.summary["baseline"]["held_out_nll"]["value"])
        )
        remark(
            f"detuning {detuning}, fold {fold}: { ({k: -v[-1].mean().round(3) for k, v in values.items()}) }"
        )
    ours = np.concatenate(values["ours"])
    rows = []
    for name, label in (("sites", "independent sites"), ("chain", "chain of neighbours")):
        gain = ours - np.concatenate(values[name])
        error = gain.std(ddof=1) / np.sqrt(len(gain))
        rows.append(
            Row(
                f"256 atoms, detuning {detuning}: gain over {label}",
                "> 2 errors",
                f"{gain.mean():.2f} ± {error:.2f} nats",
                gain.mean() > 2 * error,
            )
        )
    mps = -np.concatenate(values["mps"]).mean()
    rows.append(
        Row(
            f"256 atoms, detuning {detuning}: NLL; matrix products, of their own held-out shots",
            "printed",
            f"{-ours.mean():.2f} and {mps:.2f}",
            True,
        )
    )
    return rows


def independent(train: np.ndarray, held: np.ndarray) -> np.ndarray:
    """log P of held-out rows under independent sites, smoothed by half a count."""
    p = (train.sum(axis=0) + 0.5) / (len(train) + 1)
    return np.where(held, np.log(p), np.log1p(-p)).sum(axis=1)


def neighbours(train: np.ndarray, held: np.ndarray) -> np.ndarray:
    """log P under a chain rule in which each site looks at the one before it, smoothed by half a count."""
    log_p = independent(train[:, :1], held[:, :1])
    for site in range(1, train.shape[1]):
        for before in (0, 1):
            seen = train[train[:, site - 1] == before, site]
            p = (seen.sum() + 0.5) / (len(seen) + 1)
            rows = held[:, site - 1] == before
            log_p[rows] += np.where(held[rows, site], np.log(p), np.log1p(-p))
    return log_p


# More shots than one wants in memory


def streamed() -> list[Row]:
    """10⁷ shots of 100 sites in Z, of a Markov chain, by the command, from one HDF5 file."""
    from nqs.measurement import file

    with tempfile.TemporaryDirectory() as name:
        path, out = Path(name) / "shots.h5", Path(name) / "run"
        truth = markov_chain(path, 10_000_000, 100)
        begun = time.monotonic()
        file.read(path)
        reading = time.monotonic() - begun
        seconds, peak = command("tomography", path, "--out", out, "--quiet")
        result = nqs.load(out)
        training = result.summary["training"]
        fresh, log_p = truth(20_000, 7)
        extra = log_p - 2 * result.state.log_psi(fresh).real
    share = (reading + training["seconds_reading"]) / seconds
    above, error = extra.mean() / -log_p.mean(), extra.std() / -log_p.mean() / len(extra) ** 0.5
    remark(
        f"streamed: {result.summary['ansatz']}, {seconds:.0f} s, {reading:.0f} s to read the file"
    )
    return [
        Row(
            "10⁷ shots × 100 sites: reading",
            "< 10 %",
            f"{100 * share:.1f} % of {seconds:.0f} s",
            share < 0.1,
        ),
        Row("10⁷ shots × 100 sites: peak memory", "≤ 3 GB", f"{peak:.2f} GB", peak <= 3),
        Row(
            "10⁷ shots × 100 sites: NLL above the truth's",
            "≤ 0.1 %",
            f"{100 * above:.4f} ± {100 * error:.4f} %",
            above < 1e-3,
        ),
    ]


def markov_chain(path: Path, shots: int, sites: int):
    """Writes shots of a chain in which each site looks at the one before; returns what draws fresh ones."""
    from nqs.measurement import file

    p = np.random.default_rng(5).uniform(0.1, 0.9, (2, sites))  # of a 1, by the bit before

    def drawn(number: int, seed: int):
        lots = np.random.default_rng(seed)
        bits = np.zeros((sites, number), np.uint8)
        log_p, before = np.zeros(number), np.zeros(number, np.uint8)
        for site in range(sites):
            one = p[before, site]
            bits[site] = before = (lots.random(number) < one).astype(np.uint8)
            log_p += np.log(np.where(before, one, 1 - one))
        return bits.T, log_p

    whole = np.empty((shots, sites), np.uint8)
    for piece, first in enumerate(range(0, shots, 10**6)):
        whole[first : first + 10**6] = drawn(min(10**6, shots - first), 100 + piece)[0]
    file.write(path, Measurements(whole, ("Z" * sites,), np.zeros(shots, np.uint32)))
    return drawn


def command(*words) -> tuple[float, float]:
    """Seconds of an nqs command, and the most memory (GB) that its process took."""
    begun = time.monotonic()
    process = subprocess.Popen([sys.executable, "-m", "nqs", *map(str, words)])
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"nqs {words[0]} ended with status {status}.")
    return time.monotonic() - begun, used.ru_maxrss / 1e6


CASES: dict[str, Callable[[], list[Row]]] = {
    "chain-40": lambda: chain_of_40(False),
    "phases-40": lambda: chain_of_40(True),
    "streamed": streamed,
    "ghz-20": lambda: of_twenty("ghz"),
    "cluster-20": lambda: of_twenty("cluster"),
    "array-8": lambda: array(8),
    "array-13": lambda: array(13),
    "array-18": lambda: array(18),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", choices=[[], *CASES], help="; ".join(CASES))
    chosen = parser.parse_args().cases or list(CASES)
    prepare()
    for name in chosen:
        begun = time.monotonic()
        try:
            rows = CASES[name]()
        except Missing as reason:
            print(f"{name:<52} skipped: {reason}")
            continue
        for row in rows:
            met = "met" if row.met else "NOT MET"
            print(f"{row.case:<52} {row.found:<34} {row.bar:<26} {met}", flush=True)
        remark(f"{name}: {time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
