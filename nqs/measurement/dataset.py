"""Measurements: outcomes with the settings they were taken in, checked once at the door."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from nqs.measurement.calibration import Calibration
from nqs.measurement.calibration import joined as all_calibrations
from nqs.measurement.effects import (
    FURTHER_LETTERS,
    PAULI_EFFECTS,
    UNMEASURED,
    basis_index,
    checked_effects,
)
from nqs.measurement.readout import Pair, checked_pairs, checked_readout, same_pairs
from nqs.measurement.spool import end_to_end, pieces, room

LARGEST_TABLE_SITES = 26


@dataclass(frozen=True)
class Measurements:
    """Shots of one preparation, each taken in a known local setting.

    outcomes: (rows, sites) uint8; site 0 is the first column.
    settings: (settings,) distinct strings, a letter per site, such as "XXZ".
    setting_index: (rows,) which of `settings` each row was taken in.
    counts: (rows,) multiplicity of each row; one each if left out.
    block: (rows,) time block of each row, optional.
    effects: letter → (outcomes, 2, 2) operators of further single-site measurements.
    readout: (sites, 2, 2) P(read r | true t) as [site, r, t], optional.
    readout_pairs: beside them, of sites that are misread together, each in one pair at most.
    calibration: shots of prepared basis states, read by the same device, optional.
    target: state vector (2**sites,) or density matrix the shots were made from, optional.
    source: where the shots came from, in words.
    lattice: lengths of a grid of sites, which lie row by row; None where nothing is known of it.
    """

    outcomes: np.ndarray
    settings: tuple[str, ...]
    setting_index: np.ndarray
    counts: np.ndarray = None  # type: ignore[assignment]  # an array once checked
    block: np.ndarray | None = None
    effects: Mapping[str, np.ndarray] = field(default_factory=dict)
    readout: np.ndarray | None = None
    readout_pairs: tuple[Pair, ...] = ()
    calibration: Calibration | None = None
    target: np.ndarray | None = None
    source: str = ""
    lattice: tuple[int, ...] | None = None

    def __post_init__(self):
        outcomes = np.asarray(self.outcomes)
        if outcomes.ndim != 2 or 0 in outcomes.shape:
            raise ValueError(
                f"outcomes have shape {outcomes.shape}; expected (shots, sites), at least one of each."
            )
        rows, sites = outcomes.shape
        effects = {k: checked_effects(k, v) for k, v in self.effects.items()}
        settings = tuple(str(s) for s in self.settings)
        index = np.asarray(self.setting_index)
        # every row once: one number, however many rows there are
        once = np.broadcast_to(np.int64(1), rows)
        counts = once if self.counts is None else np.asarray(self.counts)
        self._check_settings(settings, sites)
        self._check_columns(rows, len(settings), index, counts)
        self._check_outcomes(outcomes, settings, index)
        store: dict[str, Any] = {
            "outcomes": outcomes.astype(np.uint8, copy=False),
            "settings": settings,
            "setting_index": index.astype(np.uint32, copy=False),
            "counts": counts.astype(np.int64, copy=False),
            "effects": effects,
        }
        if self.block is not None:
            store["block"] = np.asarray(self.block).astype(np.uint32)
            if store["block"].shape != (rows,):
                raise ValueError(f"block has {store['block'].size} entries for {rows} shots.")
        if self.readout is not None:
            store["readout"] = checked_readout(np.asarray(self.readout, dtype=float), sites)
            store["readout_pairs"] = checked_pairs(self.readout_pairs, sites)
        elif self.readout_pairs:
            raise ValueError(
                "readout of pairs of sites is given without that of every site; give both."
            )
        if self.calibration is not None and self.calibration.sites != sites:
            raise ValueError(
                f"the calibration shots have {self.calibration.sites} sites; the shots have {sites}."
            )
        if self.target is not None:
            store["target"] = _checked_target(np.asarray(self.target), sites)
        if self.lattice is not None:
            store["lattice"] = tuple(int(n) for n in self.lattice)
            if min(store["lattice"]) < 1 or prod(store["lattice"]) != sites:
                raise ValueError(
                    f"the lattice is {list(store['lattice'])}; expected lengths of a grid of {sites} sites."
                )
        for name, value in store.items():
            object.__setattr__(self, name, value)

    def _check_settings(self, settings, sites):
        if len(set(settings)) != len(settings):
            twice = Counter(settings).most_common(1)[0][0]
            raise ValueError(f"setting {twice!r} is listed twice; list each setting once.")
        known = {*PAULI_EFFECTS, UNMEASURED, *self.effects}
        if set(map(len, settings)) == {sites} and set("".join(settings)) <= known:
            return  # all good, and quickly so: a setting per shot is usual for random ones
        for row, setting in enumerate(settings):
            if len(setting) != sites:
                raise ValueError(
                    f"outcomes have {sites} sites but setting {row} ({setting[:80]!r}) names "
                    f"{len(setting)}; each column is one site, each letter too."
                )
            for letter in setting:
                if letter not in known:
                    raise ValueError(
                        f"setting {row} ({setting[:80]!r}) has the unknown letter {letter!r}; expected "
                        f"one of {', '.join(sorted(known))} (upper case)."
                    )

    def _check_columns(self, rows, settings, index, counts):
        for name, column in (("setting_index", index), ("counts", counts)):
            if column.shape != (rows,) or column.dtype.kind not in "iu":
                raise ValueError(
                    f"{name} has shape {column.shape} and type {column.dtype}; expected "
                    f"{rows} integers, one for each row of outcomes."
                )
        if index.min() < 0 or index.max() >= settings:
            row = int(np.argmax((index < 0) | (index >= settings)))
            raise ValueError(
                f"row {row} refers to setting {index[row]}, but there are {settings} settings."
            )
        if counts.min() < 1:
            row = int(np.argmax(counts < 1))
            raise ValueError(f"row {row} has the count {counts[row]}; counts are at least 1.")

    def _check_outcomes(self, outcomes, settings, index):
        if outcomes.dtype.kind not in "iub":
            raise ValueError(f"outcomes have type {outcomes.dtype}; expected whole numbers.")
        levels = {letter: len(effect) for letter, effect in self.effects.items()}
        most = max([2, *levels.values()])
        if outcomes.dtype != bool and (outcomes.min() < 0 or outcomes.max() >= 2):
            letters = np.array([[levels.get(c, 2) for c in s] for s in settings])
            allowed = letters[np.asarray(index)] if most > 2 else 2
            bad = (outcomes < 0) | (outcomes >= allowed)
            if bad.any():
                row, site = (int(i) for i in np.argwhere(bad)[0])
                raise ValueError(
                    f"row {row}, site {site} has the outcome {outcomes[row, site]}; expected 0 or 1"
                    " (0 is the +1 eigenstate). Outcomes of ±1 must be converted: +1 → 0, −1 → 1."
                )

    # What the numbers are

    @property
    def sites(self) -> int:
        return self.outcomes.shape[1]

    @cached_property
    def shots(self) -> int:
        return int(self.counts.sum())

    @cached_property
    def shots_per_setting(self) -> np.ndarray:
        """Shots taken in each setting, shape (settings,)."""
        totals = np.zeros(len(self.settings), np.int64)
        for part in pieces(len(self.counts)):
            np.add.at(totals, self.setting_index[part], self.counts[part])
        return totals

    @property
    def only_z(self) -> bool:
        """True where every measured site of every setting is read in Z."""
        return set("".join(self.settings)) <= {"Z", UNMEASURED}

    # Other ways to hold the same shots

    @classmethod
    def from_rows(cls, outcomes, bases: Sequence[str] | np.ndarray, **rest) -> "Measurements":
        """Shots with the setting of every shot written out, `bases` (rows,) strings."""
        settings, index = np.unique(np.asarray(bases), return_inverse=True)
        return cls(outcomes, tuple(settings.tolist()), index.reshape(-1), **rest)

    def merged(self) -> "Measurements":
        """The same shots with equal rows counted together, in order of setting and outcome.

        The outcome of an unmeasured site is set to 0. Time blocks are dropped.
        """
        _, first, group = np.unique(self._keys(), return_index=True, return_inverse=True)
        counts = np.bincount(group.reshape(-1), weights=self.counts, minlength=len(first))
        outcomes = room((len(first), self.sites), np.uint8)
        for part in pieces(len(first), of=outcomes):
            outcomes[part] = self._told(first[part])
        return replace(
            self,
            outcomes=outcomes,
            setting_index=self.setting_index[first],
            counts=np.rint(counts).astype(np.int64),
            block=None,
        )

    def _keys(self) -> np.ndarray:
        """One value for each row, ordered as its setting and then its outcome are."""
        rows, binary = len(self.counts), self.outcomes.max() <= 1
        if binary and self.sites + len(self.settings).bit_length() <= 62:
            keys = np.empty(rows, np.int64)
            for part in pieces(rows, of=self.outcomes):
                setting = self.setting_index[part].astype(np.int64)
                keys[part] = basis_index(self._told(part)) + (setting << self.sites)
            return keys
        width = 4 + (-(-self.sites // 8) if binary else self.sites)
        packed = np.empty((rows, width), np.uint8)
        for part in pieces(rows, of=self.outcomes):
            told = self._told(part)
            packed[part, :4] = self.setting_index[part].astype(">u4").view(np.uint8).reshape(-1, 4)
            packed[part, 4:] = np.packbits(told, axis=1) if binary else told
        return packed.view(f"V{width}").reshape(-1)

    def _told(self, rows: slice | np.ndarray) -> np.ndarray:
        """Outcomes of some rows, 0 where a site was not measured."""
        return np.where(self._unmeasured[self.setting_index[rows]], 0, self.outcomes[rows])

    @cached_property
    def levels(self) -> int:
        """The most outcomes that a site has in any of the settings, 2 of projective ones."""
        used = set("".join(self.settings)) & set(self.effects)
        return max([2, *(len(self.effects[letter]) for letter in used)])

    def table(self) -> np.ndarray:
        """Counts of every outcome in every setting, (settings, levels**sites) float64.

        The outcome of an unmeasured site counts as 0. Outcomes are ordered as numbers of base `levels`, site 0
        their first digit.
        """
        if self.levels**self.sites > 2**LARGEST_TABLE_SITES:
            raise ValueError(
                f"a table of all outcomes of {self.sites} sites has {self.levels}^{self.sites} columns; "
                f"the limit is 2^{LARGEST_TABLE_SITES}."
            )
        table = np.zeros((len(self.settings), self.levels**self.sites))
        weights = self.levels ** np.arange(self.sites - 1, -1, -1, dtype=np.int64)
        for part in pieces(len(self.counts), of=self.outcomes):
            where = self.setting_index[part], self._told(part).astype(np.int64) @ weights
            np.add.at(table, where, self.counts[part])
        return table

    def split(self, fraction: float, seed: int) -> tuple["Measurements", "Measurements | None"]:
        """Shots to train on and shots held out, the fraction taken within every setting.

        Where a setting's share is no whole number it is rounded up or down at
        random, so that settings of a single shot are treated fairly as well.
        A second part without any shot is None.
        """
        if not 0 <= fraction < 1:
            raise ValueError(f"held_out is {fraction}; expected at least 0 and less than 1.")
        rng = np.random.default_rng([seed, 0x5B117])
        data = self.merged()
        held = np.zeros(len(data.counts), np.int64)
        for setting in range(len(data.settings)):
            rows = np.flatnonzero(data.setting_index == setting)
            shots = int(data.counts[rows].sum())
            wanted = int(np.floor(fraction * shots + rng.random()))
            if wanted:
                held[rows] = rng.multivariate_hypergeometric(
                    data.counts[rows], min(wanted, shots), method="marginals"
                )
        if held.sum() == 0 or held.sum() == data.shots:
            return data, None
        return data._with_counts(data.counts - held), data._with_counts(held)

    def _with_counts(self, counts: np.ndarray) -> "Measurements":
        kept = counts > 0
        return replace(
            self,
            outcomes=self.outcomes[kept],
            setting_index=self.setting_index[kept],
            counts=counts[kept],
        )

    @cached_property
    def undone_pairs(self) -> tuple[Pair, ...]:
        """Of the pairs misread together those of which no setting reads one site alone: how that one is misread
        would depend on what nobody looked at, and it counts by the errors of single sites."""

        def both_or_none(pair):
            one, other = self._unmeasured[:, pair.sites].T
            return bool((one == other).all())

        return tuple(filter(both_or_none, self.readout_pairs))

    @cached_property
    def _unmeasured(self) -> np.ndarray:
        """Which sites each setting leaves unmeasured, (settings, sites) bool."""
        letters = np.array(self.settings).view("U1").reshape(len(self.settings), self.sites)
        return letters == UNMEASURED


def joined(parts: Sequence[Measurements]) -> Measurements:
    """Several files of one experiment as one; their sites and readout must agree.

    A further letter that means something else in another part is given another name.
    """
    first = parts[0]
    if len(parts) == 1:
        return first
    for number, part in enumerate(parts[1:], start=2):
        if part.sites != first.sites:
            raise ValueError(
                f"part 1 ({first.source}) has {first.sites} sites and part {number} "
                f"({part.source}) has {part.sites}; parts of one experiment share their sites."
            )
        if part.readout is None or first.readout is None:
            same_readout = part.readout is first.readout
        else:
            same_readout = np.array_equal(part.readout, first.readout) and same_pairs(
                part.readout_pairs, first.readout_pairs
            )
        if not same_readout:
            raise ValueError(
                f"part {number} ({part.source}) declares other readout errors than part 1;"
                " reconstruct from one of them."
            )
    effects, spelled = _common_letters(parts)
    settings = tuple(sorted({s for named in spelled for s in named}))
    position = {s: i for i, s in enumerate(settings)}
    return Measurements(
        outcomes=end_to_end([p.outcomes for p in parts]),
        settings=settings,
        setting_index=end_to_end(
            [
                np.array([position[s] for s in named], np.uint32)[part.setting_index]
                for part, named in zip(parts, spelled, strict=True)
            ]
        ),
        counts=end_to_end([p.counts for p in parts]),
        block=_blocks(parts),
        effects=effects,
        readout=first.readout,
        readout_pairs=first.readout_pairs,
        calibration=all_calibrations([p.calibration for p in parts]),
        target=next((p.target for p in parts if p.target is not None), None),
        source=", ".join(p.source for p in parts if p.source),
        lattice=first.lattice if len({p.lattice for p in parts}) == 1 else None,
    )


def _blocks(parts: Sequence[Measurements]) -> np.ndarray:
    """Blocks of time of all parts, numbered on; a part that says none is one block."""
    found, first = [], 0
    for part in parts:
        own = np.zeros(len(part.counts), np.uint32) if part.block is None else part.block
        found.append((own + first).astype(np.uint32))
        first += int(own.max()) + 1
    return end_to_end(found)


def _common_letters(parts: Sequence[Measurements]):
    """Effects of all parts by letters that mean one thing, and each part's settings in them."""
    effects: dict[str, np.ndarray] = {}
    spelled = []
    for number, part in enumerate(parts, start=1):
        renamed = {}
        for letter, effect in part.effects.items():
            same = [
                known
                for known, other in effects.items()
                if other.shape == effect.shape and np.allclose(other, effect, rtol=0, atol=1e-8)
            ]
            free = [c for c in (letter, *FURTHER_LETTERS) if c not in effects]
            if not same and not free:
                raise ValueError(
                    f"part {number} ({part.source}) brings more than {len(FURTHER_LETTERS)} further"
                    " measurements, more than there are letters; join fewer parts."
                )
            renamed[letter] = letter if letter in same else (same or free)[0]
            effects.setdefault(renamed[letter], effect)
        table = str.maketrans(renamed)
        spelled.append([setting.translate(table) for setting in part.settings])
    return effects, spelled


def _checked_target(target: np.ndarray, sites: int) -> np.ndarray:
    if target.shape not in {(2**sites,), (2**sites, 2**sites)}:
        raise ValueError(
            f"target has shape {target.shape}; expected ({2**sites},) or ({2**sites}, {2**sites})"
            f" for {sites} sites."
        )
    if not np.isfinite(target).all():
        raise ValueError("target holds numbers that are not finite.")
    return target.astype(complex)
