"""Shots of a known vector or density matrix in given settings, with noise; without JAX."""

from collections.abc import Mapping, Sequence
from math import comb

import numpy as np

from nqs.measurement.calibration import Calibration, of_rates
from nqs.measurement.dataset import Measurements
from nqs.measurement.effects import (
    PAULI_LETTERS,
    UNMEASURED,
    generalised,
    outcome_probabilities,
)

MOST_SETTINGS = 3**10
UNIT = 1e-6
"""How far from 1 a norm or trace may be."""

_SHOTS = 0x5407
_SETTINGS = 0x5E77
_CALIBRATION = 0xCA1B


def simulate(
    target: np.ndarray,
    settings: Sequence[str],
    shots: int,
    seed: int,
    *,
    depolarising: float = 0.0,
    local: float = 0.0,
    readout=None,
    calibration: int = 0,
    effects: Mapping[str, np.ndarray] | None = None,
) -> Measurements:
    """`shots` shots of the target in each setting, equal rows counted together.

    target: normalised state vector (2**sites,) or density matrix of trace 1.
    depolarising: p of ρ → (1 − p) ρ + p 1/2^N. local: the same of every site by itself.
    readout: P(read 1 | true 0), P(read 0 | true 1), one pair or (sites, 2). The
    shots declare it, as after a calibration; `dataclasses.replace(data,
    readout=None)` keeps it from whoever reads them.
    effects: operators of letters of the settings that are no Paulis.
    calibration: shots of each of the two states with all bits 0 and all bits 1, kept beside the others.

    The noiseless target travels along. The shots of a setting depend on the
    seed and on its place among the settings only.
    """
    target = np.asarray(target)
    sites = _sites_of(target)
    settings = tuple(settings)
    refuse_wrong(settings, sites, shots, depolarising, local)
    flips = None if readout is None else flips_of(readout, sites)
    general = generalised(settings, effects or {})
    if general and local:
        raise ValueError(
            "noise of single sites is simulated for Pauli settings; leave --local-depolarising out."
        )
    if general and flips is not None:
        raise ValueError(
            "readout errors of generalised measurements are a part of their effects; leave --readout out."
        )
    rows, index, counts = [], [], []
    for place, setting in enumerate(settings):
        probability = outcome_probabilities(target, setting, effects)
        white = 1 / 2**sites
        if general:
            white = outcome_probabilities(np.eye(2**sites) / 2**sites, setting, effects)
        probability = (1 - depolarising) * probability + depolarising * white
        levels = round(len(probability) ** (1 / sites))
        if local:
            probability = _read(probability, lost_locally(local, sites))
        if flips is not None:
            probability = _read(probability, flips)
        rng = np.random.default_rng([seed, _SHOTS, place])
        table = rng.multinomial(shots, probability / probability.sum())
        seen = np.flatnonzero(table)
        rows.append(np.stack(np.unravel_index(seen, (levels,) * sites), axis=1))
        index.append(np.full(len(seen), place))
        counts.append(table[seen])
    data = Measurements(
        outcomes=np.concatenate(rows),
        settings=settings,
        setting_index=np.concatenate(index),
        counts=np.concatenate(counts),
        effects=effects or {},
        readout=flips,
        calibration=calibrated(sites, flips, calibration, seed) if calibration else None,
        target=target,
        source=described(sites, settings, shots, seed, depolarising, local, readout),
    )
    return data.merged()  # where a site is not measured, noise has left outcomes to be ignored


def calibrated(sites: int, flips: np.ndarray | None, shots: int, seed: int) -> Calibration:
    """`shots` of all bits 0 and of all bits 1 each, every site misread by itself."""
    rng = np.random.default_rng([seed, _CALIBRATION])
    prepared = np.repeat(np.array([[0], [1]], np.uint8), shots, axis=0) * np.ones(sites, np.uint8)
    readout = np.broadcast_to(np.eye(2), (sites, 2, 2)) if flips is None else flips
    rows = np.concatenate([prepared, misread(prepared, readout, rng)], axis=1)
    rows, counts = np.unique(rows.astype(np.uint8), axis=0, return_counts=True)
    return Calibration(rows[:, :sites], rows[:, sites:], counts)


def misread(bits: np.ndarray, readout: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Outcomes (shots, sites) uint8 as they are read, each by itself. readout: P(read r | true t), [site, r, t]."""
    read_one = readout[np.arange(bits.shape[1]), 1, bits]
    return (rng.random(bits.shape) < read_one).astype(np.uint8)


def chosen_settings(text: str, sites: int, seed: int) -> tuple[str, ...]:
    """Settings in words: parts joined by "," or "+", in the order written.

    all         every Pauli setting, 3^N
    pauli:30    thirty random ones, distinct and none that is listed elsewhere
    pauli:30/8  the same, each with X or Y on at most eight sites at random and Z elsewhere
    Z           one letter for all sites
    XXZ         a letter for each site, I where it is not measured

    ValueError says which part is not understood, or how many settings it would be.
    """
    parts = [part.strip() for part in text.replace("+", ",").split(",")]
    listed = [_spelt(part, sites) for part in parts if not _is_group(part)]
    for setting in listed:
        if listed.count(setting) > 1:
            raise ValueError(f"setting {setting!r} is listed twice in {text!r}; list it once.")
    settings: list[str] = []
    taken = set(listed)
    rng = np.random.default_rng([seed, _SETTINGS])
    for part in parts:
        if not _is_group(part):
            settings.append(_spelt(part, sites))
            continue
        if "/" in part:
            settings += (fresh := _few_rotated(part, sites, taken, rng))
            taken.update(fresh)
            continue
        left = 3**sites - sum(UNMEASURED not in setting for setting in taken)
        wanted = left if part == "all" else _number(part)
        _refuse_too_many(part, wanted, left, sites)
        fresh = _others(sites, taken) if part == "all" else _random(sites, wanted, taken, rng)
        settings += fresh
        taken.update(fresh)
    return tuple(settings)


def _is_group(part: str) -> bool:
    return part == "all" or part.startswith("pauli:")


def _spelt(part: str, sites: int) -> str:
    setting = part * sites if len(part) == 1 else part
    if len(setting) != sites or not set(setting) <= {*PAULI_LETTERS, UNMEASURED}:
        raise ValueError(
            f"settings part {part!r} is not understood for {sites} sites; expected 'all', "
            f"'pauli:K', 'pauli:K/SITES', one letter of X, Y, Z, or {sites} letters of X, Y, Z, I."
        )
    if set(setting) == {UNMEASURED}:
        raise ValueError(f"setting {setting!r} measures no site; name a letter for at least one.")
    return setting


def _number(part: str) -> int:
    number = part.removeprefix("pauli:")
    if not number.isascii() or not number.isdigit() or int(number) == 0:
        raise ValueError(
            f"settings part {part!r} has no number of settings; write it as 'pauli:30'."
        )
    return int(number)


def _few_rotated(part: str, sites: int, taken: set[str], rng) -> list[str]:
    """Distinct settings with X or Y on as many sites as the part allows, Z elsewhere."""
    first, _, second = part.partition("/")
    wanted = _number(first)
    most = min(int(second), sites) if second.isascii() and second.isdigit() else 0
    if most < 1:
        raise ValueError(
            f"settings part {part!r} does not say how many sites to rotate; write it as 'pauli:30/8'."
        )
    _refuse_too_many(part, wanted, comb(sites, most) * 2**most - len(taken), sites)
    fresh: dict[str, None] = {}
    while len(fresh) < wanted:
        name = np.full(sites, "Z")
        places = rng.choice(sites, most, replace=False)
        name[places] = rng.choice(["X", "Y"], most)
        if (text := "".join(name)) not in taken:
            fresh[text] = None
    return list(fresh)


def _refuse_too_many(part: str, wanted: int, left: int, sites: int) -> None:
    if wanted > left:
        raise ValueError(
            f"settings part {part!r} asks for {wanted} settings, but only {left} of the "
            f"3^{sites} = {3**sites} Pauli settings are left; ask for fewer, or for 'all'."
        )
    if wanted > MOST_SETTINGS:
        raise ValueError(
            f"settings part {part!r} is {wanted:,} settings on {sites} sites; the limit is "
            f"{MOST_SETTINGS:,}. Use a random choice such as 'pauli:100'."
        )


def _others(sites: int, taken: set[str]) -> list[str]:
    """Every Pauli setting but those taken, in alphabetical order."""
    names = [""]
    for _ in range(sites):
        names = [name + letter for name in names for letter in PAULI_LETTERS]
    return [name for name in names if name not in taken]


def _random(sites: int, wanted: int, taken: set[str], rng) -> list[str]:
    """Distinct Pauli settings, uniform among those not taken."""
    if 3**sites <= MOST_SETTINGS:
        others = _others(sites, taken)
        return [others[i] for i in rng.choice(len(others), wanted, replace=False)]
    fresh: dict[str, None] = {}
    while len(fresh) < wanted:  # too many to list; repeats are rare and drawn again
        name = "".join(PAULI_LETTERS[i] for i in rng.integers(0, 3, sites))
        if name not in taken:
            fresh[name] = None
    return list(fresh)


def _sites_of(target: np.ndarray) -> int:
    sites = int(target.shape[0]).bit_length() - 1 if target.ndim else 0
    if sites < 1 or target.shape not in {(2**sites,), (2**sites, 2**sites)}:
        raise ValueError(
            f"the target has shape {target.shape}; expected (2**sites,) or (2**sites, 2**sites)."
        )
    size = np.vdot(target, target).real if target.ndim == 1 else np.trace(target).real
    if not abs(size - 1) < UNIT:
        what = "squared norm" if target.ndim == 1 else "trace"
        raise ValueError(f"the target has {what} {size:.6g}; expected 1. Normalise it.")
    return sites


def lost_locally(p: float, sites: int) -> np.ndarray:
    """What a chance p to lose each site does to outcomes in any Pauli setting: half of those lost are turned over,
    (sites, 2, 2)."""
    return of_rates(np.full((sites, 2), p / 2))


def refuse_wrong(
    settings: tuple[str, ...], sites: int, shots: int, depolarising: float, local: float
) -> None:
    """ValueError where settings or noise make no sense."""
    if not settings:
        raise ValueError("no setting was given; expected at least one, such as 'Z'.")
    for setting in settings:
        if len(setting) != sites:
            raise ValueError(
                f"setting {setting!r} names {len(setting)} sites but the target has {sites}."
            )
    if shots < 1:
        raise ValueError(f"shots is {shots}; expected at least 1 for each setting.")
    for name, p in (("depolarising", depolarising), ("local depolarising", local)):
        if not 0 <= p <= 1:
            raise ValueError(f"{name} is {p}; expected a probability, 0 to 1.")


def flips_of(readout, sites: int) -> np.ndarray:
    """P(read r | true t) as [site, r, t], from pairs (p01, p10)."""
    pairs = np.asarray(readout, dtype=float)
    if pairs.shape not in {(2,), (sites, 2)} or not ((pairs >= 0) & (pairs <= 1)).all():
        raise ValueError(
            f"readout is {np.array2string(pairs, threshold=8)}; expected P(1|0) and P(0|1) "
            f"between 0 and 1, one pair or {sites}."
        )
    return of_rates(np.broadcast_to(pairs, (sites, 2)))


def _read(probability: np.ndarray, flips: np.ndarray) -> np.ndarray:
    """Probabilities of what is read from those of what is true, (2**sites,)."""
    for site, flip in enumerate(flips):
        block = probability.reshape(2**site, 2, -1)
        probability = np.einsum("rt,ltk->lrk", flip, block).reshape(-1)
    return probability


def described(sites, settings, shots, seed, depolarising, local, readout) -> str:
    """What was simulated, for the source of the shots."""
    text = (
        f"simulated: {sites} sites, {shots} shots in each of {len(settings)} settings, seed {seed}"
    )
    if depolarising:
        text += f", depolarising {depolarising:g}"
    if local:
        text += f", depolarising {local:g} of every site"
    if readout is not None:
        mean = np.asarray(readout, dtype=float).reshape(-1, 2).mean(axis=0)
        text += f", readout P(1|0) = {mean[0]:g}, P(0|1) = {mean[1]:g}"
        text += " on average" if np.ndim(readout) > 1 else ""
    return text
