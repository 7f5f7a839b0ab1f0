"""What is known of a state before it is trained: Marshall's signs and a fixed magnetisation."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from nqs.ansatz.autoregressive import Autoregressive, NextBit, Places


class Prior(nn.Module):
    """ψ(σ) · ∏_{i ∈ rotated} (−1)^{σ_i}, and zero but in one sector of Σ Z, or of Σ Z of each part.

    The signs are those of an antiferromagnet on two sublattices:
    Marshall, Proc. R. Soc. A 232, 48 (1955).

    inner: any state that is not autoregressive. ones: number of bits 1 in each of as many equal
    parts of the sites, one after another, None for all. rotated: sites whose bit 1 carries a
    factor −1.
    """

    inner: nn.Module
    ones: tuple[int, ...] | None = None
    rotated: tuple[int, ...] = ()

    @property
    def real(self) -> bool:
        return getattr(self.inner, "real", False)

    def __call__(self, bits: Array) -> Array:
        """log ψ of each row of bits, (…, sites) → (…), complex."""
        log_psi = self.inner(bits)
        if self.rotated:
            log_psi += 1j * jnp.pi * (bits[..., np.array(self.rotated)].sum(-1) % 2)
        if self.ones is not None:
            each = bits.reshape(*bits.shape[:-1], len(self.ones), -1).sum(-1)
            log_psi = jnp.where((each == np.array(self.ones)).all(-1), log_psi, -jnp.inf)
        return log_psi


class Around(Autoregressive):
    """An autoregressive state around another, which also remembers a whole number."""

    inner: Autoregressive

    @property
    def real(self) -> bool:
        return getattr(self.inner, "real", False)

    @property
    def at_once(self) -> bool:
        return self.inner.at_once

    def start(self, batch: int) -> Any:
        return self.inner.start(batch), jnp.zeros(batch, jnp.int32)

    def next_bit(self, memory: Any, site: Any) -> NextBit:
        inner, number = memory
        return self.told(self.inner.next_bit(inner, site), number, site)

    @abstractmethod
    def told(self, expected: NextBit, number: Array, site: Any) -> NextBit:
        """What the inner state expects, changed by what the number says of it."""


class AutoregressivePrior(Around):
    """As `Prior`, normalised: an autoregressive state whose samples stay in the sector.

    Where the sites behind leave only one outcome for the next site, it has probability one.
    Hibat-Allah et al., Phys. Rev. Research 2, 023358 (2020), section II C.
    """

    ones: tuple[int, ...] | None = None
    rotated: tuple[int, ...] = ()

    @property
    def length(self) -> int:
        """Sites of a part."""
        return self.sites // len(self.ones or (0,))

    def told(self, expected: NextBit, number: Array, site: Any) -> NextBit:
        """number: of bits 1 behind the site, in its part."""
        log_odds, (zero_phase, one_phase) = expected
        if self.ones is not None:
            ones = jnp.asarray(self.ones)[site // self.length]
            one = number < ones
            zero = site % self.length - number < self.length - ones
            settled = jnp.where(one, jnp.inf, -jnp.inf).astype(log_odds.dtype)
            log_odds = jnp.where(zero & one, log_odds, settled)
        if self.rotated:
            turned = np.pi * np.isin(np.arange(self.sites), self.rotated)
            one_phase = one_phase + jnp.asarray(turned, one_phase.dtype)[site]
        return NextBit(log_odds, (zero_phase, one_phase))

    def advance(self, memory: Any, bit: Array, site: Any) -> Any:
        inner, seen = memory
        seen = jnp.where((site + 1) % self.length == 0, 0, seen + bit.astype(jnp.int32))
        return self.inner.advance(inner, bit, site), seen

    def expected(self, last: Array, places: Places) -> NextBit:
        part = places.site // self.length
        same = (places.site - 1) // self.length == part[:, None]  # as the bit that is seen there
        seen = jnp.where(places.behind & same, last, 0).sum(axis=1)
        return self.told(self.inner.expected(last, places), seen, places.site)


class Even(Around):
    """ψ(σ) = ψ(−σ): a normalised state of where neighbours in the order of sites differ.

    inner: an autoregressive state that reads 1 where a spin differs from the one before
    it. Of the first spin it reads 0, and both outcomes are equally likely.
    """

    def told(self, expected: NextBit, number: Array, site: Any) -> NextBit:
        log_odds, (same, other) = expected
        log_odds = jnp.where(number == 1, -log_odds, log_odds)
        zero, one = jnp.where(number == 1, other, same), jnp.where(number == 1, same, other)
        first = site == 0
        return NextBit(jnp.where(first, 0, log_odds), (zero, jnp.where(first, zero, one)))

    def advance(self, memory: Any, bit: Array, site: Any) -> Any:
        inner, last = memory
        bit = bit.astype(jnp.int32)
        return self.inner.advance(inner, jnp.where(site == 0, 0, bit ^ last), site), bit

    def expected(self, last: Array, places: Places) -> NextBit:
        differs = jnp.where(places.site <= 1, 0, last ^ last[places.before])
        return self.told(self.inner.expected(differs, places), last, places.site)


def said_of(model: Any, name: str, default: Any) -> Any:
    """An attribute of a state, or of the one that is inside its priors."""
    while not hasattr(model, name) and hasattr(model, "inner"):
        model = model.inner
    return getattr(model, name, default)


def with_prior(
    model: nn.Module,
    sites: int,
    ones: int | Sequence[int] | None = None,
    rotated: tuple[int, ...] = (),
) -> nn.Module:
    """The state with what is known of it; the same module where nothing is.

    ones: of all sites, or of each part, as in `Prior`.
    """
    if ones is None and not rotated:
        return model
    if ones is not None:
        ones = (ones,) if isinstance(ones, int) else tuple(ones)
    if isinstance(model, Autoregressive):
        return AutoregressivePrior(sites=sites, inner=model, ones=ones, rotated=rotated)
    return Prior(inner=model, ones=ones, rotated=rotated)
