"""Every word a ground state understands, with its default and unit."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from nqs.config.tables import Duration, Network, Table


class Uniform(Table):
    """Random numbers between two limits, one for each edge or site."""

    uniform: list[float] = Field(min_length=2, max_length=2, description="lowest, highest")


Couplings = float | list[float] | Uniform


def _pair(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


Term = Annotated[tuple[float, str], BeforeValidator(_pair)]
"""A coefficient and its Pauli string; TOML has lists only."""


class Hamiltonian(Table):
    name: str | None = Field(
        default=None,
        description="ising, xxz, xyz, heisenberg, j1j2, rydberg, cluster, toric, hubbard, molecule or "
        "pauli",
    )
    lattice: str | None = Field(
        default=None, description="chain, square, triangular or kagome; or edges"
    )
    size: list[int] | None = Field(default=None, description="lengths of the lattice")
    periodic: bool | None = Field(default=None, description="closed in every direction; false")
    edges: list[list[int]] | None = Field(default=None, description="pairs of sites")
    J: Couplings | None = Field(default=None, description="one, or one for each edge; 1")
    h: Couplings | None = Field(default=None, description="ising: transverse field; 1")
    g: Couplings | None = Field(default=None, description="ising: longitudinal field; 0")
    alpha: float | None = Field(
        default=None, gt=0, description="ising, xxz, xyz, heisenberg: all pairs, J / distance^alpha"
    )
    disorder_seed: int | None = Field(
        default=None, ge=0, description="of couplings {uniform = [low, high]}; 0"
    )
    delta: float | None = Field(default=None, description="xxz: anisotropy; rydberg: detuning; 1")
    Jx: Couplings | None = Field(default=None, description="xyz: X X; toric: vertices; 1")
    Jy: Couplings | None = Field(default=None, description="xyz: Y Y; 1")
    Jz: Couplings | None = Field(default=None, description="xyz: Z Z; toric: faces; 1")
    hx: Couplings | None = Field(
        default=None, description="xxz, xyz, cluster, toric: field along X; 0"
    )
    hy: Couplings | None = Field(default=None, description="xyz: field along Y; 0")
    hz: Couplings | None = Field(
        default=None, description="xxz, xyz, cluster, toric: field along Z; 0"
    )
    J1: float | None = Field(default=None, description="j1j2: nearest neighbours; 1")
    J2: float | None = Field(default=None, description="j1j2: next nearest; 0.5")
    omega: float | None = Field(default=None, description="rydberg: Rabi frequency; 1")
    V: float | None = Field(default=None, description="rydberg: interaction at distance 1; 7")
    C6: float | None = Field(default=None, description="rydberg: with spacing instead of V")
    spacing: float | None = Field(default=None, gt=0, description="rydberg: V = C6 / spacing⁶")
    cutoff: float | None = Field(
        default=None, gt=0, description="rydberg: largest distance, in units of the spacing; none"
    )
    t: float | None = Field(default=None, description="hubbard: hopping; 1")
    U: float | None = Field(default=None, description="hubbard: repulsion on a site; 4")
    electrons: list[int] | None = Field(
        default=None,
        min_length=2,
        max_length=2,
        description="hubbard: spin up, spin down; half filling",
    )
    geometry: str | None = Field(
        default=None, description='molecule: atoms in ångström, "Li 0 0 0; H 0 0 1.5949"'
    )
    basis: str | None = Field(default=None, description="molecule: orbitals; sto-3g")
    charge: int | None = Field(default=None, description="molecule: 0")
    spin: int | None = Field(default=None, ge=0, description="molecule: unpaired electrons; 0")
    file: str | None = Field(default=None, description="pauli: text, JSON, HDF5 or OpenFermion")
    terms: list[Term] | None = Field(default=None, description='pauli: [[0.5, "X0 Y3"], …]')
    units: Literal["pauli", "spin-half"] = Field(
        default="pauli", description="pauli matrices, or spin-half: S = σ/2 (xxz, heisenberg, j1j2)"
    )


class Ansatz(Network):
    magnetisation: int | Annotated[list[int], Field(min_length=2, max_length=2)] | None = Field(
        default=None, description="Σ Z of every configuration, or of each half of its sites; chosen"
    )
    free_magnetisation: bool = Field(
        default=False, description="leave Σ Z free, whatever theory says of it"
    )
    marshall: bool | None = Field(
        default=None, description="signs of two sublattices, (−1)^ones on one of them; chosen"
    )


class Training(Table):
    optimiser: Literal["natural", "march", "adam"] = Field(
        default="natural",
        description="natural gradient with momentum (minSR, SPRING), with second moments as well (march), or adam",
    )
    samples: Annotated[int, Field(ge=2)] | Literal["all"] | None = Field(
        default=None, description="a step; all: exact sums over the sector; chosen"
    )
    sampler: Literal["direct", "unique", "metropolis", "exchange", "exact", "all"] | None = Field(
        default=None, description="chosen from the ansatz"
    )
    repeats: Annotated[int, Field(ge=2, le=2**31)] | None = Field(
        default=None,
        description="sampler unique: draws a step, of which at most `samples` distinct ones are read; 2²⁰",
    )
    sweeps: int = Field(default=1, ge=1, le=1000, description="of chains between two steps")
    steps: int | None = Field(default=None, ge=10, description="of the whole schedule; chosen")
    rate: float | None = Field(default=None, gt=0, le=1, description="first learning rate; chosen")
    momentum: float = Field(default=0.9, ge=0, lt=1, description="natural: after 20 steps")
    shift: float | None = Field(
        default=None, gt=0, description="natural: least diagonal shift, relative; chosen"
    )
    temperature: float = Field(
        default=0.0,
        ge=0,
        description="of the first step, in units of energy: energy − temperature × entropy, which falls "
        "to 0 at half the schedule",
    )
    trust: float | None = Field(
        default=None, gt=0, description="natural: largest change of log ψ a step; chosen"
    )
    precision: Literal["float32", "float64"] | None = Field(
        default=None, description="of the network in training; sums are float64 always; chosen"
    )
    begin_from: str | None = Field(
        default=None, description="folder of a run of the same ansatz: its state is trained on"
    )
    grow_from: list[int] | list[list[int]] = Field(
        default=[],
        description="sizes of smaller lattices trained before, in turn: [20, 50], [[4, 4]]",
    )
    grow_width: list[Annotated[int, Field(ge=1)]] = Field(
        default=[],
        description="hidden units, features or bond of states trained before, in turn; beside grow_from "
        "those on each smaller lattice",
    )
    grow_steps: list[Annotated[int, Field(ge=10)]] = Field(
        default=[], description="of each smaller state; 400"
    )
    grow_samples: list[Annotated[int, Field(ge=2)]] = Field(
        default=[], description="a step of each smaller state; those of the large one"
    )

    @property
    def stages(self) -> int:
        """Smaller states that are trained before."""
        return len(self.grow_from or self.grow_width)


class Excited(Table):
    above: list[str] = Field(
        default=[], description="folders of runs of the same Hamiltonian: the next level is sought"
    )
    penalty: float | None = Field(
        default=None, gt=0, description="energy of what overlaps with them, above the gap; chosen"
    )


class Evaluation(Table):
    samples: Annotated[int, Field(ge=100, le=10**8)] | None = Field(
        default=None, description="fresh ones behind the final energy; chosen"
    )


class Reference(Table):
    energy: float | None = Field(default=None, description="known from elsewhere, to compare with")
    method: str | None = Field(default=None, description="where it is from")
    exact: bool = Field(default=False, description="whether no energy can lie below it")


class GroundState(Table):
    """A ground-state job."""

    job: Literal["ground-state"] = "ground-state"
    seed: int = Field(default=1, ge=0, le=2**31 - 1, description="of every random draw")
    budget: Duration | None = Field(
        default=None, description='how long to train, such as "8m"; shortens the schedule'
    )
    time_limit: Duration | None = Field(
        default=None, description="wall-clock limit of the batch queue: stop before, exit 75"
    )
    hamiltonian: Hamiltonian = Hamiltonian()
    ansatz: Ansatz = Ansatz()
    training: Training = Training()
    excited: Excited = Excited()
    evaluation: Evaluation = Evaluation()
    reference: Reference = Reference()
