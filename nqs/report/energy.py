"""The energy of a ground state, and the samples that it rests on."""

from collections.abc import Mapping
from typing import Any

from nqs.report.sections import Row, part, units
from nqs.report.wording import count, counted, exact, measured, printable, v_score


def energy(summary: Mapping[str, Any]) -> list[Row]:
    """The energy, what is known of it, and its variance."""
    found = part(summary, "energy")
    if not found:
        return []
    known = part(summary, "exact")
    rows = [Row("Energy", measured(found), units(summary))]
    if known:
        rows.append(Row("Known energy", exact(known["energy"]), printable(known.get("method"))))
        rows.append(Row("Relative error", measured(summary.get("relative_error"))))
    return [
        *rows,
        Row("Variance of H", measured(summary.get("variance")), "0 in an eigenstate, any of them"),
        Row("V-score", v_score(summary), "N · variance / (E − E∞)²"),
    ]


def _chains(found: Mapping[str, Any]) -> list[Row]:
    """Those that teach a state that is not normalised, and its log Z."""
    annealed = part(found, "annealed")
    how = "exact, from all amplitudes"
    if annealed.get("chains"):
        how = (
            f"annealed: {count(annealed.get('effective_samples'))} of {count(annealed['chains'])} chains "
            f"effective, {count(annealed.get('temperatures'))} temperatures"
        )
    rows = [
        Row("Markov chains", count(found.get("chains")), "of the training, at the state kept"),
        Row(
            "Effective samples",
            count(found.get("effective_samples")),
            f"of {count(found['samples'])}",
        ),
        Row("R̂ of the chains", measured(found.get("r_hat")), "1 where they agree"),
    ]
    if found.get("acceptance") is not None:
        rows.append(Row("Moves accepted", f"{found['acceptance']:.0%}"))
    return [*rows, Row("log Z", measured(found["log_z"]), how)]


def sampling(summary: Mapping[str, Any]) -> list[Row]:
    """What the errors of an energy rest on, or the norm of a state."""
    found = part(summary, "sampling")
    if not found:
        return []
    if not found.get("samples"):
        return [Row("Exact sum", counted(found.get("distinct"), "configuration", "configurations"))]
    if found.get("log_z"):
        return _chains(found)
    distinct = f"{count(found.get('distinct'))} different ones"
    rows = [
        Row("Fresh samples", count(found.get("samples")), distinct),
        Row("Effective samples", count(found.get("effective_samples"))),
    ]
    if found.get("r_hat") is not None:
        rows.append(Row("R̂ of the chains", measured(found.get("r_hat")), "1 where they agree"))
    if found.get("acceptance") is not None:
        rows.append(Row("Moves accepted", f"{found['acceptance']:.0%}"))
    around = "the same, if the samples miss nothing"
    return [
        *rows,
        Row("Variance, second look", measured(found.get("variance_around")), around),
        Row(
            "Variance in 1 % of the samples", f"{found.get('top_share', 0):.0%}", "8 % if Gaussian"
        ),
    ]
