"""What a setting costs where amplitudes are written out: sites it rotates, and sites it leaves out."""

from collections.abc import Mapping, Sequence

import numpy as np

from nqs.measurement.effects import UNMEASURED, rotating_nothing

BRANCH_TERMS = 2**12
"""Strings that may interfere or add up in one shot of a setting."""


def kind(setting: str, effects: Mapping[str, np.ndarray] | None = None) -> tuple[int, int]:
    """How many sites a setting rotates, and how many it leaves unmeasured."""
    plain = rotating_nothing(effects)
    unmeasured = sum(c == UNMEASURED and c in plain for c in setting)
    return sum(c not in plain for c in setting), unmeasured


def every_pauli_setting(settings: Sequence[str]) -> bool:
    """Whether all 3^N settings of X, Y and Z are there."""
    paulis = {s for s in settings if set(s) <= set("XYZ")}
    return len(paulis) == 3 ** len(settings[0])


def terms(setting: str, effects: Mapping[str, np.ndarray] | None = None) -> int:
    """Strings that interfere or add up in one shot of a setting."""
    return 2 ** sum(kind(setting, effects))


def refuse_too_many_terms(
    settings: Sequence[str],
    effects: Mapping[str, np.ndarray] | None = None,
    ancillas: int = 0,
) -> None:
    """ValueError where a shot of some setting needs more strings than can be written out, each with all values of
    the ancillas."""
    for setting in settings:
        rotated, unmeasured = kind(setting, effects)
        if 2 ** (rotated + unmeasured + ancillas) > BRANCH_TERMS:
            left_out = f" and leaves {unmeasured} unmeasured" if unmeasured else ""
            left_out += f", beside {ancillas} ancillas" if ancillas else ""
            shown = setting if len(setting) <= 60 else setting[:59] + "…"
            raise ValueError(
                f"setting {shown} rotates {rotated} sites{left_out}: each of its shots needs "
                f"2^{rotated + unmeasured + ancillas} = {2 ** (rotated + unmeasured + ancillas):,} amplitudes, the "
                f"limit is {BRANCH_TERMS:,}. Leave such settings out, or take --ansatz mps or lpdo, which read any "
                "setting."
            )
