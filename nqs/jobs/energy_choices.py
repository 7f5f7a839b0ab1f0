"""What a ground state chooses from its Hamiltonian where the config is silent."""

from dataclasses import dataclass
from math import gcd
from typing import Any

import numpy as np

from nqs.config.ground_state import Evaluation, GroundState, Training
from nqs.config.menu import (
    ANSATZ_OPTIONS,
    AUTOREGRESSIVE,
    LATTICE,
    PERIODIC,
    SINGLE_PRECISION,
    lattice_size,
)
from nqs.groups import point_group
from nqs.jobs.choices import Choice
from nqs.jobs.hamiltonian import System
from nqs.systems.pauli import PauliSum
from nqs.systems.sectors import INDEX_SITES, ones_of, sector_size
from nqs.systems.symmetry import (
    flip_invariant,
    lowest_magnetisation,
    point_group_invariant,
    spin_rotation_invariant,
    stoquastic,
    sublattice,
    translation_invariant,
)

MOST_LISTED = 2**20
"""Basis states of a sector up to which all are listed."""

MOST_SUMMED = 2**14
"""Orbits that are summed at every step."""

MOST_ELEMENTS = 2**27
"""Elements of H that are looked up for them."""

_FEW = 1024
"""Orbits up to which they are all summed, where nothing else is asked for."""

_READ, _MOST_FRESH, _LEAST_FRESH = 2**26, 2**14, 2**10
"""Sites to be read for the final energy, a minute or two; and the most and the fewest fresh samples
that are chosen for it."""


@dataclass(frozen=True)
class Facts:
    """What of the Hamiltonian decides; all known without loading JAX.

    flips: whether it commutes with the flip of all spins; translations: with all translations of its
    lattice, if one is known: lattice; closed: whether that is periodic; periodic: whether H has all
    translations and the flip; turns: whether it has the rotations and reflections of a grid;
    lengths: those of a grid, open or not, else None. excited: whether other states lie below the
    one that is sought. touching: sum of the strengths of the strings that act on a site, on average.
    conserves: whether Σ Z is conserved; halves: whether that of each half of the sites is; lowest:
    Σ Z of a ground state, of each half where spin up and down of fermions are kept, None where theory
    does not tell. elements: of each basis state. rotated: sites of Marshall's sign, None where the
    lattice is not bipartite. positive: whether a positive ground state exists, marshall: whether one
    does under that sign. uniform: whether all strings of the same letters have the same strength,
    along a chain: what a cell that is the same at every site can do without knowing where it is.
    """

    sites: int
    flips: bool
    lattice: bool
    lengths: tuple[int, ...] | None
    translations: bool
    closed: bool
    periodic: bool
    turns: bool
    excited: bool
    touching: float
    conserves: bool
    halves: bool
    lowest: int | list[int] | None
    elements: int
    rotated: tuple[int, ...] | None
    positive: bool
    marshall: bool
    uniform: bool


def facts(found: System, level: int = 0) -> Facts:
    """What is known of the ground state, or of a state that lies above `level` others.

    Of the latter it is neither its signs nor whether it is even, and its Σ Z only where a rotation of
    all spins brings every multiplet to the least one, or electrons are counted.
    """
    total = found.total
    flips = flip_invariant(total)
    translations = found.size is not None and translation_invariant(total, found.size)
    periodic = flips and translations
    lengths = None if found.lattice is None else found.lattice.lengths
    chain = found.lattice is not None and found.lattice.name == "chain"
    conserves = total.conserves_magnetisation()
    rotated = None if found.lattice is None or not conserves else sublattice(found.lattice)
    return Facts(
        sites=total.sites,
        flips=flips,
        lattice=found.lattice is not None,
        lengths=lengths,
        translations=translations,
        closed=found.size is not None,
        periodic=periodic,
        turns=lengths is not None and point_group_invariant(total, lengths),
        excited=level > 0,
        touching=float(np.abs(total.coefficients) @ (total.x | total.z).sum(axis=1)) / total.sites,
        conserves=conserves,
        halves=conserves and total.sites % 2 == 0 and total.conserves_magnetisation(2),
        lowest=_lowest(found, rotated, level),
        elements=len(total.flips[0]),
        rotated=rotated,
        positive=not level and stoquastic(total),
        marshall=not level and bool(rotated) and stoquastic(total, rotated or ()),
        uniform=chain and _uniform(total),
    )


def _lowest(found: System, rotated: tuple[int, ...] | None, level: int) -> int | list[int] | None:
    if found.electrons is None:
        if level and not spin_rotation_invariant(found.total):
            return None
        return lowest_magnetisation(found.total, rotated)
    return [found.total.sites // 2 - 2 * number for number in found.electrons]


def _uniform(total: PauliSum) -> bool:
    letters = np.stack([total.x.sum(axis=1), total.z.sum(axis=1), (total.x & total.z).sum(axis=1)])
    _, kind = np.unique(letters, axis=1, return_inverse=True)
    sizes = [np.abs(total.coefficients[kind.reshape(-1) == k]) for k in range(kind.max() + 1)]
    return all(np.ptp(size) <= 1e-12 * total.scale for size in sizes)


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
    if own is None:
        if not ansatz.free_magnetisation:
            why = "H conserves it, and a ground state has it"
            if isinstance(known.lowest, list):
                why = "of spin up and of spin down, from the electrons of each"
            fill(ansatz, "magnetisation", known.lowest, why)
            if ansatz.name == "pair-product" and known.conserves and known.sites % 4 == 0:
                fill(ansatz, "magnetisation", 0, "as many spins up as down in pairs")
        _refuse_impossible(ansatz, known.sites)
        if known.marshall and not known.positive and ansatz.name != "pair-product":
            fill(
                ansatz,
                "marshall",
                True,
                "with these signs ψ is positive: no element of H is above 0",
            )
        settled = known.marshall if ansatz.marshall else known.positive
        if not training.stages and not settled and _paired(config, known):
            why = "signs are not known, and those of pairs are good for many antiferromagnets"
            fill(ansatz, "name", "pair-product", why)
        _ansatz(ansatz, known, settled, training.sampler != "unique", fill)
    autoregressive = ansatz.name in AUTOREGRESSIVE if own is None else own
    few = summands(config, known)
    if training.samples == "all":
        fill(training, "sampler", "all", "samples = all")
    elif few is not None and few <= _FEW and _silent(config):
        fill(training, "sampler", "all", _listed(config, few))
    elif autoregressive:
        fill(training, "sampler", "direct", "exact samples from the conditionals")
    elif few is not None:
        fill(training, "sampler", "exact", _listed(config, few))
    else:
        move = "metropolis" if ansatz.magnetisation is None else "exchange"
        fill(training, "sampler", move, "chains that go on from step to step")
    if training.sampler == "all":
        fill(training, "samples", "all", "every configuration at every step")
    fill(training, "samples", 256 if autoregressive else 512, f"for {ansatz.name}")
    if training.sampler == "unique":
        fill(training, "repeats", 2**20, "they cost no more than their distinct ones")
    fill(training, "steps", 1000, "enough for the systems tried; more lowers the energy further")
    if training.sampler != "all":
        read = known.sites * known.elements
        affordable = 2 ** max((_READ // read).bit_length() - 1, 0)
        why = f"each of which reads {read:,} sites"
        if training.sampler == "exact":
            affordable, why = _MOST_FRESH, "whose energies are listed"
        number = min(max(affordable, _LEAST_FRESH), _MOST_FRESH)
        fill(config.evaluation, "samples", number, why)
    if training.optimiser == "adam":
        fill(training, "rate", 0.01, "for adam")
    if known.excited:
        why = "three times what acts on a site, well above a gap"
        fill(config.excited, "penalty", 3 * known.touching, why)
    exact = training.sampler == "all"
    why = "exact sums" if exact else "sampled sums"
    if training.optimiser != "adam":
        for key, of_all, of_samples in _RECIPE:
            fill(training, key, of_all if exact else of_samples, why)
    if own is not None or ansatz.name not in SINGLE_PRECISION:
        fill(training, "precision", "float64", "the precision of the ansatz")
    fill(training, "precision", "float64" if exact else "float32", why)
    return config, made


def _refuse_impossible(ansatz: Any, sites: int) -> None:
    if ansatz.magnetisation is not None:
        try:
            ones_of(sites, ansatz.magnetisation)
        except ValueError as problem:
            raise ValueError(f"ansatz.magnetisation is {ansatz.magnetisation}: {problem}") from None


def couplings(config: GroundState, found: System) -> list[Choice]:
    """Fill in the couplings that the config leaves to the Hamiltonian, and say so."""
    made = []
    for key, value in found.parameters.items():
        if found.name != "pauli" and getattr(config.hamiltonian, key) is None:
            setattr(config.hamiltonian, key, value)
            made.append(Choice(f"hamiltonian.{key}", value, "its default"))
    return made


def _silent(config: GroundState) -> bool:
    """Whether nothing is asked for that has no meaning beside exact sums."""
    training = config.training
    return (
        training.samples is None
        and training.sweeps == Training().sweeps
        and config.evaluation == Evaluation()
    )


def _listed(config: GroundState, few: int) -> str:
    symmetry = ", one of each symmetry" if config.ansatz.name in PERIODIC else ""
    return f"{few:,} configurations{symmetry}"


_RECIPE = (("rate", 0.05, 0.1), ("shift", 1e-6, 1e-4), ("trust", 0.3, 0.1))
"""Key, and its value for exact sums and for samples: without noise a small shift and long steps are safe."""


def summands(config: GroundState, known: Facts) -> int | None:
    """Configurations to be listed, one of each orbit, roughly; None where they are too many."""
    states = sector_size(known.sites, config.ansatz.magnetisation)
    orbits = states // symmetries(config, known.sites)
    if states > MOST_LISTED or orbits > MOST_SUMMED or known.sites > INDEX_SITES:
        return None
    return orbits if states * known.elements <= MOST_ELEMENTS else None


def symmetries(config: GroundState, sites: int) -> int:
    """How many leave the ansatz as it is: configurations of an orbit, of most of them."""
    ansatz = config.ansatz
    if ansatz.name not in PERIODIC:
        return 1
    turned = len(point_group(tuple(ansatz.size or [sites]))) if ansatz.point_group else 1
    return (1 if ansatz.odd else 2) * sites * turned


def _ansatz(ansatz: Any, known: Facts, settled: bool, averaging: bool, fill: Any) -> None:
    """settled: whether ψ is positive. averaging: whether an average can be drawn from."""
    symmetric = known.periodic and not known.excited and not ansatz.magnetisation
    if symmetric and known.conserves:
        fill(ansatz, "name", "conv", "H has all translations of its lattice")
    elif symmetric and settled:
        fill(ansatz, "name", "rbm-symmetric", "H has all translations of its lattice")
    fill(ansatz, "name", "recurrent", "normalised: its samples are exact")
    if ansatz.name in LATTICE:
        _size(ansatz, known, fill)
    if ansatz.name in AUTOREGRESSIVE:
        if "hidden" in ANSATZ_OPTIONS[ansatz.name]:
            fill(ansatz, "hidden", 32, "as much as a minute's training uses")
        fill(ansatz, "phase", not settled, "ψ is positive" if settled else "ψ may have any phases")
        if known.flips and settled and not ansatz.magnetisation:
            why = "ψ is positive, and a flip of all spins leaves H as it is"
            # of where neighbours differ, which Even reads, there is an even number around a ring, and
            # across the rows of an array nothing simple: neither is learnt from every start
            unlearnt = ansatz.name == "recurrent-2d" or known.closed
            if averaging and unlearnt and not ansatz.even:
                fill(ansatz, "average", ["flip"], why)
            if not ansatz.average:
                fill(ansatz, "even", True, why)
        fill(ansatz, "even", False, "not known of ψ")
    if ansatz.name == "recurrent":
        why = "a uniform chain" if known.uniform else "sites differ"
        fill(ansatz, "site_dependent", not known.uniform, why)
        fill(
            ansatz, "ends", not ansatz.site_dependent, "sites differ by their distance to the ends"
        )
    elif ansatz.name == "recurrent-2d":
        fill(ansatz, "cell", "gated", "half the parameters of a tensor")
    elif ansatz.name == "mps":
        fill(ansatz, "bond", min(2 ** (known.sites // 2), 16), "enough for a gapped chain")
    elif ansatz.name == "transformer":
        fill(ansatz, "layers", 2, "enough to look from what is found")
        fill(ansatz, "heads", gcd(4, ansatz.hidden), "of equal shares of hidden")
        fill(ansatz, "patch", 1, "every site by itself")
    elif ansatz.name == "rbm-symmetric":
        fill(ansatz, "point_group", False, "more features instead")
        fill(ansatz, "features", 12, "filters of the size of the lattice")
    elif ansatz.name == "conv":
        fill(ansatz, "point_group", False, "more features instead")
        fill(ansatz, "features", 6, "filters of the size of the lattice")
        fill(ansatz, "layers", 3, "two are caught more often")
        fill(ansatz, "signed", not settled, "ψ is positive" if settled else "signs are not known")
        fill(ansatz, "odd", False, "even unless asked for")
    elif ansatz.name == "pair-product":
        fill(ansatz, "point_group", False, "whether ψ is even under all of it is not known")
        fill(ansatz, "features", 6, "filters of the size of the lattice")
        fill(ansatz, "layers", 2, "enough to see what is about a pair")
        fill(ansatz, "pairs", 4, "functions of the distance, weighed by the spins about a pair")
    elif ansatz.name not in AUTOREGRESSIVE:
        fill(ansatz, "hidden", max(8, 2 * known.sites), "two hidden units a site")


def _paired(config: GroundState, known: Facts) -> bool:
    """Whether a product of pairs is a better beginning than a network without one, and nothing is asked
    for that it has not: of magnets with all symmetries of a square that are too large to be listed."""
    ansatz = config.ansatz
    return (
        known.periodic
        and known.turns
        and not known.excited
        and len(known.lengths or ()) > 1
        and min(known.lengths or (0,)) > 2
        and known.sites % 4 == 0
        and known.lowest == ansatz.magnetisation == 0
        and sector_size(known.sites, 0) > MOST_LISTED
        and not (ansatz.marshall or known.marshall)
        and set(options(config)) <= set(ANSATZ_OPTIONS["pair-product"])
    )


def _size(ansatz: Any, known: Facts, fill: Any) -> None:
    """That of the Hamiltonian's lattice; where none is known, of an ansatz that needs no symmetry."""
    if known.lengths is not None:
        if ansatz.size not in (None, list(known.lengths)):
            raise ValueError(
                f"ansatz.size is {ansatz.size}, and the lattice of the Hamiltonian has the lengths "
                f"{list(known.lengths)}; leave it out."
            )
        fill(ansatz, "size", list(known.lengths), "that of the lattice")
    elif ansatz.name not in PERIODIC:
        fill(ansatz, "size", list(lattice_size(ansatz.name, known.sites)), "a square")


OPTIONS = frozenset(option for found in ANSATZ_OPTIONS.values() for option in found)


def options(config: GroundState) -> dict[str, Any]:
    """The options of the ansatz alone."""
    return config.ansatz.model_dump(include=set(OPTIONS), exclude_none=True)
