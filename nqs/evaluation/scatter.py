"""Statistical errors of a reconstruction: how its numbers scatter from one set of shots to another."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from nqs.evaluation.interval import Interval, corrected, normal

Action = Callable[[np.ndarray], np.ndarray]
"""ψ ↦ A ψ of a Hermitian operator, on vectors (2**sites,)."""

_APART = 2.0
"""Standard errors by which states that explain the shots as well must differ in a number they leave open."""

_ROUNDING = 1e-6


@dataclass(frozen=True)
class Scatter(ABC):
    """Of fits to other shots of the state that was measured, about the one that was fitted.

    fitted: (2**sites,) normalised, or a density matrix. others: such that explain the shots as well.
    searched: whether they were looked for in all directions.
    """

    method: ClassVar[str]
    fitted: np.ndarray
    others: np.ndarray
    searched: bool

    @abstractmethod
    def _spread(self, action: Action, least: float, most: float) -> Interval:
        """The interval if the shots fix the number."""

    def interval(self, action: Action, least: float, most: float) -> Interval | None:
        """⟨ψ|A|ψ⟩ of the state that was measured, between what is possible; None where open."""
        found, own = self._spread(action, least, most), _mean(self.fitted, action)
        apart = [abs(_mean(other, action) - own) for other in self.others]
        return None if max(apart, default=0.0) > _APART * found.error + _ROUNDING else found


@dataclass(frozen=True)
class Refits(Scatter):
    """Told by fits to simulated shots. again: (refits, 2**sites), or density matrices."""

    method: ClassVar[str] = "bootstrap"
    again: np.ndarray

    def _spread(self, action: Action, least: float, most: float) -> Interval:
        values = np.array([_mean(vector, action) for vector in self.again])
        return corrected(_mean(self.fitted, action), values, least=least, most=most)


@dataclass(frozen=True)
class Unfixed(Scatter):
    """Of a number that the settings do not tell: it is open whatever fits find."""

    method: ClassVar[str] = "settings"

    def _spread(self, action: Action, least: float, most: float) -> Interval:
        raise AssertionError("it has no spread")

    def interval(self, action: Action, least: float, most: float) -> Interval | None:
        return None


@dataclass(frozen=True)
class Fisher(Scatter):
    """Told by the Fisher matrix, to second order in the distance δ of fit and truth.

    ⟨A⟩ changes by g·δ + δᵀ(A − ⟨A⟩)δ, whose mean is the bias of the most likely state. A network
    may have less of it, where amplitudes that are small stay small: the number is not corrected,
    and the interval holds both. covariance: of δ, (2·2**sites, 2·2**sites).
    """

    method: ClassVar[str] = "Fisher matrix"
    covariance: np.ndarray

    def _spread(self, action: Action, least: float, most: float) -> Interval:
        psi = self.fitted
        operator = np.stack([action(column) for column in np.eye(psi.size, dtype=complex)], axis=1)
        image = operator @ psi
        value = float(np.vdot(psi, image).real)
        slope = 2 * np.r_[image.real, image.imag]
        bend = np.block([[operator.real, -operator.imag], [operator.imag, operator.real]])
        bend[np.diag_indices(len(bend))] -= value
        turned = bend @ self.covariance
        variance = slope @ self.covariance @ slope + 2 * np.einsum("ij,ji", turned, turned)
        error = float(np.sqrt(max(variance, 0.0)))
        return normal(value, error, bias=np.trace(turned), least=least, most=most)


def _mean(state: np.ndarray, action: Action) -> float:
    """⟨A⟩ of a vector, or of a density matrix."""
    state = np.asarray(state, complex)
    if state.ndim == 1:
        return float(np.vdot(state, action(state)).real)
    return float(sum(action(column)[i] for i, column in enumerate(state.T)).real)
