"""Runs that a signal stops."""

import pytest

from nqs.training.run import Interrupted, Run


def stopped_at(call, work):
    """Has SIGTERM come at the given time that the run heeds signals, counted from 1."""
    heed, calls = Run.heed, []

    def heeded(self, *, now=False):
        calls.append(now)
        if len(calls) == call:
            self._signal = "SIGTERM"
        heed(self, now=now)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "heed", heeded)
        with pytest.raises(Interrupted):
            work()
