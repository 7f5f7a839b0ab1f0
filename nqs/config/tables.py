"""What the configs of all jobs share: strict tables, lists of paths, durations."""

from os import PathLike
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from nqs.config.duration import seconds
from nqs.config.menu import PERIODIC


def _listed(value: Any) -> Any:
    if isinstance(value, str | PathLike):
        value = [value]
    if isinstance(value, list | tuple):
        return [str(v) if isinstance(v, PathLike) else v for v in value]
    return value


Paths = Annotated[list[str], BeforeValidator(_listed)]
Duration = Annotated[float, BeforeValidator(seconds)]


class Table(BaseModel):
    """Unknown keys and wrong types are refused."""

    model_config = ConfigDict(
        extra="forbid", validate_default=True, strict=True, allow_inf_nan=False
    )


class Network(Table):
    """The ansatz by name, and its options."""

    name: str | None = Field(
        default=None,
        description="auto, recurrent, recurrent-2d, transformer, mps, rbm-positive, rbm-phase, rbm, rbm-symmetric, conv, for ground states pair-product; for mixed states low-rank, purification, density-rbm, lpdo; outcome for outcomes alone; chosen",
    )
    hidden: int | None = Field(default=None, ge=1, le=4096, description="hidden units; chosen")
    phase: bool | None = Field(
        default=None,
        description="recurrent, recurrent-2d, transformer, mps: False keeps the state positive; chosen",
    )
    layers: int | None = Field(
        default=None, ge=1, le=64, description="transformer, conv, pair-product; chosen"
    )
    heads: int | None = Field(
        default=None, ge=1, le=64, description="transformer: of its attention; chosen"
    )
    cell: Literal["gated", "tensor"] | None = Field(
        default=None,
        description="recurrent-2d: gates mix both memories, or bits choose matrices; gated",
    )
    patch: int | None = Field(
        default=None, ge=1, le=8, description="transformer: sites read together; 1"
    )
    size: list[Annotated[int, Field(ge=1)]] | None = Field(
        default=None,
        description="recurrent-2d: rows and columns; rbm-symmetric, conv, pair-product, or beside average: lengths of the "
        "lattice; chosen, from the lattice of a Hamiltonian",
    )
    bond: int | None = Field(
        default=None, ge=1, le=512, description="mps, lpdo: size of their matrices; chosen"
    )
    site_dependent: bool | None = Field(
        default=None, description="recurrent: biases and heads for every site; chosen"
    )
    ends: bool | None = Field(
        default=None, description="recurrent: told how near the ends of the chain are; chosen"
    )
    even: bool | None = Field(
        default=None,
        description="recurrent, recurrent-2d, transformer, mps: a flip of all spins leaves ψ as it is; chosen",
    )
    average: list[Literal["flip", "translations", "point"]] | None = Field(
        default=None,
        description="autoregressive: symmetries over which |ψ|² is averaged, of all spins and of the "
        "lattice; for a ground state chosen",
    )
    features: int | None = Field(
        default=None, ge=1, le=512, description="rbm-symmetric, conv, pair-product: filters; chosen"
    )
    reach: int | None = Field(
        default=None,
        ge=1,
        description="conv, pair-product: farthest that a filter sees; as far as the lattice",
    )
    pairs: int | None = Field(
        default=None,
        ge=1,
        le=64,
        description="pair-product: functions of a pair's distance; chosen",
    )
    signed: bool | None = Field(default=None, description="conv: ψ may change sign; chosen")
    odd: bool | None = Field(
        default=None, description="conv, signed: ψ changes sign with all spins; false"
    )
    point_group: bool | None = Field(
        default=None,
        description="rbm-symmetric, conv, pair-product: rotations and reflections of the lattice leave ψ as it is; chosen",
    )

    rank: int | None = Field(
        default=None, ge=1, le=4096, description="low-rank: vectors of the mixture; chosen"
    )
    ancillas: int | None = Field(
        default=None,
        ge=1,
        description="purification, density-rbm: further sites that are traced out; more than 8, of purification "
        "alone, are drawn for each shot where not all outcomes are listed; chosen",
    )
    white_noise: bool | None = Field(
        default=None, description="tomography: a part of white noise is learnt beside the state"
    )
    readout_errors: bool | None = Field(
        default=None,
        description="tomography: two probabilities of misreading every site are learnt beside the state, "
        "which only calibration tells from mixing",
    )

    def built_in(self) -> tuple[str, ...]:
        """Symmetries that the state has, whatever it is trained on."""
        average = self.average or ()
        periodic = self.name in PERIODIC
        has = {
            "translations": periodic or "translations" in average,
            "a flip of all spins": periodic or self.even or "flip" in average,
            "rotations and reflections": self.point_group or "point" in average,
        }
        return tuple(name for name, there in has.items() if there)
