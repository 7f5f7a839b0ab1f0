"""Ansätze by name: what the network gives."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from nqs.ansatz.averaged import averaged
from nqs.ansatz.density import Density, DensityRBM, LocallyPurified, LowRank, Noisy, Purification
from nqs.ansatz.mps import MatrixProduct
from nqs.ansatz.pair_product import PairProduct
from nqs.ansatz.prior import Even, with_prior
from nqs.ansatz.rbm import RBMComplex, RBMPhase, RBMPositive
from nqs.ansatz.recurrent import Recurrent
from nqs.ansatz.recurrent_2d import Recurrent2D
from nqs.ansatz.symmetric import Conv, RBMSymmetric
from nqs.ansatz.transformer import Transformer
from nqs.config.menu import LATTICE, SINGLE_PRECISION, lattice_size, refuse_unknown_ansatz

ANSATZE: dict[str, type[nn.Module]] = {
    "recurrent": Recurrent,
    "mps": MatrixProduct,
    "recurrent-2d": Recurrent2D,
    "transformer": Transformer,
    "rbm-positive": RBMPositive,
    "rbm-phase": RBMPhase,
    "rbm": RBMComplex,
    "rbm-symmetric": RBMSymmetric,
    "conv": Conv,
    "pair-product": PairProduct,
}
"""Of pure states."""

DENSITIES: dict[str, type[nn.Module]] = {
    "low-rank": LowRank,
    "purification": Purification,
    "density-rbm": DensityRBM,
    "lpdo": LocallyPurified,
}
"""Of mixed states."""


def build(
    name: str,
    sites: int,
    *,
    size: Sequence[int] = (),
    ones: int | Sequence[int] | None = None,
    rotated: Sequence[int] = (),
    average: Sequence[str] = (),
    lengths: Sequence[int] = (),
    precision: str = "float64",
    white_noise: bool = False,
    readout_errors: bool = False,
    **options,
) -> nn.Module:
    """The ansatz called `name` on `sites` sites; ValueError names the menu where unknown.

    size: lengths of the lattice of an ansatz that knows of it, as in `lattice_size`, or of an average. ones,
    rotated: number of bits 1, of all sites or of each part, and sites of a Marshall sign, as in
    `with_prior`. average, lengths: symmetries that an autoregressive state is averaged over, as in
    `Averaged`; of the size where lengths are left out. precision:
    float32 where the ansatz has it. white_noise, readout_errors: learnt beside the state, as in
    `Noisy`. options: of the module; even = True makes an autoregressive state `Even`.
    """
    model = _built(name, sites, size, ones, rotated, average, lengths, precision, options)
    if white_noise or readout_errors:
        return Noisy(sites, inner=model, white=white_noise, readout=readout_errors)
    return model


def _built(name, sites, size, ones, rotated, average, lengths, precision, options) -> nn.Module:
    """As `build`, without noise."""
    given = {"size": size, "average": average}
    refuse_unknown_ansatz(name, [*options, *(key for key, value in given.items() if value)])
    if name in LATTICE:
        options["size"] = lattice_size(name, sites, size)
    if precision == "float32" and name in SINGLE_PRECISION:
        options["param_dtype"] = jnp.float32
    if name in DENSITIES:
        return DENSITIES[name](sites=sites, **options)
    even = options.pop("even", False)
    if even and "flip" in average:
        raise ValueError("ansatz.even is the flip that ansatz.average names as well; take one.")
    model: Any = ANSATZE[name](sites=sites, **options)
    if even:
        model = Even(sites=sites, inner=model)
    if average:
        return averaged(with_prior(model, sites, ones), sites, average, lengths or size, rotated)
    return with_prior(model, sites, ones, tuple(rotated))


def own_module(model: Any, sites: int, *, held: str | None = None) -> nn.Module:
    """A user's module as it came; ValueError where it is no map from bits to log ψ.

    held: name of the ansatz that a run holds already, which it has to be.
    """
    if isinstance(model, type) and issubclass(model, nn.Module):
        raise ValueError(f"ansatz is the class {model.__name__}; give an instance of it.")
    if not isinstance(model, nn.Module):
        raise ValueError(
            f"ansatz is of type {type(model).__name__}; expected a name or a Flax linen module."
        )
    if isinstance(model, Density):
        raise ValueError(
            f"{type(model).__name__} is a mixed state; those of the menu are taken by name: "
            f"{', '.join(DENSITIES)}."
        )
    name, rows = type(model).__name__, 3
    if held not in (None, name):
        raise ValueError(f"the run holds the ansatz {held!r}, not {name!r}.")

    def tried(key):
        bits = jnp.zeros((rows, sites), jnp.int32)
        variables = model.init(key, bits)
        return variables, model.apply(variables, bits)

    try:
        variables, log_psi = jax.eval_shape(tried, jax.random.key(0))
    except Exception as problem:
        reason = " ".join(str(problem).split())[:200]
        raise ValueError(
            f"{name} does not map bits of shape ({rows}, {sites}), int32, to log ψ: {reason}"
        ) from problem
    if set(variables) != {"params"}:
        raise ValueError(
            f"{name} keeps the collections {', '.join(sorted(variables)) or 'none'}; expected "
            "'params' alone."
        )
    floating = getattr(log_psi, "dtype", None) is not None and jnp.issubdtype(
        log_psi.dtype, jnp.inexact
    )
    if not floating or log_psi.shape != (rows,):
        found = f"{log_psi.dtype} of shape {log_psi.shape}" if floating else "no array of numbers"
        raise ValueError(
            f"{name} maps bits of shape ({rows}, {sites}) to {found}; expected log ψ of shape "
            f"({rows},), complex or real."
        )
    return model
