"""A state handed on to NetKet; the only file of this room that imports it."""

import itertools
from typing import Any

import netket as nk
from flax import linen as nn

from nqs.ansatz.autoregressive import Autoregressive
from nqs.state.sampling import sector_of


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
    hilbert = nk.hilbert.Fock(1, sites, n_particles=ones)
    anywhere = list(itertools.combinations(range(sites), 2))
    return nk.sampler.MetropolisExchange(hilbert, clusters=anywhere)
