"""One thing that was looked at in a result: what was found, what is expected, what it means."""

from collections.abc import Iterable
from typing import Any, NamedTuple


class Check(NamedTuple):
    """A row of the table behind a verdict.

    found: a number or a word, None where it could not be looked at. alarm: what is wrong, what it
    means and what to do, None where nothing is.
    """

    name: str
    found: float | str | None
    expected: str
    alarm: str | None


def alarms(checks: Iterable[Check]) -> list[str]:
    """The warnings of a summary."""
    return [check.alarm for check in checks if check.alarm]


def level(checks: Iterable[Check]) -> str:
    """The verdict: "ok", or "warning" where anything is wrong."""
    return "warning" if alarms(checks) else "ok"


def rows(checks: Iterable[Check]) -> list[dict[str, Any]]:
    """The table for summary.json, a row for each check that could be made."""
    return [
        {
            "check": check.name,
            "found": check.found,
            "expected": check.expected,
            "ok": check.alarm is None,
        }
        for check in checks
        if check.found is not None
    ]
