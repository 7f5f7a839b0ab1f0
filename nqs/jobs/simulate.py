"""Shots of a state that is known: by its name, by a Hamiltonian, from a file or from a finished run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from nqs.jobs.folder import refuse_used
from nqs.jobs.targets import of_run
from nqs.measurement.dataset import Measurements
from nqs.measurement.effects import named_effects
from nqs.state.reach import VECTOR_SITES
from nqs.state.simulate import chosen_settings, simulate

_GENERALISED, _LETTER = ("tetrahedral", "pauli-4", "pauli-6"), "T"
"""Measurements of more than two outcomes by name, and the letter that stands for them in a file."""

Tell = Callable[[str], None]


def simulated(
    name: str,
    settings: str,
    shots: int,
    seed: int,
    *,
    sites: int | None = None,
    keep: Path | None = None,
    tell: Tell = lambda text: None,
    **noise: Any,
) -> Measurements:
    """`shots` in each of the settings, in words as `chosen_settings` has them.

    name: a known state, the config of a ground state, a state file or the folder of a run.
    keep: a folder for a matrix-product state, to be compared with later.
    """
    if keep is not None:
        refuse_used(keep, overwrite=False)
    found = _state(name, sites, seed, tell)
    number = found.sites if not isinstance(found, np.ndarray) else len(found).bit_length() - 1
    if settings in _GENERALISED:
        if not isinstance(found, np.ndarray):
            raise ValueError(f"{settings} outcomes are simulated up to {VECTOR_SITES} sites.")
        chosen: tuple[str, ...] = (_LETTER * number,)
        noise["effects"] = {_LETTER: named_effects(settings)}
    else:
        chosen = chosen_settings(settings, number, seed)
    if isinstance(found, np.ndarray):
        if keep is not None:
            raise ValueError(
                f"--keep is for states beyond {VECTOR_SITES} sites; the vector of this one is stored "
                "with the shots."
            )
        return simulate(found, chosen, shots, seed, **noise)
    from nqs.state.simulate_large import simulate_large

    data = simulate_large(found, chosen, shots, seed, **noise)
    if keep is not None:
        _keep(keep, found, name)
    return data


def _state(name: str, sites: int | None, seed: int, tell: Tell) -> Any:
    """A vector as far as those reach, a State beyond."""
    from nqs.systems import known, matrix_products

    if name in known.KNOWN:
        if sites is None:
            raise ValueError(f"{name!r} needs --sites N.")
        if sites <= VECTOR_SITES:
            return known.known(name, sites, seed)
        if name not in matrix_products.KNOWN:
            raise ValueError(
                f"{name!r} is known up to {VECTOR_SITES} sites; beyond, choose "
                f"{', '.join(matrix_products.KNOWN)}, or a config of a ground state."
            )
        return _of_matrices(matrix_products.KNOWN[name](sites, seed))
    path = Path(name)
    if not path.exists():
        raise ValueError(
            f"{name!r} is neither a known state ({', '.join(known.KNOWN)}) nor a file or run."
        )
    if path.is_dir():
        return of_run(path)
    if path.suffix == ".toml":
        return _ground_state(path, seed, tell)
    from nqs.measurement.target import read_target, sites_of

    return read_target([path], sites if sites is not None else sites_of(path))


def _ground_state(path: Path, seed: int, tell: Tell) -> Any:
    from nqs.jobs.hamiltonian import ground_vector, of_file
    from nqs.systems.matrix_products import dmrg

    system, config = of_file(path)
    if system.total.sites <= VECTOR_SITES:
        return ground_vector(path)
    if config.ansatz.magnetisation is not None:
        raise ValueError(
            f"{path} asks for a fixed magnetisation, which DMRG here does not keep; leave it out, or "
            f"stay within {VECTOR_SITES} sites."
        )
    found = dmrg(system.total, seed)
    bond = max(m.shape[2] for m in found.matrices)
    settled = "" if found.converged else ", not yet settled"
    tell(f"energy {found.energy:.8f} by DMRG with bonds up to {bond}{settled}")
    return _of_matrices(found.matrices)


def _of_matrices(matrices: Any) -> Any:
    from nqs.jobs.start import prepare

    prepare()
    from nqs.state.simulate_large import of_matrices

    return of_matrices(matrices)


def _keep(folder: Path, state: Any, name: str) -> None:
    """A folder that `nqs fidelity` and `nqs sample` take as a run."""
    from nqs.ansatz.mps import MatrixProduct
    from nqs.config.summary import write_summary
    from nqs.jobs.folder import new_folder
    from nqs.jobs.result import write_state

    if not isinstance(state.model, MatrixProduct):
        raise ValueError(f"--keep is for a state that has no run yet; {name} is one.")
    folder = new_folder(folder)
    write_state(folder, state, "mps", {"bond": state.model.bond, "phase": True})
    about = {
        "job": "simulate",
        "verdict": "ok",
        "warnings": [],
        "sites": state.sites,
        "state": name,
    }
    write_summary(folder, about)
