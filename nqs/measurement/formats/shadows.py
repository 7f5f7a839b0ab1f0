"""Classical shadows text: the number of sites, then a shot a line as "Z 1 X -1"; +1 is bit 0."""

import re
from pathlib import Path

import numpy as np

from nqs.measurement.dataset import Measurements
from nqs.measurement.formats.json_text import start
from nqs.measurement.formats.lines import MOST_SITES, lines
from nqs.measurement.formats.options import Options
from nqs.measurement.formats.settings import LETTERS, distinct_settings
from nqs.measurement.problems import FormatError, named, quoted

_BEGINNING = re.compile(rb"\d+[ \t]*\r?\n[ \t]*[A-Za-z][ \t]+[-+]?\d")
_CODE_OF_LETTER = {bytes([letter]): code for code, letter in enumerate(LETTERS)}
_BIT_OF_SIGN = {b"1": 0, b"+1": 0, b"-1": 1}


def recognise(path: Path, head: bytes) -> bool:
    return bool(_BEGINNING.match(start(head)))


def read(path: Path, options: Options) -> Measurements:
    numbered = lines(path)
    sites = _sites(path, next(numbered, (1, b"")))
    codes, bits = bytearray(), bytearray()
    for number, line in numbered:
        words = line.split()
        if len(words) != 2 * sites:
            raise FormatError(
                f"{named(path)}, line {number}: it holds {len(words)} words, but line 1 says"
                f" {sites} sites; expected a letter and an outcome for each."
            )
        try:
            codes += bytes([_CODE_OF_LETTER[word] for word in words[::2]])
            bits += bytes([_BIT_OF_SIGN[word] for word in words[1::2]])
        except KeyError:
            raise FormatError(f"{named(path)}, line {number}: {_what_is_wrong(words)}") from None
    if not bits:
        raise FormatError(
            f"{named(path)}: no line follows the number of sites; expected a shot a line."
        )
    settings, index = distinct_settings(np.frombuffer(bytes(codes), np.uint8).reshape(-1, sites))
    return Measurements(np.frombuffer(bytes(bits), np.uint8).reshape(-1, sites), settings, index)


def _sites(path: Path, first: tuple[int, bytes]) -> int:
    word = first[1].strip()
    if not word.isdigit() or len(word) > 6 or not 0 < int(word) <= MOST_SITES:
        raise FormatError(
            f"{named(path)}, line {first[0]}: {quoted(word)} is no number of sites; expected 1 to"
            f" {MOST_SITES}, and a shot a line after it."
        )
    return int(word)


def _what_is_wrong(words: list[bytes]) -> str:
    for letter, sign in zip(words[::2], words[1::2], strict=True):
        if letter not in _CODE_OF_LETTER:
            lower = letter.upper() in _CODE_OF_LETTER
            return f"the basis {quoted(letter)} is " + (
                "in lower case; write upper case."
                if lower
                else "unknown; expected X, Y, Z or I before each outcome."
            )
        if sign == b"0":
            return "the outcome 0 stands among +1 and -1, where +1 is |0⟩; do not mix the two."
        if sign not in _BIT_OF_SIGN:
            return f"the outcome {quoted(sign)} is neither +1 nor -1; correct the line."
    raise AssertionError
