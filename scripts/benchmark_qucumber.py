"""Speed against QuCumber on its own tutorial 1: 10 sites, 10,000 shots in Z, positive RBM of 10 hidden units.

    NQS_DATA=DATA python scripts/benchmark_qucumber.py --qucumber-python VENV/bin/python
    ... --repeats 9        more repeats (5 by default; each takes about a minute)
    ... --threads 2        threads of QuCumber; 1, the default, is its fastest on batches of 100
    ... --json             the same numbers as one JSON object

DATA holds qucumber/Tutorial1_TrainPosRealWaveFunction/. The other interpreter needs torch and
qucumber: pip install torch==2.13.0 numpy scipy matplotlib tqdm; pip install --no-deps qucumber==1.3.3.

Training alone: seconds until the fidelity with the true state first reaches 0.99, looked at every
10 epochs by QuCumber and every 10 steps here, the look itself off the clock, and so are reading,
building and compiling. QuCumber trains as its tutorial does (contrastive divergence of 10 steps,
batches of 100, rate 0.01); here it is full-batch Adam on the exact likelihood, one start, rate and
schedule below, chosen by the likelihood of the shots and the same for every seed. Neither sees
the true state but to stop the clock.

Whole process: from the shell to the exit, start-up and imports included. Here the command
`nqs tomography`, which also holds shots out, trains again on all, judges, checkpoints and writes a
report, with an empty compilation cache (cold) and again with the one it left (warm), and has to end
at 0.99 or better; there a process that ends once it has reached 0.99 and writes nothing,
the time of its looks subtracted.

All are measured in turn, round by round. A ratio is taken within a round, so other load on the
machine falls on both sides; processor seconds are printed beside.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

PEER = Path(__file__).with_name("peer_qucumber.py")
TUTORIAL = Path("qucumber") / "Tutorial1_TrainPosRealWaveFunction"
SITES, HIDDEN, WANTED = 10, 10, 0.99
STEPS, RATE = 300, 0.2
TRAININGS = 5
"""Short trainings of ours in a round, each with a seed of its own; their median is the round's."""

BARS = {"training alone": 300, "process, cold": 10, "process, warm": 10}


class Cost(NamedTuple):
    """Wall and processor seconds."""

    wall: float
    cpu: float


class Round(NamedTuple):
    """One measurement of everything: (QuCumber, nqs) by what was measured, and how it ended."""

    costs: dict[str, tuple[Cost, Cost]]
    ended: dict[str, Any]


class Training:
    """Our training, compiled once; each call trains from a new seed until the clock stops."""

    def __init__(self, shots_file: Path, target_file: Path):
        from nqs.jobs.start import prepare

        prepare()
        import jax

        from nqs.ansatz import build
        from nqs.measurement import formats
        from nqs.measurement.target import read_target
        from nqs.training.fit import Recipe
        from nqs.training.likelihood import NegativeLogLikelihood, shots

        data = formats.read([shots_file], formats.Options())
        self._target = read_target(target_file, SITES)
        self._batch = jax.device_put(shots(data))
        self._model = build("rbm-positive", SITES, hidden=HIDDEN)
        self._objective = NegativeLogLikelihood(self._model, SITES)
        self._recipe = Recipe(RATE)
        self(seed=0)  # compiles

    def __call__(self, seed: int) -> tuple[Cost, dict[str, Any]]:
        """Seconds of training until WANTED, and where that was; ends with the schedule at the latest."""
        import jax

        from nqs.evaluation.fidelity import fidelity
        from nqs.state.state import State, initial_variables
        from nqs.training.fit import advance, begin

        progress = begin(initial_variables(self._model, SITES, seed, 1))
        jax.block_until_ready(progress)
        wall = cpu = reached = 0.0
        step = 0
        while step < STEPS and reached < WANTED:
            begun = time.perf_counter(), time.process_time()
            progress, _ = advance(self._objective, self._recipe, progress, self._batch, STEPS, 1)
            jax.block_until_ready(progress)
            wall += time.perf_counter() - begun[0]
            cpu += time.process_time() - begun[1]
            step = int(progress.step[0])
            first = jax.tree.map(lambda leaf: leaf[0], progress.variables)
            reached = fidelity(State(self._model, first, SITES).vector(), self._target)
        return Cost(wall, cpu), {"seed": seed, "steps": step, "fidelity": reached}


def timed(command: Sequence[str | Path], **environment: str) -> tuple[Cost, str]:
    """A process from start to exit, and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.perf_counter()
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, env={**os.environ, **environment}
    )
    wall = time.perf_counter() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stderr[-2000:]}")
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return Cost(wall, cpu), done.stdout


def tomography(
    shots_file: Path, target_file: Path, seed: int, cache: Path, out: Path
) -> tuple[Cost, float]:
    """The command, and the fidelity it ended with."""
    command = [
        *(Path(sys.executable).with_name("nqs"), "tomography", shots_file),
        *("--ansatz", "rbm-positive", "--set", f"ansatz.hidden={HIDDEN}"),
        *("--set", "training.restarts=1", "--set", f"training.steps={STEPS}"),
        *("--set", f"training.rate={RATE}", "--seed", str(seed), "--target", target_file),
        *("--out", out, "--quiet"),
    ]
    cost, _ = timed(command, NQS_CACHE=str(cache))
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    return cost, summary["fidelity"]["value"]


def qucumber(
    python: str, shots_file: Path, target_file: Path, seed: int, threads: int
) -> tuple[Cost, Cost, dict[str, Any]]:
    """Cost of its training and of its whole process less the looks at the fidelity."""
    process, printed = timed(
        [
            *(python, PEER, shots_file, target_file, "--seed", str(seed)),
            *("--threads", str(threads), "--hidden", str(HIDDEN), "--fidelity", str(WANTED)),
        ],
        OMP_NUM_THREADS=str(threads),
    )
    found = json.loads(printed)
    if not found["reached"]:
        remark(f"QuCumber stood at {found['fidelity']:.4f} after {found['epochs']} epochs")
    looks = found["metric_seconds"]
    training = Cost(found["seconds"], found["cpu_seconds"])
    return training, Cost(process.wall - looks, process.cpu - looks), found


def measured(
    python: str, files: tuple[Path, Path], training: Training, seed: int, threads: int
) -> Round:
    """One round: half of our short trainings before QuCumber's long one, the others after."""
    seeds = range(TRAININGS * seed, TRAININGS * (seed + 1))
    before = [training(s) for s in seeds[: TRAININGS // 2]]
    their_training, their_process, found = qucumber(python, *files, seed, threads)
    ours = before + [training(s) for s in seeds[TRAININGS // 2 :]]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cold, first = tomography(*files, seed, folder / "cache", folder / "cold")
        warm, second = tomography(*files, seed, folder / "cache", folder / "warm")
    our_training = Cost(
        *(statistics.median(column) for column in zip(*(c for c, _ in ours), strict=True))
    )
    return Round(
        {
            "training alone": (their_training, our_training),
            "process, cold": (their_process, cold),
            "process, warm": (their_process, warm),
        },
        {
            "qucumber": found,
            "training alone": [where for _, where in ours],
            "process, cold": first,
            "process, warm": second,
            "load": os.getloadavg()[0],
        },
    )


def least_fidelity(rounds: list[Round], what: str) -> float:
    found = [r.ended[what] for r in rounds]
    if what == "training alone":
        return min(where["fidelity"] for trainings in found for where in trainings)
    return min(found)


def summarised(rounds: list[Round], what: str) -> dict[str, Any]:
    """Median, least and largest of both sides and of their ratio, and whether the bar is met."""
    theirs, ours = zip(*(r.costs[what] for r in rounds), strict=True)
    ratio = three([t.wall / o.wall for t, o in zip(theirs, ours, strict=True)])
    least = least_fidelity(rounds, what)
    return {
        "qucumber_s": three([t.wall for t in theirs]),
        "nqs_s": three([o.wall for o in ours]),
        "ratio": ratio,
        "qucumber_cpu_s": three([t.cpu for t in theirs]),
        "nqs_cpu_s": three([o.cpu for o in ours]),
        "cpu_ratio": three([t.cpu / o.cpu for t, o in zip(theirs, ours, strict=True)]),
        "nqs_least_fidelity": least,
        "bar": BARS[what],
        "met": ratio["median"] >= BARS[what] and least >= WANTED,
    }


def three(values: Sequence[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def spread(numbers: dict[str, float]) -> str:
    """Median (least to largest), to three digits."""
    median, least, most = (digits(numbers[k]) for k in ("median", "min", "max"))
    return f"{median} ({least}–{most})"


def digits(x: float) -> str:
    return f"{x:.0f}" if x >= 100 else f"{x:.3g}"


def table(report: dict[str, Any]) -> str:
    """What is printed where JSON is not asked for."""
    heads = ("", "QuCumber, s", "nqs, s", "ratio", "bar", "")
    lines = [heads]
    for what, row in report["measured"].items():
        met = "met" if row["met"] else "MISSED"
        walls = (spread(row[k]) for k in ("qucumber_s", "nqs_s", "ratio"))
        lines.append((what, *walls, f"≥ {row['bar']}", met))
        cpus = (spread(row[k]) for k in ("qucumber_cpu_s", "nqs_cpu_s", "cpu_ratio"))
        lines.append(("  processor time", *cpus, "", ""))
    widths = [max(map(len, column)) + 2 for column in zip(*lines, strict=True)]
    drawn = [
        "".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines
    ]
    setup, rounds = report["setup"], report["rounds"]
    epochs = three([r["ended"]["qucumber"]["epochs"] for r in rounds])
    steps = three([t["steps"] for r in rounds for t in r["ended"]["training alone"]])
    ends = [r["ended"][f"process, {c}"] for r in rounds for c in ("cold", "warm")]
    notes = [
        f"Median (least–largest) of {len(rounds)} rounds; load {spread(report['load'])} "
        f"on {setup['cores']} cores.",
        f"To fidelity {WANTED}: QuCumber {spread(epochs)} epochs, nqs {spread(steps)} steps. "
        f"The command ends at {min(ends):.4f} to {max(ends):.4f}.",
        f"nqs: Adam on the exact likelihood, one start, peak rate {RATE} with warm-up and cosine "
        f"decay over {STEPS} steps; {setup['nqs threads']}.",
        f"QuCumber: CD-10, batches of 100, rate 0.01; {setup['qucumber threads']} thread(s).",
        ", ".join(f"{name} {number}" for name, number in setup["versions"].items()) + ".",
    ]
    return "\n".join([*drawn, "", *notes])


def remark(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


def peer_versions(python: str | None) -> dict[str, str] | str:
    """Versions of the other side, or a sentence why it cannot be measured."""
    if python is None:
        return "no interpreter with QuCumber was given; name one with --qucumber-python."
    try:
        asked = subprocess.run([python, str(PEER)], capture_output=True, text=True)
    except OSError as problem:
        return f"{python} cannot be run ({problem.strerror})."
    if asked.returncode:
        reason = (asked.stderr.strip().splitlines() or ["no reason given"])[-1]
        return f"{python} has no working QuCumber ({reason})."
    return json.loads(asked.stdout)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--qucumber-python", metavar="PATH", help="interpreter with QuCumber")
    parser.add_argument("--repeats", type=int, default=5, help="rounds")
    parser.add_argument("--threads", type=int, default=1, help="of QuCumber")
    parser.add_argument("--json", action="store_true", help="print JSON in place of the table")
    chosen = parser.parse_args()
    theirs = peer_versions(chosen.qucumber_python)
    if isinstance(theirs, str):
        print(f"skipped: {theirs}")
        return 0
    folder = Path(os.environ.get("NQS_DATA", "/nonexistent")) / TUTORIAL
    files = (folder / "tfim1d_data.txt", folder / "tfim1d_psi.txt")
    if not all(f.is_file() for f in files):
        print(f"skipped: NQS_DATA holds no {TUTORIAL}.")
        return 0
    os.environ.pop("JAX_COMPILATION_CACHE_DIR", None)  # it would take the place of ours
    os.environ["NQS_CACHE"] = ""
    training = Training(*files)
    rounds = []
    for seed in range(1, chosen.repeats + 1):
        rounds.append(measured(chosen.qucumber_python, files, training, seed, chosen.threads))
        walls = ", ".join(
            f"{what} {digits(a.wall)} and {digits(b.wall)} s"
            for what, (a, b) in rounds[-1].costs.items()
        )
        remark(f"round {seed} of {chosen.repeats}: {walls}")
    ours = {"nqs": version("nqs"), "jax": version("jax"), "numpy": np.__version__}
    report = {
        "measured": {what: summarised(rounds, what) for what in BARS},
        "setup": {
            "cores": len(os.sched_getaffinity(0)),
            "qucumber threads": chosen.threads,
            "nqs threads": "threads as XLA chooses",
            "steps": STEPS,
            "rate": RATE,
            "versions": {
                **{name: theirs[name] for name in ("qucumber", "torch")},
                **ours,
                "python": f"{platform.python_version()} and {theirs['python']}",
            },
        },
        "load": three([r.ended["load"] for r in rounds]),
        "rounds": [r._asdict() for r in rounds],
    }
    print(json.dumps(report, indent=2) if chosen.json else table(report))
    return 0 if all(row["met"] for row in report["measured"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
