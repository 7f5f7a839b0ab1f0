"""Make the data sets that are shipped with the project, from known states and seeds.

python scripts/make_datasets.py [FOLDER]          default: datasets/
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from nqs.measurement import file
from nqs.measurement.dataset import Measurements
from nqs.state.simulate import chosen_settings, simulate
from nqs.systems import known


def w_5() -> Measurements:
    """W state of 5 sites with a different phase on every term: complex, no two sites alike."""
    amplitudes = np.zeros(2**5, complex)
    weights = np.sqrt([0.1, 0.15, 0.2, 0.25, 0.3])
    for site in range(5):
        amplitudes[1 << (4 - site)] = weights[site] * np.exp(0.7j * site**2)
    return simulate(amplitudes, chosen_settings("Z,X,Y,pauli:27", 5, 1), 500, seed=1)


def ghz_4_noisy() -> Measurements:
    """GHZ state of 4 sites with 3 % depolarising noise and readout errors that are not declared."""
    settings = chosen_settings("Z,X,pauli:28", 4, 2)
    shots = simulate(known.ghz(4), settings, 500, 2, depolarising=0.03, readout=(0.01, 0.02))
    return replace(shots, readout=None)


def ising_10_z() -> Measurements:
    """Ground state of the critical Ising chain of 10 sites, open ends, measured in Z alone."""
    return simulate(known.ising_ground_state(10), ("Z" * 10,), 10_000, seed=3)


DATA_SETS = {"w_5": w_5, "ghz_4_noisy": ghz_4_noisy, "ising_10_z": ising_10_z}


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1] / "datasets")
    folder.mkdir(exist_ok=True)
    for name, make in DATA_SETS.items():
        path = folder / f"{name}.h5"
        file.write(path, make(), description=str(make.__doc__))
        print(f"{path}  {path.stat().st_size / 1024:.0f} kB")


if __name__ == "__main__":
    main()
