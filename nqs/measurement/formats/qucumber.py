"""QuCumber text: a shot a line, "0 1 0" or "010", and a file with a setting per shot beside it."""

from pathlib import Path

import numpy as np

from nqs.measurement.dataset import Measurements
from nqs.measurement.formats.lines import first_line, symbol_rows
from nqs.measurement.formats.options import Options
from nqs.measurement.formats.settings import distinct_settings, settings_beside
from nqs.measurement.problems import quoted

PLUS_MINUS = "pm1"
"""Name of this format where +1 stands for outcome 0 and −1 for outcome 1."""


def recognise(path: Path, head: bytes) -> bool:
    words = first_line(head).split()
    return bool(words) and all(_looks_like_a_value(w) for w in words)


def _looks_like_a_value(word: bytes) -> bool:
    if set(word) <= set(b"IXYZixyz"):
        return True  # a bases file given as samples: `read` says so
    try:
        float(word)
    except ValueError:
        return False
    return b"_" not in word and word.lower().lstrip(b"+-")[:1] not in b"in"


def read(path: Path, options: Options) -> Measurements:
    plus_minus = options.format == PLUS_MINUS
    # In ±1 text a lone "1" is a value, so no symbol can be read without its neighbours.
    outcomes = symbol_rows(
        path, b"" if plus_minus else b"01", _plus_minus if plus_minus else _zero_one
    )
    rows, sites = outcomes.shape
    if options.bases is None:
        return Measurements(outcomes, ("Z" * sites,), np.zeros(rows, np.uint32))
    bases = Path(options.bases)  # type: ignore[arg-type]  # one a file by now
    settings, index = distinct_settings(settings_beside(path, bases, rows, sites))
    return Measurements(outcomes, settings, index)


# One line, spelled in any way that is understood


class _Values(dict):
    """What each word of a file means, worked out once for each spelling."""

    def __init__(self, meaning):
        self.meaning = meaning

    def __missing__(self, word: bytes) -> int:
        value = self.meaning(word)
        if len(self) < 1000:  # a hostile file has ever new spellings
            self[word] = value
        return value


def _number(word: bytes) -> float:
    try:
        return float(word) if b"_" not in word else float("nan")
    except ValueError:
        return float("nan")


def _bit(word: bytes) -> int:
    value = _number(word)
    if value in (0, 1):
        return int(value)
    if value == -1:
        raise ValueError(
            "the outcome -1 stands where 0 and 1 are expected; if the whole file is written with"
            f" +1 and -1 (+1 is outcome 0), add --format {PLUS_MINUS}."
        )
    if word.isdigit():
        raise ValueError(
            f"the outcome {quoted(word)} is neither 0 nor 1; more than two levels can be given in"
            " the native format only, with their effects."
        )
    if set(word) <= set(b"IXYZixyz"):
        raise ValueError(
            f"found the letters {quoted(word)} where outcomes 0 and 1 are expected; if this file"
            " holds the settings, give it with --bases beside the samples."
        )
    raise ValueError(
        f"the outcome {quoted(word)} is neither 0 nor 1; correct or remove the line."
        " The numbers of a known state belong to --target."
    )


def _sign(word: bytes) -> int:
    value = _number(word)
    if value in (1, -1):
        return int(value == -1)
    if value == 0:
        raise ValueError(
            f"the outcome 0 stands among +1 and -1; without --format {PLUS_MINUS} the file is read"
            " as 0 and 1. Do not mix the two."
        )
    raise ValueError(f"the outcome {quoted(word)} is neither +1 nor -1; correct the line.")


_BITS = _Values(_bit)
_SIGNS = _Values(_sign)


def _zero_one(line: bytes) -> list[int]:
    words = line.split()
    if len(words) == 1 and set(words[0]) <= set(b"01"):
        return [c - ord("0") for c in words[0]]
    return [_BITS[w] for w in words]


def _plus_minus(line: bytes) -> list[int]:
    return [_SIGNS[w] for w in line.split()]
