"""Natural gradients: where a matrix JᵀGJ of first derivatives says how far a step goes."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array


class Local(NamedTuple):
    """An objective about some parameters, to first order, and the metric of its outcomes.

    jacobian: (rows, parameters) real. slope: (rows,), so that the gradient is Jᵀ slope.
    metric: (rows, rows) G of the Fisher matrix JᵀGJ; None where it is 1.
    """

    jacobian: Array
    slope: Array
    metric: Array | None = None

    def seen(self, direction: Array) -> Array:
        """G J δ, (rows,)."""
        return self._measured(self.jacobian @ direction)

    def size(self, direction: Array) -> Array:
        """√(δᵀ JᵀGJ δ): to second order twice the KL divergence of a step is its square."""
        rows = self.jacobian @ direction
        return jnp.sqrt(jnp.maximum(rows @ self._measured(rows), 0.0))

    def _measured(self, rows: Array) -> Array:
        return rows if self.metric is None else self.metric @ rows


def direction(
    local: Local, memory: Array, momentum: Any, shift: Any, scales: Array | None = None
) -> Array:
    """(JᵀGJ + λ)⁻¹ Jᵀ slope with SPRING's momentum, (parameters,).

    shift: λ relative to the mean of the diagonal of JᵀGJ or of GJJᵀ, whichever is smaller, and
    is solved. scales: (parameters,) in whose units λ weighs what is new of each parameter, 1 where
    left out. Amari, Neural Comput. 10, 251 (1998); Chen and Heyl, Nat. Phys. 20, 1476 (2024);
    Goldshlager, Abrahamsen and Lin, J. Comput. Phys. 516, 113351 (2024).
    """
    jacobian, metric = local.jacobian, local.metric
    if scales is not None:
        jacobian = jacobian * scales
    slope = local.slope - momentum * local.seen(memory)
    rows, parameters = jacobian.shape
    if parameters < rows:
        half = jacobian if metric is None else metric @ jacobian
        solved = _solved(jacobian.T @ half, shift, jacobian.T @ slope, positive=True)
    else:
        kernel = jacobian @ jacobian.T
        kernel = kernel if metric is None else metric @ kernel
        solved = jacobian.T @ _solved(kernel, shift, slope, positive=metric is None)
    return (solved if scales is None else scales * solved) + momentum * memory


def within(size: Array, trust: float) -> Array:
    """The factor that makes a step no larger than `trust`, where it has that size."""
    return jnp.minimum(1.0, trust / jnp.maximum(size, 1e-300))


def _solved(matrix: Array, shift: Any, target: Array, *, positive: bool) -> Array:
    size = len(matrix)
    scale = shift * jnp.trace(matrix) / size
    # where all samples are the same there is nothing to solve, and no reason for NaN
    shifted = matrix + jnp.where(scale > 0, scale, 1.0) * jnp.eye(size)
    if positive:
        return jax.scipy.linalg.cho_solve(jax.scipy.linalg.cho_factor(shifted), target)
    return jnp.linalg.solve(shifted, target)
