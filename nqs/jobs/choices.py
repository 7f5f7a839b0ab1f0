"""What a tomography chooses from its data where the config is silent, and why."""

from collections.abc import Callable, Sequence
from math import gcd
from typing import NamedTuple

from nqs.config.menu import (
    ANSATZ_OPTIONS,
    AUTOREGRESSIVE,
    DEFAULT_ANSATZ,
    LATTICE,
    MIXED,
    NOISE,
    PERIODIC,
    lattice_size,
)
from nqs.config.tables import Network
from nqs.config.tomography import Tomography, Training
from nqs.measurement.dataset import Measurements
from nqs.measurement.effects import generalised
from nqs.measurement.readout import Pair
from nqs.state.reach import (
    FISHER_SITES,
    FISHER_WORK,
    LIKELIEST_SITES,
    MATRIX_LIKELIEST_SITES,
)

_RATES = {
    "recurrent": 0.02,
    "recurrent-2d": 0.02,
    "rbm-phase": 0.1,
    "purification": 0.02,
    "density-rbm": 0.05,
}
_OTHER_RATE = 0.01
_SLOWER = {"recurrent-2d": 2.0, "transformer": 8.0}
"""Time of an amplitude with its gradient, where that of a recurrent state is 1."""

_NATURAL = (
    ("rate", 1.0, "whole natural steps"),
    ("shift", 1e-3, "a hundred times that in the first steps"),
    ("trust", 0.5, "log P changes by less than itself"),
)
_NATURAL_STEPS = 60

_MOST_ENTRIES = 2**27
"""Numbers of the largest matrix of a natural step: a gigabyte, and it is needed a few times."""

_ANCILLAS = 2

_BATCHED_WORK = 2**17


class Choice(NamedTuple):
    """One value chosen, the key it stands for, and the reason."""

    key: str
    value: object
    why: str

    @property
    def shown(self) -> str:
        return str(self.value).lower() if isinstance(self.value, bool) else str(self.value)


def filler(config: Tomography) -> tuple[Tomography, Callable[..., None], list[Choice]]:
    """A copy of the config, what fills its gaps, and the list of what was filled in."""
    made: list[Choice] = []
    config = config.model_copy(deep=True)
    tables = ("data", "ansatz", "training", "baseline")
    name_of = {id(getattr(config, name)): name for name in tables}

    def fill(table, key, value, why):
        if getattr(table, key) is None:
            setattr(table, key, value)
            made.append(Choice(f"{name_of[id(table)]}.{key}", value, why))

    return config, fill, made


def readout(
    config: Tomography,
    data: Measurements,
    fill: Callable[..., None],
    pairs: Sequence[Pair] = (),
) -> None:
    """Say where the readout errors that are undone come from, if any are. pairs: undone together."""
    if data.readout is None:
        return
    known = data.calibration
    if known is not None and known.tells(data.readout):
        together = ", ".join("{} and {}".format(*pair.sites) for pair in pairs)
        why = f"by {known.shots:,} calibration shots"
        why += f"; sites {together} are misread together" if together else ""
        fill(config.data, "readout", "calibrated", why)
    fill(config.data, "readout", "declared", "the file has a matrix for every site")


def choose(config: Tomography, data: Measurements) -> tuple[Tomography, list[Choice]]:
    """The config with every gap filled, and what was filled in."""
    config, fill, made = filler(config)
    ansatz, training = config.ansatz, config.training
    readout(config, data, fill, data.undone_pairs)
    fill(ansatz, "name", DEFAULT_ANSATZ, "normalised, and best on most states tried")
    fill_size(ansatz, data, fill)
    if ansatz.name in AUTOREGRESSIVE:
        if data.only_z:
            fill(ansatz, "phase", False, "shots in Z alone say nothing of phases")
        else:
            fill(ansatz, "phase", True, "rotated settings")
        fill(ansatz, "even", False, "not known of the state")
    if ansatz.name == "recurrent":
        fill(ansatz, "hidden", *_recurrent_size(data))
        fill(ansatz, "site_dependent", False, "fewer parameters than shots can fill")
        fill(ansatz, "ends", False, "what the ends do is not known")
    elif ansatz.name == "recurrent-2d":
        fill(ansatz, "hidden", *_recurrent_size(data))
        fill(ansatz, "cell", "gated", "half the parameters of a tensor")
    elif ansatz.name == "mps":
        fill(ansatz, "bond", min(2 ** (data.sites // 2), 8), "of 2^(sites/2) nothing is left out")
    elif ansatz.name == "transformer":
        fill(ansatz, "hidden", *_recurrent_size(data))
        fill(ansatz, "layers", 2, "enough to look from what is found")
        fill(ansatz, "heads", gcd(4, int(ansatz.hidden or 0)), "of equal shares of hidden")
        fill(ansatz, "patch", 1, "every site by itself")
    elif ansatz.name in PERIODIC:
        fill_filters(ansatz, data, fill)
    elif ansatz.name in MIXED:
        fill(ansatz, "ancillas", _ANCILLAS, "a mixture of four vectors")
        fill(ansatz, "hidden", *_recurrent_size(data))
        if ansatz.name == "purification":
            fill(ansatz, "site_dependent", False, "told how near the ends are instead")
    elif ansatz.name in ANSATZ_OPTIONS:
        fill(ansatz, "hidden", max(8, 2 * data.sites), "two hidden units a site")
    work = len(data.settings) * 2**data.sites
    noisy = ansatz.name in MIXED or any(getattr(ansatz, key) for key in NOISE)
    noisy = noisy or generalised(data.settings, data.effects)
    reach = MATRIX_LIKELIEST_SITES if noisy else LIKELIEST_SITES
    if data.sites <= reach:
        fill(config.baseline, "method", "maximum-likelihood", "exact at this size")
    fill(config.baseline, "method", "none", f"maximum likelihood reaches to {reach} sites")
    fill(training, "likelihood", "dense", f"{work:,} probabilities are few enough")
    optimiser(training, fill, _NATURAL)
    restarts, steps = 4, 2000
    if data.sites <= 4:
        restarts = 8  # they cost next to nothing, and small random states have many minima
    elif work > _BATCHED_WORK:
        restarts, steps = 2, 1000
    if training.optimiser == "natural":
        steps = _NATURAL_STEPS
    fill(training, "restarts", restarts, f"against phase minima, at {work:,} probabilities a step")
    fill(
        training, "steps", steps, "enough for the states tried; held-out shots may stop it earlier"
    )
    fill(training, "rate", _RATES.get(str(ansatz.name), _OTHER_RATE), f"for {ansatz.name}")
    return config, made


def fill_filters(ansatz: Network, data: Measurements, fill: Callable[..., None]) -> None:
    """What a state of a periodic lattice is made of."""
    fill(ansatz, "features", 8, "filters of the length of the ring")
    fill(ansatz, "point_group", False, "shots need not have it")
    if ansatz.name == "conv":
        fill(ansatz, "layers", 2, "enough to see pairs")
        fill(ansatz, "signed", not data.only_z, "rotated settings see signs")
        fill(ansatz, "odd", False, "not known of the state")


def fill_size(ansatz: Network, data: Measurements, fill: Callable[..., None]) -> None:
    """The lengths of the lattice, where they are asked for: those of the file where it says them."""
    if ansatz.name not in LATTICE:
        if set(ansatz.average or ()) & {"translations", "point"}:
            size, why = (
                (data.lattice, "as the file has it") if data.lattice else ([data.sites], "a chain")
            )
            fill(ansatz, "size", list(size), why)
        return
    size = lattice_size(str(ansatz.name), data.sites, ansatz.size or data.lattice or ())
    square = "a ring" if ansatz.name in PERIODIC else "a square"
    fill(ansatz, "size", list(size), "as the file has it" if data.lattice else square)


def optimiser(training: Training, fill: Callable[..., None], natural: Sequence[tuple]) -> None:
    """Fill in the optimiser, and what natural gradients need. natural: key, value and reason."""
    fill(training, "optimiser", "adam", "the cheapest steps")
    if training.optimiser == "natural":
        for key, value, why in natural:
            fill(training, key, value, why)


def _recurrent_size(data: Measurements) -> tuple[int, str]:
    if data.sites > 8 and data.shots >= 100_000:
        return 32, f"{data.shots:,} shots of {data.sites} sites"
    return 16, f"about a thousand parameters for {data.shots:,} shots of {data.sites} sites"


def is_mixed(config: Tomography) -> bool:
    """Whether an ansatz of mixed states is asked for, or noise that is learnt beside any."""
    return config.ansatz.name in MIXED or any(getattr(config.ansatz, key) for key in NOISE)


def vectors_of(config: Tomography, sites: int) -> int:
    """How many vectors the ansatz is a mixture of, 1 where it is pure."""
    ansatz = config.ansatz
    if ansatz.name == "low-rank":
        return ansatz.rank or 2**sites
    return 2 ** (ansatz.ancillas or _ANCILLAS) if ansatz.name in MIXED else 1


def restarts_together(config: Tomography, data: Measurements) -> bool:
    """Whether all restarts fit into one batch without straining the memory."""
    work = len(data.settings) * 2**data.sites * vectors_of(config, data.sites)
    return work <= _BATCHED_WORK


def natural_entries(sites: int, settings: int, parameters: int) -> int:
    """Numbers of the largest matrix of a natural step: outcomes, by parameters or real directions."""
    return settings * 2**sites * min(parameters, 2 * 2**sites)


def refuse_large_matrix(entries: int, of: str) -> None:
    """ValueError where a natural step does not fit into the memory. of: what it is made of."""
    if entries > _MOST_ENTRIES:
        raise ValueError(
            f"natural gradients of {of} need a matrix of {entries:.3g} numbers at every step; the "
            f"limit is {_MOST_ENTRIES:.3g}. Choose training.optimiser adam."
        )


def steps_per_dispatch(config: Tomography, data: Measurements) -> int:
    """Steps between two looks at the clock: fewer where each takes longer."""
    if config.training.optimiser == "natural":
        return 10
    work = len(data.settings) * 2**data.sites * vectors_of(config, data.sites)
    return 100 if work <= 2**17 else 20 if work <= 2**20 else 10


def cost(config: Tomography, data: Measurements, parameters: int) -> dict[str, float]:
    """Rough memory in MB and time in seconds on two cores, from what was measured."""
    from nqs.jobs.stopping import FOLDS, parts_held_out  # loads JAX, which choosing need not

    restarts, steps = int(config.training.restarts or 1), int(config.training.steps or 1)
    amplitudes, probabilities = 2**data.sites, len(data.settings) * 2**data.sites
    hidden = config.ansatz.hidden or data.sites
    vectors = vectors_of(config, data.sites)
    amplitudes, probabilities = amplitudes * vectors, probabilities * vectors
    at_once = restarts if restarts_together(config, data) else 1
    memory = 350 + at_once * (amplitudes * hidden * 300 + probabilities * 100) / 1e6
    work = amplitudes * hidden * _SLOWER.get(str(config.ansatz.name), 1.0)
    step = restarts * (5e-5 + work * 1.2e-8 + probabilities * 2.5e-8)
    if config.training.optimiser == "natural":
        entries = natural_entries(data.sites, len(data.settings), parameters)
        memory += 24e-6 * entries * at_once
        rows = min(parameters, 2 * amplitudes)
        step = restarts * (1e-3 + entries * (1e-8 + rows * 1e-10) + amplitudes * parameters * 1e-8)
    phases: float = 2 if data.only_z else 3
    share = config.data.held_out if config.data.refit else 0.0
    if parts_held_out(data.sites, data.only_z, parameters, share) == FOLDS:
        phases += FOLDS / restarts
    fisher = min(len(data.settings) * 4**data.sites, FISHER_WORK)
    judging = 1.3e-7 * fisher if data.sites <= FISHER_SITES else 0.0
    seconds = 5 + phases * steps * step + judging + parameters * 1e-5
    return {"memory_mb": memory, "seconds": seconds}
