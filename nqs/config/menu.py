"""The ansätze by name and their options, known without loading JAX; a test compares it with the modules."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from math import isqrt, prod

DEFAULT_ANSATZ = "recurrent"

ANSATZ_OPTIONS = {
    "recurrent": ("hidden", "phase", "site_dependent", "ends", "even"),
    "mps": ("bond", "phase", "even"),
    "recurrent-2d": ("size", "hidden", "cell", "phase", "even"),
    "transformer": ("hidden", "layers", "heads", "patch", "phase", "even"),
    "rbm-positive": ("hidden",),
    "rbm-phase": ("hidden",),
    "rbm": ("hidden",),
    "rbm-symmetric": ("size", "features", "point_group"),
    "conv": ("size", "features", "layers", "reach", "signed", "odd", "point_group"),
    "pair-product": ("size", "features", "layers", "reach", "pairs", "point_group"),
    "low-rank": ("rank",),
    "purification": ("ancillas", "hidden", "site_dependent"),
    "density-rbm": ("ancillas", "hidden"),
    "lpdo": ("bond",),
    "outcome": ("hidden",),
}

AUTO = "auto"
"""In place of an ansatz: descriptions of few sites, or sizes of several ansätze, are tried, and shots held out
choose."""

MIXED = ("low-rank", "purification", "density-rbm", "lpdo")
"""Ansätze of mixed states."""

SUMMED_ANCILLAS = 8
"""Ancillas whose values are all summed over; of more some are drawn for each shot."""

NOISE = ("white_noise", "readout_errors")
"""Options of any ansatz of a tomography."""

PRODUCTS = ("mps", "lpdo")
"""Matrix products, which read any setting in one contraction, misread or not."""

AUTOREGRESSIVE = ("recurrent", "recurrent-2d", "transformer", "mps")
"""Ansätze that are normalised and whose samples are exact."""

PERIODIC = ("rbm-symmetric", "conv", "pair-product")
"""Ansätze that every translation of a periodic lattice, and a flip of all spins, leave as they are."""

LATTICE = ("recurrent-2d", *PERIODIC)
"""Ansätze that know on what lattice the sites lie."""

SINGLE_PRECISION = (
    "recurrent",
    "purification",
    "recurrent-2d",
    "transformer",
    "rbm",
    "rbm-symmetric",
    "conv",
    "pair-product",
)
"""Ansätze that can be trained in float32."""


_WIDTHS = ("hidden", "features", "bond")


def width_option(name: str) -> str:
    """The option of an ansatz that says how many units it has."""
    return next(option for option in ANSATZ_OPTIONS[name] if option in _WIDTHS)


def refuse_many_ancillas(name: str, ancillas: int, sites: int) -> None:
    """ValueError where a mixed state has none, or more than it can have: as many as sites hold every mixed state."""
    most = max(SUMMED_ANCILLAS, sites) if name == "purification" else SUMMED_ANCILLAS
    if not 1 <= ancillas <= most:
        raise ValueError(
            f"ansatz.ancillas is {ancillas}; of {sites} sites {name} has 1 to {most} of them."
        )


def refuse_unknown_ansatz(name: str, options: Iterable[str]) -> None:
    """ValueError where the menu has no such name, or the name no such option.

    Every normalised one may be averaged, over symmetries of a lattice of the given size.
    """
    if name not in ANSATZ_OPTIONS:
        near = get_close_matches(name, ANSATZ_OPTIONS, 1)
        raise ValueError(
            f"unknown ansatz {name!r}{f' (did you mean {near[0]}?)' if near else ''}; choose one of {', '.join(ANSATZ_OPTIONS)}. A module of your own "
            "is given in Python: nqs.tomography, nqs.resume and nqs.load take it."
        )
    options = set(options)
    if "average" in options:
        if name not in AUTOREGRESSIVE:
            raise ValueError(
                f"ansatz.average is for {', '.join(AUTOREGRESSIVE)}, whose norm is known; leave it out for "
                f"{name}."
            )
        options -= {"average", "size"}
    options -= set(NOISE)
    for option in sorted(options):
        if option not in ANSATZ_OPTIONS[name]:
            raise ValueError(
                f"ansatz {name!r} has no option {option!r}; it has {', '.join(ANSATZ_OPTIONS[name])}."
            )


def lattice_size(name: str, sites: int, size: Sequence[int] = ()) -> tuple[int, ...]:
    """Lengths of the lattice of one of `LATTICE`, a ring or a square where left out.

    ValueError where they do not fit the sites, or the sites the ansatz: a product of an odd number of
    singlets changes sign under a flip of all spins.
    """
    if name == "pair-product" and sites % 4:
        raise ValueError(
            f"ansatz 'pair-product' needs a multiple of four sites, and there are {sites}; choose conv."
        )
    if not size:
        side = isqrt(sites)
        size = (sites,) if name in PERIODIC else (side, side)
        if prod(size) != sites:
            raise ValueError(
                f"ansatz {name!r} is left without a size, and {sites} sites are no square; give "
                "ansatz.size = [rows, columns]."
            )
    if prod(size) != sites:
        raise ValueError(
            f"ansatz.size is {list(size)}, which is {prod(size)} sites; expected lengths of a lattice "
            f"of {sites} sites."
        )
    if name not in PERIODIC and len(size) != 2:
        raise ValueError(
            f"ansatz {name!r} needs rows and columns, and its size is {list(size)}; choose recurrent "
            "for a chain."
        )
    return tuple(size)
