"""Ground states over values of a key, each begun from the state before it, with a table and a figure.

    python scripts/sweep.py configs/ising_ring_32.toml --over hamiltonian.h=0.5:1.5:11 --out sweep
    python scripts/sweep.py configs/ising_chain_40.toml --over "hamiltonian.size=[20],[30],[40]" --out sizes

Beside the folder of every run the --out folder holds sweep.csv and sweep.svg, which are written anew
after each point. The same command goes on where it was interrupted. --observable "Z0 Z1" adds a column.
"""

import argparse
import sys
from pathlib import Path

from nqs.jobs.sweep import over, sweep
from nqs.report.figure_sweep import sweep_figure
from nqs.training.run import Interrupted


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("config", type=Path)
    parser.add_argument("--over", required=True, metavar="KEY=VALUES")
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="settings")
    parser.add_argument("--observable", action="append", default=[], metavar="PAULI")
    parser.add_argument("--cold", action="store_true", help="begin every point at random")
    asked = parser.parse_args()
    rows: list[dict] = []
    try:
        swept = over(asked.over)
        for row in sweep(
            asked.config,
            swept,
            asked.out,
            settings=asked.settings,
            observables=asked.observable,
            cold=asked.cold,
            tell=print,
        ):
            if not rows:
                print(f"{swept.key:>16} {'energy':>16} {'error':>9} {'V-score':>9}  verdict")
            rows.append(row)
            drawing = sweep_figure(rows, swept.key, asked.observable)
            (asked.out / "sweep.svg").write_text(drawing.svg, encoding="utf-8")
            (asked.out / "sweep.csv").write_text(drawing.csv, encoding="utf-8")
            if row["energy"] is None:
                print(f"{row[swept.key]!s:>16} {'failed':>16}", flush=True)
                continue
            error = "exact" if row["energy_error"] is None else f"{row['energy_error']:.1e}"
            score = "" if row["v_score"] is None else f"{row['v_score']:.1e}"
            print(
                f"{row[swept.key]!s:>16} {row['energy']:>16.8f} {error:>9} {score:>9}  {row['verdict']}",
                flush=True,
            )
    except ValueError as problem:
        print(f"sweep: {problem}", file=sys.stderr)
        return 2
    except Interrupted as signal:
        print(f"sweep: stopped by {signal}; the same command goes on.", file=sys.stderr)
        return 75
    return 0


if __name__ == "__main__":
    sys.exit(main())
