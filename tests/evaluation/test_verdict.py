"""Each warning is raised by its finding, and by no other."""

from dataclasses import replace

import pytest

from nqs.evaluation.checks import alarms, level, rows
from nqs.evaluation.heldout import Estimate
from nqs.evaluation.noise import NoiseTest
from nqs.evaluation.verdict import SIGNIFICANT, Findings, checks

SOUND = Findings(
    only_z=False,
    positive=False,
    letters=frozenset("XYZ"),
    most_rotated=3,
    sites=3,
    rank=14,
    directions=14,
    restarts=4,
    agreement=0.999,
    same_state=0.99,
    conjugate_excluded=True,
    p_value=0.4,
    noise=[NoiseTest("white noise", 0.01, 0.2), NoiseTest("readout flips", 0.0, 1.0)],
    against_baseline=Estimate(0.001, 0.002),
    overfitting=Estimate(0.02, 0.01),
    shots=1000,
    held_out_shots=200,
    skipped=0,
    refit_failed=False,
    ended_early=None,
    r_hat=1.01,
    effective_samples=1000.0,
    log_z_error=0.001,
    told_by_shots=0.002,
)

ALARMS = {
    "ended early": ({"ended_early": "budget"}, "before its schedule (budget)"),
    "only Z": ({"only_z": True, "letters": frozenset("Z"), "rank": 7}, "All shots are in Z"),
    "directions": ({"rank": 11}, "leave 3 of the 14 real directions"),
    "conjugate": ({"conjugate_excluded": False}, "complex conjugate"),
    "restarts": ({"agreement": 0.5}, "Restarts that are equally good"),
    "fit": ({"p_value": 0.0099}, "contradict the fitted pure state (p = 0.0099)"),
    "baseline": ({"against_baseline": Estimate(0.005, 0.002)}, "worse than exact maximum"),
    "overfitting": ({"overfitting": Estimate(0.05, 0.01)}, "has learnt the noise"),
    "held out": ({"held_out_shots": 19}, "Only 19 of 1000 shots"),
    "skipped": ({"skipped": 3}, "3 steps were skipped"),
    "chains apart": ({"r_hat": 1.3}, "chains of the state disagree (R̂ = 1.30"),
    "few chains": ({"effective_samples": 20.0}, "worth 20 independent samples"),
    "log Z": ({"log_z_error": 0.01}, "known to ±0.01 nats"),
    "refit": ({"refit_failed": True}, "numbers that are not finite; the state from before"),
}


def warnings(found):
    return alarms(checks(found))


def test_a_sound_reconstruction_raises_none():
    assert warnings(SOUND) == []
    assert level(checks(SOUND)) == "ok"
    assert SOUND.determined is True
    assert all(row["ok"] for row in rows(checks(SOUND)))
    assert len(rows(checks(SOUND))) == len(ALARMS)


@pytest.mark.parametrize("alarm", ALARMS)
def test_a_finding_raises_its_warning_alone(alarm):
    changed, words = ALARMS[alarm]
    (sentence,) = warnings(replace(SOUND, **changed))
    assert words in sentence
    assert sentence.endswith(".")


def test_a_baseline_that_is_an_ansatz_can_be_taken():
    worse = replace(SOUND, against_baseline=Estimate(0.005, 0.002))
    assert "--ansatz" not in warnings(worse)[0]
    assert warnings(replace(worse, baseline_ansatz="mps"))[0].endswith("or take --ansatz mps.")


def test_all_findings_raise_all_warnings():
    """All but two, which mean nothing where all is Z."""
    everything = {k: v for changed, _ in ALARMS.values() for k, v in changed.items()}
    found = warnings(
        replace(
            SOUND,
            **everything,
        )
    )
    assert len(found) == len(ALARMS) - 2
    everything |= {"only_z": False}
    assert len(warnings(replace(SOUND, **everything))) == len(ALARMS) - 1


@pytest.mark.parametrize(
    "changed",
    [
        {"rank": None},
        {"conjugate_excluded": None},
        {"p_value": None},
        {"p_value": SIGNIFICANT},
        {"against_baseline": None},
        {"against_baseline": Estimate(0.1, None)},
        {"against_baseline": Estimate(0.004, 0.002)},
        {"against_baseline": Estimate(-0.1, 0.002)},
        {"against_baseline": Estimate(1e-12, 0.0)},
        {"overfitting": None},
        {"overfitting": Estimate(0.04, 0.01)},
        {"agreement": 0.99},
        {"agreement": None},
        {"agreement": None, "restarts": 1},
        {"held_out_shots": 20},
        {"noise": [NoiseTest("white noise", 0.1, 1e-9)]},
        {"noise": []},
    ],
    ids=str,
)
def test_on_the_safe_side_of_a_limit_nothing_is_said(changed):
    assert warnings(replace(SOUND, **changed)) == []


@pytest.mark.parametrize(
    ("changed", "determined"),
    [
        ({"rank": None}, None),
        ({"rank": 13}, False),
        ({"only_z": True}, False),
        ({"agreement": 0.98}, False),
        ({"conjugate_excluded": False}, False),
        ({"conjugate_excluded": None}, None),
        ({"rank": None, "agreement": 0.5}, False),
        ({"agreement": None}, True),
        ({"agreement": None, "restarts": 1}, None),
    ],
    ids=str,
)
def test_a_state_is_determined_where_nothing_is_open(changed, determined):
    assert replace(SOUND, **changed).determined is determined


@pytest.mark.parametrize(
    ("changed", "advice"),
    [
        ({"letters": frozenset("Z")}, "Add settings with X and Y."),
        ({"letters": frozenset("XZ")}, "Add settings with Y."),
        ({"most_rotated": 1}, "No setting rotates more than 1 of 3 sites"),
        ({}, "random Pauli settings, or more shots"),
        ({"every_setting": True}, "take more shots"),
    ],
)
def test_the_advice_is_what_the_settings_lack(changed, advice):
    (sentence,) = warnings(replace(SOUND, rank=10, **changed))
    assert advice in sentence


def test_the_conjugate_asks_for_the_letter_that_tells_it_apart():
    open_sign = replace(SOUND, conjugate_excluded=False)
    assert "more shots" in warnings(open_sign)[0]
    assert warnings(replace(open_sign, letters=frozenset("XZ")))[0].endswith("Add settings with Y.")


def test_noise_is_named_where_it_explains_the_misfit():
    likely = [NoiseTest("white noise", 0.0, 1.0), NoiseTest("readout flips", 0.021, 1e-6)]
    (sentence,) = warnings(replace(SOUND, p_value=1e-5, noise=likely))
    assert "2.1 % readout flips" in sentence
    assert "white noise" not in sentence
    (sentence,) = warnings(replace(SOUND, p_value=1e-5))
    assert "%" not in sentence


def test_phases_that_z_shots_cannot_fix_are_called_what_they_are():
    only_z = replace(SOUND, only_z=True, letters=frozenset("Z"), rank=7)
    assert "are as they happened to begin" in warnings(only_z)[0]
    assert "are assumed to be zero" in warnings(replace(only_z, positive=True))[0]


def test_without_shots_held_out_the_remedy_is_to_hold_some_out():
    (sentence,) = warnings(replace(SOUND, held_out_shots=0))
    assert sentence.startswith("No shots were held out")
    assert "data.held_out" in sentence


def test_a_misfit_of_an_unfinished_training_blames_the_training():
    found = warnings(replace(SOUND, p_value=1e-5, ended_early="budget"))
    assert len(found) == 2
    assert "finish its training" in found[1]
    assert "decoherence" not in " ".join(found)


def test_a_misfit_names_the_symmetries_of_the_ansatz_first():
    misfit = replace(SOUND, p_value=1e-5)
    assert "symmetries" not in warnings(misfit)[0]
    (sentence,) = warnings(replace(misfit, built_in=("translations", "a flip of all spins")))
    assert "Candidates: symmetries that the ansatz has" in sentence
    assert "(translations, a flip of all spins), a mixed state" in sentence
