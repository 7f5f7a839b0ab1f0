"""Matrix elements of a Pauli sum for batches of configurations, inside compiled functions.

A configuration σ is connected to itself and to one configuration for every distinct
set of flipped sites; ⟨σ|H|σ ⊕ x⟩ = Σ_k c_k (−i)^|x∧z_k| ∏_{n∈z_k} s_n with s = 1 − 2σ.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from nqs.systems.pauli import PauliSum

_MANY_PAIRS = 4
"""Pairs of Z a site above which one dense matrix beats gathering them."""


_ROUNDING = 1e-12
"""Of the largest coefficient, what is left of terms that cancel."""


class Elements(NamedTuple):
    """What `diagonal` and `off_diagonal` look up; a pytree of arrays.

    Lists of sites are filled up with `sites`, where s is taken to be 1.

    constant: (). fields: (sites,) of single Z. couplings: (sites, sites) upper
    triangle of Z Z, or None. strings: (terms, most) sites of further diagonal terms.
    weights: (terms,). flips: (groups, sites) bool, by first site. signs: (groups, each, most) sites
    of Z in the terms of a group. coefficients: (groups, each), 0 where a group has fewer.
    """

    constant: Any
    fields: Any
    couplings: Any
    strings: Any
    weights: Any
    flips: Any
    signs: Any
    coefficients: Any


def elements(total: PauliSum) -> Elements:
    """The look-up of a sum."""
    sites = total.sites
    distinct, group = total.flips
    # groups in the order of their first flipped site, after which a state has to be read anew
    order = np.argsort(distinct[1:].argmax(axis=1), kind="stable") + 1
    rows = distinct[order]
    weight = total.z.sum(axis=1)
    flat = ~total.x.any(axis=1)
    fields = np.zeros(sites)
    single = flat & (weight == 1)
    fields[total.z[single].argmax(axis=1)] = total.coefficients[single]
    couplings, pairs = None, flat & (weight == 2)
    if pairs.sum() > _MANY_PAIRS * sites:
        couplings = np.zeros((sites, sites))
        places = np.stack([np.flatnonzero(row) for row in total.z[pairs]])
        couplings[places[:, 0], places[:, 1]] = total.coefficients[pairs]
        listed = flat & (weight > 2)
    else:
        listed = flat & (weight > 1)
    phases = total.coefficients * (-1j) ** (total.x & total.z).sum(axis=1)
    values = phases.real if total.real else phases
    members = [np.flatnonzero(group == number) for number in order]
    each = max(map(len, members), default=0)
    most = max([int(total.z[m].sum(axis=1).max()) for m in members], default=0)
    signs = np.full((len(members), each, most), sites)
    coefficients = np.zeros((len(members), each), values.dtype)
    for number, terms in enumerate(members):
        signs[number, : len(terms)] = _lists(total.z[terms], most)
        coefficients[number, : len(terms)] = values[terms]
    return Elements(
        constant=np.float64(total.constant),
        fields=fields,
        couplings=couplings,
        strings=_lists(total.z[listed], int(weight[listed].max(initial=0))),
        weights=total.coefficients[listed],
        flips=rows,
        signs=signs,
        coefficients=coefficients,
    )


def diagonal(e: Elements, bits: Array) -> Array:
    """⟨σ|H|σ⟩ of bits (…, sites), real, (…,)."""
    s = 1.0 - 2.0 * bits
    value = e.constant + s @ e.fields
    if e.couplings is not None:
        value += jnp.sum((s @ e.couplings) * s, axis=-1)
    return value + _products(s, e.strings) @ e.weights


def off_diagonal(e: Elements, bits: Array) -> Array:
    """⟨σ|H|σ ⊕ flips_g⟩ of bits (…, sites) for every group, (…, groups)."""
    return jnp.sum(_products(1.0 - 2.0 * bits, e.signs) * e.coefficients, axis=-1)


def connected(e: Elements, bits: Array) -> Array:
    """Whether ⟨σ|H|σ ⊕ flips_g⟩ of bits (…, sites) is more than rounding, (…, groups)."""
    return jnp.abs(off_diagonal(e, bits)) > _ROUNDING * jnp.abs(e.coefficients).max(initial=0)


def _products(s: Array, lists: Array) -> Array:
    """∏ of s (…, sites) over lists of sites (terms…, most), (…, terms…)."""
    padded = jnp.concatenate([s, jnp.ones_like(s[..., :1])], axis=-1)
    product = jnp.ones((*s.shape[:-1], *lists.shape[:-1]), s.dtype)
    for column in range(lists.shape[-1]):
        product = product * padded[..., lists[..., column]]
    return product


def _lists(rows: np.ndarray, most: int) -> np.ndarray:
    """Sites of each row of bits (terms, sites), filled up with `sites`, (terms, most)."""
    lists = np.full((len(rows), most), rows.shape[1])
    for number, row in enumerate(rows):
        found = np.flatnonzero(row)
        lists[number, : len(found)] = found
    return lists
