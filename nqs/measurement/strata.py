"""Shots in random order, eight sites to a byte, apart by kind of setting: what long trainings read."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from nqs.measurement.dataset import Measurements
from nqs.measurement.spool import pieces, room

_PURPOSE = 0x57A7A
_AT_ONCE = 2**20
"""Shots copied at a time."""

_SHUFFLED = 2**28
"""Bytes of packed shots that are shuffled in memory at a time."""


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
        shots = int(data.shots_per_setting[numbers].sum())
        if shots:
            rng = np.random.default_rng([seed, _PURPOSE, place])
            found[name] = _shuffled(data, numbers, shots, rng)
    return found


def _shuffled(
    data: Measurements, numbers: list[int], shots: int, rng: np.random.Generator
) -> Stratum:
    """The shots of the settings with these numbers.

    They are dealt in turn to as many parts as are needed for one to be shuffled in memory.
    """
    width = -(-data.sites // 8)
    packed, index = room((shots, width), np.uint8), room((shots,), np.uint32)
    parts = -(-shots * (width + 4) // _SHUFFLED)
    edges = np.cumsum([0, *((shots - part - 1) // parts + 1 for part in range(parts))])
    free, dealt = edges[:-1].copy(), 0
    for bits, settings in _one_by_one(data, numbers):
        order = rng.permutation(len(bits))
        for part in range(parts):
            some = order[(part - dealt) % parts :: parts]
            to = slice(free[part], free[part] + len(some))
            packed[to], index[to] = bits[some], settings[some]
            free[part] += len(some)
        dealt += len(order)
    for first, end in pairwise(edges):
        order = first + rng.permutation(end - first)
        packed[first:end], index[first:end] = packed[order], index[order]
    return Stratum(tuple(data.settings[n] for n in numbers), packed, index)


def _one_by_one(data: Measurements, numbers: list[int]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Packed bits of shots, and which of the settings `numbers` they were taken in, as they lie."""
    position = np.full(len(data.settings), -1)
    position[numbers] = np.arange(len(numbers))
    for rows in pieces(len(data.counts), of=data.outcomes):
        settings = position[data.setting_index[rows]]
        ends = np.cumsum(np.where(settings >= 0, data.counts[rows], 0))
        if not ends[-1]:
            continue
        packed = np.packbits(data.outcomes[rows], axis=1)
        for some in pieces(int(ends[-1]), _AT_ONCE):
            row = np.searchsorted(ends, np.arange(some.start, some.stop), side="right")
            yield packed[row], settings[row]


def shares(parts: Sequence[Stratum]) -> np.ndarray:
    """The part of all shots that each stratum has."""
    shots = np.array([p.shots for p in parts], float)
    return shots / shots.sum()
