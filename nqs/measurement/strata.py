"""Shots in random order, eight sites to a byte, apart by kind of setting: what long trainings read."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from nqs.measurement.dataset import Measurements

_PURPOSE = 0x57A7A
_AT_ONCE = 2**18
"""Shots unpacked at a time."""


@dataclass(frozen=True)
class Stratum:
    """Shots of settings of one kind, in an order that says nothing.

    settings: distinct. packed: (shots, ⌈sites/8⌉) uint8. index: (shots,) which of `settings`.
    """

    settings: tuple[str, ...]
    packed: np.ndarray
    index: np.ndarray

    @property
    def shots(self) -> int:
        return len(self.packed)

    @property
    def sites(self) -> int:
        return len(self.settings[0])

    def taken(self, which: slice | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Bits (shots, sites) uint8 and settings (shots,) of some of the shots."""
        bits = np.unpackbits(self.packed[which], axis=1, count=self.sites)
        return bits, self.index[which].astype(np.int64)

    def part(self, which: slice) -> "Stratum":
        """Some of the shots, without a copy."""
        return Stratum(self.settings, self.packed[which], self.index[which])


def strata(
    data: Measurements, kind: Callable[[str], Hashable], seed: int
) -> dict[Hashable, Stratum]:
    """All shots one by one, by the kind of their setting, each kind in random order.

    kind: of a setting. The order is a function of the seed and of the data.
    """
    kinds: dict[Hashable, list[int]] = {}
    for number, setting in enumerate(data.settings):
        kinds.setdefault(kind(setting), []).append(number)
    found = {}
    for place, (name, numbers) in enumerate(sorted(kinds.items(), key=lambda item: str(item[0]))):
        position = np.full(len(data.settings), -1)
        position[numbers] = np.arange(len(numbers))
        rows = np.flatnonzero(position[data.setting_index] >= 0)
        if not len(rows):
            continue
        rng = np.random.default_rng([seed, _PURPOSE, place])
        each = np.repeat(rows, data.counts[rows])
        rng.shuffle(each)
        found[name] = Stratum(
            settings=tuple(data.settings[n] for n in numbers),
            packed=_packed(data.outcomes, each),
            index=position[data.setting_index[each]].astype(np.uint32),
        )
    return found


def _packed(outcomes: np.ndarray, rows: np.ndarray) -> np.ndarray:
    packed = np.empty((len(rows), -(-outcomes.shape[1] // 8)), np.uint8)
    for first in range(0, len(rows), _AT_ONCE):
        part = rows[first : first + _AT_ONCE]
        packed[first : first + _AT_ONCE] = np.packbits(outcomes[part], axis=1)
    return packed


def shares(parts: Sequence[Stratum]) -> np.ndarray:
    """The part of all shots that each stratum has."""
    shots = np.array([p.shots for p in parts], float)
    return shots / shots.sum()
