"""What a state on a small lattice has learnt, on a larger one."""

import jax.numpy as jnp
import numpy as np
import pytest
from lively import lively
from numpy.testing import assert_allclose

from nqs.ansatz import build
from nqs.ansatz.growth import grown, widened
from nqs.state.state import State


def test_what_sites_have_of_their_own_is_stretched_in_the_middle():
    small = {"bias": jnp.arange(4.0), "cell": jnp.ones((2, 2))}
    large = {"bias": jnp.zeros(7), "cell": jnp.zeros((2, 2))}
    found = grown(small, large, (4,), (7,))
    assert found["bias"].tolist() == [0, 1, 2, 2, 2, 2, 3]
    assert found["cell"].tolist() == [[1, 1], [1, 1]]
    back = grown(found, small, (7,), (4,))
    assert back["bias"].tolist() == [0, 1, 2, 3]


def test_an_array_is_stretched_in_each_direction():
    small = {"bias": jnp.arange(6.0)}
    found = grown(small, {"bias": jnp.zeros(12)}, (2, 3), (3, 4))["bias"].reshape(3, 4)
    assert found.tolist() == [[0, 1, 1, 2], [3, 4, 4, 5], [3, 4, 4, 5]]


@pytest.mark.parametrize(("was", "now"), [((4,), (7,)), ((2, 4), (3, 4)), ((2, 3), (4, 5))])
def test_filters_weigh_the_same_and_keep_what_is_near(was, now):
    small = lively("rbm-symmetric", int(np.prod(was)), seed=1, size=was, features=2)
    sites = int(np.prod(now))
    large = State.initial(build("rbm-symmetric", sites, size=now, features=2), sites, 0)
    found = grown(small.variables, large.variables, was, now)["params"]["filters"]
    filters = np.asarray(small.variables["params"]["filters"])
    assert found.shape == (2, sites)
    assert_allclose(found.sum(axis=1), filters.sum(axis=1), atol=1e-12)
    assert_allclose(found[:, 0], filters[:, 0], atol=1e-12)


def test_both_layers_of_a_convolution_grow():
    small, large = (lively("conv", n, seed=2, features=3) for n in (4, 6))
    params = grown(small.variables, large.variables, (4,), (6,))["params"]
    first, second = (np.asarray(small.variables["params"][name]) for name in ("first", "second"))
    assert_allclose(params["first"][..., [0, 1, 5]], first[..., [0, 1, 3]])
    assert_allclose(params["second"][..., [0, 1, 5]], second[..., [0, 1, 3]])
    assert_allclose(params["second"][..., 2], second[..., 2] / 2)
    assert_allclose(params["bias"], small.variables["params"]["bias"])


@pytest.mark.parametrize(
    ("large", "message"),
    [
        (
            {"bias": jnp.zeros(5), "cell": jnp.zeros((2, 3))},
            r"its cell has the shape \(2, 2\) and not \(2, 3\)",
        ),
        ({"bias": jnp.zeros(5)}, "not the same parameters"),
    ],
)
def test_another_network_is_refused(large, message):
    with pytest.raises(ValueError, match=message):
        grown({"bias": jnp.zeros(4), "cell": jnp.zeros((2, 2))}, large, (4,), (5,))


WIDE = [
    ("recurrent", {"ends": True, "ones": 3}, "hidden"),
    ("recurrent-2d", {"size": (2, 3), "cell": "tensor"}, "hidden"),
    ("mps", {}, "bond"),
    ("conv", {"layers": 3, "signed": True}, "features"),
    ("rbm", {}, "hidden"),
]


@pytest.mark.parametrize(("name", "options", "width"), WIDE, ids=[name for name, *_ in WIDE])
def test_more_units_change_a_state_little(name, options, width):
    """|⟨small|large⟩|² of states that differ from a product; without the tenth most are below 0.9."""
    small = lively(name, 6, seed=3, strength=0.2, **options, **{width: 4})
    large = State.initial(build(name, 6, **options, **{width: 7}), 6, 0)
    found = State(large.model, widened(small.variables, large.variables, 4, 7), 6)
    assert found.parameters == large.parameters > small.parameters
    assert abs(np.vdot(found.vector(), small.vector())) ** 2 > 0.98
    assert abs(np.vdot(large.vector(), small.vector())) ** 2 < 0.95


def test_each_part_of_an_axis_keeps_its_first_units():
    """Two gates of two units become two of three."""
    small, large = {"gates": jnp.arange(1.0, 5)}, {"gates": jnp.full(6, 10.0)}
    assert widened(small, large, 2, 3)["gates"].tolist() == [1, 2, 1, 3, 4, 1]
