"""⟨X⟩, ⟨Y⟩ and ⟨Z⟩ of single sites, from all shots that tell them."""

from typing import NamedTuple

import numpy as np

from nqs.measurement.dataset import Measurements
from nqs.measurement.spool import pieces

LETTERS = "XYZ"


class Means(NamedTuple):
    """value: (3, sites), NaN where no shot tells. shots: (3, sites) that do."""

    value: np.ndarray
    shots: np.ndarray


def site_means(data: Measurements) -> Means:
    """Of X, Y and Z at every site, as they were read."""
    letters = np.array(data.settings).view("U1").reshape(len(data.settings), data.sites)
    total, shots = np.zeros((3, data.sites)), np.zeros((3, data.sites))
    masks = [(letters == letter).astype(float) for letter in LETTERS]
    for rows in pieces(len(data.counts), of=data.outcomes):
        counts = data.counts[rows].astype(float)
        values = 1.0 - 2.0 * data.outcomes[rows]
        for number, mask in enumerate(masks):
            if mask.any():
                here = mask[data.setting_index[rows]]
                shots[number] += counts @ here
                total[number] += counts @ (here * values)
    with np.errstate(invalid="ignore"):
        return Means(total / shots, shots)


def product_start(means: Means) -> tuple[np.ndarray, np.ndarray]:
    """Log-odds of bit 1 and phases of the product state of these means, (sites,) each.

    A phase that is not three errors from none is none, and so is what no shot tells.
    """
    value = np.where(np.isfinite(means.value), means.value, 0.0)
    x, y, z = np.clip(value, -0.95, 0.95)
    seen = np.hypot(x, y) > 3 / np.sqrt(np.maximum(means.shots[:2].max(axis=0), 1))
    return np.log1p(-z) - np.log1p(z), np.where(seen, np.arctan2(y, x), 0.0)
