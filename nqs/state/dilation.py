"""A state of any kind as a pure one of its sites and of ancillas beside them, with white noise added."""

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from nqs.ansatz.autoregressive import Normalised
from nqs.ansatz.density import Density, Noisy, Purified
from nqs.ansatz.recurrent import Gated
from nqs.state.reach import VECTOR_SITES


@dataclass(frozen=True)
class Dilation:
    """ρ = (1 − s) Tr_ancillas |ψ⟩⟨ψ| + s 1/2^N; of a pure state there is neither ancilla nor s.

    whole: the ansatz of ψ. path: where its parameters lie among those of the state. kept: places of the sites
    among those of ψ, in order; None where all are. noisy: the ansatz that tells s, None without.
    """

    whole: nn.Module
    path: tuple[str, ...] = ()
    kept: tuple[int, ...] | None = None
    noisy: Noisy | None = None

    @property
    def ancillas(self) -> int:
        return 0 if self.kept is None else self.whole.sites - len(self.kept)  # type: ignore[attr-defined]

    @property
    def pure(self) -> bool:
        return self.kept is None and self.noisy is None

    def places(self, sites: int) -> np.ndarray:
        """Where the sites are among those of ψ, (sites,)."""
        return np.arange(sites) if self.kept is None else np.array(self.kept)

    def variables(self, variables: Any) -> Any:
        """Those of ψ."""
        params = variables["params"]
        for name in self.path:
            params = params[name]
        return {"params": params}

    def with_variables(self, variables: Any, own: Any) -> Any:
        """Variables of the state with others of ψ."""

        def replaced(params, path):
            if not path:
                return own["params"]
            return {**params, path[0]: replaced(params[path[0]], path[1:])}

        return {"params": replaced(variables["params"], self.path)}

    def white(self, variables: Any) -> Array | None:
        """s, None without."""
        if self.noisy is None:
            return None
        found: Any = self.noisy.apply(variables, method="white_noise")
        return found


def dilation(model: nn.Module) -> Dilation:
    """Of an ansatz; ValueError where it is told by all amplitudes together alone."""
    if isinstance(model, Noisy):
        if model.readout:
            raise ValueError(
                "readout errors that are learnt beside a state need all outcomes at once, of few sites."
            )
        inner = dilation(model.inner)
        if not isinstance(inner.whole, Normalised):
            raise ValueError(
                f"white noise is added to probabilities, and {type(inner.whole).__name__} is not normalised; "
                "choose an autoregressive ansatz."
            )
        return Dilation(
            inner.whole, ("inner", *inner.path), inner.kept, model if model.white else None
        )
    if isinstance(model, Purified):
        return Dilation(model.purifying(), ("whole",), model.kept)
    if isinstance(model, Density):
        raise ValueError(f"{type(model).__name__} is told by all of its amplitudes, of few sites.")
    return Dilation(model)


def all_at_once(model: nn.Module) -> bool:
    """Whether all amplitudes of a mixed state, of its sites and ancillas, are few enough."""
    inner = model.inner if isinstance(model, Noisy) else model
    sites = inner.purifying().sites if isinstance(inner, Purified) else inner.sites  # type: ignore[attr-defined]
    return sites <= VECTOR_SITES


def begun_at(model: nn.Module, variables: Any, other: nn.Module, others: Any) -> Any:
    """Variables of a state that begins at another, smaller one: the same ψ on what that has, and its noise; the
    rest as it was. Where ψ is of another kind, all of it."""
    if model == other:
        return others
    form, theirs = dilation(model), dilation(other)
    if not _akin(form.whole, theirs.whole):
        return variables
    own, given = form.variables(variables)["params"], theirs.variables(others)["params"]
    sites = len(form.kept or theirs.kept or ())
    places = form.places(sites) if theirs.kept is None else None
    merged = {name: _within(leaf, given.get(name), places) for name, leaf in own.items()}
    found = form.with_variables(variables, {"params": merged})
    if form.noisy is not None and theirs.noisy is not None:
        found = {"params": {**found["params"], "noise": others["params"]["noise"]}}
    return found


def _akin(one: nn.Module, other: nn.Module) -> bool:
    return type(one) is type(other) or (isinstance(one, Gated) and isinstance(other, Gated))


def _within(own: Any, given: Any, places: np.ndarray | None) -> Any:
    """An array with another set into it, from its beginning on; in the first axis at `places` where it is longer."""
    if given is None or given.ndim != own.ndim or any(np.greater(given.shape, own.shape)):
        return own
    where: list[Any] = [slice(size) for size in given.shape]
    if places is not None and len(given) < len(own) and len(places) == len(given):
        where[0] = places
    return jnp.asarray(own).at[tuple(where)].set(given)
