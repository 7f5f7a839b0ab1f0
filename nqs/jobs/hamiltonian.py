"""A Hamiltonian from its config, and the energy that is known of it."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nqs.config import toml
from nqs.config.ground_state import GroundState, Hamiltonian, Reference, Uniform
from nqs.measurement import quarantine
from nqs.measurement.problems import FormatError
from nqs.state.reach import VECTOR_SITES
from nqs.systems import fermions, hamiltonians, lattices, pauli_files
from nqs.systems.exact import heisenberg_ring_energy, ising_chain_energy, lanczos, reachable
from nqs.systems.lattices import Lattice
from nqs.systems.pauli import PauliSum
from nqs.systems.sectors import Magnetisation
from nqs.systems.symmetry import same

PATHS = ("hamiltonian.file", "excited.above", "training.begin_from")
"""Keys of the config that are paths."""

ON_LATTICE = ("lattice", "size", "periodic", "edges")
"""Keys that say where the sites are."""


@dataclass(frozen=True)
class Model:
    """A Hamiltonian on a lattice.

    make: of the lattice and couplings, which are its keys. spins: whether it may be counted in spins of 1/2.
    on_sites: whether the qubits are the sites of the lattice. more: keys besides the couplings.
    """

    make: Callable[..., PauliSum]
    spins: bool = False
    on_sites: bool = True
    more: tuple[str, ...] = ()

    @property
    def defaults(self) -> dict[str, Any]:
        """Every coupling, and what it is where it is left out."""
        known = list(inspect.signature(self.make).parameters.values())[1:]
        return {p.name: p.default for p in known}

    @property
    def randomised(self) -> tuple[str, ...]:
        """Couplings that may be one for each edge or site."""
        known = inspect.signature(self.make).parameters.values()
        return tuple(p.name for p in known if p.annotation == hamiltonians.Couplings)

    @property
    def keys(self) -> tuple[str, ...]:
        units = ("units",) if self.spins else ()
        disorder = ("disorder_seed",) if self.randomised else ()
        return (*self.defaults, *self.more, *disorder, *units)


MODELS = {
    "ising": Model(hamiltonians.ising),
    "xxz": Model(hamiltonians.xxz, spins=True),
    "xyz": Model(hamiltonians.xyz, spins=True),
    "heisenberg": Model(hamiltonians.heisenberg, spins=True),
    "j1j2": Model(hamiltonians.j1j2, spins=True),
    "rydberg": Model(hamiltonians.rydberg, more=("C6", "spacing")),
    "cluster": Model(hamiltonians.cluster),
    "toric": Model(hamiltonians.toric, on_sites=False),
    "hubbard": Model(fermions.hubbard, on_sites=False, more=("electrons",)),
}
"""Hamiltonians on a lattice, by name."""

_ELSEWHERE = {"pauli": ("file", "terms"), "molecule": ("geometry", "basis", "charge", "spin")}
"""Keys of those that have no lattice, or need none."""

_LANCZOS_STATES = 2**18
"""Basis states up to which the exact energy is computed beside every run: some seconds."""


class Exact(NamedTuple):
    """A known energy, and how it is known. bound: whether no energy can lie below it."""

    energy: float
    method: str
    bound: bool = True


@dataclass(frozen=True)
class System:
    """What a ground state is sought of.

    total: in the units of the config. lattice: None where none is known of a Pauli sum.
    size: lengths of a periodic lattice, None for any other. parameters: for the summary.
    electrons: spin up and spin down, where the qubits are orbitals.
    spin_model: whether energies are counted from Tr H / 2^N, so that a V-score means
    something. A sum of Pauli strings is one where it has no constant: a molecule has. Electrons are
    one where they fill half, so that their mean energy at infinite temperature is that of all states.
    """

    name: str
    total: PauliSum
    lattice: Lattice | None
    size: tuple[int, ...] | None
    parameters: dict[str, Any]
    spin_model: bool
    electrons: tuple[int, int] | None = None

    @property
    def lengths(self) -> tuple[int, ...]:
        """Of the array on which the qubits lie; a chain where none is known."""
        known = self.lattice and self.lattice.lengths
        return known or (self.total.sites,)


def system(config: Hamiltonian) -> System:
    """The Hamiltonian that a config names; ValueError says what is wrong."""
    name, names = config.name, (*MODELS, *_ELSEWHERE)
    if name is None or name not in names:
        found = "no Hamiltonian is named" if name is None else f"unknown Hamiltonian {name!r}"
        raise ValueError(f"{found}; choose hamiltonian.name from {', '.join(names)}.")
    given = config.model_dump(exclude_none=True, exclude={"name"}, exclude_defaults=True)
    known = MODELS[name].keys if name in MODELS else _ELSEWHERE[name]
    known += () if name == "molecule" else ON_LATTICE
    for key in given:
        if key not in known:
            raise ValueError(
                f"hamiltonian.{key} has no effect on {name!r}; its keys are {', '.join(known)}."
            )
    if name == "pauli":
        return pauli_system(_pauli(config), config)
    if name == "molecule":
        return _molecule(config, given)
    model, lattice = MODELS[name], _lattice(config)
    total = model.make(lattice, **_arguments(name, config, lattice))
    if config.units == "spin-half":
        total = PauliSum.from_bits(
            total.x, total.z, total.coefficients * _spin_factors(total), total.constant
        )
    parameters = _defaults(name, config) | given
    if name == "hubbard":
        electrons = _electrons(config, lattice.sites)
        parameters["electrons"] = list(electrons)
        half = all(2 * number == lattice.sites for number in electrons)
        return System(name, total, None, None, parameters, half, electrons)
    if not model.on_sites:
        return System(name, total, None, None, parameters, True)
    return System(name, total, lattice, _periods(config), parameters, True)


def _electrons(config: Hamiltonian, orbitals: int) -> tuple[int, int]:
    """Spin up and spin down; half filling where the config is silent."""
    up, down = config.electrons or ((orbitals + 1) // 2, orbitals // 2)
    if not (0 <= up <= orbitals and 0 <= down <= orbitals):
        raise ValueError(
            f"hamiltonian.electrons is {[up, down]}; expected two numbers from 0 to {orbitals}."
        )
    return up, down


def _molecule(config: Hamiltonian, given: dict[str, Any]) -> System:
    if config.geometry is None:
        raise ValueError(
            'a molecule takes its geometry in ångström, such as geometry = "Li 0 0 0; H 0 0 1.5949".'
        )
    chosen: dict[str, Any] = {"basis": "sto-3g", "charge": 0, "spin": 0} | given
    total, electrons = fermions.molecule(**chosen)
    return System("molecule", total, None, None, chosen, False, electrons)


def pauli_system(total: PauliSum, config: Hamiltonian) -> System:
    """A sum of Pauli strings, on the lattice that the config may say it lies on."""
    lattice = None
    if any(getattr(config, key) is not None for key in ON_LATTICE):
        lattice = _lattice(config)
        if lattice.sites < total.sites:
            raise ValueError(
                f"the sum of Pauli strings has {total.sites} sites and its lattice {lattice.sites}."
            )
        total = total.on(lattice.sites)
    parameters = {"terms": len(total.coefficients), "sha256": total.sha256()}
    return System("pauli", total, lattice, _periods(config), parameters, total.constant == 0)


def _periods(config: Hamiltonian) -> tuple[int, ...] | None:
    """Lengths of a periodic lattice."""
    return tuple(config.size or ()) if config.periodic and config.edges is None else None


def _defaults(name: str, config: Hamiltonian) -> dict[str, Any]:
    """The couplings of a Hamiltonian that the config leaves to it."""
    found = {k: v for k, v in MODELS[name].defaults.items() if v is not None}
    if name == "rydberg" and config.C6 is not None:
        del found["V"]
    if any(isinstance(getattr(config, key), Uniform) for key in found):
        found["disorder_seed"] = 0
    return found


def operator(config: str | Path):
    """The NetKet operator of a config, on nk.hilbert.Qubit, for NetKet's states and drivers."""
    from nqs.systems.operator import PauliOperator

    return PauliOperator(of_file(Path(config).expanduser())[0].total)


def of_file(path: Path) -> tuple[System, GroundState]:
    """The Hamiltonian of a ground state's config file, and the config; ValueError where it is none."""
    tables = toml.read(path)
    toml.absolute(tables, path.resolve().parent, PATHS)
    config = toml.checked(GroundState, tables, str(path))
    return system(config.hamiltonian), config


def _pauli(config: Hamiltonian) -> PauliSum:
    if (config.file is None) == (config.terms is None):
        raise ValueError("hamiltonian 'pauli' takes either file or terms.")
    if config.file is not None:
        path = Path(config.file)
        if not pauli_files.is_hdf5(path):
            return pauli_files.read_pauli_sum(path)
        try:
            tree = quarantine.read_tree(path)
        except FormatError as problem:
            raise ValueError(str(problem)) from None
        return pauli_files.from_data_sets(path, tree.arrays)
    return PauliSum.from_terms(config.terms or [])


def _lattice(config: Hamiltonian) -> Lattice:
    if config.edges is not None:
        for key in ("lattice", "size", "periodic"):
            if getattr(config, key) is not None:
                raise ValueError(f"hamiltonian.{key} has no effect beside edges; leave it out.")
        return lattices.from_edges(config.edges)
    if config.lattice is None or config.size is None:
        raise ValueError(
            f"hamiltonian {config.name!r} needs lattice and size, such as "
            'lattice = "chain", size = [20]; or edges.'
        )
    return lattices.lattice(config.lattice, config.size, bool(config.periodic))


def _arguments(name: str, config: Hamiltonian, lattice: Lattice) -> dict[str, Any]:
    """The couplings that are given; random ones drawn in the order in which they are listed."""
    if name == "rydberg":
        return _rydberg(config)
    keys = list(MODELS[name].defaults)
    random = any(isinstance(getattr(config, key), Uniform) for key in keys)
    if config.disorder_seed is not None and not random:
        raise ValueError(
            "hamiltonian.disorder_seed has no effect on given couplings; make some random, such as "
            "J = {uniform = [0.5, 1.5]}."
        )
    rng = np.random.default_rng(config.disorder_seed or 0)
    found = {}
    for key in keys:
        value = getattr(config, key)
        if isinstance(value, Uniform):
            on_edges = key[0] == "J" or not MODELS[name].on_sites
            number = len(lattice.edges) if on_edges else lattice.sites
            low, high = value.uniform
            value = rng.uniform(low, high, number)
        if value is not None:
            found[key] = value
    return found


def _rydberg(config: Hamiltonian) -> dict[str, Any]:
    found = {k: getattr(config, k) for k in ("omega", "delta", "V", "cutoff")}
    if config.C6 is not None or config.spacing is not None:
        if config.C6 is None or config.spacing is None or config.V is not None:
            raise ValueError("rydberg takes either V, or C6 and spacing together.")
        found["V"] = config.C6 / config.spacing**6
    return {k: v for k, v in found.items() if v is not None}


def _spin_factors(total: PauliSum) -> np.ndarray:
    """½ for every Pauli matrix of a term: H in spins 1/2."""
    return 0.5 ** (total.x | total.z).sum(axis=1)


def ground_vector(path: Path) -> np.ndarray:
    """The exact ground state that a config asks for, (2**sites,); within its sector if it names one.

    Of a degenerate level it is the state that Lanczos finds from one fixed vector.
    """
    asked, config = of_file(path)
    total = asked.total
    if total.sites > VECTOR_SITES:
        raise ValueError(
            f"{path} has {total.sites} sites; the state vector is computed up to {VECTOR_SITES}."
        )
    try:
        found = lanczos(total, config.ansatz.magnetisation)
    except RuntimeError as problem:
        raise ValueError(f"the ground state of {path} is not found: {problem}.") from None
    psi = np.zeros(2**total.sites, found.psi.dtype)
    psi[found.states] = found.psi
    return psi


def exact(
    found: System, reference: Reference, magnetisation: Magnetisation | None, level: int = 0
) -> Exact | None:
    """The exact energy of a level where it can be had, else the one the config knows.

    level: how many lie below; each of a degenerate one counts.
    """
    given = None
    if reference.energy is not None:
        method = reference.method or "given in the config"
        given = Exact(reference.energy, method, reference.exact)
    if not level:
        chain = _free_fermions(found.total)
        if chain is not None:
            return Exact(chain, "free fermions")
        ring = _bethe(found.total)
        if ring is not None and magnetisation in (None, 0):
            return Exact(ring, "Bethe ansatz")
    if reachable(found.total, magnetisation, _LANCZOS_STATES):
        try:
            energy = lanczos(found.total, magnetisation, level=level).energy
        except RuntimeError:  # it did not converge
            return given
        where = "" if magnetisation is None else f" at Σ Z = {magnetisation}"
        if isinstance(magnetisation, list):
            where += " of either half"
        return Exact(energy, f"Lanczos{where}", bound=not level)
    return given


def _bethe(total: PauliSum) -> float | None:
    """Of σ·σ of neighbours along a ring of even length, all of one positive strength; else None."""
    sites, strength = total.sites, total.scale
    if sites < 4 or sites % 2 or not strength or len(total.coefficients) != 3 * sites:
        return None
    ring = hamiltonians.heisenberg(lattices.chain(sites, periodic=True), strength)
    if total.constant or not same(total, ring):
        return None
    return strength * heisenberg_ring_energy(sites)


def _free_fermions(total: PauliSum) -> float | None:
    """Of X at single sites and Z Z of neighbours along a chain or ring, whoever wrote them; else None."""
    sites = total.sites
    x, z, value = total.x, total.z, -total.coefficients
    if sites < 3 or total.constant or not (x.any(axis=1) ^ z.any(axis=1)).all():
        return None
    field, bonds = np.zeros(sites), np.zeros(sites)  # the last bond closes the ring
    for flips, read, strength in zip(x, z, value, strict=True):
        places = np.flatnonzero(flips | read).tolist()
        if flips.any() and len(places) == 1:
            field[places[0]] = strength
        elif read.any() and places in ([i := places[0], i + 1], [0, sites - 1]):
            bonds[i if places[1] == i + 1 else -1] = strength
        else:
            return None
    if bonds[-1]:
        return ising_chain_energy(bonds, field, periodic=True)
    return ising_chain_energy(bonds[:-1], field)
