"""Shots by the number of sites rotated: those trained on, those held out, and where training begins."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from flax import linen as nn

from nqs.config.tomography import Tomography
from nqs.measurement.dataset import Measurements, joined
from nqs.measurement.kinds import BRANCH_TERMS, kind
from nqs.measurement.means import product_start, site_means
from nqs.measurement.strata import Stratum, shares, strata
from nqs.state.reading import Reader

_JUDGED_STRINGS = 2**18
"""Strings of the shots held out, of all together."""

_MEANT = 2**16
"""Shots of each kind whose single-site means tell where training begins."""


@dataclass(frozen=True)
class Shots:
    """Shots of every stratum: those trained on, and those held out.

    readout: (sites, 2, 2) P(read r | true t) as [site, r, t]; None where nothing is misread.
    """

    train: tuple[Stratum, ...]
    held_out: tuple[Stratum, ...]
    shares: tuple[float, ...]
    effects: Mapping[str, np.ndarray]
    readout: np.ndarray | None = None

    @property
    def groups(self) -> list[tuple[str, ...]]:
        return [part.settings for part in self.train]

    def reader(self, model: nn.Module) -> Reader:
        """How an ansatz reads them; ValueError where it cannot."""
        return Reader.of(model, self.groups, self.effects, self.readout)


def divided(data: Measurements, config: Tomography) -> Shots:
    """Shots by the number of sites rotated, and of each the part held out.

    No more are held out than tell states apart: the paired error of a difference Δ is √(2Δ/shots).
    """

    def of(setting):
        return kind(setting, data.effects)

    parts = list(strata(data, of, config.seed).values())
    share = shares(parts)
    cost = [min(2 ** sum(of(p.settings[0])), BRANCH_TERMS) for p in parts]
    wanted = share / np.sqrt(cost)
    most = wanted * _JUDGED_STRINGS / (wanted @ cost)
    held = [
        int(np.clip(min(config.data.held_out * p.shots, m), 1, max(p.shots - 1, 1)))
        for p, m in zip(parts, most, strict=True)
    ]
    return Shots(
        # a lone shot of its kind does both
        train=tuple(p.part(slice(n % p.shots, None)) for p, n in zip(parts, held, strict=True)),
        held_out=tuple(p.part(slice(0, n)) for p, n in zip(parts, held, strict=True)),
        shares=tuple(share.tolist()),
        effects=data.effects,
        readout=data.readout,
    )


def together(data: Measurements, seed: int) -> Shots:
    """All shots by the number of sites rotated, none held out."""
    parts = list(strata(data, lambda s: kind(s, data.effects), seed).values())
    return Shots(tuple(parts), (), tuple(shares(parts).tolist()), data.effects, data.readout)


def near(shots: Shots) -> tuple[np.ndarray, np.ndarray]:
    """The product state of single-site means, of shots that are trained on."""
    some = []
    for part in shots.train:
        bits, index = part.taken(slice(0, _MEANT))
        some.append(Measurements(bits, part.settings, index, effects=shots.effects))
    return product_start(site_means(joined(some)))
