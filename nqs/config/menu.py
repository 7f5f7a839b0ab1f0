"""The ansätze by name and their options, known without loading JAX; a test compares it with the modules."""

from collections.abc import Iterable

DEFAULT_ANSATZ = "recurrent"

ANSATZ_OPTIONS = {
    "recurrent": ("hidden", "phase", "site_dependent", "ends", "even"),
    "mps": ("bond", "phase"),
    "rbm-positive": ("hidden",),
    "rbm-phase": ("hidden",),
    "rbm": ("hidden",),
    "rbm-symmetric": ("features",),
    "conv": ("features", "signed"),
}

PERIODIC = ("rbm-symmetric", "conv")
"""Ansätze that every translation of a periodic lattice, and a flip of all spins, leave as they are."""

SINGLE_PRECISION = ("recurrent", "rbm", "rbm-symmetric", "conv")
"""Ansätze that can be trained in float32."""


def refuse_unknown_ansatz(name: str, options: Iterable[str]) -> None:
    """ValueError where the menu has no such name, or the name no such option."""
    if name not in ANSATZ_OPTIONS:
        raise ValueError(
            f"unknown ansatz {name!r}; choose one of {', '.join(ANSATZ_OPTIONS)}. A module of your own "
            "is given in Python: nqs.tomography, nqs.resume and nqs.load take it."
        )
    for option in options:
        if option not in ANSATZ_OPTIONS[name]:
            raise ValueError(
                f"ansatz {name!r} has no option {option!r}; it has {', '.join(ANSATZ_OPTIONS[name])}."
            )
