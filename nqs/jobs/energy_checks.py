"""What a ground state refuses to do, before JAX is loaded."""

from itertools import pairwise
from math import prod
from typing import Any

from nqs.config.ground_state import GroundState, Uniform
from nqs.config.menu import (
    MIXED,
    NOISE,
    PERIODIC,
    SINGLE_PRECISION,
    lattice_size,
    refuse_unknown_ansatz,
    width_option,
)
from nqs.jobs.energy_choices import (
    AUTOREGRESSIVE,
    MOST_ELEMENTS,
    MOST_LISTED,
    MOST_SUMMED,
    OPTIONS,
    Facts,
    options,
    summands,
)
from nqs.systems.sectors import sector_size

GROWING = {
    "recurrent": "open",
    "recurrent-2d": "open",
    "mps": "open",
    "rbm-symmetric": "periodic",
    "conv": "periodic",
}
"""Ansätze that can be carried over to a larger lattice, and to which."""

WIDENING = (*GROWING, "rbm-positive", "rbm-phase", "rbm")
"""Ansätze that can be carried over to more units."""


def check(config: GroundState, known: Facts, own: bool | None = None) -> None:
    """ValueError where what a chosen config asks for cannot be done, before JAX is loaded."""
    ansatz = config.ansatz
    _check_idle(config, own)
    if own is None:
        _refuse_mixed(ansatz)
        averaged = ["average"] if ansatz.average else []
        refuse_unknown_ansatz(str(ansatz.name), [*options(config), *averaged])
        if ansatz.name in PERIODIC and not known.lattice:
            raise ValueError(
                f"ansatz {ansatz.name!r} needs a periodic lattice, and none is known; say lattice, size and "
                "periodic = true, or choose recurrent or rbm."
            )
        if ansatz.name in PERIODIC and not known.periodic:
            raise ValueError(
                f"ansatz {ansatz.name!r} has all translations of a periodic lattice and the flip of all "
                "spins, which this Hamiltonian has not; choose recurrent or rbm."
            )
        if ansatz.odd and not ansatz.signed:
            raise ValueError(
                "ansatz.odd changes the sign of ψ with all spins; set ansatz.signed = true beside it."
            )
        if ansatz.point_group and not known.turns:
            raise ValueError(
                "ansatz.point_group needs a Hamiltonian that rotations and reflections of its lattice leave "
                "as it is, which this one is not; leave it out."
            )
        if ansatz.name == "pair-product":
            _check_pairs(ansatz, known)
        _check_average(config, known)
    _check_sector(config, known)
    _check_sampler(config, known, own)
    _check_growth(config)


def _refuse_mixed(ansatz: Any) -> None:
    if ansatz.name == "outcome":
        raise ValueError("ansatz 'outcome' models outcomes of measurements; it is for tomography.")
    noise = next((key for key in NOISE if getattr(ansatz, key)), None)
    if ansatz.name in MIXED or noise:
        what = f"ansatz {ansatz.name!r}" if noise is None else f"ansatz.{noise}"
        raise ValueError(
            f"{what} makes a mixed state, and ground states are pure; it is for tomography."
        )


def _check_idle(config: GroundState, own: bool | None) -> None:
    """ValueError where a value is given that would have no effect."""
    training = config.training
    chains = training.sampler in ("metropolis", "exchange")
    growth = [(training, key) for key in ("grow_steps", "grow_samples")]
    idle: list[tuple[bool, str, list[tuple[Any, str]]]] = [
        (
            training.optimiser == "adam",
            "optimiser adam",
            [(training, key) for key in ("momentum", "shift", "trust")],
        ),
        (not chains, f"sampler {training.sampler}", [(training, "sweeps")]),
        (training.sampler != "unique", "a sampler that is not unique", [(training, "repeats")]),
        (training.sampler == "all", "sampler all", [(config.evaluation, "samples")]),
        (not training.stages, "grow_from = [] and grow_width = []", growth),
        (not config.excited.above, "excited.above = []", [(config.excited, "penalty")]),
        (
            own is not None,
            "a module of your own",
            [(config.ansatz, key) for key in sorted(OPTIONS)],
        ),
    ]
    for applies, beside, keys in idle:
        for table, key in keys:
            value, default = getattr(table, key), type(table).model_fields[key].get_default()
            if applies and value != default:
                raise ValueError(
                    f"{type(table).__name__.lower()}.{key} has no effect beside {beside}; leave it out."
                )
    single = own is None and config.ansatz.name in SINGLE_PRECISION
    if training.precision == "float32" and not single:
        raise ValueError(
            "training.precision 'float32' is for the ansätze "
            f"{', '.join(SINGLE_PRECISION)}; leave it out."
        )


def _check_pairs(ansatz: Any, known: Facts) -> None:
    lattice_size("pair-product", known.sites, ansatz.size or ())
    if not known.conserves or ansatz.magnetisation != 0:
        given = "free_magnetisation" if ansatz.free_magnetisation else "magnetisation"
        remedy = f"leave out ansatz.{given}, or choose conv" if known.conserves else "choose conv"
        raise ValueError(f"ansatz 'pair-product' has as many spins up as down always; {remedy}.")
    if ansatz.marshall:
        raise ValueError("ansatz 'pair-product' has signs of its own; leave out ansatz.marshall.")


def _check_average(config: GroundState, known: Facts) -> None:
    ansatz = config.ansatz
    if not ansatz.average:
        return
    held = {
        "flip": known.flips and not ansatz.magnetisation,
        "translations": known.translations and known.lengths is not None,
        "point": known.turns,
    }
    for name in ansatz.average:
        if not held[name]:
            raise ValueError(
                f"ansatz.average names {name!r}, which does not leave this Hamiltonian on a grid, or its "
                "Σ Z, as it is; leave it out."
            )


def _check_growth(config: GroundState) -> None:
    training = config.training
    if not training.stages:
        return
    what = "grow_from" if training.grow_from else "grow_width"
    if config.excited.above:
        raise ValueError(
            f"training.{what} has no lower levels beside what is smaller; leave it out."
        )
    if training.begin_from is not None:
        raise ValueError(f"training.{what} and begin_from are two beginnings; take one.")
    if training.grow_from:
        _check_lattices(config)
    if training.grow_width:
        _check_widths(config)
    for key in ("grow_width", "grow_steps", "grow_samples"):
        given = getattr(training, key)
        if given and len(given) != training.stages:
            each = "size" if training.grow_from else "width"
            raise ValueError(f"training.{key} is {given}; expected a number for each {each}.")


def _check_widths(config: GroundState) -> None:
    training, name = config.training, str(config.ansatz.name)
    if name not in WIDENING:
        raise ValueError(
            f"training.grow_width is for {', '.join(WIDENING)}, whose units are all alike; leave it out."
        )
    key = width_option(name)
    widths = [*training.grow_width, getattr(config.ansatz, key)]
    if any(a > b or (a == b and not training.grow_from) for a, b in pairwise(widths)):
        raise ValueError(
            f"training.grow_width is {training.grow_width}; expected growing widths up to ansatz.{key} = "
            f"{widths[-1]}."
        )


def _check_lattices(config: GroundState) -> None:
    training, hamiltonian, ansatz = config.training, config.hamiltonian, config.ansatz
    where = "periodic" if hamiltonian.periodic else "open"
    unknown = hamiltonian.name is None or hamiltonian.size is None
    if GROWING.get(str(ansatz.name)) != where or unknown:
        known = ", ".join(f"{name} ({kind})" for name, kind in GROWING.items())
        raise ValueError(
            "training.grow_from needs a Hamiltonian that has a name and a lattice, and an ansatz that is the "
            f"same at every size; choose one of {known}."
        )
    sizes = [
        [s] if isinstance(s, int) else s for s in (*training.grow_from, hamiltonian.size or [])
    ]
    for small, large in pairwise(sizes):
        grows = len(small) == len(large) and small != large
        if not grows or min(small) < 2 or any(a > b for a, b in zip(small, large, strict=True)):
            raise ValueError(
                f"training.grow_from is {training.grow_from}; expected growing sizes up to {hamiltonian.size}."
            )
    least = 2 * ansatz.reach + 1 if ansatz.reach else 0
    if any(min(size) < least for size in sizes[:-1]):
        raise ValueError(
            f"training.grow_from is {training.grow_from}, and filters of ansatz.reach = {ansatz.reach} need "
            f"{least} sites in every direction; begin with larger lattices, or choose a smaller reach."
        )
    for key in ("J", "h", "g", "Jx", "Jy", "Jz", "hx", "hy", "hz"):
        if isinstance(getattr(hamiltonian, key), list | Uniform):
            raise ValueError(
                f"training.grow_from needs a uniform lattice, and hamiltonian.{key} is another one at each "
                "place."
            )
    if isinstance(sigma := ansatz.magnetisation, int):
        for size in sizes:
            if (prod(size) - sigma) % 2 or abs(sigma) > prod(size):
                raise ValueError(
                    f"training.grow_from has the size {size}, which cannot have Σ Z = {sigma}; choose "
                    f"{'an odd' if sigma % 2 else 'an even'} number of sites."
                )


def _check_sector(config: GroundState, known: Facts) -> None:
    ansatz = config.ansatz
    if ansatz.magnetisation is not None:
        if ansatz.free_magnetisation:
            raise ValueError(
                "ansatz.magnetisation is given, and ansatz.free_magnetisation = true; take one."
            )
        if not (known.conserves if isinstance(ansatz.magnetisation, int) else known.halves):
            raise ValueError(
                f"ansatz.magnetisation is {ansatz.magnetisation}, but this Hamiltonian does not conserve "
                "Σ Z"
                + ("" if isinstance(ansatz.magnetisation, int) else " of either half")
                + "; leave it out."
            )
        if ansatz.name in PERIODIC and ansatz.magnetisation != 0:
            raise ValueError(
                f"ansatz {ansatz.name!r} is even under a flip of all spins, which Σ Z = "
                f"{ansatz.magnetisation} is not; choose recurrent or rbm."
            )
    if ansatz.even and not (known.flips and not ansatz.magnetisation):
        raise ValueError(
            "ansatz.even needs a Hamiltonian that a flip of all spins leaves as it is, and no Σ Z but 0."
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
    autoregressive = ansatz.name in AUTOREGRESSIVE if own is None else own
    if sampler == "unique" and ansatz.average:
        raise ValueError(
            "training.sampler 'unique' draws from conditionals, which an average has not; leave out "
            "ansatz.average."
        )
    if sampler in ("direct", "unique") and not autoregressive:
        raise ValueError(
            f"ansatz {ansatz.name!r} has no conditionals; choose another training.sampler."
        )
    if (sampler == "all") != (training.samples == "all"):
        raise ValueError("training.sampler and training.samples are 'all' together, or neither is.")
    if sampler in ("all", "exact"):
        states = sector_size(known.sites, ansatz.magnetisation)
        if summands(config, known) is None:
            raise ValueError(
                f"training.sampler {sampler!r} sums over all {states:,} basis states, of {known.elements:,} "
                f"elements each, at every step; the limits are {MOST_LISTED:,} states, {MOST_SUMMED:,} "
                f"after symmetries, and {MOST_ELEMENTS:,} elements. Draw samples instead."
            )
