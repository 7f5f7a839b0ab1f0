"""What was understood of a measurement file, for a person to check."""

from typing import Any

import numpy as np

from nqs.measurement.dataset import Measurements
from nqs.measurement.means import site_means

_MOST_SETTINGS = 12


def described(data: Measurements) -> dict[str, Any]:
    """Facts that show a wrong order or a wrong letter: ⟨Z_j⟩ of every site, one decoded row.

    z: mean and standard error of each site over the shots that read it in Z, None
    where none does. A wrong order is seen where the sites differ.
    """
    shots = data.shots_per_setting
    order = np.argsort(-shots, kind="stable")[:_MOST_SETTINGS]
    return {
        "sites": data.sites,
        "lattice": None if data.lattice is None else list(data.lattice),
        "shots": data.shots,
        "settings": len(data.settings),
        "shots_per_setting": [int(shots.min()), int(shots.max())],
        "largest_settings": {data.settings[i]: int(shots[i]) for i in order},
        "letters": sorted(set("".join(data.settings))),
        "z": _magnetisation(data),
        "first_row": _decoded(data, 0),
        "effects": sorted(data.effects),
        "readout": data.readout is not None,
        "readout_pairs": [list(pair.sites) for pair in data.readout_pairs],
        "calibration": 0 if data.calibration is None else data.calibration.shots,
        "target": None
        if data.target is None
        else ("state vector" if data.target.ndim == 1 else "density matrix"),
        "source": data.source,
    }


def _magnetisation(data: Measurements) -> list[dict[str, float] | None]:
    means = site_means(data)
    return [
        {"value": float(mean), "error": float(np.sqrt((1 - mean**2) / shots))} if shots else None
        for mean, shots in zip(means.value[2], means.shots[2], strict=True)
    ]


def _decoded(data: Measurements, row: int) -> dict[str, str]:
    return {
        "setting": data.settings[data.setting_index[row]],
        "outcome": "".join(map(str, data.outcomes[row])),
    }
