"""What a ground state chooses from its Hamiltonian where the config is silent, and what it refuses."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from nqs.config.ground_state import GroundState
from nqs.config.menu import PERIODIC, refuse_unknown_ansatz
from nqs.jobs.choices import Choice
from nqs.jobs.hamiltonian import System
from nqs.systems.exact import sector_size
from nqs.systems.symmetry import flip_invariant, stoquastic, sublattice, translation_invariant

_AUTOREGRESSIVE = ("recurrent",)
_MOST_LISTED = 2**20
"""Basis states of a sector up to which all are listed."""

_MOST_SUMMED = 2**14
"""Orbits that are summed at every step."""

_FEW = 1024
"""Orbits up to which they are all summed, where nothing else is asked for."""


@dataclass(frozen=True)
class Facts:
    """What of the Hamiltonian decides; all known without loading JAX.

    periodic: whether it commutes with all translations and the flip of all spins.
    conserves: whether Σ Z is conserved. rotated: sites of Marshall's sign, None where the
    lattice is not bipartite. positive: whether a positive ground state exists, marshall:
    whether one does under that sign. uniform: whether all flips have the same strength, along
    a chain: what a cell that is the same at every site can do without knowing where it is.
    """

    sites: int
    periodic: bool
    conserves: bool
    rotated: tuple[int, ...] | None
    positive: bool
    marshall: bool
    uniform: bool


def facts(found: System) -> Facts:
    total = found.total
    periodic = (
        found.size is not None
        and translation_invariant(total, found.size)
        and flip_invariant(total)
    )
    off = total.x.any(axis=1)
    strengths = np.unique(np.round(np.abs(total.coefficients[off]), 12))
    chain = found.lattice is not None and found.lattice.name == "chain"
    conserves = bool(off.any()) and total.conserves_magnetisation()
    rotated = None if found.lattice is None or not conserves else sublattice(found.lattice)
    return Facts(
        sites=total.sites,
        periodic=periodic,
        conserves=conserves,
        rotated=rotated,
        positive=stoquastic(total),
        marshall=rotated is not None and bool(rotated) and stoquastic(total, rotated),
        uniform=chain and len(strengths) <= 1,
    )


def choose(
    config: GroundState, known: Facts, own: bool | None = None
) -> tuple[GroundState, list[Choice]]:
    """The config with every gap filled, and what was filled in.

    own: None for an ansatz of the menu; for a module of the user's, whether it is
    autoregressive.
    """
    made: list[Choice] = []
    config = config.model_copy(deep=True)

    def fill(table: Any, key: str, value: Any, why: str) -> None:
        if getattr(table, key) is None and value is not None:
            setattr(table, key, value)
            made.append(Choice(f"{type(table).__name__.lower()}.{key}", value, why))

    ansatz, training = config.ansatz, config.training
    if known.conserves and not ansatz.free_magnetisation:
        least = known.sites % 2
        fill(ansatz, "magnetisation", least, "H conserves Σ Z")
    if known.marshall and not known.positive:
        fill(ansatz, "marshall", True, "with these signs ψ is positive: no element of H is above 0")
    settled = known.marshall if ansatz.marshall else known.positive
    if own is None:
        _ansatz(ansatz, known, settled, fill)
    autoregressive = ansatz.name in _AUTOREGRESSIVE if own is None else own
    if training.samples == "all":
        fill(training, "sampler", "all", "samples = all")
    elif autoregressive:
        fill(training, "sampler", "direct", "exact samples from the conditionals")
    elif (few := _summands(config, known)) is not None:
        listing = "all" if few <= _FEW and training.samples is None else "exact"
        fill(training, "sampler", listing, f"{few:,} configurations, one of each symmetry")
    else:
        move = "metropolis" if ansatz.magnetisation is None else "exchange"
        fill(training, "sampler", move, "chains that go on from step to step")
    if training.sampler == "all":
        training.samples = "all"
    fill(training, "samples", 256 if autoregressive else 512, f"for {ansatz.name}")
    fill(training, "steps", 1000, "enough for the systems tried; more lowers the energy further")
    if training.optimiser == "adam":
        fill(training, "rate", 0.01, "for adam")
    exact = training.sampler == "all"
    why = "exact sums" if exact else "sampled sums"
    for key, of_all, of_samples in _RECIPE:
        fill(training, key, of_all if exact else of_samples, why)
    return config, made


_RECIPE = (
    ("rate", 0.05, 0.1),
    ("shift", 1e-6, 1e-4),
    ("trust", 0.3, 0.1),
    ("precision", "float64", "float32"),
)
"""Key, and its value for exact sums and for samples: without noise a small shift and long steps are safe."""


def _summands(config: GroundState, known: Facts) -> int | None:
    """Configurations to be listed, one of each orbit, roughly; None where they are too many."""
    states = sector_size(known.sites, config.ansatz.magnetisation)
    orbits = states // (2 * known.sites if config.ansatz.name in PERIODIC else 1)
    return None if states > _MOST_LISTED or orbits > _MOST_SUMMED else orbits


def _ansatz(ansatz: Any, known: Facts, settled: bool, fill: Any) -> None:
    if known.periodic and known.conserves:
        fill(ansatz, "name", "conv", "H has all translations of its lattice")
    elif known.periodic and settled:
        fill(ansatz, "name", "rbm-symmetric", "H has all translations of its lattice")
    fill(ansatz, "name", "recurrent", "normalised: its samples are exact")
    if ansatz.name == "recurrent":
        fill(ansatz, "hidden", 32, "as much as a minute's training uses")
        fill(ansatz, "phase", not settled, "ψ is positive" if settled else "ψ may have any phases")
        fill(
            ansatz,
            "site_dependent",
            not known.uniform,
            "a uniform chain" if known.uniform else "sites differ",
        )
    elif ansatz.name == "rbm-symmetric":
        fill(ansatz, "features", 12, "filters of the size of the lattice")
    elif ansatz.name == "conv":
        fill(ansatz, "features", 6, "filters of the size of the lattice")
        fill(ansatz, "signed", not settled, "ψ is positive" if settled else "signs are not known")
    else:
        fill(ansatz, "hidden", max(8, 2 * known.sites), "two hidden units a site")


def check(config: GroundState, known: Facts, own: bool | None = None) -> None:
    """ValueError where what a chosen config asks for cannot be done, before JAX is loaded."""
    ansatz = config.ansatz
    if own is None:
        refuse_unknown_ansatz(str(ansatz.name), options(config))
        if ansatz.name in PERIODIC and not known.periodic:
            raise ValueError(
                f"ansatz {ansatz.name!r} has all translations of a periodic lattice and the flip of all "
                "spins, which this Hamiltonian has not; choose recurrent or rbm."
            )
    _check_sector(config, known)
    _check_sampler(config, known, own)
    _check_growth(config)


def _check_growth(config: GroundState) -> None:
    training, hamiltonian = config.training, config.hamiltonian
    if not training.grow_from:
        return
    if config.ansatz.name != "recurrent" or hamiltonian.lattice != "chain" or hamiltonian.periodic:
        raise ValueError(
            "training.grow_from needs the ansatz 'recurrent' on an open chain, where its cell is the "
            "same at every length."
        )
    lengths = [*training.grow_from, *(hamiltonian.size or [])]
    if lengths != sorted(set(lengths)) or lengths[0] < 2:
        raise ValueError(f"training.grow_from is {training.grow_from}; expected growing lengths.")
    for key in ("grow_steps", "grow_samples"):
        given = getattr(training, key)
        if given and (len(given) != len(training.grow_from) or min(given) < 1):
            raise ValueError(f"training.{key} is {given}; expected a number for each length.")


def _check_sector(config: GroundState, known: Facts) -> None:
    ansatz, sites = config.ansatz, known.sites
    if ansatz.magnetisation is not None:
        if not known.conserves:
            raise ValueError(
                f"ansatz.magnetisation is {ansatz.magnetisation}, but this Hamiltonian does not conserve "
                "Σ Z; leave it out."
            )
        if abs(ansatz.magnetisation) > sites or (ansatz.magnetisation - sites) % 2:
            raise ValueError(
                f"ansatz.magnetisation is {ansatz.magnetisation}; {sites} sites have "
                f"{-sites}, {2 - sites}, … {sites}."
            )
        if ansatz.name in PERIODIC and ansatz.magnetisation != 0:
            raise ValueError(
                f"ansatz {ansatz.name!r} is even under a flip of all spins, which Σ Z = "
                f"{ansatz.magnetisation} is not; choose recurrent or rbm."
            )
    if ansatz.marshall and known.rotated is None:
        raise ValueError(
            "ansatz.marshall needs a lattice of two sublattices and a Hamiltonian that conserves Σ Z."
        )


def _check_sampler(config: GroundState, known: Facts, own: bool | None) -> None:
    ansatz, training = config.ansatz, config.training
    fixed = ansatz.magnetisation is not None
    sampler = training.sampler
    if sampler == "metropolis" and fixed:
        raise ValueError(
            "training.sampler 'metropolis' flips single spins and leaves the sector of fixed "
            "magnetisation; choose exchange, or set ansatz.free_magnetisation = true."
        )
    if sampler == "exchange" and not fixed:
        raise ValueError(
            "training.sampler 'exchange' keeps Σ Z, which is not fixed here; choose metropolis."
        )
    autoregressive = ansatz.name in _AUTOREGRESSIVE if own is None else own
    if sampler == "direct" and not autoregressive:
        raise ValueError(
            f"ansatz {ansatz.name!r} has no conditionals; choose another training.sampler."
        )
    if (sampler == "all") != (training.samples == "all"):
        raise ValueError("training.sampler and training.samples are 'all' together, or neither is.")
    if sampler in ("all", "exact"):
        states = sector_size(known.sites, ansatz.magnetisation)
        if _summands(config, known) is None:
            raise ValueError(
                f"training.sampler {sampler!r} sums over all {states:,} basis states at every step; the limit "
                f"is {_MOST_LISTED:,}, and {_MOST_SUMMED:,} after symmetries. Draw samples instead."
            )


def options(config: GroundState) -> dict[str, Any]:
    """The options of the ansatz alone."""
    kept = {"hidden", "phase", "site_dependent", "features", "signed"}
    return config.ansatz.model_dump(include=kept, exclude_none=True)
