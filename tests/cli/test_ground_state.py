"""`nqs ground-state` as a user meets it: what it prints and writes, and how it refuses."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from nqs.config import toml
from nqs.config.ground_state import GroundState
from nqs.jobs import ground_state as job
from nqs.measurement.file import read
from nqs.systems.exact import lanczos
from nqs.systems.hamiltonians import heisenberg
from nqs.systems.lattices import chain

CONFIGS = Path(__file__).parents[2] / "configs"
ISING = "--set hamiltonian.name=ising --set hamiltonian.lattice=chain --set hamiltonian.size=[6]"
RING = ISING.replace("ising", "heisenberg") + " --set hamiltonian.periodic=true"
ALL = "--set training.steps=20 --set training.samples=all"
QUICK = "--set training.steps=60 --set training.samples=32 --set evaluation.samples=256"


@pytest.fixture(autouse=True)
def files(tmp_path):
    (tmp_path / "letter.txt").write_text("0.5 X0 Y1\n1.0 Q2\n")
    (tmp_path / "complex.txt").write_text("0.5 X0 Y1\n1.0j Z0\n")
    (tmp_path / "sum.txt").write_text("-1.0 Z0 Z1\n-0.5 X0\n-0.7 X1\n0.2 Y0 Y1\n")
    (tmp_path / "key.toml").write_text("[hamiltonian]\nname = 'ising'\nlatice = 'chain'\n")


REFUSED = {
    "nothing": ("", "no Hamiltonian"),
    "config away": ("none.toml", "none.toml"),
    "config twice": ("key.toml --config key.toml", "twice"),
    "key": ("key.toml", "did you mean 'lattice'"),
    "table": (ISING + " --set data.file=x.h5", "unknown key 'data'"),
    "hamiltonian": (ISING.replace("ising", "isign"), "choose hamiltonian.name from ising"),
    "lattice": (ISING.replace("chain", "hexagon"), "unknown lattice 'hexagon'"),
    "size": (ISING.replace("[6]", "[2,3]"), "size of a chain"),
    "no size": ("--set hamiltonian.name=ising", "needs lattice and size"),
    "edges beside": (ISING + " --set hamiltonian.edges=[[0,1]]", "beside edges"),
    "ragged edges": (
        "--set hamiltonian.name=ising --set hamiltonian.edges=[[0,1],[2]]",
        "pairs of sites",
    ),
    "edge": ("--set hamiltonian.name=ising --set hamiltonian.edges=[[0,0]]", "edge 0"),
    "key of another": (ISING + " --set hamiltonian.omega=1.0", "omega has no effect"),
    "couplings": (ISING + " --set hamiltonian.J=[1.0,2.0]", "5 edges"),
    "spin half": (ISING + " --set hamiltonian.units=spin-half", "units has no effect"),
    "rydberg": (
        ISING.replace("ising", "rydberg") + " --set hamiltonian.C6=1.0",
        "C6 and spacing together",
    ),
    "pauli letter": ("--set hamiltonian.name=pauli --set hamiltonian.file=letter.txt", "'Q2'"),
    "not hermitian": (
        "--set hamiltonian.name=pauli --set hamiltonian.file=complex.txt",
        "not hermitian",
    ),
    "pauli file away": ("--set hamiltonian.name=pauli --set hamiltonian.file=no.txt", "no.txt"),
    "pauli of nothing": ("--set hamiltonian.name=pauli", "either file or terms"),
    "sector": (ISING + " --set ansatz.magnetisation=0", "does not conserve"),
    "sector of none": (RING + " --set ansatz.magnetisation=1", "-6, -4"),
    "odd sector": (RING + " --ansatz conv --set ansatz.magnetisation=2", "even under a flip"),
    "translations of nothing": (
        "--set hamiltonian.name=pauli --set hamiltonian.file=sum.txt --ansatz conv",
        "needs a periodic lattice",
    ),
    "leaves the sector": (RING + " --set training.sampler=metropolis", "leaves the sector"),
    "exchange without": (ISING + " --ansatz rbm --set training.sampler=exchange", "not fixed"),
    "direct": (ISING + " --ansatz rbm --set training.sampler=direct", "no conditionals"),
    "all of too many": (
        ISING.replace("[6]", "[40]") + " --set training.samples=all",
        "basis states",
    ),
    "all and not": (ISING + " --set training.samples=all --set training.sampler=exact", "together"),
    "memory": (ISING + " --set training.samples=100000000", "GB are free"),
    "samples": (ISING + " --set training.samples=some", "training.samples"),
    "marshall": (ISING + " --set ansatz.marshall=true", "two sublattices"),
    "even of none": (ISING + " --ansatz rbm --set ansatz.even=true", "'even'"),
    "even in a field": (
        ISING + " --set hamiltonian.g=0.1 --set ansatz.even=true",
        "a flip of all spins",
    ),
    "one sample": (ISING + " --set training.samples=1", "greater than or equal to 2"),
    "misspelt range": (ISING + " --set hamiltonian.J={unifrom=[0.0,1.0]}", "field required"),
    "infinite": (ISING + " --set hamiltonian.J={uniform=[0.0,inf]}", "finite"),
    "no random coupling": (ISING + " --set hamiltonian.disorder_seed=1", "given couplings"),
    "large": (ISING.replace("[6]", "[100000000000000]"), "limit is 10,000"),
    "far edge": (
        "--set hamiltonian.name=ising --set hamiltonian.edges=[[0,10000000000000]]",
        "limit is 10,000",
    ),
    "two magnetisations": (
        RING + " --set ansatz.magnetisation=2 --set ansatz.free_magnetisation=true",
        "take one",
    ),
    "momentum of adam": (
        ISING + " --set training.optimiser=adam --set training.momentum=0.5",
        "momentum has no effect beside optimiser adam",
    ),
    "sweeps of none": (ISING + " --set training.sweeps=3", "no effect beside sampler direct"),
    "samples of all": (
        RING + " --set training.samples=all --set evaluation.samples=1000",
        "evaluation.samples has no effect",
    ),
    "grown by one sample": (
        ISING + " --set training.grow_from=[4] --set training.grow_samples=[1]",
        "grow_samples.0",
    ),
    "large lattice of few": (
        "--set hamiltonian.name=pauli --set hamiltonian.file=sum.txt --set hamiltonian.size=[1]",
        "size",
    ),
    "grown for nothing": (ISING + " --set training.grow_steps=[10]", "grow_from"),
    "grown at random": (
        ISING + " --set training.grow_from=[4] --set hamiltonian.J={uniform=[0.5,1.0]}",
        "uniform lattice",
    ),
    "single precision": (
        ISING + " --ansatz rbm-positive --set training.precision=float32",
        "'float32' is for",
    ),
    "translations": (ISING + " --ansatz conv", "translations"),
    "ansatz": (ISING + " --ansatz recurent", "choose one of recurrent"),
    "option": (ISING + " --ansatz rbm --set ansatz.features=3", "'features'"),
    "filters too long": (
        ISING + " --set hamiltonian.periodic=true --ansatz conv --set ansatz.reach=2"
        " --set training.grow_from=[4]",
        "need 5 sites",
    ),
    "pairs of six sites": (RING + " --ansatz pair-product", "multiple of four sites"),
    "pairs of any magnetisation": (
        RING
        + " --ansatz pair-product --set hamiltonian.size=[8] --set ansatz.free_magnetisation=true",
        "as many spins up as down",
    ),
    "pairs beside signs": (
        RING + " --ansatz pair-product --set hamiltonian.size=[8] --set ansatz.marshall=true",
        "signs of its own",
    ),
    "grown": (ISING + " --ansatz rbm --set training.grow_from=[4]", "recurrent"),
    "budget": (ISING + " --budget soon", "1h30m"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_done(nqs, tmp_path, case):
    words, remedy = REFUSED[case]
    before = sorted(tmp_path.rglob("*"))
    said = nqs("ground-state", *words.split(), "--out", "run")
    assert said.status == 2, said.err
    assert said.out == ""
    assert remedy in said.err
    assert said.err.startswith("nqs: ")
    assert said.err.count("\n") == 1
    assert "bug" not in said.err
    assert sorted(tmp_path.rglob("*")) == before


def test_what_cannot_be_done_is_said_before_jax_is_loaded():
    code = (
        "import sys; from nqs.cli import refused, main\n"
        "status = refused.exit_status(main.app, False)\n"
        "assert 'jax' not in sys.modules; sys.exit(status)"
    )
    words = ["ground-state", *RING.split(), "--set", "training.sampler=metropolis"]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    assert "leaves the sector" in done.stderr


SHIPPED = [
    path for path in sorted(CONFIGS.glob("*.toml")) if toml.read(path)["job"] == "ground-state"
]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_ground_state_is_complete_and_chosen(path):
    config = toml.checked(GroundState, toml.read(path))
    if config.hamiltonian.name == "molecule":
        pytest.importorskip("pyscf")
    chosen, _ = job.chosen(config, job.system(config.hamiltonian))
    assert chosen.training.steps
    assert path.read_text().startswith("#")


def test_a_run_prints_and_writes_its_energy(nqs, tmp_path):
    said = nqs("ground-state", *ISING.split(), *QUICK.split(), "--out", "run")
    assert said.status == 0, said.err
    assert "energy" in said.out
    assert "free fermions" in said.out
    *lines, path = said.out.splitlines()
    assert path.endswith("report.html")
    assert max(map(len, lines)) <= 80
    assert "ansatz.name = recurrent" in said.err
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["job"] == "ground-state"
    assert summary["energy"]["error"] > 0
    page = (tmp_path / "run" / "report.html").read_text()
    for word in ("Energy during training", "free fermions", "V-score", "Fresh samples"):
        assert word in page
    again = nqs("report", "run")
    assert again.status == 0
    assert (tmp_path / "run" / "report.html").read_text() == page


def test_the_resolved_config_repeats_the_run(nqs, tmp_path):
    words = ("ground-state", *ISING.split(), *QUICK.split(), "--out", "run", "--quiet")
    assert nqs(*words).status == 0
    assert nqs("ground-state", "run/config.toml", "--out", "again", "--json").status == 0
    one, other = (json.loads(Path(n, "summary.json").read_text()) for n in ("run", "again"))
    assert one["energy"] == other["energy"]
    assert Path("run/metrics.jsonl").read_text() == Path("again/metrics.jsonl").read_text()


def test_a_time_limit_exits_75_and_resume_goes_on(nqs, tmp_path):
    words = (*ISING.split(), *QUICK.split(), "--time-limit", "0.001s", "--out", "run", "--json")
    said = nqs("ground-state", *words)
    assert said.status == 75, said.err
    assert json.loads(said.out)["stopped"] == "time limit"
    said = nqs("resume", "run", "--json")
    assert said.status == 0
    assert json.loads(said.out)["training"]["steps"] == 60


def test_a_file_of_pauli_strings_has_its_energy(nqs, tmp_path):
    words = ("--set", "hamiltonian.name=pauli", "--set", "hamiltonian.file=sum.txt")
    said = nqs("ground-state", *words, *QUICK.split(), "--out", "run", "--json")
    assert said.status in (0, 4), said.err
    found = json.loads(said.out)
    assert found["v_score"] > 0
    assert found["exact"]["method"] == "Lanczos"
    Path("sum.txt").write_text("-1.0 Z0 Z1\n-0.5 X0\n")
    said = nqs("resume", "run")
    assert said.status == 2
    assert "changed since" in said.err


def test_a_sum_with_a_constant_is_a_molecule_and_has_no_v_score(nqs):
    """And TOML's lists are the terms."""
    Path("h.toml").write_text(
        "[hamiltonian]\nname = 'pauli'\n"
        "terms = [[-3.0, ''], [0.5, 'X0 X1'], [0.2, 'Y0 Y1'], [1.0, 'Z0 Z1']]\n"
    )
    said = nqs("ground-state", "h.toml", *QUICK.split(), "--out", "run", "--json")
    found = json.loads(said.out)
    assert found["v_score"] is None
    assert_allclose(found["exact"]["energy"], -3.0 - 1.7)


def test_spins_of_one_half_have_a_quarter_of_the_energy(nqs):
    energies = []
    for units in ("pauli", "spin-half"):
        words = (*RING.split(), "--set", f"hamiltonian.units={units}")
        said = nqs(
            "ground-state", *words, "--set", "training.samples=all", "--out", units, "--json"
        )
        energies.append(json.loads(said.out)["exact"]["energy"])
    assert_allclose(energies[0], 4 * energies[1])


def test_the_plan_and_the_commented_config(nqs):
    plan = json.loads(nqs("ground-state", *ISING.split(), "--dry-run", "--json").out)
    assert plan["config"]["ansatz"]["name"] == "recurrent"
    assert plan["parameters"] > 1000
    assert plan["seconds"] > 0
    assert not Path("runs").exists()
    Path("c.toml").write_text(nqs("config", "ground-state").out)
    said = nqs("ground-state", "c.toml", *ISING.split(), "--dry-run", "--json")
    assert said.status == 0, said.err
    assert json.loads(said.out)["config"] == plan["config"]


def test_shots_of_the_ground_state_of_a_config(nqs, tmp_path):
    """The stored vector is the eigenvector: its energy is the exact one."""
    text = "[hamiltonian]\nname = 'heisenberg'\nlattice = 'chain'\nsize = [4]\n"
    Path("h.toml").write_text(text)
    said = nqs("data", "simulate", "h.toml", "shots.h5", "--settings", "Z,X", "--shots", "50")
    assert said.status == 0, said.err
    psi = read(Path("shots.h5")).target
    total = heisenberg(chain(4))
    assert_allclose(np.vdot(psi, total.times(psi)).real, lanczos(total).energy, rtol=1e-9)
