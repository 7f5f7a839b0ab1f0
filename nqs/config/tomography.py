"""Every word a tomography understands, with its default and unit."""

from typing import Literal

from pydantic import Field

from nqs.config.tables import Duration, Network, Paths, Table


class Data(Table):
    file: Paths = Field(default=[], description="measurement files; several are one experiment")
    format: str | None = Field(default=None, description="format name, where two would fit")
    select: str | None = Field(default=None, description="experiment of a file that holds many")
    shots_per_setting: int | None = Field(default=None, ge=1, description="for frequencies")
    sites: int | None = Field(default=None, ge=1, description="for integer or hexadecimal counts")
    bases: Paths | None = Field(
        default=None,
        description="settings of text samples, a line per shot; of Braket results, a line per task",
    )
    readout: Literal["declared", "calibrated", "none"] | None = Field(
        default=None,
        description="readout errors: as the file declares them, as its calibration shots say, or none; chosen",
    )
    held_out: float = Field(
        default=0.2, ge=0, le=0.5, description="share of every setting's shots held out for choices"
    )
    refit: bool = Field(default=True, description="train the state kept again, on all shots")


class Training(Table):
    optimiser: Literal["adam", "natural"] | None = Field(
        default=None,
        description="adam, or natural: gradients in the metric of the outcomes' Fisher information; "
        "chosen",
    )
    steps: int | None = Field(default=None, ge=10, description="optimisation steps; chosen")
    rate: float | None = Field(default=None, gt=0, le=1, description="peak rate; chosen")
    shift: float | None = Field(
        default=None, gt=0, description="natural: least diagonal shift, relative; chosen"
    )
    trust: float | None = Field(
        default=None, gt=0, description="natural: largest change of log P a step; chosen"
    )
    likelihood: Literal["dense", "branch"] | None = Field(
        default=None,
        description="dense: all 2^sites amplitudes at each step; branch: those that interfere in "
        "some of the shots; chosen by size",
    )
    strings: int | None = Field(
        default=None, ge=16, description="branch: bit strings read at each step; chosen"
    )
    chains: int | None = Field(
        default=None,
        ge=16,
        description="branch: Markov chains behind log Z of a state that is not normalised; chosen",
    )
    sweeps: int | None = Field(
        default=None, ge=1, description="branch: sweeps of the chains at each step; chosen"
    )
    restarts: int | None = Field(
        default=None, ge=1, le=64, description="independent starts; chosen"
    )


class Baseline(Table):
    method: Literal["maximum-likelihood", "mps", "none"] | None = Field(
        default=None,
        description="maximum-likelihood: exact pure state, up to 8 sites; mps: matrix-product "
        "states, where the likelihood is that of branches; none; chosen",
    )


class Evaluation(Table):
    observables: list[str] = Field(
        default=[], description='Pauli strings or sums, such as "X0 X1" or "0.5 Z0 - Z1"'
    )
    bootstrap: int = Field(
        default=0,
        ge=0,
        le=10_000,
        description="refits to simulated shots behind statistical errors; 100 is usual, 0 is none",
    )


class Tomography(Table):
    """A tomography job."""

    job: Literal["tomography"] = "tomography"
    seed: int = Field(default=1, ge=0, le=2**31 - 1, description="of every random draw")
    budget: Duration | None = Field(default=None, description='how long to train, such as "8m"')
    time_limit: Duration | None = Field(
        default=None, description="wall-clock limit of the batch queue: stop before, exit 75"
    )
    target: Paths | None = Field(
        default=None,
        description="file of the true state, or a run; two text files for a density matrix",
    )
    data: Data = Data()
    ansatz: Network = Network()
    training: Training = Training()
    baseline: Baseline = Baseline()
    evaluation: Evaluation = Evaluation()
