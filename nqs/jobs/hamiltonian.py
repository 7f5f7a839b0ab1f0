"""A Hamiltonian from its config, and the energy that is known of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nqs.config import toml
from nqs.config.ground_state import GroundState, Hamiltonian, Reference, Uniform
from nqs.systems import hamiltonians, lattices
from nqs.systems.exact import ising_chain_energy, lanczos, reachable
from nqs.systems.lattices import Lattice
from nqs.systems.pauli import PauliSum
from nqs.systems.pauli_files import read_pauli_sum

PATHS = ("hamiltonian.file",)
"""Keys of the config that are paths."""

_ON_LATTICE = ("lattice", "size", "periodic", "edges")
_KEYS = {
    "ising": ("J", "h", "g", "disorder_seed"),
    "xxz": ("J", "delta", "hx", "hz", "disorder_seed", "units"),
    "heisenberg": ("J", "disorder_seed", "units"),
    "j1j2": ("J1", "J2", "units"),
    "rydberg": ("omega", "delta", "V", "C6", "spacing", "cutoff"),
    "pauli": ("file", "terms"),
}
_LANCZOS_STATES = 2**18
"""Basis states up to which the exact energy is computed beside every run: some seconds."""


class Exact(NamedTuple):
    """A known energy, and how it is known."""

    energy: float
    method: str


@dataclass(frozen=True)
class System:
    """What a ground state is sought of.

    total: in the units of the config. lattice: None for a sum of Pauli strings alone.
    size: lengths of a periodic lattice, None for any other. parameters: for the summary.
    spin_model: whether energies are counted from Tr H / 2^N, so that a V-score means
    something. A sum of Pauli strings is one where it has no constant: a molecule has.
    """

    name: str
    total: PauliSum
    lattice: Lattice | None
    size: tuple[int, ...] | None
    parameters: dict[str, Any]
    spin_model: bool


def system(config: Hamiltonian) -> System:
    """The Hamiltonian that a config names; ValueError says what is wrong."""
    name = config.name
    if name not in _KEYS:
        found = "no Hamiltonian is named" if name is None else f"unknown Hamiltonian {name!r}"
        raise ValueError(f"{found}; choose hamiltonian.name from {', '.join(_KEYS)}.")
    given = config.model_dump(exclude_none=True, exclude={"name"}, exclude_defaults=True)
    known = _KEYS[name] + (() if name == "pauli" else _ON_LATTICE)
    for key in given:
        if key not in known:
            raise ValueError(
                f"hamiltonian.{key} has no effect on {name!r}; its keys are {', '.join(known)}."
            )
    if name == "pauli":
        return pauli_system(_pauli(config))
    lattice = _lattice(config)
    total = getattr(hamiltonians, name)(lattice, **_arguments(name, config, lattice))
    if config.units == "spin-half":
        total = PauliSum.from_bits(
            total.x, total.z, total.coefficients * _spin_factors(total), total.constant
        )
    size = tuple(config.size or ()) if config.periodic and config.edges is None else None
    return System(name, total, lattice, size, given, True)


def pauli_system(total: PauliSum) -> System:
    """A sum of Pauli strings alone."""
    parameters = {"terms": len(total.coefficients), "sha256": total.sha256()}
    return System("pauli", total, None, None, parameters, total.constant == 0)


def operator(config: str | Path):
    """The NetKet operator of a config, on nk.hilbert.Qubit, for NetKet's states and drivers."""
    from nqs.systems.operator import PauliOperator

    return PauliOperator(_of_file(Path(config).expanduser())[0].total)


def _of_file(path: Path) -> tuple[System, GroundState]:
    tables = toml.read(path)
    toml.absolute(tables, path.resolve().parent, PATHS)
    config = toml.checked(GroundState, tables, str(path))
    return system(config.hamiltonian), config


def _pauli(config: Hamiltonian) -> PauliSum:
    if (config.file is None) == (config.terms is None):
        raise ValueError("hamiltonian 'pauli' takes either file or terms.")
    if config.file is not None:
        return read_pauli_sum(Path(config.file))
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
    """The couplings that are given; random ones drawn in the order J, h, g, hx, hz."""
    if name == "rydberg":
        return _rydberg(config)
    keys = [k for k in _KEYS[name] if k not in ("disorder_seed", "units")]
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
            number = len(lattice.edges) if key == "J" else lattice.sites
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
    asked, config = _of_file(path)
    total = asked.total
    found = lanczos(total, config.ansatz.magnetisation)
    psi = np.zeros(2**total.sites, found.psi.dtype)
    psi[found.states] = found.psi
    return psi


def exact(found: System, reference: Reference, magnetisation: int | None) -> Exact | None:
    """The exact energy where it can be had, else the one the config knows."""
    given = None
    if reference.energy is not None:
        given = Exact(reference.energy, reference.method or "given in the config")
    chain = _free_fermions(found)
    if chain is not None:
        return Exact(chain, "free fermions")
    if reachable(found.total, magnetisation, _LANCZOS_STATES):
        try:
            energy = lanczos(found.total, magnetisation).energy
        except RuntimeError:  # it did not converge
            return given
        where = "" if magnetisation is None else f" at Σ Z = {magnetisation}"
        return Exact(energy, f"Lanczos{where}")
    return given


def _free_fermions(found: System) -> float | None:
    """Of an Ising chain without a longitudinal field, read off its strings."""
    if found.name != "ising" or found.lattice is None or found.lattice.name != "chain":
        return None
    total, sites = found.total, found.total.sites
    x, z, value = total.x, total.z, -total.coefficients
    if sites < 3 or (z.sum(axis=1) == 1).any():
        return None
    field = np.zeros(sites)
    flips = x.any(axis=1)
    field[x[flips].argmax(axis=1)] = value[flips]
    pairs = (tuple(np.flatnonzero(row).tolist()) for row in z[~flips])
    coupling = dict(zip(pairs, value[~flips], strict=True))
    bonds = [coupling.get((i, i + 1), 0.0) for i in range(sites - 1)]
    if found.size is not None:
        bonds.append(coupling.get((0, sites - 1), 0.0))
    return ising_chain_energy(bonds, field, periodic=found.size is not None)
