"""What a teacher is: the one interface between training and what it lowers."""

from typing import Any, Protocol

from jax import Array

from nqs.training.natural import Local


class Objective(Protocol):
    """Something training can lower, and judge on data that training does not see.

    Hashable, so that a compiled step is found again; pure in its arguments.
    """

    def __call__(self, variables: Any, batch: Any) -> Array:
        """Scalar to differentiate."""

    def local(self, variables: Any, batch: Any) -> tuple[Array, Local]:
        """The scalar, and what natural gradients are made of; asked for by these alone."""

    def judge(self, variables: Any, batch: Any) -> Array:
        """Scalar by which a state is chosen; lower is better, NaN where there is no judge."""
