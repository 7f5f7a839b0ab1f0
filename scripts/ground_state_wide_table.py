"""Prints the table of wide ground states: two dimensions, frustration, fermions, long chains, a gap.

    python scripts/ground_state_wide_table.py [CASE …]

Each row is one `nqs ground-state` of a shipped config (the gap two) in a process of its own, up to
twenty minutes on two cores. Without names all rows are run, an hour and a half or so; those that end in
-gpu need a graphics card, and are run by their names alone. Beside each stands what it is compared with:
the exact energy, or the best that is published and how it was found.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CONFIGS = Path(__file__).resolve().parent.parent / "configs"
_SECONDS = 1200

Measure = Callable[[dict[str, Any]], tuple[float, float]]
"""Of a summary: what is to be small, and its statistical error."""


def v_score(summary: dict[str, Any]) -> tuple[float, float]:
    return summary["v_score"], summary["v_score_error"] or 0.0


def relative(summary: dict[str, Any]) -> tuple[float, float]:
    off = summary["relative_error"]
    return abs(off["value"]), off["error"] or 0.0


def absolute(summary: dict[str, Any]) -> tuple[float, float]:
    value, error = relative(summary)
    scale = abs(summary["exact"]["energy"])
    return value * scale, error * scale


def per_site(summary: dict[str, Any]) -> tuple[float, float]:
    value, error = absolute(summary)
    return value / summary["sites"], error / summary["sites"]


@dataclass(frozen=True)
class Case:
    """A config, what of it is judged and its bar. beside: a published number and its source."""

    config: str
    name: str
    measure: Measure
    bar: float
    beside: str = ""


CASES = {
    "heisenberg-6x6": Case(
        "heisenberg_6x6", "V", v_score, 5e-5, "best published recurrent state: V 1.5e-4"
    ),
    "j1j2-6x6": Case("j1j2_6x6", "V", v_score, 3e-3),
    "j1j2-chain-100": Case("j1j2_chain_100", "rel", relative, 2e-4, "DMRG, bond 160"),
    "rydberg-8x8": Case("rydberg_8x8", "a site", per_site, 5e-4, "quantum Monte Carlo"),
    "ising-12x12": Case("ising_12x12", "V", v_score, 2e-5, "FlowKet: V 5.7e-7 on GPUs"),
    "lithium-hydride": Case("lithium_hydride", "hartree", absolute, 1.6e-3),
    "hubbard-ring-4": Case("hubbard_ring_4", "rel", relative, 1e-4),
    "ising-chain-1000": Case("ising_chain_1000", "rel", relative, 3e-4),
    "j1j2-4x4-sampled": Case("j1j2_4x4_sampled", "rel", relative, 3e-4),
}
ON_CARDS = {
    "ising-12x12-gpu": Case("ising_12x12_gpu", "V", v_score, 1e-6, "FlowKet: V 5.7e-7"),
    "heisenberg-10x10-gpu": Case("heisenberg_10x10_gpu", "V", v_score, 3e-5),
    "j1j2-10x10-gpu": Case(
        "j1j2_10x10_gpu",
        "rel",
        relative,
        2.5e-3,
        "a vision transformer: 2.5e-3 in 100 min on an A100",
    ),
}
_GAP = "ising-ring-16-gap"
_GAP_BAR = 0.01


def run(config: str, folder: Path, *words: str) -> tuple[dict[str, Any], float]:
    """The summary of one run and its wall-clock seconds."""
    command = [
        sys.executable,
        "-m",
        "nqs",
        "ground-state",
        str(CONFIGS / f"{config}.toml"),
        "--json",
    ]
    begun = time.monotonic()
    done = subprocess.run(
        [*command, "--out", str(folder), *words], stdout=subprocess.DEVNULL, check=False
    )
    if done.returncode:
        raise SystemExit(f"{config} ended with status {done.returncode}.")
    return json.loads((folder / "summary.json").read_text()), time.monotonic() - begun


def line(
    name: str, known: float, found: str, bar: str, met: bool, parameters: int, seconds: float
) -> str:
    answer = "met" if met and seconds <= _SECONDS else "NOT MET"
    return (
        f"{name:<21}{known:>14.7f}  {found:<36}{bar:<20}{parameters:>7,}{seconds:>6.0f} s  {answer}"
    )


def row(name: str, case: Case, scratch: Path) -> str:
    summary, seconds = run(case.config, scratch / name)
    value, error = case.measure(summary)
    shown = f"{summary['energy']['value']:.6f}  {case.name} {value:.1e} ± {error:.0e}"
    told = line(
        name,
        summary["exact"]["energy"],
        shown,
        f"{case.name} ≤ {case.bar:.1e}",
        value <= case.bar,
        summary["ansatz"]["parameters"],
        seconds,
    )
    warned = "" if summary["verdict"] == "ok" else " (warns)"
    return told + warned + (f"  {case.beside}" if case.beside else "")


def gap_row(scratch: Path) -> str:
    """The first gap: a ground state, and the lowest odd state, by exact sums both."""
    ground, first = run("ising_ring_16", scratch / "ground")
    odd = ["ansatz.signed=true", "ansatz.odd=true", f'excited.above=["{scratch / "ground"}"]']
    words = [word for setting in odd for word in ("--set", setting)]
    excited, second = run("ising_ring_16", scratch / "excited", *words)
    exact = excited["exact"]["energy"] - ground["exact"]["energy"]
    off = abs(excited["gap"]["value"] / exact - 1)
    parameters = excited["ansatz"]["parameters"]
    return line(
        _GAP,
        exact,
        f"rel {off:.1e}",
        f"{_GAP_BAR:.0%}",
        off <= _GAP_BAR,
        parameters,
        first + second,
    )


def main() -> None:
    names = [*CASES, _GAP]
    wanted, every = sys.argv[1:] or names, [*names, *ON_CARDS]
    unknown = [name for name in wanted if name not in every]
    if unknown:
        raise SystemExit(f"unknown case {unknown[0]!r}; choose from {', '.join(every)}.")
    with tempfile.TemporaryDirectory() as folder:
        for name in wanted:
            scratch = Path(folder)
            case = (CASES | ON_CARDS).get(name)
            print(row(name, case, scratch) if case else gap_row(scratch), flush=True)


if __name__ == "__main__":
    main()
