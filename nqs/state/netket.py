"""A state handed on to NetKet; the only file of this room that imports it."""

import itertools
from functools import reduce
from operator import mul
from typing import Any

import netket as nk
from flax import linen as nn

from nqs.ansatz.autoregressive import Autoregressive
from nqs.state.markov import sector_of


def mcstate(model: nn.Module, variables: Any, sites: int, sampler=None, **options):
    """nk.vqs.MCState of a space whose configurations are our bits.

    Without a sampler: nk.hilbert.Qubit(sites), or nk.hilbert.Fock of one particle a site at
    most where a state without conditionals keeps Σ Z, which exchanges then keep as well.
    """
    if sampler is None:
        sampler = _sampler(model, sites)
    return nk.vqs.MCState(sampler, model, variables=variables, **options)


def _sampler(model: nn.Module, sites: int):
    ones = sector_of(model)
    if isinstance(model, Autoregressive):
        return nk.sampler.ARDirectSampler(nk.hilbert.Qubit(sites))
    if ones is None:
        return nk.sampler.MetropolisLocal(nk.hilbert.Qubit(sites))
    length = sites // len(ones)
    parts = [nk.hilbert.Fock(1, length, n_particles=number) for number in ones]
    begins = range(0, sites, length)
    anywhere = [p for b in begins for p in itertools.combinations(range(b, b + length), 2)]
    return nk.sampler.MetropolisExchange(reduce(mul, parts), clusters=anywhere)
