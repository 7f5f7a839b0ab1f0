"""Whole time of a tomography against NetKet's QSR: 8 and 12 sites, 50 random Pauli settings, 100,000 shots.

    NETKET_SHARDING=0 python scripts/benchmark_qsr.py
    ... --sites 8          one size alone
    ... --limit 1200       seconds after which NetKet is given up

The state is the ground state of an open critical Ising chain with a random phase at every site, so
that it is complex and has no symmetry. Ours is the command `nqs tomography FILE` with its defaults,
from the shell to its exit, compilation, held-out shots, refit, judges and report included. NetKet's
is one process that reads the same shots, lets QSR prepare them and trains until fresh shots in the
same settings are as likely under its state as under ours; working that out is off its clock, and
so is the start of Python. It sums over all amplitudes instead of sampling them, which is faster at
these sizes, and is given the best of several settings, each charged with the one preparation. A
ratio is a lower bound where it does not arrive. Both run alone, one after the other.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nqs.measurement.dataset import Measurements
from nqs.measurement.effects import outcome_probabilities

SITES = (8, 12)
SETTINGS, SHOTS = 50, 2000
BAR = 20.0

GRID = (
    {"alpha": 2, "rate": 0.01, "batch": 1000},
    {"alpha": 2, "rate": 0.003, "batch": 5000},
    {"alpha": 4, "rate": 0.01, "batch": 5000},
)
"""NetKet's modulus-and-phase machines and Adam."""

_PERIOD = 100
"""Iterations between two looks."""


def truth(sites: int) -> np.ndarray:
    """Ground state of the open critical Ising chain with random phases on every site."""
    from nqs.systems.exact import lanczos
    from nqs.systems.hamiltonians import ising
    from nqs.systems.lattices import chain

    vector = lanczos(ising(chain(sites))).psi.astype(complex)
    phases = np.random.default_rng(sites).uniform(0, 2 * np.pi, sites)
    for phase in phases:  # site 0 is the most significant bit
        vector = vector.reshape(2, -1) * np.array([1, np.exp(1j * phase)])[:, None]
        vector = vector.T.reshape(-1)
    return vector


def nll(vector: np.ndarray, shots: Measurements) -> float:
    """−mean log P of shots under a normalised vector, nats per shot."""
    table, total = shots.table(), 0.0
    for setting, counts in zip(shots.settings, table, strict=True):
        p = outcome_probabilities(vector, setting)
        seen = counts > 0
        total -= counts[seen] @ np.log(np.maximum(p[seen], 1e-300))
    return total / shots.shots


def our_time(file: Path, folder: Path) -> float:
    """Seconds of the command, with nothing compiled before."""
    command = [sys.executable, "-m", "nqs", "tomography", file, "--out", folder / "run", "--quiet"]
    begun = time.perf_counter()
    subprocess.run(
        list(map(str, command)), check=True, env={**os.environ, "NQS_CACHE": str(folder / "cache")}
    )
    return time.perf_counter() - begun


def their_times(files: Sequence[Path], wanted: float, limit: float) -> list[dict]:
    """What the other process said: of its preparation, and of each setting."""
    command = [sys.executable, __file__, "--peer", *files, "--wanted", wanted, "--limit", limit]
    said, problems = (files[0].with_name(name) for name in ("peer.jsonl", "peer.log"))
    begun = time.monotonic()
    with open(said, "w") as output, open(problems, "w") as errors:
        process = subprocess.Popen(list(map(str, command)), stdout=output, stderr=errors)
    while process.poll() is None and time.monotonic() - begun < limit * (len(GRID) + 1):
        time.sleep(0.5)
        if time.monotonic() - begun > limit and not said.stat().st_size:
            break  # not even prepared
    if process.poll():
        raise SystemExit(f"NetKet's side failed: {problems.read_text()[-2000:]}")
    process.kill()
    process.wait()
    return [json.loads(line) for line in said.read_text().splitlines() if line.startswith("{")]


def peer(shots_file: Path, fresh_file: Path, wanted: float, limit: float) -> None:
    """NetKet's side: prints a line of JSON for the preparation and for each setting."""
    import jax
    import netket as nk
    from netket.experimental.qsr import QSR, RawQuantumDataset

    from nqs.measurement import file

    shots, fresh = file.read(shots_file), file.read(fresh_file)
    hilbert = nk.hilbert.Spin(0.5, shots.sites)
    bits = np.repeat(shots.outcomes, shots.counts, axis=0)
    letters = np.repeat(np.array(shots.settings)[shots.setting_index], shots.counts)
    letters = np.array([setting.replace("Z", "I") for setting in letters])
    raw = RawQuantumDataset((1.0 - 2.0 * bits, letters))
    begun = time.perf_counter()
    ready = raw.preprocess(hilbert=hilbert, mixed_state_target=False)
    prepared = time.perf_counter() - begun
    raw.preprocess = lambda **same: ready
    print(json.dumps({"prepared": prepared}), flush=True)
    states = np.asarray(hilbert.all_states())
    index = ((1 - states) / 2 @ (2 ** np.arange(shots.sites)[::-1])).astype(int)
    for setting in GRID:
        state = nk.vqs.FullSumState(hilbert, nk.models.RBMModPhase(alpha=setting["alpha"]), seed=1)
        optimiser = nk.optimizer.Adam(setting["rate"])
        driver = QSR(raw, setting["batch"], optimiser, variational_state=state, seed=3)
        seconds, best, steps = prepared, float("inf"), 0
        while seconds < limit and best > wanted:
            begun = time.perf_counter()
            driver.run(_PERIOD, out=(), show_progress=False)
            jax.block_until_ready(state.parameters)
            seconds += time.perf_counter() - begun
            steps += _PERIOD
            vector = np.empty(len(index), complex)
            vector[index] = np.asarray(state.to_array())
            best = min(best, nll(vector / np.linalg.norm(vector), fresh))
        print(json.dumps({**setting, "seconds": seconds, "steps": steps, "nll": best}), flush=True)


def compared(sites: int, limit: float) -> float:
    """The ratio of NetKet's whole time to ours, with what was measured printed."""
    from nqs.jobs.result import load
    from nqs.jobs.start import prepare
    from nqs.measurement import file
    from nqs.state.simulate import chosen_settings, simulate

    prepare()
    vector = truth(sites)
    settings = chosen_settings(f"pauli:{SETTINGS}", sites, 1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = folder / "shots.h5", folder / "fresh.h5"
        for seed, path in enumerate(files, start=1):
            file.write(path, simulate(vector, settings, SHOTS, seed))
        ours = our_time(files[0], folder)
        fresh = file.read(files[1])
        reached = nll(load(folder / "run").state.vector(), fresh)
        print(
            f"N={sites}: ours {ours:.1f} s; NLL of fresh shots {reached:.5f}, of the true state "
            f"{nll(vector, fresh):.5f}",
            flush=True,
        )
        said = their_times(files, reached, limit)
    best = float("inf")
    if not said:
        print(f"  NetKet: still preparing the shots after {limit:.0f} s")
    for row in said:
        if "prepared" in row:
            print(f"  NetKet: {row['prepared']:.1f} s of preparing the shots")
            continue
        arrived = row["nll"] <= reached
        best = min(best, row["seconds"]) if arrived else best
        print(
            f"  alpha {row['alpha']}, rate {row['rate']}, batch {row['batch']}: NLL {row['nll']:.5f} "
            f"after {row['seconds']:.0f} s and {row['steps']} steps{'' if arrived else ', given up'}"
        )
    bound = "" if np.isfinite(best) else "more than "
    ratio = min(best, limit) / ours
    print(f"  ratio {bound}{ratio:.1f}", flush=True)
    return ratio


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sites", type=int, choices=SITES)
    parser.add_argument("--limit", type=float, default=900.0)
    parser.add_argument("--peer", type=Path, nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--wanted", type=float, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.peer:
        peer(*asked.peer, asked.wanted, asked.limit)
        return
    ratios = [compared(sites, asked.limit) for sites in SITES if asked.sites in (None, sites)]
    met = "met" if min(ratios) >= BAR else "NOT MET"
    print(f"whole time to equal NLL: {min(ratios):.1f} (bar {BAR:g}), {met}")


if __name__ == "__main__":
    main()
