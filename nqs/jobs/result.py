"""What a job hands back: the state, the summary, and how to find both again."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from flax import linen as nn

from nqs import ansatz as menu
from nqs.ansatz.prior import with_prior
from nqs.config.summary import read_summary
from nqs.evaluation import observables
from nqs.evaluation.fidelity import fidelity
from nqs.evaluation.heldout import Estimate
from nqs.report.wording import measured, v_score
from nqs.state import checkpoint
from nqs.state.outcomes import OutcomeModel
from nqs.state.state import State
from nqs.systems.observable import observable

BEST = "best.h5"


@dataclass(frozen=True)
class Result:
    """A finished run.

    state: the reconstructed state; an `OutcomeModel` where outcomes alone were learnt. summary: the numbers of summary.json.
    folder: where the run lies, None where it was kept in memory. draw: makes its figures.
    """

    state: Any
    summary: dict[str, Any]
    folder: Path | None = field(default=None)
    draw: Callable[[], list] | None = field(default=None, repr=False, compare=False)

    def fidelity(self, target: np.ndarray) -> float:
        """With a state vector or density matrix, exact."""
        return fidelity(self.state.exact(), target)

    def observable(self, text: str, samples: int = observables.SAMPLES, seed: int = 1) -> Estimate:
        """Expectation of a Pauli string such as "X0 X1", or of a sum such as "0.5 X0 - Z1 Z2".

        Exact as far as vectors (20 sites) and density matrices (12) reach, where its error is None; beyond from
        samples.
        """
        if isinstance(self.state, OutcomeModel):
            raise ValueError("outcomes alone were learnt; ask for observables in the config.")
        total = observable(text, self.state.sites)
        return observables.of_state(self.state, [total], samples, seed=seed)[0]

    def plot(self, *names: str):
        """The figures of the report, or those named, as a notebook shows them."""
        from nqs.report.plot import Figures

        every = Figures([] if self.draw is None else self.draw())
        return Figures(every[name] for name in names) if names else every

    def __repr__(self) -> str:
        lines = [f"{self.summary['job']} of {self.state.sites} sites: {self.summary['verdict']}"]
        for key in ("energy", "v_score", "relative_error"):
            if self.summary.get(key) is not None:
                shown = v_score(self.summary) if key == "v_score" else measured(self.summary[key])
                lines.append(f"  {key} {shown}")
        likelihood = self.summary.get("likelihood") or {}
        for key in ("nll", "held_out_nll"):
            if likelihood.get(key):
                number = likelihood[key]
                lines.append(f"  {key} {number['value']:.5f} ± {number['error']:.5f} nats per shot")
        if self.summary.get("fidelity"):
            found = self.summary["fidelity"]
            lines.append(f"  fidelity to target {found.get('fitted', found['value']):.5f}")
        return "\n".join(lines + [f"  ! {w}" for w in self.summary["warnings"]])


def write_state(folder: Path, state: State, name: str, options: dict[str, Any]) -> None:
    """The state alone, enough to load it again."""
    facts = {"ansatz": name, "options": options, "sites": state.sites}
    with_sites = {"variables": state.variables}
    checkpoint.save(folder / BEST, with_sites, facts)


def read_state(folder: Path, model: nn.Module | None = None) -> State:
    """The state of a finished run; ValueError where there is none, or a model of outcomes in its place."""
    path = folder / BEST
    if not path.is_file():
        raise ValueError(
            f"{folder} holds no finished state ({BEST} is missing); resume the run first."
        )
    facts = checkpoint.facts(path)
    name = facts["ansatz"]
    if name == "outcome":
        raise ValueError(
            f"{folder} holds a model of outcomes, which is no state; its numbers are in summary.json, and "
            "nqs.load_outcomes(RUN) draws from it."
        )
    if name in menu.ANSATZE or name in menu.DENSITIES:
        model = menu.build(name, facts["sites"], **facts["options"])
    elif model is None:
        raise ValueError(
            f"{folder} holds the ansatz {name!r}, a module of your own; load it in Python with "
            f"nqs.load(folder, {name}(…))."
        )
    else:
        given, known = menu.own_module(model, facts["sites"], held=name), facts["options"]
        rotated = tuple(known.get("rotated", ()))
        model = with_prior(given, facts["sites"], known.get("ones"), rotated)
    initial = State.initial(model, facts["sites"], seed=0)
    tree, _ = checkpoint.load(path, {"variables": initial.variables})
    return State(model, tree["variables"], facts["sites"])


def load_outcomes(folder: str | Path) -> OutcomeModel:
    """The model of outcomes of a run by ansatz 'outcome'."""
    from nqs.jobs.start import prepare

    prepare()
    from nqs.jobs.outcomes import loaded

    path = Path(folder).expanduser().resolve() / BEST
    if not path.is_file() or (facts := checkpoint.facts(path))["ansatz"] != "outcome":
        raise ValueError(f"{folder} holds no model of outcomes.")
    model, initial, effects = loaded(facts["options"], facts["sites"])
    tree, _ = checkpoint.load(path, {"variables": initial.variables})
    return OutcomeModel(model, tree["variables"], effects)


def load(folder: str | Path, ansatz: nn.Module | None = None) -> Result:
    """A run from its folder.

    ansatz: the Flax module of a run whose ansatz was the user's own.
    """
    from nqs.jobs.start import prepare

    prepare()
    path = Path(folder).expanduser().resolve()
    summary = read_summary(path)
    if summary.get("verdict") == "failed":
        raise ValueError(f"the run {path} failed: {' '.join(summary['warnings'])}")
    return Result(read_state(path, ansatz), summary, path, partial(_drawn_before, path))


def _drawn_before(folder: Path) -> list:
    from nqs.report.page import drawings_of

    return drawings_of(folder)
