"""Sizes that a reconstruction tries in turn, and what a wide one chooses from its data."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from nqs.config.menu import (
    ANSATZ_OPTIONS,
    AUTO,
    AUTOREGRESSIVE,
    MIXED,
    PERIODIC,
    PRODUCTS,
    SINGLE_PRECISION,
    SUMMED_ANCILLAS,
)
from nqs.config.tomography import Tomography
from nqs.jobs.choices import Choice, fill_filters, fill_size, filler, is_mixed, optimiser, readout
from nqs.measurement.dataset import Measurements
from nqs.measurement.kinds import BRANCH_TERMS, terms
from nqs.state.reading import Reader

_SIZES = {
    "mps": ("bond", (1, 2, 4, 8, 16, 32)),
    "recurrent": ("hidden", (16, 32, 64)),
    "purification": ("ancillas", (1, 2, 4)),
    "lpdo": ("bond", (2, 4, 8)),
}
"""Of each family, what is made larger, and the steps of the ladder."""


_RATES = {
    "mps": 0.02,
    "recurrent": 0.01,
    "recurrent-2d": 0.01,
    "purification": 0.01,
    "lpdo": 0.02,
    "rbm-positive": 0.05,
    "rbm-phase": 0.03,
}
_NATURAL = (
    ("rate", 0.3, "part of a step, as every batch has its own noise"),
    ("shift", 0.1, "against the noise of a batch"),
    ("trust", 0.3, "against the noise of a batch"),
    ("steps", 300, "of the state chosen; a third of them for each size tried"),
)
_STRINGS = 4096
_CONTRACTED = 512

_GIBBS = ("rbm-positive", "rbm-phase")
"""Ansätze whose chains move all sites at once."""


class Rung(NamedTuple):
    """An ansatz by name, with all of its options."""

    name: str
    options: dict[str, Any]

    @property
    def label(self) -> str:
        keys = ("bond", "hidden", "ancillas")
        sizes = [str(self.options[key]) for key in keys if key in self.options]
        noise = " + white noise" if self.options.get("white_noise") else ""
        return " + ".join([f"{self.name} {sizes[0]}" if sizes else self.name, *sizes[1:]]) + noise


def families(config: Tomography, data: Measurements) -> list[list[Rung]]:
    """Ladders to climb, the cheapest family first; each from its smallest size.

    One family of one rung where the ansatz is named. Only a matrix-product state reads shots that may be
    misread, and settings that rotate more sites than branches can be written out for.
    """
    phase = not data.only_z
    if config.ansatz.name != AUTO:
        options = config.ansatz.model_dump(exclude={"name"}, exclude_none=True)
        return [[_rung(str(config.ansatz.name), options)]]
    ladders = [matrix_products(data)]
    strings = all(terms(s, data.effects) <= BRANCH_TERMS for s in data.settings)
    if strings and data.readout is None:
        lengths = config.ansatz.size or data.lattice
        name = "recurrent-2d" if lengths and len(lengths) == 2 else "recurrent"
        size = {"size": list(lengths)} if lengths and name == "recurrent-2d" else {}
        key, sizes = _SIZES["recurrent"]
        ladders.append([_rung(name, {key: n, "phase": phase, **size}) for n in sizes])
    return ladders


def mixtures(rungs: Sequence[Rung], config: Tomography, data: Measurements) -> list[Rung]:
    """Every rung that mixed states may be tried on beside pure ones; none where the ansatz is named and pure, or
    where shots in Z alone cannot tell them apart."""
    if data.only_z or not (config.ansatz.name == AUTO or is_mixed(config)):
        return []
    found = locally_purified()
    for rung in rungs:
        noisy = with_white_noise(rung)
        found += [noisy, *purifications(rung, data), *purifications(noisy, data)]
        found += [*an_ancilla_a_site(rung, data), *an_ancilla_a_site(noisy, data)]
    return found


def with_white_noise(rung: Rung) -> Rung:
    return Rung(rung.name, {**rung.options, "white_noise": True})


def behind(rung: Rung) -> Rung | None:
    """The recurrent state that a purification begins at, as ancillas are learnt better beside a state that is known;
    None of other ansätze."""
    if rung.name != "purification":
        return None
    shared = ("hidden", "site_dependent", "precision", "white_noise")
    kept = {key: rung.options[key] for key in shared if key in rung.options}
    return Rung("recurrent", {**kept, "phase": True})


def purifications(rung: Rung, data: Measurements) -> list[Rung]:
    """Recurrent states like that of a rung, with few ancillas; none of others, and where strings would be too many."""
    if rung.name != "recurrent":
        return []
    _, sizes = _SIZES["purification"]
    most = max(terms(s, data.effects) for s in data.settings)
    return [_with_ancillas(rung, n) for n in sizes if most * 2**n <= BRANCH_TERMS]


def an_ancilla_a_site(rung: Rung, data: Measurements) -> list[Rung]:
    """The same with as many ancillas as sites, where these are more than are summed over."""
    few = rung.name != "recurrent" or data.sites <= SUMMED_ANCILLAS
    return [] if few else [_with_ancillas(rung, data.sites)]


def _with_ancillas(rung: Rung, ancillas: int) -> Rung:
    kept = {k: v for k, v in rung.options.items() if k in ("hidden", "precision", "white_noise")}
    return Rung("purification", {"ancillas": ancillas, **kept})


def locally_purified(begun: Rung | None = None) -> list[Rung]:
    """Matrix products of a mixed state, the classical baseline where the pure ones do not do. begun: those from the
    size of this one on."""
    key, sizes = _SIZES["lpdo"]
    least = 0 if begun is None else min(begun.options[key], max(sizes))
    return [Rung("lpdo", {key: n}) for n in sizes if n >= least]


def matrix_products(data: Measurements) -> list[Rung]:
    """The classical baseline, from a product state on."""
    key, sizes = _SIZES["mps"]
    most = 2 ** (data.sites // 2)
    return [Rung("mps", {key: n, "phase": not data.only_z}) for n in sizes if n <= most]


def _rung(name: str, options: dict[str, Any]) -> Rung:
    if name in SINGLE_PRECISION and name in (
        *AUTOREGRESSIVE,
        "purification",
    ):  # log Z adds up many small changes
        options = {**options, "precision": "float32"}
    return Rung(name, options)


def rate_of(rung: Rung, config: Tomography) -> float:
    return config.training.rate or _RATES.get(rung.name, 0.01)


def strings_of(config: Tomography, reader: Reader) -> int:
    """Bit strings read in each step, with all strings of ancillas that are drawn for each; of a contraction, shots."""
    drawn = reader.vectors if reader.drawn else 1
    return config.training.strings or (_CONTRACTED if reader.contracted else _STRINGS * drawn)


def choose(config: Tomography, data: Measurements) -> tuple[Tomography, list[Choice]]:
    """The config of a wide reconstruction with every gap filled, and what was filled in."""
    config, fill, made = filler(config)
    ansatz, training = config.ansatz, config.training
    most = max(terms(s, data.effects) for s in data.settings)
    why = f"{data.sites} sites in {len(data.settings)} settings, at most {most:,} strings a shot"
    readout(config, data, fill)
    fill(training, "likelihood", "branch", why)
    fill(ansatz, "name", AUTO, "sizes of two families are tried, and shots held out choose")
    if ansatz.name in AUTOREGRESSIVE:
        fill(ansatz, "phase", not data.only_z, "rotated settings" if not data.only_z else "Z alone")
    if ansatz.name in PRODUCTS:
        fill(ansatz, "bond", 8, "enough for a gapped chain")
    if ansatz.name == "purification":
        fill(ansatz, "ancillas", 2, "a mixture of four vectors")
    fill_size(ansatz, data, fill)
    if ansatz.name in PERIODIC:
        fill_filters(ansatz, data, fill)
    elif ansatz.name in ("rbm-positive", "rbm-phase", "rbm"):
        fill(ansatz, "hidden", data.sites, "a hidden unit a site")
    elif "hidden" in ANSATZ_OPTIONS.get(str(ansatz.name), ()):
        fill(ansatz, "hidden", 32 if data.shots >= 100_000 else 16, f"{data.shots:,} shots")
    optimiser(training, fill, _NATURAL)
    if ansatz.name != AUTO:
        fill(training, "rate", _RATES.get(str(ansatz.name), 0.01), f"for {ansatz.name}")
    if ansatz.name not in (AUTO, *AUTOREGRESSIVE, *MIXED):
        moves = "all sites move at once" if ansatz.name in _GIBBS else "a site moves at a time"
        fill(
            training, "chains", 1024 if ansatz.name in _GIBBS else 256, f"log Z is sampled; {moves}"
        )
        fill(training, "sweeps", 1, "a step; the chains' weights make up for what they lag behind")
    if ansatz.name in PRODUCTS:
        fill(training, "restarts", 4, "half of them may end in a minimum that is not the lowest")
    fill(training, "restarts", 2, "of the state chosen; their agreement is judged")
    fill(training, "steps", 1500, "of the state chosen; a third of them for each size tried")
    fill(config.baseline, "method", "mps", "matrix-product states are what to beat at this size")
    return config, made


def climb(
    families: Sequence[Sequence[Rung]],
    train: Callable[[Rung], Any],
    gain: Callable[[Any, Any], float],
) -> list[Any]:
    """What `train` makes of each rung that is tried.

    gain: how much better the first is than the second, 0 where that may be chance. A family is
    climbed for as long as the next size is better than the one before it, and would be better
    than all families before it if every size that is left gained as much again.
    """
    found: list[Any] = []
    for ladder in families:
        others, last = list(found), None
        for place, rung in enumerate(ladder):
            tried = train(rung)
            found.append(tried)
            if last is not None:
                gained, left = gain(tried, last), len(ladder) - place - 1
                if gained <= 0 or any(gain(other, tried) > left * gained for other in others):
                    break
            last = tried
    return found
