"""A state handed on to NetKet; the only file of this room that imports it."""

from typing import Any

import netket as nk
from flax import linen as nn

from nqs.ansatz.autoregressive import Autoregressive


def mcstate(model: nn.Module, variables: Any, sites: int, sampler=None, **options):
    """nk.vqs.MCState over nk.hilbert.Qubit(sites): its configurations are our bits."""
    hilbert = nk.hilbert.Qubit(sites)
    if sampler is None and isinstance(model, Autoregressive):
        sampler = nk.sampler.ARDirectSampler(hilbert)
    elif sampler is None:
        sampler = nk.sampler.MetropolisLocal(hilbert)
    return nk.vqs.MCState(sampler, model, variables=variables, **options)
