"""Small ground states that several tests begin with."""

import json
from pathlib import Path

from nqs.jobs import folder as place
from nqs.jobs import ground_state as job

CHAIN = {"name": "ising", "lattice": "chain", "size": [6]}
RING = {"name": "heisenberg", "lattice": "chain", "size": [6], "periodic": True}
GRU, RBM, CONV = (
    {"name": "recurrent", "hidden": 6},
    {"name": "rbm", "hidden": 6},
    {"name": "conv", "features": 2},
)


def begun(config, folder, **rest):
    found = job.system(config.hamiltonian)
    config, made = job.chosen(config, found)
    return job.carry_out(job.prepared(config, found), made, place.new_folder(folder), **rest)


def summary(folder):
    found = json.loads((folder / "summary.json").read_text())
    for key in ("seconds", "seconds_compiling"):
        del found["training"][key]
    return found


PERIODIC_6 = """
[hamiltonian]
name = "heisenberg"
lattice = "chain"
size = [6]
periodic = true
"""


def written(text):
    """A config in the current folder."""
    Path("config.toml").write_text(text)
    return "config.toml"


GROWING = """
[hamiltonian]
name = "ising"
lattice = "chain"
size = [8]
[ansatz]
hidden = 12
[training]
steps = 10
samples = 32
grow_from = [3, 6]
grow_steps = [100, 40]
grow_samples = [64, 32]
[evaluation]
samples = 500
"""
