"""Objects of other packages say the same of a complex, asymmetric state; skipped without them."""

import sys

import jax
import numpy as np
import pytest
from exact import pauli
from lively import lively, moved
from numpy.testing import assert_allclose

from nqs.ansatz.density import LowRank

WORD = "XYZ"


@pytest.fixture(scope="module", params=["pure", "mixed"])
def state(request):
    return moved(LowRank(3, rank=2), 3, 2) if request.param == "mixed" else lively("rbm", 3, seed=2)


@pytest.fixture(scope="module")
def expected(state):
    return np.trace(state.density_matrix() @ pauli(WORD)).real


def test_qutip_keeps_the_order_of_sites(state, expected):
    qutip = pytest.importorskip("qutip")
    ket = state.to_qutip()
    letters = {"X": qutip.sigmax(), "Y": qutip.sigmay(), "Z": qutip.sigmaz()}
    operator = qutip.tensor([letters[letter] for letter in WORD])
    assert_allclose(qutip.expect(operator, ket), expected, atol=1e-12)
    assert ket.dims[0] == [2, 2, 2]


def test_qiskit_has_site_n_as_its_qubit_n(state, expected):
    information = pytest.importorskip("qiskit.quantum_info")
    found = state.to_qiskit()
    operator = information.SparsePauliOp(WORD[::-1])  # qiskit writes qubit 0 last
    assert_allclose(found.expectation_value(operator).real, expected, atol=1e-12)
    alone = found.probabilities([0])
    diagonal = np.diagonal(state.density_matrix()).real
    assert_allclose(alone, diagonal.reshape(2, 4).sum(axis=1), atol=1e-12)


@pytest.mark.parametrize("name", ["rbm", "recurrent"])
def test_parameters_come_back_by_their_names(name, tmp_path):
    numpy = pytest.importorskip("safetensors.numpy")
    state = lively(name, 3, seed=1)
    state.write_parameters(tmp_path / "p.safetensors")
    found = numpy.load_file(tmp_path / "p.safetensors")
    for path, leaf in jax.tree_util.tree_flatten_with_path(state.variables)[0]:
        key = jax.tree_util.keystr(path, simple=True, separator="/")
        again = found[key] if key in found else found[f"{key}.real"] + 1j * found[f"{key}.imag"]
        assert_allclose(again, leaf, atol=0)


def test_a_package_that_is_not_there_is_asked_for(state, monkeypatch):
    monkeypatch.setitem(sys.modules, "qutip", None)
    with pytest.raises(ValueError, match="pip install qutip"):
        state.to_qutip()
