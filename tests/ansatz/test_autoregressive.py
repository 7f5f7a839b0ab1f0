"""Laws of normalised states built site by site, whether they read sites in turn or together."""

from functools import partial
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from exact import FALSE_ALARM, chance, frequencies
from flax import linen as nn
from lively import lively
from numpy.testing import assert_allclose

from nqs.ansatz import ANSATZE, autoregressive, build
from nqs.ansatz.autoregressive import Autoregressive
from nqs.ansatz.bias import biased
from nqs.config.menu import AUTOREGRESSIVE, SINGLE_PRECISION
from nqs.measurement.effects import basis_bits
from nqs.state.sampling import draw_directly
from nqs.state.state import State

SITES = 3
BITS = basis_bits(SITES)
PRIORS = {
    "alone": {},
    "sector": {"ones": 3, "rotated": (1, 2)},
    "even": {"even": True},
    "even sector": {"even": True, "ones": 3, "rotated": (0, 3)},
}
every_name = pytest.mark.parametrize("name", AUTOREGRESSIVE)
TENSOR = {"hidden": 8, "cell": "tensor"}
PATCHED = {"hidden": 8, "patch": 3}
every_prior = pytest.mark.parametrize(  # a prior is the same code whatever ansatz it is of
    ("name", "prior"),
    [(name, PRIORS["even sector"]) for name in AUTOREGRESSIVE]
    + [("recurrent", PRIORS[prior]) for prior in ("alone", "sector", "even")]
    + [("transformer", PATCHED | PRIORS[prior]) for prior in ("alone", "sector")]
    + [("transformer", PRIORS["even"] | {"patch": 2}), ("recurrent-2d", TENSOR)],
    ids=str,
)

every_way = pytest.mark.parametrize(
    ("name", "options"),
    [*((name, {}) for name in AUTOREGRESSIVE), ("transformer", PATCHED), ("recurrent-2d", TENSOR)],
    ids=str,
)


def in_turn(state, bits):
    """log ψ of rows read site by site, and the log-odds expected of each, (rows, sites)."""

    def read(module, rows):
        def visit(memory, site_and_bit):
            site, bit = site_and_bit
            expected = module.next_bit(memory, site)
            log_psi = expected.log_modulus(bit) + 1j * expected.phase(bit)
            return module.advance(memory, bit, site), (log_psi, expected.log_odds)

        steps = (jnp.arange(module.sites), rows.T)
        _, (log_psi, log_odds) = jax.lax.scan(visit, module.start(len(rows)), steps)
        return log_psi.sum(axis=0), log_odds.T

    return jax.jit(nn.apply(read, state.model))(state.variables, jnp.asarray(bits, jnp.int32))


@partial(jax.jit, static_argnames="model")
def every_log_psi(model, variables):
    return model.apply(variables, method="all_log_psi")


def test_the_menu_knows_which_they_are():
    assert set(AUTOREGRESSIVE) == {n for n, a in ANSATZE.items() if issubclass(a, Autoregressive)}


@every_prior
def test_every_way_of_reading_gives_the_same_log_psi(name, prior):
    """In turn with what is remembered, rows together, and all basis states by their beginnings.

    Σ |ψ|² = 1 over all 64 bit strings, without being asked, and ψ is complex.
    """
    state, bits = lively(name, 6, **prior), basis_bits(6)
    psi = np.exp(state.log_psi(bits))
    assert_allclose(np.sum(np.abs(psi) ** 2), 1, atol=1e-12)
    assert np.abs(psi.imag).max() > 0.05
    assert_allclose(np.exp(in_turn(state, bits)[0]), psi, atol=1e-12)
    assert_allclose(np.exp(every_log_psi(state.model, state.variables)), psi, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "prior"),
    [*((name, {}) for name in AUTOREGRESSIVE), ("recurrent", PRIORS["even sector"])],
    ids=str,
)
def test_flipped_rows_are_read_as_if_alone(name, prior):
    """Flips of one site each, in three blocks, which leave a sector: there ψ is zero both times."""
    state, flips, blocks = lively(name, 6, **prior), np.eye(6, dtype=bool), (2, 4, 6)
    bits = basis_bits(6)[20:30].astype(np.int32)
    read = jax.jit(partial(state.model.apply, flips=flips, joined=blocks, method="flipped_log_psi"))
    found = read(state.variables, bits)
    assert found.shape == (7, 10)
    expected = [np.exp(state.log_psi(bits ^ flip)) for flip in (np.zeros(6, bool), *flips)]
    assert_allclose(np.exp(found), expected, atol=1e-12)


@every_way
def test_a_site_is_not_told_what_comes_after_it(name, options):
    """p(σ_0 … σ_n), summed from the joint law, is what the first n conditionals multiply to."""
    state = lively(name, SITES, **options)
    joint = np.exp(2 * state.log_psi(BITS).real).reshape((2,) * SITES)
    log_odds = np.asarray(in_turn(state, BITS)[1]).reshape(2, 2, 2, SITES)
    one = 1 / (1 + np.exp(-log_odds))
    first, second = one[:, :, :, 0], one[:, :, :, 1]
    assert_allclose(np.ptp(first), 0, atol=1e-12)
    assert_allclose(np.ptp(second, axis=(1, 2)), 0, atol=1e-12)
    assert_allclose(first[0, 0, 0], joint[1].sum(), atol=1e-12)
    assert_allclose(second[:, 0, 0], joint.sum(2)[:, 1] / joint.sum((1, 2)), atol=1e-12)


@every_way
@pytest.mark.parametrize("size", [(2, 3), (3, 2)], ids=str)
def test_a_site_is_told_every_bit_before_it(name, options, size):
    """Each earlier bit changes what is expected, the one above in an array as the one before."""
    state = lively(name, 6, **options, **({"size": size} if name == "recurrent-2d" else {}))
    rows = np.concatenate([np.zeros((1, 6), int), np.eye(6, dtype=int)])
    log_odds = np.asarray(in_turn(state, rows)[1])
    change = np.abs(log_odds[1:] - log_odds[0])  # [bit that is changed, site that expects]
    assert (change[np.triu_indices(6, 1)] > 1e-3).all()
    assert_allclose(change[np.tril_indices(6)], 0, atol=1e-12)


@every_way
def test_it_holds_a_product_state_exactly(name, options):
    """Tilted from |+…+⟩: p_n(1) = sigmoid(b_n) and a phase c_n for bit 1, site by site."""
    state = lively(name, SITES, **options)
    params = {
        key: 0 * leaf if key.endswith(("_head", "_bias", "imaginary")) else leaf
        for key, leaf in state.variables["params"].items()
    }
    if name == "mps":
        params["matrices"] = 0 * params["matrices"] + np.eye(state.model.bond) / 2**0.5
    log_odds, phases = np.random.default_rng(7).normal(size=(2, SITES))
    p1 = 1 / (1 + np.exp(-log_odds))
    sites = np.where(BITS == 1, np.sqrt(p1) * np.exp(1j * phases), np.sqrt(1 - p1))
    tilted = biased({"params": params}, jnp.asarray(log_odds), jnp.asarray(phases))
    psi = np.exp(State(state.model, tilted, SITES).log_psi(BITS))
    assert_allclose(psi, sites.prod(axis=1), atol=1e-12)


@every_way
def test_without_phase_it_is_positive(name, options):
    state = lively(name, SITES, phase=False, **options)
    psi = np.exp(state.log_psi(BITS))
    assert_allclose(psi.imag, 0, atol=1e-15)
    assert psi.real.min() > 0
    assert state.model.real


@every_name
def test_it_begins_near_the_state_that_is_the_same_everywhere(name):
    """|⟨ψ|+…+⟩|² of five sites; a random state would have 1/32."""
    psi = lively(name, 5, strength=0).vector()
    assert np.abs(psi.sum()) ** 2 / 32 > 0.3


@every_name
def test_memory_of_many_sites_does_not_fade_into_nan(name):
    state = lively(name, 100, strength=3.0)
    bits = np.random.default_rng(0).integers(0, 2, (4, 100))
    assert np.isfinite(state.log_psi(bits)).all()


@every_way
def test_samples_follow_the_square_of_psi(name, options):
    """Chi-square over 64 outcomes, and log |ψ| of what was drawn."""
    state = lively(name, 6, seed=2, **options)
    bits, log_modulus = draw_directly(state.model, state.variables, jax.random.key(1), 4096)
    assert chance(frequencies(np.asarray(bits)), np.abs(state.vector()) ** 2) > FALSE_ALARM
    assert_allclose(log_modulus, state.log_psi(bits).real, atol=1e-12)


@every_name
def test_gradients_are_finite_differences(name):
    """Of Re Σ w log ψ of rows, with complex weights."""
    state, rng = lively(name, 7, seed=1), np.random.default_rng(0)
    bits = rng.integers(0, 2, (31, 7))
    real, imaginary = rng.normal(size=(2, len(bits))) / 5
    along = jax.tree.map(lambda leaf: rng.normal(size=leaf.shape), state.variables)

    def along_the_line(t):
        variables = jax.tree.map(lambda x, d: x + t * d, state.variables, along)
        log_psi = state.model.apply(variables, bits)
        return jnp.sum(real * log_psi.real - imaginary * log_psi.imag)

    line = jax.jit(along_the_line)
    step = 1e-6
    slope = (line(step) - line(-step)) / (2 * step)
    assert abs(slope) > 0.01
    assert_allclose(jax.jit(jax.grad(along_the_line))(0.0), slope, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("way", ["rows", "vector"])
def test_rows_read_in_pieces_are_read_as_well(way, monkeypatch):
    """31 rows three at a time and one left over, or 8 beginnings of 34 places two at a time, and
    their gradients."""
    state = lively("transformer", 8, patch=2)
    bits = np.random.default_rng(0).integers(0, 2, (31, 8))

    def value(variables):
        options = {"method": "all_log_psi"} if way == "vector" else {"bits": bits}
        return jnp.sum(jnp.sin(state.model.apply(variables, **options).real))

    found = []
    for pairs in (2**15, 3 * 8**2 if way == "rows" else 2 * 34**2):
        monkeypatch.setattr(autoregressive, "_PAIRS", {jax.default_backend(): pairs})
        found.append(
            jax.jit(jax.value_and_grad(lambda variables: value(variables)))(state.variables)
        )
    jax.tree.map(lambda a, b: assert_allclose(a, b, rtol=1e-9, atol=1e-9), *found)


@pytest.mark.parametrize("name", [n for n in AUTOREGRESSIVE if n in SINGLE_PRECISION])
def test_single_precision_is_good_to_six_digits(name):
    exact, bits = lively(name, 6, strength=0.2), basis_bits(6)
    options = {"size": (3, 2)} if name == "recurrent-2d" else {}
    quick = build(name, 6, precision="float32", **options)
    variables = jax.tree.map(lambda leaf: leaf.astype(np.float32), exact.variables)
    found = State(quick, variables, 6).log_psi(bits)
    assert found.dtype == np.complex64
    assert_allclose(found, exact.log_psi(bits), atol=1e-4)
    assert every_log_psi(quick, variables).dtype == np.complex64


def test_an_array_has_rows_and_columns():
    assert build("recurrent-2d", 9).size == (3, 3)
    assert build("recurrent-2d", 6, size=[2, 3]).size == (2, 3)
    with pytest.raises(ValueError, match=r"6 sites are no square; give ansatz.size"):
        build("recurrent-2d", 6)
    with pytest.raises(
        ValueError, match=r"size is \[2, 2\], which is 4 sites; expected .* 6 sites"
    ):
        build("recurrent-2d", 6, size=(2, 2))
    with pytest.raises(
        ValueError, match=r"rows and columns, and its size is \[6\]; choose recurrent"
    ):
        build("recurrent-2d", 6, size=(6,))
    with pytest.raises(ValueError, match="'recurrent' has no option 'size'"):
        build("recurrent", 6, size=(2, 3))


def test_heads_share_the_hidden_units_equally():
    with pytest.raises(ValueError, match="10 hidden units has 4 heads"):
        build("transformer", 6, hidden=10)


def test_patches_make_up_all_sites():
    with pytest.raises(ValueError, match="patches of 4 do not make up 6 sites"):
        build("transformer", 6, patch=4)


def test_places_are_behind_each_other_as_bits_are():
    """Of a tree of three sites after one given: every pair of places, by the bits that lead there."""
    places = autoregressive._places(1, 3)
    beginnings = ["", *("." + "".join(w) for k in range(3) for w in product("01", repeat=k))]
    assert places.site.tolist() == [len(word) for word in beginnings]
    for late, row in zip(beginnings, places.behind, strict=True):
        assert row.tolist() == [late.startswith(early) for early in beginnings]


@pytest.mark.parametrize("prior", ["alone", "even sector"])
def test_distinct_rows_and_their_counts_follow_the_conditionals(prior):
    """Of a thousand draws on more rows than there are; by chance wrong once in ten million."""
    state = lively(
        "recurrent", 5, seed=3, **PRIORS[prior] | ({"ones": 2} if "ones" in PRIORS[prior] else {})
    )
    draw = jax.jit(
        lambda key: state.model.apply(
            state.variables, key, 40, 1000, method=state.model.draw_distinct
        )
    )
    bits, counts = map(np.asarray, draw(jax.random.key(1)))
    assert counts.sum() == 1000
    rows = bits[counts > 0]
    assert len(np.unique(rows, axis=0)) == len(rows)
    every = np.zeros(32)
    every[rows @ (1 << np.arange(4, -1, -1))] = counts[counts > 0]
    assert chance(every, np.abs(state.vector()) ** 2) > FALSE_ALARM


def test_where_too_many_rows_are_distinct_the_rarest_are_left_out():
    state = lively("recurrent", 5, seed=3)
    bits, counts = (
        np.asarray(x)
        for x in state.model.apply(
            state.variables, jax.random.key(1), 6, 10**6, method=state.model.draw_distinct
        )
    )
    assert (counts > 0).all()
    assert counts.sum() < 10**6
    p = np.abs(state.vector()) ** 2
    index = bits @ (1 << np.arange(4, -1, -1))
    assert p[index].sum() > 0.5
    assert_allclose(counts / 1e6, p[index], atol=5 * np.sqrt(p.max() / 1e6))
