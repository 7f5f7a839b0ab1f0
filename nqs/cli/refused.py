"""Exit statuses: 0 done, 2 input wrong, 3 numbers failed, 4 strict, 70 our bug, 75 and 130 stopped."""

import os
import shlex
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer

WRONG_INPUT, NUMERICAL, STRICT, BUG, TEMPORARY, INTERRUPTED = 2, 3, 4, 70, 75, 130


class Refused(Exception):
    """Command, config or data are wrong; the text is all that the user sees."""


@contextmanager
def checking_input() -> Iterator[None]:
    """What goes wrong in here is the input's fault and ends in one sentence, exit status 2."""
    try:
        yield
    except BrokenPipeError:
        raise
    except (ValueError, OSError) as problem:
        raise Refused(str(problem)) from problem


def exit_status(app: Callable, debug: bool) -> int:
    """Run the command; print one message for what went wrong; return the exit status."""
    try:
        returned = app(standalone_mode=False)
        return returned if isinstance(returned, int) else 0
    except typer.Exit as stop:
        return stop.exit_code
    except (typer.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except (BrokenPipeError, SystemExit) as stop:  # click turns the one into the other
        if isinstance(stop, SystemExit) and not isinstance(stop.__context__, OSError):
            return stop.code if isinstance(stop.code, int) else BUG
        # whoever read our output has gone; Python would complain again when flushing at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as problem:
        if hasattr(problem, "show"):  # a word of the command line that typer did not accept
            problem.show()
            return WRONG_INPUT
        if debug:
            traceback.print_exc()
        return _explained(problem)


def _explained(problem: Exception) -> int:
    kind = type(problem).__name__
    if isinstance(problem, Refused) or kind == "DamagedCheckpoint":
        print(f"nqs: {problem}", file=sys.stderr)
        return WRONG_INPUT
    if kind == "NumericalFailure":
        print(f"nqs: {problem}", file=sys.stderr)
        return NUMERICAL
    if kind == "Interrupted":
        name, folder = getattr(problem, "name", ""), getattr(problem, "folder", None)
        remedy = f"; go on with: nqs resume {shlex.quote(str(folder))}" if folder else ""
        print(f"nqs: stopped by {name}{remedy}", file=sys.stderr)
        return INTERRUPTED if name == "SIGINT" else TEMPORARY
    print(
        f"nqs: this is a bug in nqs, not in your input ({kind}: {problem}). "
        "Run it again with --debug and report what it prints.",
        file=sys.stderr,
    )
    return BUG
