"""Counts as Python prints them: {'0011': 5} or Counter({'0011': 5}), a literal a line."""

import ast
import re
import warnings
from pathlib import Path
from typing import Any

from nqs.measurement.formats.json_text import start, without_duplicates
from nqs.measurement.formats.lines import BYTE_ORDER_MARK, lines
from nqs.measurement.problems import FormatError, named, quoted

LARGEST_FILE = 256 * 1024**2
LARGEST_LITERAL = 512 * 1024
"""Bytes of one literal: its syntax tree may take five hundred times as much for a moment."""
DEEPEST_NESTING = 8

_COUNTER = re.compile(r"\b(?:collections\.)?Counter\(")
_BEGINNING = re.compile(rb"[\[(]?\s*(?:(?:collections\.)?Counter\(|\{\s*(?:'|\d))")
_BRACKET = re.compile(r"[\[\](){}]")


def recognise(head: bytes) -> bool:
    return bool(_BEGINNING.match(start(head)))


def is_printed(path: Path) -> bool:
    with path.open("rb") as file:
        return recognise(file.read(256))


def printed(path: Path) -> list[Any]:
    """The literals in a file: one over all of its lines, or one a line."""
    size = path.stat().st_size
    if size > LARGEST_FILE:
        raise FormatError(
            f"{named(path)}: the file is larger than {LARGEST_FILE >> 20} MiB, more than printed"
            " counts need; write them as JSON or in parts."
        )
    if size <= LARGEST_LITERAL:
        text = path.read_bytes().removeprefix(BYTE_ORDER_MARK)
        try:
            return [_value(text)]
        except SyntaxError:
            pass  # more than one: line by line, which also says where it goes wrong
        except ValueError as problem:
            raise FormatError(f"{named(path)}: {problem}") from None
    found = []
    for number, line in lines(path):
        try:
            found.append(_value(line))
        except SyntaxError as problem:
            raise FormatError(
                f"{named(path)}, line {number}: {quoted(line.strip(), 40)} is no Python dictionary"
                f" or Counter ({quoted(problem.msg)}); print plain numbers and strings, or write"
                " JSON with json.dump."
            ) from None
        except ValueError as problem:
            raise FormatError(f"{named(path)}, line {number}: {problem}") from None
    return found


def only_one(path: Path) -> Any:
    """The literal of a file that holds one."""
    found = printed(path)
    if len(found) != 1:
        raise FormatError(
            f"{named(path)}: it holds {len(found)} lines of counts; expected one dictionary, or"
            ' {"XZY": {"010": 812}} with the setting of each.'
        )
    return found[0]


def _value(raw: bytes) -> Any:
    """One literal; SyntaxError where it is none, ValueError where it is refused."""
    if len(raw) > LARGEST_LITERAL:
        raise ValueError(
            f"one dictionary takes more than {LARGEST_LITERAL:,} bytes; write it with json.dump."
        )
    try:
        text = _COUNTER.sub("(", raw.decode("utf-8")).strip()
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8; save the file as UTF-8.") from None
    depth = deepest = 0
    for bracket in _BRACKET.findall(text):
        depth += 1 if bracket in "[({" else -1
        deepest = max(deepest, depth)
    if deepest > DEEPEST_NESTING:
        raise ValueError("it is nested too deeply; expected settings with counts.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text, mode="eval")
            value = ast.literal_eval(tree)
    except SyntaxError:
        raise
    except (ValueError, TypeError, RecursionError, MemoryError):
        raise ValueError(
            "it holds more than counts; print plain dictionaries of strings and numbers."
        ) from None
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            keys = [k.value for k in node.keys if isinstance(k, ast.Constant)]
            without_duplicates([(key, None) for key in keys])
    return value
