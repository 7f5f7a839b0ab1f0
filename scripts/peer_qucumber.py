"""QuCumber's side of benchmark_qucumber.py, for an interpreter that has QuCumber.

    python scripts/peer_qucumber.py                                   versions, as JSON
    python scripts/peer_qucumber.py SHOTS PSI --seed 1 --threads 1    train; seconds, as JSON

Tutorial 1 with its own settings, stopped at the first check that finds the fidelity asked for.
"""

import argparse
import json
import sys
import time

import numpy as np
import qucumber
import qucumber.utils.data as files
import qucumber.utils.training_statistics as statistics
import torch
from qucumber.callbacks import CallbackBase
from qucumber.nn_states import PositiveWaveFunction

SETTINGS = {"pos_batch_size": 100, "neg_batch_size": 100, "lr": 0.01, "k": 10}


class StopAt(CallbackBase):
    """Clocks of training alone; every `period` epochs the fidelity, off the clock."""

    def __init__(self, fidelity, target, space, period):
        self.wanted, self.target, self.space, self.period = fidelity, target, space, period
        self.seconds = self.cpu_seconds = self.metric_seconds = 0.0
        self.epochs, self.fidelity, self.reached = 0, None, False

    def on_epoch_start(self, state, epoch):
        self._begun = time.perf_counter(), time.process_time()

    def on_epoch_end(self, state, epoch):
        ended = time.perf_counter()
        self.seconds += ended - self._begun[0]
        self.cpu_seconds += time.process_time() - self._begun[1]
        self.epochs = epoch
        if epoch % self.period == 0:
            self.fidelity = float(statistics.fidelity(state, self.target, space=self.space))
            state.stop_training = self.reached = self.fidelity >= self.wanted
            self.metric_seconds += time.perf_counter() - ended


def versions():
    python = ".".join(map(str, sys.version_info[:3]))
    return {"qucumber": qucumber.__version__, "torch": torch.__version__, "python": python}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="*", metavar="file", help="shots and state vector")
    parser.add_argument("--fidelity", type=float, default=0.99)
    parser.add_argument("--hidden", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=2000, help="at most")
    parser.add_argument("--period", type=int, default=10, help="epochs between two checks")
    chosen = parser.parse_args()
    if not chosen.files:
        print(json.dumps({**versions(), "numpy": np.__version__}))
        return
    torch.set_num_threads(chosen.threads)
    qucumber.set_random_seed(chosen.seed, cpu=True, gpu=False)
    shots, target = files.load_data(*chosen.files)
    state = PositiveWaveFunction(shots.shape[-1], chosen.hidden, gpu=False)
    begun = time.perf_counter()
    space = state.generate_hilbert_space()
    stop = StopAt(chosen.fidelity, target, space, chosen.period)
    stop.metric_seconds += time.perf_counter() - begun
    state.fit(shots, epochs=chosen.epochs, callbacks=[stop], **SETTINGS)
    print(
        json.dumps(
            {
                "seconds": stop.seconds,
                "cpu_seconds": stop.cpu_seconds,
                "metric_seconds": stop.metric_seconds,
                "epochs": stop.epochs,
                "fidelity": stop.fidelity,
                "reached": stop.reached,
                "threads": torch.get_num_threads(),
            }
        )
    )


if __name__ == "__main__":
    main()
