"""Complex parameters go downhill as well."""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from nqs.training.fit import Recipe, advance, begin


@dataclass(frozen=True)
class Distance:
    """|z − c|² of one complex parameter."""

    def __call__(self, variables, batch):
        return jnp.sum(jnp.abs(variables["z"] - batch) ** 2)

    def judge(self, variables, batch):
        return self(variables, batch)


def test_a_complex_parameter_finds_its_minimum():
    """Both parts, the imaginary one with its own sign."""
    goal = jnp.array([0.3 - 0.4j])
    progress = begin({"z": jnp.zeros((2, 1), complex)})
    progress, _ = advance(Distance(), Recipe(rate=0.05), progress, goal, 200, 20)
    np.testing.assert_allclose(progress.variables["z"], np.tile(goal, (2, 1)), atol=1e-2)
