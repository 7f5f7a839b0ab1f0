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
    rows = [Row("Energy", measured(energy), _units(summary))]
    if known:
        note = f"to {exact(known['energy'])}, {printable(known.get('method'))}"
        rows.append(Row("Relative error", measured(summary.get("relative_error")), note))
    rows.append(Row("V-score", v_score(summary), "0 for an eigenstate"))
    rows.append(Row("Energy per site", measured(energy.get("per_site")), _units(summary)))
    return rows


def _units(summary: Mapping[str, Any]) -> str:
    units = part(summary, "hamiltonian").get("units")
    return "H in spins 1/2" if units == "spin-half" else "H in Pauli matrices"


def energy(summary: Mapping[str, Any]) -> list[Row]:
    """The energy, what is known of it, and its variance."""
    found = part(summary, "energy")
    if not found:
        return []
    known = part(summary, "exact")
    rows = [Row("Energy", measured(found), _units(summary))]
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
        notes.append(f"statistical error by {_method(again)}{_interval(again.get('interval'))}")
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
            shown = measured(again) + _interval(again.get("interval"))
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


def physicality(summary: Mapping[str, Any]) -> list[Row]:
    """How far outcomes that were learnt by themselves are from those of a state."""
    found = part(summary, "physicality")
    if not found:
        return []
    sites = found.get("sites") or []
    whole = len(sites) == summary.get("sites")
    where = (
        "all sites"
        if whole
        else f"sites {printable(sites[0])} to {printable(sites[-1])}, the worst"
    )
    rows = [
        Row(
            "Smallest eigenvalue of the operator",
            measured(found.get("smallest_eigenvalue")),
            f"of {where}; 0 or more of a state",
        )
    ]
    near = part(summary, "classical_fidelity")
    if near:
        rows.append(
            Row("Fidelity of outcomes", measured(near.get("value")), "(Σ √pq)² with the target's")
        )
    return rows


def mixture(summary: Mapping[str, Any]) -> list[Row]:
    """What a mixed state is like, and the noise that was learnt beside it."""
    found = part(summary, "mixture")
    if not found:
        return []
    rows = [Row("Purity Tr ρ²", *_with_interval(found.get("purity")))]
    if found.get("von_neumann") is not None:
        rows += [
            Row("Entropy −Tr ρ ln ρ", *_with_interval(found.get("von_neumann"))),
            Row(
                "Negativity of the first half", measured(found.get("negativity")), "0 if separable"
            ),
            Row(
                "Nearest pure state",
                measured(found.get("nearest_pure_fidelity")),
                "its fidelity with the mixture",
            ),
        ]
    elif found.get("renyi2") is not None:
        rows.append(Row("Entropy −ln Tr ρ²", measured(found["renyi2"]), "of two copies"))
    if found.get("white_noise") is not None:
        rows.append(Row("White noise learnt", *_with_interval(found["white_noise"])))
    for site, pair in enumerate(found.get("readout_errors") or []):
        shown = ", ".join(measured(p) for p in pair)
        rows.append(Row(f"Misread, site {site}", shown, "P(1 | 0), P(0 | 1), learnt"))
    if summary.get("trace_distance") is not None:
        rows.append(Row("Trace distance to the target", measured(summary["trace_distance"])))
    return rows


def _with_interval(found: Any) -> tuple[str, str]:
    found = found if isinstance(found, Mapping) else {}
    shown = _interval(found.get("interval")).lstrip(", ")
    return measured(found), shown and f"95 % {shown}, by refits"


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
            "Complex conjugate ψ* excluded",
            _yes_no(excluded),
            _meaning(
                excluded,
                "the sign of the phases is settled",
                "ψ and ψ* fit alike, so the sign of all phases is open",
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


def _interval(interval: Any) -> str:
    if not isinstance(interval, list | tuple) or len(interval) != 2:
        return ""
    low, high = (finite(end) for end in interval)
    return "" if low is None or high is None else f", interval {plain(low)} to {plain(high)}"


def _yes_no(answer: Any) -> str:
    return {True: "yes", False: "no"}[answer] if isinstance(answer, bool) else printable(answer)


def _meaning(answer: Any, yes: str, no: str, unknown: str = "") -> str:
    return yes if answer is True else no if answer is False else unknown


def _sentence(text: str) -> str:
    text = text.strip()
    text = text[:1].upper() + text[1:]
    return text if not text or text[-1] in ".!?…" else f"{text}."
