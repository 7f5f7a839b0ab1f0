"""Prints what reconstructions of mixed states reach: real devices, readout errors, which description.

    python scripts/mixed_table.py [ROW …] [--seeds 10]

Real measurements are found through the environment variable NQS_DATA; rows that need them are left out
without. A number stands beside its bar; half an hour in all on two cores,
and as long again for each row of twenty qubits.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import chi2

import nqs
from nqs.evaluation.fidelity import fidelity
from nqs.evaluation.mixed import purity, trace_distance
from nqs.evaluation.mixed_likelihood import Description, most_likely
from nqs.evaluation.observables import expectation
from nqs.jobs.start import prepare
from nqs.state.born import rotations_of
from nqs.state.simulate import chosen_settings, simulate
from nqs.state.simulate_large import of_matrices
from nqs.systems.known import ghz
from nqs.systems.matrix_products import dmrg
from nqs.systems.observable import observable
from nqs.systems.pauli import PauliSum

DATA = os.environ.get("NQS_DATA")
_WHITE, _READOUT = 0.05, (0.03, 0.06)


def line(name: str, found: str, bar: str, met: bool) -> str:
    return f"{name:<24}{found:<62}{bar:<34}{'met' if met else 'NOT MET'}"


def w_states(_: int) -> Iterator[str]:
    """The depolarised W state of QuCumber's tutorial, against its truth."""
    folder = Path(str(DATA)) / "qucumber/Tutorial3_TrainDensityMatrix"
    parts = [np.loadtxt(folder / f"N2_W_state_target_{part}.txt") for part in ("real", "imag")]
    rho = parts[0] + 1j * parts[1]
    for shots, exact in ((100, 0.9627), (1000, 0.9977)):
        for ansatz, more in (("low-rank", {}), ("auto", {}), ("purification", {"ancillas": 2})):
            files = [folder / f"N2_W_state_{shots}_samples_data.txt"]
            bases = [str(folder / f"N2_W_state_{shots}_samples_bases.txt")]
            found = nqs.tomography(files, ansatz=ansatz, target=rho, bases=bases, **more)
            reached = fidelity(found.state.density_matrix(), rho)
            above = found.summary["likelihood"]["above_most_likely"]
            told = f"fidelity {reached:.4f}, held out {above['value']:+.4f} ± {above['error']:.4f}"
            met = reached >= exact - 0.002 and above["value"] <= 2 * above["error"]
            yield line(f"W, {shots}, {ansatz}", told, f"≥ {exact - 0.002:.4f}, ≤ 2 errors", met)


def ghz_device(_: int) -> Iterator[str]:
    """Three qubits of a superconducting device."""
    files = [Path(str(DATA)) / "ibm_ghz_3q/3_2700.npy"]
    for ansatz, more in (("low-rank", {}), ("auto", {}), ("purification", {"ancillas": 2})):
        found = nqs.tomography(files, ansatz=ansatz, **more)
        above = found.summary["likelihood"]["above_most_likely"]
        exact = found.summary["baseline"]["nll"]
        least = np.linalg.eigvalsh(found.state.density_matrix()).min()
        told = f"held out {above['value']:+.4f} ± {above['error']:.4f}, exact NLL {exact:.4f}"
        met = above["value"] < 2 * (above["error"] or 0) + 1e-9
        met = met and abs(exact - 1.8436) < 1e-4 and least > -1e-12
        yield line(f"IBM GHZ, {ansatz}", told, "< 2 errors, 1.8436", met)


def ions(_: int) -> Iterator[str]:
    """Twenty states of three trapped ions, against what was published of them: purity, and fidelity with the
    nearest pure state. Their resampling leaves outcomes that were never seen at nothing, so that intervals of states
    that are all but pure are narrower than ours.
    """
    import h5py

    folder = Path(str(DATA)) / "trapped_ion_3q"
    with h5py.File(folder / "reconstructed_three_qubit_states.h5") as file:
        published = {name: file[name][:] for name in file}
    inside = {"purity": 0, "fidelity": 0}
    widths: dict[str, list[float]] = {"purity": [], "fidelity": []}
    worst, picked, wrong, number = 0.0, [], [], 0
    for name in ("ions_024", "ions_531"):
        rhos, again = published[f"rho{name[4:]}"], published[f"rhos{name[4:]}"]
        for which in range(10):
            rho = rhos[which] / np.trace(rhos[which])
            options = {"select": f"{name}/{which}", "shots_per_setting": 200}
            files = [folder / "three_qubit_tomograms.h5"]
            values, vectors = np.linalg.eigh(rho)
            ideal = vectors[:, -1]
            own = nqs.tomography(files, ansatz="low-rank", bootstrap=200, target=ideal, **options)
            net = nqs.tomography(files, ansatz="purification", ancillas=3, **options)
            exact = own.summary["baseline"]["nll"]
            worst = max(
                worst, *(abs(r.summary["likelihood"]["nll"]["value"] - exact) for r in (own, net))
            )
            auto = nqs.tomography(files, ansatz="auto", **options)
            chosen = next(r["ansatz"] for r in auto.summary["ladder"] if r["chosen"])
            picked.append(chosen)
            known = purity(rho)
            if known < 0.95 and chosen == "pure" and (known < 0.90 or _noise_told(auto.summary)):
                wrong.append(f"{name}/{which}")
            interval = own.summary["mixture"]["purity"]["interval"]
            inside["purity"] += interval[0] <= known <= interval[1]
            theirs = [purity(r / np.trace(r)) for r in again[:, which]]
            widths["purity"].append(_ratio(interval, theirs))
            told = own.summary["fidelity"]
            inside["fidelity"] += told["interval"][0] <= values[-1] <= told["interval"][1]
            theirs = [fidelity(r / np.trace(r), ideal) for r in again[:, which]]
            widths["fidelity"].append(_ratio(told["interval"], theirs))
            number += 1
    yield line("ions: NLL", f"at most {worst:.1e} from the exact maximum", "≤ 1e-3", worst <= 1e-3)
    mixed = sum(p != "pure" for p in picked)
    told = f"mixed for {mixed} of {number}; wrong: {', '.join(wrong) or 'none'}"
    yield line("ions: description", told, "mixed below 0.90, or as told", not wrong)
    for what, there in inside.items():
        ratio = np.array(widths[what])
        alike = int(((ratio >= 0.7) & (ratio <= 1.5)).sum())
        told = (
            f"{there} of {number} inside; as wide {alike}, × {ratio.min():.2f} to {ratio.max():.2f}"
        )
        yield line(f"ions: {what}", told, "≥ 18, all × 0.7 to 1.5", there >= 18 and alike == number)


def _noise_told(summary: dict[str, Any]) -> bool:
    """Whether white noise makes shots likelier than a pure state can, at 1 %; its strength is at a boundary."""
    nll = {row["ansatz"]: row["nll"] for row in summary["ladder"]}
    gain = 2 * summary["data"]["shots"] * (nll["pure"] - nll["pure with noise"])
    return 0.5 * float(chi2.sf(gain, 1)) < 0.01


def _ratio(interval: list[float], theirs: list[float]) -> float:
    low, high = np.quantile(theirs, [0.025, 0.975])
    return (interval[1] - interval[0]) / (high - low)


def noisy(seeds: int) -> Iterator[str]:
    """Random states of 4 to 6 qubits, depolarised and misread, with the readout matrices declared."""
    for sites in (4, 5, 6):
        hits, ratio, distance, worse = 0, [], [], 0.0
        for seed in range(seeds):
            psi, rho = _random(sites, seed)
            data = _shots(psi, sites, seed, calibration=0)
            found = nqs.tomography(data, ansatz="auto", seed=seed)
            own = found.state.density_matrix()
            plan = rotations_of(data)
            likely = most_likely(data.table(), plan, Description(2**sites), seed).density_matrix
            chosen = next(r["ansatz"] for r in found.summary["ladder"] if r["chosen"])
            hits += chosen == "pure with noise"
            ratio.append((1 - fidelity(rho, own)) / (1 - fidelity(rho, likely)))
            distance.append(trace_distance(rho, own) / trace_distance(rho, likely))
            above = found.summary["likelihood"]["above_most_likely"]
            worse = max(worse, above["value"] / above["error"])
        told = f"held out {worse:+.1f} errors at most; distance × {max(distance):.2f} at most"
        yield line(f"{sites} noisy qubits", told, "≤ 2, ≤ 1.1", worse <= 2 and max(distance) <= 1.1)
        told = f"white noise seen {hits} of {seeds}; infidelity × {max(ratio):.3f} at most"
        yield line("", told, "≥ 9 of 10, ≤ 0.1", hits >= 0.9 * seeds and max(ratio) <= 0.1)


def uncalibrated(seeds: int) -> Iterator[str]:
    """The same of 4 qubits without the matrices: calibration shots alone tell."""
    said, blind = 0, 0
    for seed in range(seeds):
        psi, _ = _random(4, seed)
        data = replace(_shots(psi, 4, seed, calibration=2000), readout=None)
        found = nqs.tomography(data, ansatz="low-rank", seed=seed, readout="none")
        said += any("Calibration shots contradict" in text for text in found.summary["warnings"])
        blind += (found.summary["likelihood"]["p_value"] or 1.0) > 0.01
    told = f"alarm {said} of {seeds}; χ² of the mixed fit saw nothing in {blind}"
    yield line("readout not declared", told, "every one", said == seeds)


def pure_shots(seeds: int) -> Iterator[str]:
    """A thousand shots of pure states of three qubits: purity interval and description."""
    holds, pure = 0, 0
    for seed in range(seeds):
        psi, _ = _random(3, seed)
        data = simulate(psi, chosen_settings("all", 3, 1), 37, seed)
        found = nqs.tomography(data, ansatz="low-rank", seed=seed, bootstrap=100)
        holds += found.summary["mixture"]["purity"]["interval"][1] >= 1 - 1e-9
        auto = nqs.tomography(data, ansatz="auto", seed=seed)
        pure += next(r["ansatz"] for r in auto.summary["ladder"] if r["chosen"]) == "pure"
    told = f"interval holds 1 in {holds} of {seeds}; auto says pure in {pure}"
    yield line("1,000 shots, pure", told, "≥ 9 of 10 each", min(holds, pure) >= 0.9 * seeds)


def coverage(seeds: int) -> Iterator[str]:
    """How often 95 % intervals of the mixed fit hold the truth: two qubits, 200 shots in each of nine settings."""
    repeats = 10 * seeds
    for white in (0.3, 0.02, 0.0):
        inside = {"purity": 0, "fidelity": 0}
        for seed in range(repeats):
            rng = np.random.default_rng([seed, 0xC0FE])
            psi = rng.normal(size=4) + 1j * rng.normal(size=4)
            psi /= np.linalg.norm(psi)
            rho = (1 - white) * np.outer(psi, psi.conj()) + white * np.eye(4) / 4
            data = simulate(rho, chosen_settings("all", 2, 1), 200, seed)
            found = nqs.tomography(
                replace(data, target=None), ansatz="low-rank", bootstrap=100, target=psi, seed=seed
            ).summary
            truth = {"purity": purity(rho), "fidelity": fidelity(rho, psi)}
            told = {"purity": found["mixture"]["purity"], "fidelity": found["fidelity"]}
            for what, value in truth.items():
                low, high = told[what]["interval"]
                inside[what] += low - 1e-9 <= value <= high + 1e-9
        least = int(0.9 * repeats)
        told_all = ", ".join(f"{what} {n}" for what, n in inside.items())
        found_all = f"of {repeats}: {told_all}"
        yield line(
            f"coverage, {white:.0%} white", found_all, f"≥ {least}", min(inside.values()) >= least
        )


def ghz_20(local: bool) -> Iterator[str]:
    """GHZ of twenty qubits, noisy."""
    yield from _large("GHZ-20", ghz(20), ["Z0 Z19", "Z5 Z6", "X3"], local)


def ising_20(local: bool) -> Iterator[str]:
    """The ground state of a critical chain of twenty qubits, noisy."""
    terms = [(-1.0, f"Z{i} Z{i + 1}") for i in range(19)] + [(-1.0, f"X{i}") for i in range(20)]
    prepare()
    ground = of_matrices(dmrg(PauliSum.from_terms(terms, 20), 1).matrices).vector()
    yield from _large("Ising-20", ground, ["Z9 Z10", "X10", "Z2 Z6"], local)


def _large(name: str, psi: np.ndarray, watched: list[str], is_local: bool) -> Iterator[str]:
    """A recurrent purification of the size that nqs chooses, against matrix products of pure and mixed states, whose
    size shots held out choose:
    500 shots in Z and in each of a hundred random settings with X and Y on six sites at most. Two ancillas and a part
    of white noise where that is the noise, an ancilla a site where the noise is local."""
    settings = chosen_settings("Z,pauli:100/6", 20, 1)
    noise, white, local = ("2 % a site", 0.0, 0.02) if is_local else ("10 % white", 0.1, 0.0)
    purified = {"ancillas": 20} if is_local else {"ancillas": 2, "white_noise": True}
    data = replace(simulate(psi, settings, 500, 1, depolarising=white, local=local), target=None)
    options: dict[str, Any] = {"seed": 1, "observables": watched}
    net = nqs.tomography(data, ansatz="purification", **purified, **options).summary
    best = net["baseline"]
    above = net["likelihood"]["held_out_nll"]["value"] - best["held_out_nll"]["value"]
    errors = _found(net, "held-out NLL above a matrix-product state, in errors")
    beaten = f"{best['method']} {best['bond']}"
    told = f"held out {above:+.4f} ({errors:+.1f} errors) against {beaten}"
    better = "network" if above < 0 else beaten
    yield line(f"{name}, {noise}", told, f"≤ 1 error; better: {better}", errors <= 1)
    chosen = {"bond": best["bond"], "ansatz": best["method"], "restarts": 1}
    other = nqs.tomography(data, **chosen, method="none", **options).summary
    far = [_far(s, psi, white, local) for s in (net, other)]
    told = f"worst of {len(watched)} observables off by {far[0]:.3f}, matrix products {far[1]:.3f}"
    yield line("", told, "≤ 0.03, or as near", far[0] <= max(0.03, far[1]))


def _far(summary: dict[str, Any], psi: np.ndarray, white: float, local: float) -> float:
    """How far the worst observable is from that of the noisy state."""
    found = 0.0
    for row in summary["observables"]:
        total = observable(row["name"], 20)
        weight = int((total.x | total.z).sum())
        exact = (1 - white) * (1 - local) ** weight * expectation(psi, total)
        found = max(found, abs(row["state"]["value"] - exact))
    return found


def _found(summary: dict[str, Any], check: str) -> float:
    return next(row["found"] for row in summary["checks"] if row["check"] == check)


def _random(sites: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng([sites, seed, 0x7AB])
    psi = rng.normal(size=2**sites) + 1j * rng.normal(size=2**sites)
    psi /= np.linalg.norm(psi)
    rho = (1 - _WHITE) * np.outer(psi, psi.conj()) + _WHITE * np.eye(2**sites) / 2**sites
    return psi, rho


def _shots(psi: np.ndarray, sites: int, seed: int, calibration: int) -> Any:
    settings = chosen_settings("all" if sites <= 4 else "pauli:100", sites, seed)
    more = {"depolarising": _WHITE, "readout": _READOUT, "calibration": calibration}
    return simulate(psi, settings, 1000, seed, **more)


ROWS = {
    "w": w_states,
    "ibm": ghz_device,
    "ions": ions,
    "noisy": noisy,
    "uncalibrated": uncalibrated,
    "pure": pure_shots,
    "coverage": coverage,
    "ghz20": lambda _: ghz_20(local=False),
    "ghz20-local": lambda _: ghz_20(local=True),
    "ising20": lambda _: ising_20(local=False),
    "ising20-local": lambda _: ising_20(local=True),
}
_REAL = ("w", "ibm", "ions")


def main() -> None:
    parser = argparse.ArgumentParser(description="What reconstructions of mixed states reach.")
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(ROWS)}")
    parser.add_argument("--seeds", type=int, default=10)
    asked = parser.parse_args()
    unknown = [name for name in asked.rows if name not in ROWS]
    if unknown:
        parser.error(f"there is no row {unknown[0]!r}; choose from {', '.join(ROWS)}.")
    for name in asked.rows or ROWS:
        if name in _REAL and not DATA:
            print(f"{name}: left out, NQS_DATA is not set", file=sys.stderr)
            continue
        for text in ROWS[name](asked.seeds):
            print(text, flush=True)


if __name__ == "__main__":
    main()
