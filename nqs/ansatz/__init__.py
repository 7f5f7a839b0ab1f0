"""Ansätze by name: what the network gives."""

import dataclasses

from flax import linen as nn

from nqs.ansatz.rbm import RBMComplex, RBMPhase, RBMPositive
from nqs.ansatz.recurrent import Recurrent

ANSATZE: dict[str, type[nn.Module]] = {
    "recurrent": Recurrent,
    "rbm-positive": RBMPositive,
    "rbm-phase": RBMPhase,
    "rbm": RBMComplex,
}


def build(name: str, sites: int, **options) -> nn.Module:
    """The ansatz called `name` on `sites` sites; ValueError names the menu where unknown."""
    if name not in ANSATZE:
        raise ValueError(f"unknown ansatz {name!r}; choose one of {', '.join(ANSATZE)}.")
    known = {f.name for f in dataclasses.fields(ANSATZE[name])} - {"sites", "parent", "name"}
    for option in options:
        if option not in known:
            raise ValueError(
                f"ansatz {name!r} has no option {option!r}; it has {', '.join(sorted(known))}."
            )
    return ANSATZE[name](sites=sites, **options)
