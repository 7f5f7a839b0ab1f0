"""What a person says about a measurement file beside its name."""

import os
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """How to read measurement files where their content leaves a choice.

    format: a name of FORMATS; recognised by content if left out.
    select: which experiment of a file that holds several.
    shots_per_setting: turns relative frequencies into counts.
    sites: number of sites, where the file's keys lose leading zeros or its axes are in doubt.
    bases: the file with a setting per shot that belongs to text samples, or per line of printed
        counts; one for each data file.
    """

    format: str | None = None
    select: str | None = None
    shots_per_setting: int | None = None
    sites: int | None = None
    bases: str | os.PathLike | Sequence[str | os.PathLike] | None = None
