"""Neural quantum states: taught by measurement files or a Hamiltonian; sampled, judged, reported."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nqs.jobs.compare import fidelity
    from nqs.jobs.evaluate import evaluate
    from nqs.jobs.ground_state import ground_state
    from nqs.jobs.hamiltonian import operator
    from nqs.jobs.result import Result, load, load_outcomes
    from nqs.jobs.resume import resume
    from nqs.jobs.tomography import tomography
    from nqs.measurement.dataset import Measurements
    from nqs.measurement.formats import read_measurements
    from nqs.state.state import State
    from nqs.systems import known

_HOMES = {
    "Measurements": "nqs.measurement.dataset",
    "Result": "nqs.jobs.result",
    "State": "nqs.state.state",
    "evaluate": "nqs.jobs.evaluate",
    "fidelity": "nqs.jobs.compare",
    "ground_state": "nqs.jobs.ground_state",
    "known": "nqs.systems",
    "load": "nqs.jobs.result",
    "load_outcomes": "nqs.jobs.result",
    "operator": "nqs.jobs.hamiltonian",
    "read_measurements": "nqs.measurement.formats",
    "resume": "nqs.jobs.resume",
    "tomography": "nqs.jobs.tomography",
}

__all__ = [
    "Measurements",
    "Result",
    "State",
    "evaluate",
    "fidelity",
    "ground_state",
    "known",
    "load",
    "load_outcomes",
    "operator",
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
