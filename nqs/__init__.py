"""Neural quantum states: tomography from measurement files, sampled, judged and reported."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nqs.jobs.result import Result, load
    from nqs.jobs.tomography import resume, tomography
    from nqs.measurement.dataset import Measurements
    from nqs.measurement.formats import read_measurements
    from nqs.state.state import State
    from nqs.systems import known

_HOMES = {
    "Measurements": "nqs.measurement.dataset",
    "Result": "nqs.jobs.result",
    "State": "nqs.state.state",
    "known": "nqs.systems",
    "load": "nqs.jobs.result",
    "read_measurements": "nqs.measurement.formats",
    "resume": "nqs.jobs.tomography",
    "tomography": "nqs.jobs.tomography",
}

__all__ = [
    "Measurements",
    "Result",
    "State",
    "known",
    "load",
    "read_measurements",
    "resume",
    "tomography",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'nqs' has no attribute {name!r}")
    home = importlib.import_module(_HOMES[name])
    return getattr(home, name)


def __dir__() -> list[str]:
    return __all__
