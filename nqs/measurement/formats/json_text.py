"""JSON files, bounded, with what the standard leaves open decided."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from nqs.measurement.formats.lines import BYTE_ORDER_MARK
from nqs.measurement.problems import FormatError, named, quoted

LARGEST_FILE = 512 * 1024**2


def start(head: bytes) -> bytes:
    """The beginning of a text file without its byte order mark and blanks."""
    return head.removeprefix(BYTE_ORDER_MARK).lstrip()


def parsed_json(path: Path) -> Any:
    """What a JSON file holds; keys stand once in each object, and numbers are finite."""
    if path.stat().st_size > LARGEST_FILE:
        raise FormatError(
            f"{named(path)}: the file is larger than {LARGEST_FILE >> 20} MiB, more than JSON"
            " counts need; convert it to the native format in parts."
        )
    try:
        text = path.read_bytes().removeprefix(BYTE_ORDER_MARK).decode("utf-8")
        return json.loads(text, object_pairs_hook=without_duplicates, parse_constant=_no_constant)
    except UnicodeDecodeError as problem:
        raise FormatError(
            f"{named(path)}: byte {problem.start} is not UTF-8; save the file as UTF-8."
        ) from None
    except json.JSONDecodeError as problem:
        raise FormatError(
            f"{named(path)}, line {problem.lineno}: not valid JSON ({problem.msg}); write the"
            " counts with json.dump, keys in double quotes."
        ) from None
    except RecursionError:
        raise FormatError(
            f"{named(path)}: the JSON is nested too deeply; expected settings with counts."
        ) from None
    except ValueError as problem:
        raise FormatError(f"{named(path)}: {problem}") from None


def without_duplicates(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    """The pairs as a dictionary; ValueError where a key stands twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"the key {quoted(twice)} stands twice in one object; add the counts up.")
    return found


def _no_constant(word: str) -> None:
    raise ValueError(f"it holds {quoted(word)}, which is no count; give whole numbers.")
