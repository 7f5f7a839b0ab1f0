"""Settings tell the expectation values that dense algebra says they tell."""

from itertools import product

import numpy as np
import pytest
from exact import pauli_projectors, random_projectors

from nqs.evaluation.completeness import told
from nqs.measurement.dataset import Measurements

SITES = 3


def shots_in(settings, effects=None):
    return Measurements(
        np.zeros((len(settings), SITES), np.uint8),
        tuple(settings),
        np.arange(len(settings)),
        effects=effects or {},
    )


def rank_of_effects(settings, effects):
    """Dimension of the space that all effects of all settings span, less the identity."""
    rows = []
    for setting in settings:
        sites = [np.eye(2)[None] if c == "I" else (effects or {}).get(c, None) for c in setting]
        sites = [
            pauli_projectors(c) if s is None else s for s, c in zip(sites, setting, strict=True)
        ]
        for outcome in product(*(range(len(s)) for s in sites)):
            operator = np.ones((1, 1))
            for site, o in zip(sites, outcome, strict=True):
                operator = np.kron(operator, site[o])
            rows.append(np.r_[operator.real.reshape(-1), operator.imag.reshape(-1)])
    return np.linalg.matrix_rank(np.array(rows), tol=1e-8) - 1


@pytest.mark.parametrize(
    "settings",
    [
        ["ZZZ"],
        ["XYZ", "XXZ", "IYI"],
        ["".join(c) for c in product("XYZ", repeat=3)],
        ["".join(c) for c in product("XZ", repeat=3)],
    ],
)
def test_pauli_settings(settings):
    assert told(shots_in(settings)) == rank_of_effects(settings, None)


def test_all_pauli_settings_are_complete():
    assert told(shots_in(["".join(c) for c in product("XYZ", repeat=3)])) == 4**SITES - 1


def test_letters_that_are_no_paulis():
    effects = {"A": random_projectors(1), "B": random_projectors(2)}
    settings = ["AZB", "XAB", "AIZ", "BZB"]
    data = shots_in(settings, effects)
    assert told(data) == rank_of_effects(settings, effects)
