"""Durations as people write them: "90s", "8m", "1h30m", or a number of seconds."""

import re
from typing import Any

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)([hms])")


def seconds(text: Any) -> Any:
    """Seconds of a duration; ValueError shows the form. Anything but text passes through."""
    if not isinstance(text, str):
        if isinstance(text, int | float) and not isinstance(text, bool) and not text > 0:
            raise ValueError(f"{text} is no duration; expected more than 0 seconds")
        return text
    parts = _PART.findall(text)
    if not parts or "".join(n + u for n, u in parts) != text.strip():
        try:
            value = float(text)
        except ValueError:
            value = -1.0
    else:
        value = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if not value > 0 or value == float("inf"):
        raise ValueError(f"{text!r} is no duration; write for example 90s, 8m or 1h30m")
    return value
