"""Blocks of time are told apart where the device drifted, and where it did not they are not."""

import numpy as np
import pytest
from exact import asymmetric_state

from nqs.evaluation.drift import check, drift
from nqs.measurement.dataset import Measurements, joined
from nqs.state.simulate import simulate

SETTINGS = ["ZZZ", "XYZ", "YXI"]


def in_blocks(states, shots=300, seed=0):
    """Shots of one state in each block."""
    parts = [simulate(psi, SETTINGS, shots, seed + 10 * k) for k, psi in enumerate(states)]
    whole = joined(parts)
    block = np.repeat(np.arange(len(parts)), [len(p.counts) for p in parts])
    return Measurements(
        whole.outcomes, whole.settings, whole.setting_index, whole.counts, block=block
    )


def turned(angle):
    """The last site turned about Y by that angle from |0⟩, apart from the others."""
    return np.kron(asymmetric_state(2), [np.cos(angle / 2), np.sin(angle / 2)])


def test_one_site_that_drifts_is_named():
    found = drift(in_blocks([turned(0.5), turned(0.5), turned(1.2)]))
    assert found is not None
    assert found.p_value < 1e-6
    assert (found.site, found.worst, found.blocks) == (2, 2, 3)
    assert "site 2" in check(in_blocks([turned(0.5), turned(0.5), turned(1.2)])).alarm


def test_p_values_are_cautious_where_nothing_drifts():
    """Of 200 data sets at most 20 + 5 σ below a tenth: the smallest of several, times their number."""
    psi = asymmetric_state(3)
    found = [drift(in_blocks([psi, psi], 100, seed)).p_value for seed in range(200)]
    below = sum(p < 0.1 for p in found)
    assert below < 20 + 5 * np.sqrt(18)
    assert below > 2  # it does look


def test_drift_of_correlations_alone_is_seen():
    """Bell states of opposite sign have the same single sites."""
    bell = [np.array([1, 0, 0, sign]) / np.sqrt(2) for sign in (1, -1)]
    parts = [simulate(psi, ["XX", "ZZ"], 300, k) for k, psi in enumerate(bell)]
    whole = joined(parts)
    block = np.repeat([0, 1], [len(p.counts) for p in parts])
    data = Measurements(
        whole.outcomes, whole.settings, whole.setting_index, whole.counts, block=block
    )
    found = drift(data)
    assert found.p_value < 1e-6
    assert found.site is None


def test_short_blocks_are_joined_and_a_trend_is_still_seen():
    """Sixty blocks of ten shots, and a last one of two."""
    angles = np.linspace(0.3, 1.5, 60)
    parts = [simulate(turned(a), ["ZZZ"], 10, k) for k, a in enumerate(angles)]
    parts.append(simulate(turned(1.5), ["ZZZ"], 2, 99))
    whole = joined(parts)
    block = np.repeat(np.arange(61), [len(p.counts) for p in parts])
    data = Measurements(
        whole.outcomes, whole.settings, whole.setting_index, whole.counts, block=block
    )
    found = drift(data)
    assert found is not None
    assert found.p_value < 1e-4
    assert found.site == 2


def test_blocks_of_several_files_are_numbered_on():
    """A file that says none is one block."""
    one, other = (in_blocks([turned(0.5), turned(0.5)]) for _ in range(2))
    assert joined([one, other]).block.max() == 3
    apart = [simulate(turned(angle), SETTINGS, 300, 1) for angle in (0.5, 1.2)]
    found = drift(joined(apart))
    assert found is not None
    assert found.site == 2


@pytest.mark.parametrize("blocks", [None, "one", "apart"])
def test_nothing_is_said_where_nothing_can_be_compared(blocks):
    data = in_blocks([asymmetric_state(3)] * 2)
    block = {
        None: None,
        "one": np.zeros(len(data.counts), int),
        "apart": data.setting_index,
    }[blocks]
    again = Measurements(data.outcomes, data.settings, data.setting_index, data.counts, block=block)
    assert drift(again) is None
    assert check(again).found == (
        None if block is None else "too few shots of any setting in two blocks"
    )
