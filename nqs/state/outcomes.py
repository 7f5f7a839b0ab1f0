"""A distribution of outcomes of informationally complete measurements, in place of a state."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from flax import linen as nn

from nqs.measurement.outcomes import bits_of, coded, decoded
from nqs.state.reach import VECTOR_SITES
from nqs.state.state import State


@dataclass(frozen=True)
class OutcomeModel:
    """P(a_1, …, a_N) of outcomes as a positive autoregressive state of the bits that code them. It need be that of no
    density operator. Carrasquilla, Torlai, Melko and Aolita, Nat. Mach. Intell. 1, 155 (2019).

    effects: (sites, K, 2, 2), of which the outcomes are.
    """

    model: nn.Module
    variables: Any
    effects: np.ndarray

    @property
    def sites(self) -> int:
        return len(self.effects)

    @property
    def levels(self) -> int:
        return self.effects.shape[1]

    @property
    def coded(self) -> State:
        """The state of bits whose |ψ|² it is."""
        return State(self.model, self.variables, self.sites * bits_of(self.levels))

    @property
    def parameters(self) -> int:
        return self.coded.parameters

    def sample(self, shots: int, seed: int) -> np.ndarray:
        """Outcomes (shots, sites), uint8; codes that stand for no outcome are drawn again."""
        found, number = np.zeros((0, self.sites), np.uint8), 0
        while len(found) < shots and number < 64:
            drawn = decoded(self.coded.sample(shots, seed + number).bits, self.levels)
            found = np.concatenate([found, drawn[(drawn < self.levels).all(axis=1)]])
            number += 1
        if len(found) < shots:
            raise ValueError(
                "the model of outcomes draws codes that stand for none; train it longer."
            )
        return found[:shots]

    def log_probabilities(self, symbols: np.ndarray) -> np.ndarray:
        """log P of rows of outcomes (rows, sites)."""
        return 2 * self.coded.log_psi(coded(symbols, self.levels)).real

    def table(self) -> np.ndarray | None:
        """P of all outcomes, (K, …, K) with an axis a site, normalised; None where the bits are more than a vector
        holds."""
        each = bits_of(self.levels)
        if self.sites * each > VECTOR_SITES:
            return None
        p = np.abs(self.coded.vector()) ** 2
        kept = p.reshape((2**each,) * self.sites)[(slice(self.levels),) * self.sites]
        return kept / kept.sum()
