"""A run: the folder it writes to, when it must stop, and the loop that drives a phase."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import jax
import numpy as np

from nqs.state import checkpoint
from nqs.training.fit import STEPS_PER_JUDGEMENT, Progress, Recipe, advance, begin
from nqs.training.objective import Objective

_CHECKPOINT_SECONDS = 20.0


class Interrupted(Exception):
    """A signal asked the run to stop; its checkpoint is written.

    name: of the signal. folder: of the run, None where nothing is written.
    """

    def __init__(self, name: str, folder: Path | None):
        super().__init__(name)
        self.name, self.folder = name, folder


class NumericalFailure(ArithmeticError):
    """No restart can go on; the last good state is kept."""


class Run:
    """Log, checkpoint and reasons to stop, shared by the phases of one training.

    folder: None keeps everything in memory. budget: seconds of training, those before an
    interruption included. time_limit: seconds from now. watch: called with each logged row, for a progress bar.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        budget: float | None = None,
        time_limit: float | None = None,
        watch: Callable[[dict], None] = lambda row: None,
    ):
        self.folder = folder
        self.stopped: str | None = None
        self.rows: list[dict] = []
        self.phases: dict[str, Any] = {}
        self.seconds = 0.0
        self.seconds_compiling = 0.0
        self.seconds_reading = 0.0
        self._watch = watch
        self._started = time.monotonic()
        self._saved = time.monotonic()
        self._limits = {"budget": budget, "time limit": time_limit}
        self._earlier = 0.0
        self._signal: str | None = None
        self._at_once = False
        self._log: IO[str] | None = None

    # Going on from a checkpoint

    def restore(self, templates: dict[str, Any]) -> str | None:
        """Take up the phases of the folder's checkpoint; a sentence where the latest was damaged."""
        assert self.folder is not None
        path, complaint = self.folder / "checkpoint.h5", None
        if not path.exists() and not checkpoint.previous(path).exists():
            (self.folder / "metrics.jsonl").unlink(missing_ok=True)
            return "The run was stopped before its first checkpoint; it begins again."
        try:
            facts = checkpoint.facts(path)
        except checkpoint.DamagedCheckpoint as problem:
            complaint = f"{problem} Went on from the checkpoint before it."
            path = checkpoint.previous(path)
            facts = checkpoint.facts(path)
        wanted = {name: templates[name] for name in facts["phases"]}
        self.phases, facts = checkpoint.load(path, wanted)
        self.phases = {name: jax.device_put(p) for name, p in self.phases.items()}
        self.seconds = self._earlier = facts["seconds"]
        self.seconds_reading = facts.get("seconds_reading", 0.0)
        log = self.folder / "metrics.jsonl"
        lines = log.read_text().splitlines() if log.exists() else []
        rows = [json.loads(line) for line in lines if line.endswith("}")]
        so_far = {name: reached(p) for name, p in self.phases.items()}
        self.rows = [r for r in rows if r["step"] <= so_far.get(r["phase"], -1)]
        log.write_text("".join(json.dumps(row) + "\n" for row in self.rows))
        return complaint

    # What is written

    def log(self, row: dict) -> None:
        """One JSON object, flushed; never NaN."""
        self.rows.append(row)
        self._watch(row)
        if self.folder is not None:
            if self._log is None:
                self._log = open(self.folder / "metrics.jsonl", "a")  # noqa: SIM115 (kept open)
            self._log.write(json.dumps(row, allow_nan=False) + "\n")
            self._log.flush()

    def save(self) -> None:
        """Write the checkpoint now."""
        if self.folder is not None:
            facts = {
                "phases": list(self.phases),
                "seconds": self.seconds,
                "seconds_reading": self.seconds_reading,
            }
            checkpoint.save(self.folder / "checkpoint.h5", self.phases, facts)
        self._saved = time.monotonic()

    # When to stop

    @contextmanager
    def listening(self) -> Iterator[None]:
        """SIGTERM and Ctrl-C end the run at the next dispatch, with a checkpoint."""

        def note(number, _):
            name = signal.Signals(number).name
            if self._at_once:
                raise Interrupted(name, self.folder)
            if self._signal == name == "SIGINT":  # a person asks twice: no more waiting
                os._exit(130)
            self._signal = name

        before = {}
        try:
            for number in (signal.SIGINT, signal.SIGTERM):
                before[number] = signal.signal(number, note)
        except ValueError:  # not in the main thread: nobody sends us signals here
            pass
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def judging(self) -> Iterator[None]:
        """All that is trained is saved: a signal ends the run where it is."""
        self.heed()
        self._at_once = True
        try:
            yield
        finally:
            self._at_once = False

    def out_of_time(
        self, share: float, *, of_limit: float | None = None, ahead: float = 0.0
    ) -> bool:
        """True once `share` of the budget is used, or `of_limit`, else the same, of the time limit.

        ahead: seconds that the next thing takes, of which no part can be left. Notes the reason.
        """
        of_limit = share if of_limit is None else of_limit
        for name, part in (("budget", share), ("time limit", of_limit)):
            left = self._left(name, part)
            if left is not None and left <= ahead:
                self.stopped = name
                return True
        return False

    def budget_left(self, share: float) -> float | None:
        """Seconds until `share` of the budget is used; None without one."""
        return self._left("budget", share)

    def _left(self, name: str, share: float) -> float | None:
        limit = self._limits[name]
        if limit is None:
            return None
        earlier = self._earlier if name == "budget" else 0.0
        return share * limit - earlier - (time.monotonic() - self._started)

    def heed(self, *, now: bool = False) -> None:
        """Between dispatches: checkpoint where due; raise Interrupted where a signal came."""
        if now or self._signal or time.monotonic() - self._saved > _CHECKPOINT_SECONDS:
            self.save()
        if self._signal:
            raise Interrupted(self._signal, self.folder)


def train(
    run: Run,
    phase: str,
    objective: Objective,
    recipe: Recipe,
    variables: Any,
    batch: Any,
    *,
    steps: int,
    share: float = 1.0,
    steps_per_dispatch: int = 100,
    enough: Callable[[Progress, list[dict]], bool] = lambda progress, rows: False,
    axes: Any = None,
) -> Progress:
    """Drive all restarts through a schedule of `steps`, from `variables` or where the run left off.

    Ends early, without a word to the caller but `run.stopped`, when `share` of the
    time is used, or `enough` says so of the progress and the rows of this phase.
    axes: as of `advance`, where each restart has data of its own. Raises NumericalFailure
    when every restart meets numbers that are not finite, Interrupted on a signal.
    """
    progress = run.phases.get(phase) or begin(variables, recipe.optimiser)
    judgements = steps_per_dispatch // STEPS_PER_JUDGEMENT
    first = True
    while reached(progress) < steps:
        refuse_hopeless(run, progress, recipe.rate)
        if enough(progress, [row for row in run.rows if row["phase"] == phase]):
            break  # asked first: a phase that had ended before an interruption is not out of time
        if run.out_of_time(share):
            break
        begun, before = time.monotonic(), reached(progress)
        progress, curve = advance(objective, recipe, progress, batch, steps, judgements, axes)
        curve = jax.tree.map(np.asarray, curve)
        spent = time.monotonic() - begun
        if first and not run.seconds_compiling:
            run.seconds_compiling = spent  # and the first dispatch with it
        else:
            run.seconds += spent
        first = False
        for i, (value, judged) in enumerate(zip(curve.value, curve.judged, strict=True)):
            step = before + (i + 1) * STEPS_PER_JUDGEMENT
            if step <= steps:
                run.log(log_row(phase, step, steps, value, judged))
        run.phases[phase] = progress
        run.heed()
    run.phases[phase] = progress
    run.heed(now=True)
    refuse_hopeless(run, progress, recipe.rate)
    return progress


def refuse_hopeless(run: Run, progress: Progress, rate: float) -> None:
    """NumericalFailure where every restart had to skip more than half of its steps."""
    if np.all(np.asarray(progress.skipped) > 0.5 * np.asarray(progress.step)):
        run.save()
        raise NumericalFailure(
            f"every restart met numbers that are not finite within {reached(progress)} steps; "
            f"the rate is {rate:g}, try a tenth of it."
        )


def reached(progress: Progress) -> int:
    """Steps that the furthest restart has taken."""
    # NumPy's maximum of a JAX array would be a program to compile
    return int(np.asarray(progress.step).max())


def log_row(phase: str, step: int, steps: int, value: np.ndarray, judged: np.ndarray) -> dict:
    """A line of the log: NLL of each restart on shots trained on, and on those held out."""

    def plain(numbers):
        return [float(x) if np.isfinite(x) else None for x in numbers]

    return {
        "phase": phase,
        "step": step,
        "steps": steps,
        "train_nll": plain(value),
        "held_out_nll": plain(judged) if np.isfinite(judged).any() else None,
    }
