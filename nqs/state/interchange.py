"""A state as an object of other packages, and its parameters as a file of theirs."""

import importlib
from pathlib import Path
from typing import Any

import jax
import numpy as np

from nqs.config.atomic import replacing


def qutip_state(state: np.ndarray):
    """A vector (2**sites,) as a qutip.Qobj ket of qubits, or a density matrix as an operator, site 0 the first of
    its tensor product."""
    qutip, sites = _package("qutip"), int(np.log2(len(state)))
    if state.ndim == 2:
        return qutip.Qobj(state, dims=[[2] * sites, [2] * sites])
    vector = state
    return qutip.Qobj(vector.reshape(-1, 1), dims=[[2] * sites, [1] * sites])


def qiskit_state(state: np.ndarray):
    """A vector (2**sites,) as a qiskit.quantum_info.Statevector, or a density matrix as a DensityMatrix, site n
    its qubit n.

    Qiskit counts qubit 0 as the least significant bit of an index, nqs site 0 as the most.
    """
    sites = int(np.log2(len(state)))
    backwards = np.arange(sites)[::-1]
    order = np.concatenate([sites * axis + backwards for axis in range(state.ndim)])
    turned = state.reshape((2,) * (state.ndim * sites)).transpose(order).reshape(state.shape)
    package = _package("qiskit.quantum_info")
    return package.DensityMatrix(turned) if state.ndim == 2 else package.Statevector(turned)


def write_parameters(path: str | Path, variables: Any) -> None:
    """All variables as .safetensors, by their path; complex ones as two, NAME.real and NAME.imag."""
    numpy = _package("safetensors.numpy")
    leaves: dict[str, np.ndarray] = {}
    for key, leaf in jax.tree_util.tree_flatten_with_path(variables)[0]:
        name, leaf = jax.tree_util.keystr(key, simple=True, separator="/"), np.asarray(leaf)
        parts = {f"{name}.real": leaf.real, f"{name}.imag": leaf.imag}
        leaves |= parts if np.iscomplexobj(leaf) else {name: leaf}
    leaves = {name: np.ascontiguousarray(leaf) for name, leaf in leaves.items()}
    with replacing(Path(path)) as temporary:
        temporary.write_bytes(numpy.save(leaves))


def _package(name: str) -> Any:
    """A package that only some people have; ValueError tells the others how to get it."""
    try:
        return importlib.import_module(name)
    except ImportError:
        package = name.split(".")[0]
        raise ValueError(
            f"{package} is not installed; install it by: pip install {package}"
        ) from None
