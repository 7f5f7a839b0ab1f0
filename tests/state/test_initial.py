"""Initial variables: of the seed alone, and made at all."""

import subprocess
import sys

import jax
import numpy as np
from numpy.testing import assert_array_equal

from nqs.ansatz import build
from nqs.state.state import initial_variables

MANY = """
import jax
from nqs.ansatz import build
from nqs.state.state import initial_variables
model = build("recurrent", 4, hidden=64)
for seed in range(40):
    jax.block_until_ready(initial_variables(model, 4, seed, 4))
"""


def test_wide_networks_begin():
    """QR decompositions of batches, several at once, can wait for each other for ever on two cores."""
    subprocess.run([sys.executable, "-c", MANY], check=True, timeout=240)


def test_a_restart_is_the_same_whatever_the_number_of_others():
    model = build("recurrent", 4, hidden=6)
    four, two = (initial_variables(model, 4, 7, number) for number in (4, 2))
    for many, few in zip(jax.tree.leaves(four), jax.tree.leaves(two), strict=True):
        assert_array_equal(many[:2], few)
    kernels = [x for x in jax.tree.leaves(four) if np.ndim(x) == 3]
    assert all(np.abs(x[0] - x[1]).max() > 0 for x in kernels)
