"""What a mixed state is like, and outcomes that were learnt by themselves."""

from collections.abc import Mapping
from typing import Any

from nqs.report.sections import Row, interval, part
from nqs.report.wording import measured, printable


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
    shown = interval(found.get("interval")).lstrip(", ")
    return measured(found), shown and f"95 % {shown}, by refits"


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
