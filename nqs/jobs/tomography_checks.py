"""What a tomography refuses to do, before JAX is loaded, and which job learns the state."""

from collections.abc import Iterable
from importlib import import_module
from types import ModuleType
from typing import Any

from nqs.config.menu import (
    AUTO,
    AUTOREGRESSIVE,
    DEFAULT_ANSATZ,
    LATTICE,
    MIXED,
    NOISE,
    PRODUCTS,
    SUMMED_ANCILLAS,
    lattice_size,
    refuse_many_ancillas,
    refuse_unknown_ansatz,
)
from nqs.config.tomography import Tomography
from nqs.jobs.choices import is_mixed, vectors_of
from nqs.measurement.dataset import Measurements
from nqs.measurement.effects import generalised
from nqs.measurement.kinds import refuse_too_many_terms
from nqs.measurement.outcomes import outcomes_of
from nqs.measurement.readout import refuse_blind_readout
from nqs.state.reach import (
    DENSE_SITES,
    DENSE_TERMS,
    MATRIX_LIKELIEST_SITES,
    MATRIX_SITES,
    VECTOR_SITES,
    refuse_out_of_reach,
    within_reach,
)
from nqs.systems.observable import observable


def is_wide(config: Tomography, data: Measurements) -> bool:
    """Whether the likelihood is that of interfering branches: by the config, for a ladder, by size."""
    if config.ansatz.name == "lpdo":
        return True
    if config.training.likelihood is not None:
        return config.training.likelihood == "branch"
    dense = within_reach(data.sites, len(data.settings), data.levels)
    if is_mixed(config):
        work = len(data.settings) * 2**data.sites * vectors_of(config, data.sites)
        dense = dense and data.sites <= MATRIX_SITES and work <= DENSE_TERMS
        # all amplitudes of the whole state are needed by the judges as well
        dense = dense and data.sites + _ancillas(config) <= VECTOR_SITES
    if config.ansatz.name == AUTO:  # of few sites it tries descriptions, of many sizes
        return not (dense and data.sites <= MATRIX_LIKELIEST_SITES)
    return not dense


def _ancillas(config: Tomography) -> int:
    """Of a purification, as far as the config says; 0 of others."""
    return config.ansatz.ancillas or 0 if config.ansatz.name == "purification" else 0


def way_of(config: Tomography, data: Measurements) -> ModuleType:
    """The job that learns the state: choose, templates, reconstruct, cost, and its JUDGE."""
    if config.ansatz.name == "outcome":
        return import_module("nqs.jobs.outcomes")
    if is_wide(config, data):
        return import_module("nqs.jobs.wide")
    general = generalised(data.settings, data.effects)
    mixed = config.ansatz.name == AUTO or is_mixed(config) or general
    return import_module(f"nqs.jobs.{'mixed' if mixed else 'reconstruct'}")


def refuse_idle(table: Any, keys: Iterable[str], beside: str) -> None:
    """ValueError where a key is given that would have no effect."""
    for key in keys:
        if getattr(table, key) not in (None, []):
            raise ValueError(f"{key} has no effect beside {beside}; leave it out.")


def check(config: Tomography, data: Measurements, *, own: bool = False) -> None:
    """ValueError where the data or the ansatz asked for cannot be done, before JAX is loaded.

    own: whether the ansatz is a module of the user's, not one of the menu.
    """
    if config.ansatz.name == "outcome" and not own:
        _check_outcomes(config, data)
        return
    if is_wide(config, data):
        _check_wide(config, data, own)
    else:
        refuse_out_of_reach(data.sites, len(data.settings), data.levels)
        _check_mixed(config, data)
    if config.training.optimiser != "natural":
        refuse_idle(config.training, ("shift", "trust"), "optimiser adam")
    if config.evaluation.bootstrap == 1:
        raise ValueError("evaluation.bootstrap is 1; one refit has no spread, take 100.")
    refuse_blind_readout(data.readout, data.readout_pairs)
    for text in config.evaluation.observables:
        observable(text, data.sites)
    if generalised(data.settings, data.effects):
        _check_generalised(config, data)
    if not own:
        _check_ansatz(config, data)
        given = config.ansatz.model_dump(exclude={"name"}, exclude_none=True)
        if given or config.training.optimiser == "natural":
            _check_built(config, data)


def _check_outcomes(config: Tomography, data: Measurements) -> None:
    """ValueError where the shots are no outcomes of one measurement a site, or more is asked for than is there."""
    options = config.ansatz.model_dump(exclude={"name"}, exclude_none=True)
    refuse_unknown_ansatz("outcome", options)
    if any(options.get(key) for key in NOISE):
        raise ValueError("ansatz 'outcome' models outcomes as they are; leave the noise out.")
    if config.training.optimiser == "natural":
        raise ValueError(
            "natural gradients are those of states; choose training.optimiser adam for outcomes."
        )
    if config.evaluation.bootstrap:
        raise ValueError("evaluation.bootstrap refits states; leave it out for ansatz 'outcome'.")
    if data.readout is not None and generalised(data.settings, data.effects):
        _refuse_readout_of_effects()
    refuse_idle(config.training, ("likelihood", "chains", "sweeps"), "ansatz outcome")
    if config.baseline.method not in (None, "none"):
        raise ValueError(
            "baseline.method names states, and ansatz 'outcome' is none; leave it out."
        )
    for text in config.evaluation.observables:
        observable(text, data.sites)
    outcomes_of(data)


def _refuse_readout_of_effects() -> None:
    raise ValueError(
        "readout errors of generalised measurements are a part of their effects; leave the matrices out."
    )


def _check_generalised(config: Tomography, data: Measurements) -> None:
    """ValueError where measurements of more or other outcomes than two projectors cannot be read."""
    if is_wide(config, data):
        raise ValueError(
            "generalised measurements are read from all outcomes, up to 2^25 of them; these shots have "
            f"{data.levels}^{data.sites} in {len(data.settings)} settings, or their likelihood is that of branches."
        )
    if data.readout is not None:
        _refuse_readout_of_effects()
    if config.training.optimiser == "natural":
        raise ValueError(
            "natural gradients are those of projective measurements; choose training.optimiser adam."
        )
    if config.ansatz.readout_errors:
        raise ValueError(
            "ansatz.readout_errors is for two outcomes a site; leave it out of generalised measurements."
        )


def _check_mixed(config: Tomography, data: Measurements) -> None:
    """ValueError where a description of few sites is asked for that cannot be had."""
    name = config.ansatz.name
    exact = name in (AUTO, "low-rank")
    if exact and data.sites > MATRIX_LIKELIEST_SITES:
        raise ValueError(
            f"ansatz {name!r} looks for the most likely state among all amplitudes, up to "
            f"{MATRIX_LIKELIEST_SITES} sites; these shots have {data.sites}. "
            + (
                "Leave out training.likelihood."
                if name == AUTO
                else "Choose purification or density-rbm."
            )
        )
    if exact:
        refuse_idle(
            config.training,
            [key for key in type(config.training).model_fields if key != "likelihood"],
            f"ansatz {name}, whose most likely state is found without training",
        )
    if not is_mixed(config):
        return
    if data.sites > MATRIX_SITES:
        raise ValueError(
            f"mixed states and noise beside a state are judged by density matrices, up to {MATRIX_SITES} sites; "
            f"these shots have {data.sites}. Choose a pure ansatz."
        )
    if config.training.optimiser == "natural":
        raise ValueError(
            "natural gradients are those of pure states; choose training.optimiser adam."
        )
    if config.evaluation.bootstrap and data.sites > MATRIX_LIKELIEST_SITES:
        raise ValueError(
            f"refits of mixed states reach to {MATRIX_LIKELIEST_SITES} sites, and these shots have {data.sites}; "
            "leave evaluation.bootstrap out."
        )
    ancillas = _ancillas(config)
    if data.sites + ancillas > VECTOR_SITES:
        raise ValueError(
            f"all amplitudes of {data.sites} sites and {ancillas} ancillas are out of reach; the limit is "
            f"{VECTOR_SITES} of both. Take fewer ancillas, or leave training.likelihood out."
        )
    vectors = vectors_of(config, data.sites)
    if config.ansatz.rank and config.ansatz.rank > 2**data.sites:
        raise ValueError(
            f"ansatz.rank is {config.ansatz.rank}; a mixed state of {data.sites} sites has at most "
            f"{2**data.sites} vectors."
        )
    work = len(data.settings) * 2**data.sites * vectors
    if work > DENSE_TERMS:
        raise ValueError(
            f"{len(data.settings)} settings of {data.sites} sites and {vectors} vectors need {work:.3g} "
            f"amplitudes at every step; the limit is {DENSE_TERMS:.3g}. Take fewer settings, vectors or ancillas."
        )


def _check_built(config: Tomography, data: Measurements) -> None:
    """ValueError where options of the ansatz do not fit each other, the sites or the memory; loads JAX."""
    from nqs.jobs.start import prepare

    prepare()
    from nqs import ansatz

    chosen, _, _ = way_of(config, data).choose(config, data)
    if chosen.ansatz.name != AUTO:
        options = chosen.ansatz.model_dump(exclude={"name"}, exclude_none=True)
        ansatz.build(str(chosen.ansatz.name), data.sites, **options)


def _check_ansatz(config: Tomography, data: Measurements) -> None:
    """ValueError where what is asked of the ansatz is unknown, or would not be heeded."""
    ansatz = config.ansatz
    name = ansatz.name or (AUTO if is_wide(config, data) else DEFAULT_ANSATZ)
    size = ansatz.size or data.lattice or ()
    if name == AUTO:
        refuse_idle(ansatz, sorted({*type(ansatz).model_fields} - {"name", "size"}), "ansatz auto")
        if ansatz.size:
            lattice_size("recurrent-2d", data.sites, size)
        return
    refuse_unknown_ansatz(name, ansatz.model_dump(exclude={"name"}, exclude_none=True))
    if name == "pair-product":
        raise ValueError(
            "ansatz 'pair-product' is zero wherever there are not as many spins up as down, and shots need not "
            "keep to that; it is for ground states. Choose conv."
        )
    if ansatz.ancillas is not None:
        refuse_many_ancillas(name, ansatz.ancillas, data.sites)
    if name in LATTICE:
        lattice_size(name, data.sites, size)


def _check_wide(config: Tomography, data: Measurements, own: bool) -> None:
    name = config.ansatz.name or AUTO
    _check_wide_mixed(config, data, name)
    if config.evaluation.bootstrap:
        raise ValueError(
            "evaluation.bootstrap refits every data set from all amplitudes, which reach to "
            f"{DENSE_SITES} sites; leave it out."
        )
    ansatz = config.ansatz
    turned = ansatz.phase is not False or data.only_z
    whole = name in (*PRODUCTS, AUTO) and not own and turned
    whole = whole and not (ansatz.even or ansatz.average)
    if not whole:  # only complex matrix products are contracted
        if data.readout is not None:
            raise ValueError(
                "beyond all amplitudes at once a misread shot is a sum over all strings that may have been meant, "
                f"which matrix products alone do in one go, and the ansatz is {name!r}. Choose --ansatz mps or "
                "lpdo, or set data.readout to none."
            )
        ancillas = _ancillas(config)
        ancillas = 0 if ancillas > SUMMED_ANCILLAS else ancillas  # drawn for each shot
        refuse_too_many_terms(data.settings, data.effects, ancillas)


def _check_wide_mixed(config: Tomography, data: Measurements, name: str) -> None:
    """ValueError where a mixed state is asked for that is known by all of its amplitudes alone."""
    ansatz = config.ansatz
    if config.training.likelihood == "dense":
        raise ValueError(
            "ansatz 'lpdo' is contracted, not written out in all amplitudes; leave training.likelihood out."
        )
    if name in ("low-rank", "density-rbm") or ansatz.readout_errors:
        what = f"ansatz {name}" if name in ("low-rank", "density-rbm") else "ansatz.readout_errors"
        raise ValueError(
            f"{what} is learnt from all amplitudes, up to {MATRIX_SITES} sites; these shots have {data.sites}, or "
            "their likelihood is that of branches. Choose purification, lpdo or ansatz.white_noise."
        )
    if ansatz.white_noise and name == AUTO:
        raise ValueError(
            "ansatz auto tries white noise by itself; leave it out, or name an ansatz."
        )
    if ansatz.white_noise and name not in (*AUTOREGRESSIVE, *MIXED):
        raise ValueError(
            f"white noise is added to probabilities, and {name} is not normalised at this size; choose one of "
            f"{', '.join(AUTOREGRESSIVE)}."
        )
    if is_mixed(config) and config.training.optimiser == "natural":
        raise ValueError(
            "natural gradients are those of pure states; choose training.optimiser adam."
        )
