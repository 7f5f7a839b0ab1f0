"""What a finished run says: likelihood, fidelity, energy, observables and entropies, beside shots."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nqs.ansatz.autoregressive import Normalised
from nqs.config.tomography import Tomography
from nqs.evaluation import completeness, observables
from nqs.evaluation.energy import sampled_energy
from nqs.evaluation.goodness import fresh_test
from nqs.evaluation.heldout import Estimate, nll
from nqs.evaluation.norm import Norm
from nqs.evaluation.scatter import Scatter, Unfixed
from nqs.evaluation.shot_fidelity import MOST_SITES, fidelity_from_shots
from nqs.jobs import hamiltonian
from nqs.jobs.bootstrap import refuse_one, scatter
from nqs.jobs.properties import beside, fidelity_to, number
from nqs.jobs.regions import entropies, region
from nqs.jobs.result import Result, load
from nqs.jobs.targets import read_target_or_run
from nqs.jobs.tomography import read_run, with_readout
from nqs.jobs.wide_judge import bound_of, nll_of
from nqs.jobs.wide_shots import together
from nqs.jobs.wide_typical import TYPICAL, some, typical
from nqs.measurement.dataset import Measurements
from nqs.measurement.effects import each_cell_once, generalised
from nqs.measurement.readout import Pair
from nqs.state.born import rotations_of
from nqs.state.reach import DENSE_SITES, DENSE_TERMS
from nqs.state.reading import shot_log_probabilities
from nqs.state.state import State
from nqs.systems.elements import elements
from nqs.systems.observable import observable
from nqs.systems.pauli import PauliSum

_PURPOSE = 0xE7A1
"""Added to the seed, so that samples are not those of the run."""


def evaluate(
    run: str | Path,
    *,
    ansatz: Any = None,
    data: Measurements | None = None,
    target: str | Path | Sequence[str | Path] | None = None,
    wanted: Sequence[str] = (),
    config: str | Path | None = None,
    bootstrap: int = 0,
    regions: Sequence[str] = (),
    samples: int = 16384,
    seed: int = 1,
) -> dict[str, Any]:
    """The numbers of a finished run, beside those of shots; nothing is written.

    ansatz: the Flax module of a run whose ansatz was the user's own. data: shots that the run did
    not see; those it was taught by where left out. target: file of a state, run, or two files of a density
    matrix. wanted: observables such as "X0 Z1", or sums. config: of a ground state, whose
    Hamiltonian is asked; a ground state's own where left out. bootstrap: refits behind the
    statistical errors of a tomography. regions: of sites, such as "0-3,7", whose entropies are
    asked; the first half where left out. samples, seed: where no vector or density matrix reaches.
    """
    refuse_one(bootstrap)
    result = load(run, ansatz)
    state = result.state
    fresh = data is not None
    asks = bool(bootstrap or wanted or target is not None or config is not None)
    taught = _taught(result, needed=bool(bootstrap) or not fresh) if asks or not fresh else None
    shots = taught if data is None else with_readout(Tomography(), data)
    if shots is not None and shots.sites != state.sites:
        raise ValueError(f"the run has {state.sites} sites and the shots {shots.sites}.")
    totals = [observable(text, state.sites) for text in wanted]
    half = [f"0-{state.sites // 2 - 1}"] if state.sites > 1 else []
    parts = [region(text, state.sites) for text in regions or half]
    asked = _hamiltonian(result, config)
    scattered = _scattered(result, taught, bootstrap, seed) if asks else None
    sampled = not state.dense
    drawn = state.whole().sample(samples, seed + _PURPOSE) if sampled else None
    known = (
        observables.of_whole(state, drawn, totals) if drawn else observables.of_state(state, totals)
    )
    found: dict[str, Any] = {
        "run": str(result.folder),
        "job": result.summary["job"],
        "verdict": result.summary["verdict"],
        "sites": state.sites,
        "samples": samples if sampled else None,
        "seed": seed,
        "likelihood": None if shots is None else _likelihood(result, shots, fresh, seed),
        "observables": [
            beside(text, own, shots, total, _told_by(scattered, state, taught, total))
            for text, own, total in zip(wanted, known, totals, strict=True)
        ],
    }
    found["entropies"], found["mutual_information"] = entropies(
        state, parts, samples, seed + 2 * _PURPOSE
    )
    if target is not None:
        files = [target] if isinstance(target, str | Path) else list(target)
        found["fidelity"] = fidelity_to(
            read_target_or_run(files, state.sites),
            ", ".join(map(str, files)),
            state,
            scattered,
            seed + 3 * _PURPOSE,
        )
    if fresh and shots is not None:
        found["fidelity_from_shots"] = _told(state, shots)
    if asked is not None:
        found["energy"] = _energy(state, asked, drawn, shots, scattered, seed)
    return found


def _told_by(
    scattered: Scatter | None, state: State, taught: Measurements | None, total: PauliSum
) -> Scatter | None:
    """How a number scatters; open where the settings that a mixed state was taught by do not tell it."""
    if (
        state.mixed
        and state.dense
        and taught is not None
        and completeness.tells(taught, total) is False
    ):
        rho = state.density_matrix()
        return Unfixed(rho, rho[None], True)
    return scattered


def _taught(result: Result, needed: bool) -> Measurements | None:
    """Shots of a tomography; None for a ground state, and where they are gone and not needed."""
    if result.summary["job"] != "tomography" or result.folder is None:
        return None
    try:
        return read_run(result.folder, None)[1].data
    except (ValueError, OSError):
        if needed:
            raise
        return None


def _scattered(
    result: Result, taught: Measurements | None, number: int, seed: int
) -> Scatter | None:
    if taught is not None:
        return scatter(result.state, taught, result.summary, number, seed)
    if number:
        raise ValueError(
            "a bootstrap draws new shots of a tomography; this run was taught by none."
        )
    return None


def _hamiltonian(result: Result, config: str | Path | None) -> hamiltonian.System | None:
    """The one asked for, or that of the run."""
    if config is None and result.summary["job"] == "ground-state" and result.folder is not None:
        config = result.folder / "config.toml"
    if config is None:
        return None
    found = hamiltonian.of_file(Path(config).expanduser())[0]
    if found.total.sites != result.state.sites:
        raise ValueError(
            f"the run has {result.state.sites} sites and the Hamiltonian of {config} {found.total.sites}."
        )
    return found


def _likelihood(
    result: Result, data: Measurements, fresh: bool, seed: int
) -> dict[str, Any] | None:
    """−log likelihood in nats per shot; None where the settings are out of reach. fresh: shots that the run did not
    see, whose goodness of fit is told as well."""
    state = result.state
    affordable = state.sites <= DENSE_SITES and len(data.settings) * 2**state.sites <= DENSE_TERMS
    if not affordable or (state.mixed and not state.dense):
        return _of_large(result, data, fresh, seed)
    log_p, counts = state.log_table(rotations_of(data)), data.table()
    readout = _readout(data, data.undone_pairs)
    found = {"nll": number(nll(log_p, counts)), "shots": data.shots, "readout": readout}
    if not fresh:
        return found
    taught = _taught_by(result)
    most = 4**state.sites - 1 if state.mixed else 2 * 2**state.sites - 2
    p_value = fresh_test(
        counts,
        each_cell_once(np.exp(log_p), data.settings),
        directions=min(int(result.summary["ansatz"]["parameters"]), most) if taught else 0,
        ratio=data.shots / taught if taught else 0.0,
        seed=seed,
    )
    return {**found, "p_value": p_value, "p_value_method": "likelihood ratio"}


def _readout(data: Measurements, undone: Sequence[Pair]) -> str:
    """What is done about readout errors. undone: the pairs of sites that are undone together."""
    if data.readout is None:
        return "as read"
    return "readout errors undone" + (
        " site by site" if len(undone) < len(data.readout_pairs) else ""
    )


def _taught_by(result: Result) -> int | None:
    """Shots that the state of a run was fitted to, or somewhat fewer; None of a ground state."""
    data = result.summary.get("data")
    return None if data is None else data["shots"] - data["held_out_shots"]


def _of_large(result: Result, data: Measurements, fresh: bool, seed: int) -> dict[str, Any] | None:
    """The same shot by shot, of a state that is normalised."""
    state = result.state
    normalised = isinstance(state.dilation.whole, Normalised)
    if not normalised or generalised(data.settings, data.effects):
        return None
    shots = together(data, seed=0)
    try:
        reader = shots.reader(state.model)
    except ValueError:  # it would have to write out too many strings, or sum over misread ones
        return None
    parts = some(shots.train, shots, reader)
    log_p = shot_log_probabilities(state.model, state.variables, reader.judging(), parts)
    found = {"nll": number(nll_of(log_p, shots)), "shots": sum(len(bits) for bits, _ in parts)}
    found["readout"] = _readout(data, ())
    if fresh:
        exact, taught = Norm(0.0, None), _taught_by(result)
        judging = reader.judging()
        p_value, _ = typical(state, exact, shots, judging, parts, log_p, seed, taught, fresh=True)
        found |= {"p_value": p_value, "p_value_method": TYPICAL}
    bound = bound_of(state, shots, parts, log_p)
    return found if bound is None else {**found, "ancilla_bound": bound}


def _told(state: State, data: Measurements) -> dict[str, Any] | None:
    """Fidelity with what was measured, by the shots alone; with the reason where it cannot be had."""
    if state.sites > MOST_SITES or state.mixed:
        return None
    try:
        told = fidelity_from_shots(state.vector(), data)
    except ValueError as problem:
        return {"value": None, "error": None, "method": str(problem)}
    return {**number(told.fidelity), "method": told.method}


def _energy(state, asked, drawn, shots, scattered, seed) -> dict[str, Any]:
    """⟨H⟩ and its variance, beside ⟨H⟩ of the shots where they tell every term."""
    total: PauliSum = asked.total
    if drawn is None:
        if state.mixed:
            own, variance = _energy_of_mixture(state.density_matrix(), total)
            return {
                **beside(asked.name, own, shots, total, scattered),
                "variance": number(variance),
            }
        vector = state.vector()
        image = total.times(vector)
        energy = float(np.vdot(vector, image).real)
        variance = Estimate(float(np.linalg.norm(image - energy * vector) ** 2), None)
        own = Estimate(energy, None)
    elif state.mixed:
        own, variance = observables.of_whole(state, drawn, [total])[0], None
    else:
        e = jax.tree.map(jnp.asarray, elements(total))
        found = sampled_energy(state, drawn, e, seed=seed)
        own, variance = found.energy, found.variance
    spread = None if variance is None else number(variance)
    return {**beside(asked.name, own, shots, total, scattered), "variance": spread}


def _energy_of_mixture(rho: np.ndarray, total: PauliSum) -> tuple[Estimate, Estimate]:
    """Tr Hρ and Tr H²ρ − (Tr Hρ)²."""
    images = np.stack([total.times(np.asarray(column, complex)) for column in rho.T], axis=1)  # Hρ
    energy = float(np.trace(images).real)
    again = [total.times(column)[i] for i, column in enumerate(images.T)]
    return Estimate(energy, None), Estimate(float(np.sum(again).real) - energy**2, None)
