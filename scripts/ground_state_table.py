"""Prints the table of ground states: every shipped config, against its exact energy and its bar.

    python scripts/ground_state_table.py [CASE …]

Each row is one `nqs ground-state` in a process of its own, so that its time and memory are
its own. Without names all rows are run, some forty minutes on two cores.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

CONFIGS = Path(__file__).resolve().parent.parent / "configs"


@dataclass(frozen=True)
class Case:
    """A config and its bars; None where there is none.

    error: of the energy, relative, statistical error not counted. v_score. standard_error:
    of the energy a site. gigabytes: largest memory. runs: settings of the config to repeat it with.
    """

    config: str
    error: float | None = None
    v_score: float | None = None
    standard_error: float | None = None
    gigabytes: float | None = None
    runs: tuple[str, ...] = ("seed=1",)


CASES = {
    "ising-chain-40": Case("ising_chain_40", 5e-6, 3e-6),
    "ising-chain-100": Case("ising_chain_100", 1e-5, 1e-5),
    "ising-ring-32": Case("ising_ring_32", None, 8e-6),
    "ising-6x6": Case("ising_6x6", None, 2e-6),
    "heisenberg-ring-20": Case("heisenberg_ring_20", None, 2e-6),
    "j1j2-4x4": Case("j1j2_4x4", 1e-4),
    "j1j2-4x4-sampled": Case("j1j2_4x4_sampled", 1e-3),
    "rydberg-4x4": Case("rydberg_4x4", 1e-4, None, 3e-5),
    "ising-disordered-24": Case(
        "ising_disordered_24",
        2e-5,
        2e-5,
        runs=tuple(f"hamiltonian.disorder_seed={seed}" for seed in range(5)),
    ),
    "ising-chain-1000": Case("ising_chain_1000", 1e-3, None, None, 4.0),
}

_SECONDS = 600


def run(case: Case, setting: str, folder: Path) -> tuple[dict, float, float]:
    """The summary of one run, its wall-clock seconds and its largest memory in GB."""
    command = [sys.executable, "-m", "nqs", "ground-state"]
    command += [str(CONFIGS / f"{case.config}.toml"), "--set", setting, "--json"]
    begun = time.monotonic()
    process = subprocess.Popen([*command, "--out", str(folder)], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - begun
    if status:
        raise SystemExit(f"{case.config} ended with status {os.waitstatus_to_exitcode(status)}.")
    summary = json.loads((folder / "summary.json").read_text())
    return summary, seconds, usage.ru_maxrss / 1e6


def met(case: Case, summary: dict, seconds: float, gigabytes: float) -> bool:
    """Whether a run holds every bar of its case; the energy within four errors of exact, or above."""
    energy, off = summary["energy"], summary["relative_error"]
    slack = 4 * (off["error"] or 0.0)
    answers = [seconds <= _SECONDS, off["value"] >= -slack]
    if case.error is not None:
        answers.append(abs(off["value"]) <= case.error)
    else:
        answers.append(abs(off["value"]) <= slack)
    if case.v_score is not None:
        answers.append(summary["v_score"] <= case.v_score)
    if case.standard_error is not None:
        answers.append(energy["per_site"]["error"] <= case.standard_error)
    if case.gigabytes is not None:
        answers.append(gigabytes <= case.gigabytes)
    return all(answers)


def row(name: str, case: Case, summary: dict, seconds: float, gigabytes: float) -> str:
    off, exact = summary["relative_error"], summary["exact"]["energy"]
    error = "exact sum" if off["error"] is None else f"± {off['error']:.1e}"
    bars = [
        f"{key} ≤ {value:.0e}"
        for key, value in (
            ("rel", case.error),
            ("V", case.v_score),
            ("σ/site", case.standard_error),
            ("GB", case.gigabytes),
        )
        if value is not None
    ]
    answer = "met" if met(case, summary, seconds, gigabytes) else "NOT MET"
    return (
        f"{name:<22}{exact:>15.7f}{summary['energy']['value']:>16.7f}{off['value']:>10.1e} "
        f"{error:<10}{summary['v_score']:>9.1e}{seconds:>6.0f}{gigabytes:>5.1f}  {', '.join(bars):<22} "
        f"{answer}{'' if summary['verdict'] == 'ok' else ' (warns)'}"
    )


def main() -> None:
    wanted = sys.argv[1:] or list(CASES)
    unknown = [name for name in wanted if name not in CASES]
    if unknown:
        raise SystemExit(f"unknown case {unknown[0]!r}; choose from {', '.join(CASES)}.")
    print(
        f"{'system':<22}{'exact':>15}{'energy':>16}{'rel.':>10} {'error':<10}{'V':>9}{'s':>6}{'GB':>5}  bar"
    )
    with tempfile.TemporaryDirectory() as scratch:
        for name in wanted:
            for number, setting in enumerate(CASES[name].runs):
                found = run(CASES[name], setting, Path(scratch) / f"{name}-{number}")
                label = name if len(CASES[name].runs) == 1 else f"{name} {setting[-1]}"
                print(row(label, CASES[name], *found), flush=True)


if __name__ == "__main__":
    main()
