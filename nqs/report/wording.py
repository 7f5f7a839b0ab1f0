"""Numbers and facts as a reader sees them: error bars in brackets, no `None`, no control characters."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

NOT_COMPUTED = "not computed"
LEFT_OPEN = "left open"
TELLING = 0.2
"""Error of a fidelity above which it says nothing."""


def printable(value: object) -> str:
    """Text without control characters; nothing at all is "not computed"."""
    if value is None:
        return NOT_COMPUTED
    return "".join(c if c.isprintable() else " " if c in "\n\t" else "" for c in str(value))


def finite(value: Any) -> float | None:
    """A finite float, or None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def with_error(value: float, error: float) -> str:
    """Two digits of the error in brackets behind the value: 1.0648(12), −4.8(1.3), 1230(570)."""
    digits = 1 - math.floor(math.log10(error))
    if round(error, digits) >= 10 ** (2 - digits):  # 0.0996 rounds up to 0.10
        digits -= 1
    if digits <= 0:
        return f"{_signed(round(value, digits), 0)}({round(error, digits):.0f})"
    if digits == 1:
        return f"{_signed(value, 1)}({error:.1f})"
    if abs(value) < 1e-3 and digits > 6:
        power = math.floor(math.log10(max(abs(value), error)))
        return f"{with_error(value / 10.0**power, error / 10.0**power)}×10{_raised(power)}"
    return f"{_signed(value, digits)}({round(error * 10**digits)})"


def power_of_ten(value: float) -> str:
    """10⁻³ of 0.001, to the nearest power."""
    return f"10{_raised(round(math.log10(value)))}"


def plain(value: float) -> str:
    """A number whose error is not known, to five significant digits."""
    if value != 0 and not 1e-4 <= abs(value) < 1e6:
        power = math.floor(math.log10(abs(value)))
        return f"{_signed(value / 10.0**power, 2)}×10{_raised(power)}"
    return f"{value:.5g}".replace("-", "−")


def exact(value: float) -> str:
    """A number without error, to ten significant digits; a small one as a rest of sums."""
    return f"{value:.10g}".replace("-", "−") if abs(value) >= 1e-4 else plain(value)


def measured(number: Any) -> str:
    """A number of summary.json: {"value", "error"}, a bare number, or null."""
    if not isinstance(number, Mapping):
        value = finite(number)
        return NOT_COMPUTED if value is None else plain(value)
    if number.get("open"):
        return LEFT_OPEN
    value, error = finite(number.get("value")), finite(number.get("error"))
    if value is None:
        return NOT_COMPUTED
    if error is None:
        return plain(value) if "interval" in number else f"{exact(value)} (exact)"
    return with_error(value, error) if error > 0 else plain(value)


def v_score(summary: Mapping[str, Any]) -> str:
    """The V-score of a summary.json with its error, where it has one."""
    value, error = summary.get("v_score"), finite(summary.get("v_score_error"))
    return measured(value if error is None else {"value": value, "error": error})


def probability(value: Any) -> str:
    """A p-value, or that it is very small."""
    value = finite(value)
    if value is None:
        return NOT_COMPUTED
    return "below 0.0001" if value < 1e-4 else f"{value:.2g}"


def count(value: Any) -> str:
    """A whole number with its thousands apart."""
    value = finite(value)
    return NOT_COMPUTED if value is None else f"{round(value):,}"


def counted(value: Any, one: str, many: str) -> str:
    """A number of things: "1 step", "2,000 steps"."""
    return f"{count(value)} {one if finite(value) == 1 else many}"


def duration(seconds: Any) -> str:
    """A time as a person says it."""
    seconds = finite(seconds)
    if seconds is None:
        return NOT_COMPUTED
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def listed(values: Any) -> str:
    """One name, or several with commas between them."""
    if isinstance(values, Mapping):
        return ", ".join(f"{printable(k)} {printable(v)}" for k, v in values.items())
    if isinstance(values, Iterable) and not isinstance(values, str):
        return ", ".join(printable(value) for value in values)
    return printable(values)


def sites(numbers: Iterable[int]) -> str:
    """Sites in order, neighbours as a range: 0–3, 7."""
    runs: list[list[int]] = []
    for site in sorted(numbers):
        if runs and site == runs[-1][-1] + 1:
            runs[-1].append(site)
        else:
            runs.append([site])
    return ", ".join(f"{run[0]}–{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs)


def _signed(value: float, digits: int) -> str:
    return f"{value:.{digits}f}".replace("-", "−")


def _raised(power: int) -> str:
    return str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
