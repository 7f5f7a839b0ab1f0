"""The sections of a report: what summary.json says, as rows of words and numbers."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from nqs.report.wording import (
    NOT_COMPUTED,
    TELLING,
    count,
    counted,
    exact,
    finite,
    measured,
    plain,
    printable,
    probability,
    v_score,
)
from nqs.statistics import SIGNIFICANT

_NATS = "nats per shot"


class Row(NamedTuple):
    """A line of a table: what it is, what it says, and a word to explain it."""

    label: str
    value: str
    note: str = ""


class Verdict(NamedTuple):
    """level: ok, warning or failed; the sentence is read first of all."""

    level: str
    word: str
    sentence: str


def part(summary: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """A table of the summary; empty where it is missing or null."""
    found = summary.get(key)
    return found if isinstance(found, Mapping) else {}


def warnings(summary: Mapping[str, Any]) -> list[str]:
    """Every warning, as a sentence."""
    found = summary.get("warnings") or []
    return [_sentence(printable(w)) for w in ([found] if isinstance(found, str) else found)]


def verdict(summary: Mapping[str, Any]) -> Verdict:
    """The verdict and what it means for the reader."""
    level = printable(summary.get("verdict"))
    number = len(warnings(summary))
    if level == "ok":
        return Verdict("ok", "OK", "No check found anything wrong with this result.")
    if level == "warning":
        found = {0: "", 1: " One thing needs attention:"}
        more = found.get(number, f" {number} things need attention:")
        return Verdict("warning", "Warning", f"Read this result with care.{more}")
    if level == "failed":
        return Verdict(
            "failed", "Failed", "Do not use this result." + (" What went wrong:" if number else "")
        )
    return Verdict("warning", "No verdict", "The run did not say how good its result is.")


def highlights(summary: Mapping[str, Any]) -> list[Row]:
    """The four numbers that one looks for first."""
    likelihood, fidelity = part(summary, "likelihood"), part(summary, "fidelity")
    rows = _energy_highlights(summary)
    if part(summary, "mixture"):
        rows.append(Row("Purity", measured(part(summary, "mixture").get("purity")), "1 if pure"))
    if fidelity:
        name = f"to {printable(fidelity.get('target'))}"
        again = part(fidelity, "statistical")
        if again:
            name += f"; of what was measured {measured(again)}"
        rows.append(Row("Fidelity", measured(_fitted(fidelity)), name))
    if likelihood:
        rows.append(_fit_highlight(likelihood))
        note = _NATS
        if bound := part(likelihood, "ancilla_bound"):
            note += f"; a bound, too high by {measured(bound.get('bias'))}"
        rows.append(Row("Held-out −log likelihood", measured(likelihood.get("held_out_nll")), note))
    if "identifiability" in summary:
        answer = part(summary, "identifiability").get("determined")
        rows.append(Row("Determined by the data", _yes_no(answer), "the state, by these settings"))
    return rows


def _fit_highlight(likelihood: Mapping[str, Any]) -> Row:
    """χ² with its p-value; the p-value alone where shots were not counted by outcome."""
    p = probability(likelihood.get("p_value"))
    if likelihood.get("chi2_per_dof") is None and p != NOT_COMPUTED:
        return Row("p-value of the fit", p, printable(likelihood.get("p_value_method")))
    shown = p if p == NOT_COMPUTED else f"= {p}".replace("= below", "<")
    note = f"p {shown}"
    return Row("χ² per degree of freedom", measured(likelihood.get("chi2_per_dof")), note)


def _energy_highlights(summary: Mapping[str, Any]) -> list[Row]:
    energy, known = part(summary, "energy"), part(summary, "exact")
    if not energy:
        return []
    rows = [Row("Energy", measured(energy), units(summary))]
    if known:
        note = f"to {exact(known['energy'])}, {printable(known.get('method'))}"
        rows.append(Row("Relative error", measured(summary.get("relative_error")), note))
    rows.append(Row("V-score", v_score(summary), "0 for an eigenstate"))
    rows.append(Row("Energy per site", measured(energy.get("per_site")), units(summary)))
    return rows


def units(summary: Mapping[str, Any]) -> str:
    """Of a Hamiltonian."""
    units = part(summary, "hamiltonian").get("units")
    return "H in spins 1/2" if units == "spin-half" else "H in Pauli matrices"


def checks(summary: Mapping[str, Any]) -> list[Row]:
    """All that the verdict rests on: what was found, and what is expected."""
    rows = [row for row in summary.get("checks") or [] if isinstance(row, Mapping)]
    return [
        Row(
            printable(row.get("check")),
            f"{'✓' if row.get('ok') else '✗'} {_found(row.get('found'))}",
            f"expected {printable(row.get('expected'))}",
        )
        for row in rows
    ]


def _found(value: Any) -> str:
    number = finite(value)
    return printable(value) if number is None else plain(number)


def observables(summary: Mapping[str, Any]) -> list[Row]:
    """What was asked of the state, beside what the shots say of it alone."""
    rows = [row for row in summary.get("observables") or [] if isinstance(row, Mapping)]
    of_shots = summary.get("job") == "tomography" and not _wide(summary)
    return [Row(printable(row.get("name")), *_observable(row, of_shots)) for row in rows]


def _wide(summary: Mapping[str, Any]) -> bool:
    """Whether refits, which read all amplitudes, are out of reach."""
    return part(summary, "training").get("likelihood") in ("branch", "outcomes")


def _observable(row: Mapping[str, Any], of_shots: bool) -> tuple[str, str]:
    notes = []
    shown = measured(row.get("state"))
    again = part(row, "statistical")
    if again.get("open"):
        notes.append("left open: the settings do not fix it")
    elif again:
        shown = measured(again)
        notes.append(f"statistical error by {_method(again)}{interval(again.get('interval'))}")
    elif of_shots:
        notes.append("of the fit; --bootstrap 100 tells its statistical error")
    if row.get("shots"):
        notes.append(f"shots alone {measured(row['shots'])}")
    pull = finite(row.get("pull"))
    if pull is not None:
        notes.append(f"state minus shots {_times(pull)} standard errors")
    return shown, "; ".join(notes)


def _times(value: float) -> str:
    return f"{value:+.1f}".replace("-", "−")


def ladder(summary: Mapping[str, Any]) -> list[Row]:
    """Sizes or descriptions that were tried, by the shots held out."""
    rows = [row for row in summary.get("ladder") or [] if isinstance(row, Mapping)]
    return [
        Row(
            printable(row.get("ansatz")),
            measured(row.get("held_out_nll")),
            f"{counted(row.get('parameters'), 'parameter', 'parameters')}"
            + ("; chosen" if row.get("chosen") else "")
            + (
                ""
                if row.get("eligible", True)
                else "; never chosen: only calibration tells it from mixing"
            ),
        )
        for row in rows
    ]


def told_by_shots(summary: Mapping[str, Any]) -> list[Row]:
    """Fidelity with what was measured, as far as shots alone say it."""
    found = part(summary, "fidelity_from_shots")
    if not found:
        return []
    by = f"by {count(found.get('shots'))} shots held out, of the state before it was trained on them; {printable(found.get('method'))}"
    error = finite(found.get("error"))
    if error is not None and error > TELLING:
        by += "; too few to say much"
    return [Row("Fidelity from shots alone", measured(found), by)]


def comparison(summary: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Likelihood and fidelity of this state and of the baseline: (what, ours, theirs)."""
    ours, theirs = part(summary, "likelihood"), part(summary, "baseline")
    rows = [
        (f"on {where}", measured(ours.get(key)), measured(theirs.get(key)))
        for key, where in (
            ("train_nll", "training shots"),
            ("held_out_nll", "held-out shots"),
            ("nll", "all shots"),
        )
        if ours or theirs
    ]
    fidelity = part(summary, "fidelity")
    if fidelity:
        label = f"fidelity to {printable(fidelity.get('target'))}"
        rows.append((label, measured(_fitted(fidelity)), measured(theirs.get("fidelity"))))
        again = part(fidelity, "statistical")
        if again:
            shown = measured(again) + interval(again.get("interval"))
            rows.append((f"the same of what was measured, by {_method(again)}", shown, ""))
    return rows


def goodness(summary: Mapping[str, Any]) -> list[Row]:
    """χ² and its p-value, with what they mean."""
    found = part(summary, "likelihood")
    if not found:
        return []
    p = finite(found.get("p_value"))
    if p is None:
        meaning = ""
    elif p < SIGNIFICANT:
        meaning = "the state does not explain the data: such a misfit is no accident"
    else:
        meaning = "no clear sign that the state is wrong"
    chi2 = Row("χ² per degree of freedom", measured(found.get("chi2_per_dof")), "1 is expected")
    return [
        *([chi2] if found.get("chi2_per_dof") is not None or p is None else []),
        Row("p-value", probability(p), meaning),
        Row("p-value from", printable(found.get("p_value_method"))),
    ]


def identifiability(summary: Mapping[str, Any]) -> list[Row]:
    """What the settings can and cannot tell about the state."""
    if "identifiability" not in summary:
        return []
    found = part(summary, "identifiability")
    agree, excluded = found.get("restarts_agree"), found.get("conjugate_excluded")
    if part(summary, "mixture") and found.get("rank") is not None:
        told = f"{count(found.get('rank'))} of {count(found.get('directions'))}"
        return [
            Row("State determined by the data", _yes_no(found.get("determined"))),
            Row("Expectation values told by the settings", told, "all of a mixed state"),
        ]
    state = "ρ" if part(summary, "mixture") else "ψ"
    return [
        Row("State determined by the data", _yes_no(found.get("determined"))),
        Row("Directions fixed", *_directions(found)),
        Row(
            "Independent restarts agree",
            _yes_no(agree),
            _meaning(
                agree,
                "they found the same state",
                "they found different states that fit about as well",
                "there is no other restart, or none that fits as well",
            ),
        ),
        Row(
            f"Complex conjugate {state}* excluded",
            _yes_no(excluded),
            _meaning(
                excluded,
                "the sign of the phases is settled",
                f"{state} and {state}* fit alike, so the sign of all phases is open",
            ),
        ),
    ]


def _directions(found: Mapping[str, Any]) -> tuple[str, str]:
    rank, directions = finite(found.get("rank")), finite(found.get("directions"))
    if rank is None or directions is None:
        return count(rank), ""
    free = round(directions - rank)
    note = (
        "every small change of the state would show in the data"
        if free <= 0
        else f"the state can change in {counted(free, 'way', 'ways')} that these shots hardly show"
    )
    return f"{count(rank)} of {count(directions)}", note


def _fitted(fidelity: Mapping[str, Any]) -> Any:
    """Of the fit itself; older summaries have the one number."""
    return fidelity.get("fitted", fidelity.get("value"))


def _method(found: Mapping[str, Any]) -> str:
    return {"bootstrap": "refits"}.get(str(found.get("method")), "the Fisher matrix")


def interval(ends: Any) -> str:
    """Two ends in words; nothing of what is no interval."""
    if not isinstance(ends, list | tuple) or len(ends) != 2:
        return ""
    low, high = (finite(end) for end in ends)
    return "" if low is None or high is None else f", interval {plain(low)} to {plain(high)}"


def _yes_no(answer: Any) -> str:
    return {True: "yes", False: "no"}[answer] if isinstance(answer, bool) else printable(answer)


def _meaning(answer: Any, yes: str, no: str, unknown: str = "") -> str:
    return yes if answer is True else no if answer is False else unknown


def _sentence(text: str) -> str:
    text = text.strip()
    text = text[:1].upper() + text[1:]
    return text if not text or text[-1] in ".!?…" else f"{text}."
