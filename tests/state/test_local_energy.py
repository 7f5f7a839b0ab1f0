"""Local energies are (H ψ)(σ) / ψ(σ), whatever the ansatz and however they are cut into pieces."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from lively import lively
from numpy.testing import assert_allclose

from nqs.ansatz.autoregressive import Autoregressive
from nqs.measurement.effects import basis_bits
from nqs.state.local_energy import joined, local_energies
from nqs.systems.elements import elements
from nqs.systems.exact import lanczos
from nqs.systems.hamiltonians import heisenberg, ising
from nqs.systems.lattices import chain, square
from nqs.systems.pauli import PauliSum

SUMS = {
    "ising": ising(chain(5, True), 1.0, [0.1, 0.7, 0.3, 1.1, 0.2], 0.2),
    "heisenberg": heisenberg(square(2, 2), [1.0, -0.4, 0.3, 0.8]),
    "complex": PauliSum.from_terms(
        [(0.5, "X0 Y2"), (1.0, "Z0 Z1 Z2"), (0.3, "Y1"), (0.2, "X4 X1"), (0.6, "X4 Y1 Z0")]
    ),
    "diagonal": PauliSum.from_terms([(0.5, "Z0 Z2"), (1.0, "Z1")]),
}


@pytest.mark.parametrize("total", SUMS.values(), ids=list(SUMS))
@pytest.mark.parametrize("name", ["recurrent", "rbm", "rbm-phase"])
@pytest.mark.parametrize("rows", [2**14, 13])
def test_they_are_the_image_over_the_state(name, total, rows):
    """13 rows at once do not divide the samples: the remainder counts as well."""
    state = lively(name, total.sites, seed=2)
    psi = state.vector()
    bits = basis_bits(total.sites).astype(np.int32)
    found = local_energies(state.model, state.variables, elements(total), bits, rows=rows)
    assert_allclose(found, total.times(psi) / psi, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("sites", [1, 9, 10, 11, 23])
def test_flipped_rows_are_read_as_if_alone(sites):
    """Numbers of sites that fill their blocks and that do not, flips of one and of three sites."""
    state = lively("recurrent", sites, seed=1)
    assert isinstance(state.model, Autoregressive)
    rng = np.random.default_rng(sites)
    bits = rng.integers(0, 2, (4, sites)).astype(np.int32)
    flips = np.eye(sites, dtype=bool) | (np.arange(sites) == np.arange(sites)[:, None] + 3)
    found = jax.jit(
        lambda: state.model.apply(
            state.variables, bits, flips, joined(flips), method="flipped_log_psi"
        )
    )()
    assert_allclose(found[0], state.log_psi(bits), atol=1e-12)
    for flip, row in zip(flips, found[1:], strict=True):
        assert_allclose(row, state.log_psi(bits ^ flip), atol=1e-12)


class Table(nn.Module):
    """log ψ looked up."""

    amplitudes: tuple[float, ...]

    def __call__(self, bits):
        index = bits @ (1 << np.arange(bits.shape[-1])[::-1])
        return jnp.log(jnp.asarray(self.amplitudes)[index] + 0j)


def test_an_eigenvector_has_the_same_energy_everywhere():
    total = heisenberg(chain(6, True))
    found = lanczos(total, 0)
    psi = np.zeros(64)
    psi[found.states] = found.psi
    bits = basis_bits(6)[found.states].astype(np.int32)
    energies = local_energies(Table(tuple(psi)), {}, elements(total), bits)
    assert_allclose(energies, found.energy, rtol=1e-9)
