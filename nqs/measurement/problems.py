"""What is said of a file that cannot be read: one sentence, safe to print."""

import os


class FormatError(ValueError):
    """A file that is malformed, doubtful or unknown; the message names file, row and remedy."""


def quoted(text: object, limit: int = 60) -> str:
    """Something a file says, in quotes, without control characters, cut to `limit`."""
    if isinstance(text, bytes):
        text = text[: 4 * limit + 4].decode("utf-8", errors="replace")
    text = str(text)
    cut = text[:limit] + ("…" if len(text) > limit else "")
    return f"'{_printable(cut)}'"


def named(path: str | os.PathLike) -> str:
    """The name of a file as a message shows it."""
    return _printable(os.fsdecode(path)[-300:])


def listed(names, limit: int = 12) -> str:
    """Several names from a file, the first of them written out."""
    names = [str(name) for name in names]
    shown = ", ".join(_printable(name[:60]) for name in names[:limit])
    return shown + (f" and {len(names) - limit} more" if len(names) > limit else "")


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
