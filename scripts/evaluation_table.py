"""Prints the table of evaluation: how often intervals cover, and numbers whose answers are known.

    python scripts/evaluation_table.py [ROW …] [--repeats 200]

A row is a function below; without names all are run, about an hour on two cores. Rows on
public files need NQS_DATA. 95 % intervals of 200 repeats should cover in 180 to 198.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import alarm_rates
import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

import nqs
from nqs.evaluation import correlations, observables
from nqs.evaluation.entropy import entropies, renyi2_of_samples
from nqs.evaluation.fidelity import fidelity, projection
from nqs.evaluation.overlap import sampled_fidelity
from nqs.evaluation.shot_fidelity import fidelity_from_shots
from nqs.jobs.bootstrap import scatter
from nqs.measurement.dataset import joined
from nqs.report import page
from nqs.state.simulate import chosen_settings, simulate
from nqs.state.state import State
from nqs.systems import known
from nqs.systems.hamiltonians import ising
from nqs.systems.lattices import chain
from nqs.systems.observable import observable
from nqs.systems.pauli import PauliSum

jax.config.update("jax_enable_x64", True)

ROOT = Path(__file__).parent.parent
PROCESSES = 2
SAMPLES = 2000


class Line(NamedTuple):
    """A line of the table. met: whether the number is within its bar; None where it was skipped."""

    name: str
    value: str
    bar: str
    met: bool | None


class Table(nn.Module):
    """A state that looks up its amplitudes, which are its only parameter."""

    sites: int

    @nn.compact
    def __call__(self, bits):
        psi = self.param("psi", nn.initializers.ones, (2**self.sites,), complex)
        return jnp.log(psi[bits @ (1 << np.arange(self.sites)[::-1])])


def state_of(vector: np.ndarray) -> State:
    sites = int(np.log2(vector.size))
    return State(Table(sites), {"params": {"psi": jnp.asarray(vector, complex)}}, sites)


STATES = {
    "ising-10": lambda: known.ising_ground_state(10),
    "random-8": lambda: known.random_state(8, 5),
}


def sampled(name: str, seed: int) -> dict[str, bool]:
    """Whether the intervals of one set of samples cover."""
    psi = STATES[name]()
    state, sites = state_of(psi), int(np.log2(psi.size))
    asked = {
        "energy": ising(chain(sites), 1.0, 0.8, 0.3),
        "⟨Z2 Z6⟩": observable("Z2 Z6", sites),
        "⟨X1 X4⟩": observable("X1 X4", sites),
        "⟨X3⟩": observable("X3", sites),
    }
    one, other = state.sample(SAMPLES, 2 * seed), state.sample(SAMPLES, 2 * seed + 1)
    found = observables.of_samples(state, one, list(asked.values()))
    covered = {}
    for (label, total), (value, error) in zip(asked.items(), found, strict=True):
        covered[label] = abs(value - observables.expectation(psi, total)) <= 1.96 * (error or 0)
    half = range(sites // 2)
    value, error = renyi2_of_samples(state, one, other, half)
    covered["Rényi-2 of one half"] = abs(value - entropies(psi, half).renyi2) <= 1.96 * (error or 0)
    return covered


def tomography_of_four(seed: int) -> dict[str, bool]:
    """Whether the bootstrap intervals of one tomography cover."""
    psi, target = _pair()
    data = simulate(psi, chosen_settings("pauli:30", 4, 1), 100, seed=1000 + seed)
    result = nqs.tomography(data, seed=seed, steps=1000, restarts=4, method="none")
    asked = {
        "⟨Z0⟩": (observable("Z0", 4).action(), -1),
        "⟨X1 X2⟩": (observable("X1 X2", 4).action(), -1),
        "fidelity of 0.9": (projection(target), 0),
        "fidelity of 1": (projection(psi), 0),
    }
    covered = {}
    for replicas, by in ((100, "refits"), (0, "Fisher")):
        told = scatter(result.state, data, result.summary, replicas, seed)
        if told is None:
            continue  # a fit stopped early has no Fisher matrix to go by
        for name, (action, least) in asked.items():
            found = told.interval(action, least, 1)
            truth = np.vdot(psi, action(psi)).real
            covered[f"{by}: {name}"] = found.low <= truth + 1e-9 and truth - 1e-9 <= found.high
    return covered


def stopped_early(seed: int) -> dict[str, bool]:
    """Whether they cover where training was stopped early by one part of the shots.

    10,000 shots in Z of ten sites.
    """
    psi = known.ising_ground_state(10)
    data = simulate(psi, ["Z" * 10], 10_000, seed=seed + 1)
    asked = {
        "energy": ising(chain(10)),
        "⟨X1 X4⟩": observable("X1 X4", 10),
        "⟨Z2 Z6⟩": observable("Z2 Z6", 10),
    }
    return _covered_by_refits(psi, data, asked, seed)


def stopped_by_folds(seed: int) -> dict[str, bool]:
    """Whether they cover where it was by all shots in turn: 2,010 shots of W-6 in thirty settings."""
    psi = known.w(6)
    data = simulate(psi, chosen_settings("pauli:30", 6, seed), 67, seed=seed + 1)
    asked = {name: observable(name, 6) for name in ("X1 X4", "Z2 Z5", "Z3")}
    return _covered_by_refits(psi, data, asked, seed)


def _covered_by_refits(psi, data, asked, seed: int) -> dict[str, bool]:
    result = nqs.tomography(data, seed=seed, method="none")
    told = scatter(result.state, data, result.summary, 30, seed)
    covered = {}
    for name, total in asked.items():
        found = told.interval(total.action(), -np.inf, np.inf)
        covered[name] = found.low <= observables.expectation(psi, total) <= found.high
    return covered


def _pair() -> tuple[np.ndarray, np.ndarray]:
    """A random state and one of fidelity 0.9 with it."""
    psi, other = known.random_state(4, 3), known.random_state(4, 9)
    other = other - psi * np.vdot(psi, other)
    return psi, np.sqrt(0.9) * psi + np.sqrt(0.1) * other / np.linalg.norm(other)


def shots_of_ghz(seed: int) -> dict[str, bool]:
    """GHZ-6 with 5 % depolarising noise, each of 20,000 shots in a random Pauli setting."""
    value, error = _ghz_from_shots(seed)
    return {"fidelity from shots": abs(value - _noisy()) <= 1.96 * error}


def _noisy() -> float:
    return 0.95 + 0.05 / 64


def _ghz_from_shots(seed: int) -> tuple[float, float]:
    rng = np.random.default_rng([seed, 77])
    settings, times = np.unique(
        ["".join(row) for row in rng.choice(list("XYZ"), (20_000, 6))], return_counts=True
    )
    parts = [
        # a seed of its own for each number of shots: the same one draws the same shots
        simulate(
            known.ghz(6), settings[times == n].tolist(), int(n), 10**6 * n + seed, depolarising=0.05
        )
        for n in np.unique(times)
    ]
    found = fidelity_from_shots(known.ghz(6), joined(parts))
    return found.fidelity.value, found.fidelity.error or 0.0


# Rows


def coverage(title: str, once: Callable[[int], dict[str, bool]], repeats: int) -> Iterator[Line]:
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        found = list(pool.map(once, range(repeats), chunksize=max(1, repeats // (4 * PROCESSES))))
    for label in dict.fromkeys(label for covered in found for label in covered):
        told = [covered[label] for covered in found if label in covered]
        share = np.mean(told)
        boundary = label.endswith("fidelity of 1")
        met = share >= 0.9 and (boundary or share <= 0.99)
        bar = "≥ 90 %" if boundary else "90–99 %"
        yield Line(f"{title}: {label}", f"{share:.1%} of {len(told)}", bar, met)


def energies(repeats: int) -> Iterator[Line]:
    for name in STATES:
        yield from coverage(f"samples of {name}", partial(sampled, name), repeats)


def bootstrap(repeats: int) -> Iterator[Line]:
    yield from coverage("tomography, 4 qubits", tomography_of_four, repeats)


def early(repeats: int) -> Iterator[Line]:
    """Of few repeats, for each takes a minute: told, and held to no bar."""
    for title, once in (("stopped early", stopped_early), ("stopped by folds", stopped_by_folds)):
        for line in coverage(title, once, min(repeats, 12)):
            yield line._replace(bar="no bar", met=None)


def shots(repeats: int) -> Iterator[Line]:
    value, error = _ghz_from_shots(0)
    within = abs(value - _noisy()) <= 1.96 * error
    yield Line("GHZ-6 from 20,000 shots", f"{value:.4f} ± {error:.4f}", f"{_noisy():.4f}", within)
    yield from coverage("GHZ-6 with 5 % noise", shots_of_ghz, repeats)


STABILISERS = {
    "ghz": (known.ghz(6), [("Z0 Z1", 1), ("X0 X1 X2 X3 X4 X5", 1), ("-Y0 Y1 X2 X3 X4 X5", 1)]),
    "cluster": (known.cluster(6), [("X0 Z1", 1), ("Z1 X2 Z3", 1), ("Z4 X5", 1)]),
    "product": (known.product(4, angles=[[np.pi / 2, np.pi / 2]] * 4), [("Y0 Y1", 1), ("Y3", 1)]),
    # Σ Z of W-6: of every configuration the same
    "w": (known.w(6), [("Z0 + Z1 + Z2 + Z3 + Z4 + Z5", 4)]),
}


def stabilisers(repeats: int) -> Iterator[Line]:
    for name, (psi, texts) in STABILISERS.items():
        state, sites = state_of(psi), int(np.log2(psi.size))
        totals = [observable(text, sites) for text, _ in texts]
        exact = [observables.expectation(psi, total) for total in totals]
        drawn = observables.of_samples(state, state.sample(500, 1), totals)
        wanted = [value for _, value in texts]
        fine = np.allclose(exact, wanted) and np.allclose([e.value for e in drawn], wanted)
        yield Line(f"stabilisers of {name}", ", ".join(f"{v:.10g}" for v in exact), "exact", fine)


def overlaps(repeats: int) -> Iterator[Line]:
    value, error = sampled_fidelity(_tilted(0.0), _tilted(np.arccos(0.5 ** (1 / 120))), 16384)
    met = abs(value - 0.5) <= 1.96 * (error or 0)
    yield Line("two products of 60 sites", f"{value:.4f} ± {error:.4f}", "0.5", met)
    one, other = (
        nqs.ground_state(
            ising(chain(20)), steps=s, samples=128, seed=s, evaluation={"samples": 500}
        )
        for s in (60, 30)
    )
    exact = fidelity(one.state.vector(), other.state.vector())
    value, error = sampled_fidelity(one.state, other.state, 16384)
    met = abs(value - exact) <= 3 * (error or 0)
    yield Line("two trained states of 20 sites", f"{value:.5f} ± {error:.5f}", f"{exact:.5f}", met)


def _tilted(angle: float) -> State:
    """Sixty equal sites."""
    from nqs.ansatz import build

    start = State.initial(build("recurrent", 60), 60, 0)
    parameters = {k: np.zeros_like(v) for k, v in start.variables["params"].items()}
    parameters["amplitude_bias"] = np.full(60, 2 * np.log(np.tan(0.6 + angle)))
    parameters["phase_bias"] = np.full(60, 0.4)
    return State(start.model, {"params": parameters}, 60)


QUCUMBER_ENERGY = -12.3815


def qucumber(repeats: int) -> Iterator[Line]:
    """Energy of the state fitted to ten sites in Z, of H = −Σ Z Z − Σ X on an open chain."""
    folder = os.environ.get("NQS_DATA")
    found = sorted(Path(folder).rglob("tfim1d_data.txt")) if folder else []
    if not found:
        yield Line("energy of QuCumber's shots", "skipped", "needs NQS_DATA", None)
        return
    data = nqs.read_measurements(found[0])
    result = nqs.tomography(data, seed=1)
    total: PauliSum = ising(chain(10))
    told = scatter(result.state, data, result.summary, 100, 1)
    fit = told.interval(total.action(), -np.inf, np.inf)
    met = fit.low <= QUCUMBER_ENERGY <= fit.high
    shown = f"{fit.low:.4f} to {fit.high:.4f}"
    yield Line("energy of QuCumber's shots", shown, f"{QUCUMBER_ENERGY}", met)


def moments(repeats: int) -> Iterator[Line]:
    """All one- and two-site expectations of shots within their errors of the truth."""
    psi = known.random_state(5, 2)
    data = simulate(psi, chosen_settings("pauli:60", 5, 1), 200, seed=3)
    truth, told = correlations.of_vector(psi), correlations.of_shots(data)
    above = np.triu_indices(5, 1)
    with np.errstate(divide="ignore", invalid="ignore"):  # on the diagonal nothing varies
        off = np.concatenate(
            [
                ((told.site - truth.site) / told.site_error).ravel(),
                *(((told.pair - truth.pair) / told.pair_error)[k][above] for k in range(3)),
            ]
        )
    off = off[np.isfinite(off)]
    share = np.mean(np.abs(off) <= 1.96)
    yield Line("moments of shots", f"{share:.1%} of {len(off)}", "≥ 88 %", share >= 0.88)


def seconds(repeats: int) -> Iterator[Line]:
    """Of the report of the largest shipped run, whose training is cut short, and of `nqs evaluate`."""
    with TemporaryDirectory() as folder:
        config = ROOT / "configs" / "ising_chain_1000.toml"
        short = {"steps": 10, "grow_from": [], "grow_steps": [], "grow_samples": []}
        result = nqs.ground_state(config, training=short, out=Path(folder) / "large")
        begun = time.monotonic()
        page.write(Path(folder) / "large", result.summary, result.draw())
        spent = time.monotonic() - begun
        yield Line("report of 1,000 sites", f"{spent:.1f} s", "≤ 20 s", spent <= 20)
        small = Path(folder) / "small"
        nqs.tomography(ROOT / "datasets" / "w_5.h5", out=small, seed=1)
        begun = time.monotonic()
        words = ("evaluate", str(small), "--observable", "X0 X1", "--json")
        subprocess.run([sys.executable, "-m", "nqs", *words], check=True, stdout=subprocess.DEVNULL)
        spent = time.monotonic() - begun
        yield Line("nqs evaluate of 5 sites", f"{spent:.1f} s", "≤ 5 s", spent <= 5)


def alarm(rates: Callable[[int], list[alarm_rates.Rate]], repeats: int) -> Iterator[Line]:
    """Hits and false alarms of twenty seeds."""
    yield from (Line(*found) for found in rates(min(repeats, 20)))


ROWS = {
    row.__name__: row
    for row in (
        seconds,
        stabilisers,
        overlaps,
        moments,
        shots,
        energies,
        qucumber,
        bootstrap,
        early,
    )
} | {name: partial(alarm, rates) for name, rates in alarm_rates.ROWS.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(ROWS)}")
    parser.add_argument("--repeats", type=int, default=200)
    asked = parser.parse_args()
    unknown = [name for name in asked.rows if name not in ROWS]
    if unknown:
        parser.error(f"there is no row {unknown[0]!r}; choose from {', '.join(ROWS)}.")
    missed = 0
    for name in asked.rows or ROWS:
        begun = time.monotonic()
        for line in ROWS[name](asked.repeats):
            word = {True: "met", False: "MISSED", None: ""}[line.met]
            print(f"{line.name:<44}{line.value:>22}  {line.bar:<16}{word}", flush=True)
            missed += line.met is False
        print(f"  {name}: {time.monotonic() - begun:.0f} s", flush=True)
    return int(missed > 0)


if __name__ == "__main__":
    raise SystemExit(main())
