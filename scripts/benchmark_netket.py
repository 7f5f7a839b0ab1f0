"""Speed of recurrent ground states against NetKet's FastGRU, on the open critical Ising chain.

    NETKET_SHARDING=0 python scripts/benchmark_netket.py            everything, an hour or more
    ... --only speed         local energies and sampling alone, five minutes
    ... --features 32        hidden units, of ours and of each layer of NetKet's, 16 unless told
    ... --limit 900          seconds after which a setting of NetKet's is given up

Local energies and sampling: 1,008 samples, compiled before the clock starts, the two taken in
turn, five calls in a row, medians; equal parameters and dtype, and default against default (ours
even and told of its ends, as is chosen for this chain). Time to a relative error
of 1e-4 at 40 sites: training seconds without compilation until the mean of the last 20 steps'
energies lies within 1e-4 of exact; as many hidden units in both, ours with 256 samples a step
and the median of five random starts, NetKet's FastGRU with its own number or as few as ours, the better of VMC_SR and Adam over six
printed settings, and its RBM with Metropolis beside it.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

os.environ.setdefault("NETKET_SHARDING", "0")  # its recurrent models do not run with it

import jax
import jax.numpy as jnp
import netket as nk
import netket.experimental as nkx
import numpy as np

from nqs import ansatz as menu
from nqs.jobs.start import prepare
from nqs.state.draws import Draws
from nqs.state.local_energy import joined, local_energies
from nqs.state.sampling import draw_directly
from nqs.state.state import State
from nqs.systems.elements import elements
from nqs.systems.exact import ising_chain_energy
from nqs.systems.hamiltonians import ising
from nqs.systems.lattices import chain
from nqs.training.descent import Recipe
from nqs.training.variational import Teacher, descend, started

SAMPLES = 1008
"""Samples of speeds, and of a step of NetKet's where its setting names no other."""

FEW = 256
"""Samples of a step of our training."""

QUICK = Recipe(rate=0.2, trust=0.4)
"""Our steps where the aim is to be near soon, rather than as near as can be."""

WANTED = 1e-4
WINDOW = 20
OUR_STEPS = 400
"""Length of the schedule of our training; the clock stops when the error is reached."""

_MOST_STEPS = 100_000

BARS = {"energies": 5.0, "energies, defaults": 10.0, "sampling": 1.3, "time to 1e-4": 10.0}


def medians(*tasks: Callable[[], object], rounds: int = 4, calls: int = 5) -> list[float]:
    """Median seconds of each, called some times in a row as in training, in turn over rounds.

    The first round compiles and the first call of a row wakes the threads; neither counts.
    """
    spent: list[list[float]] = [[] for _ in tasks]
    for _ in range(rounds + 1):
        for seconds, task in zip(spent, tasks, strict=True):
            for _ in range(calls + 1):
                begun = time.perf_counter()
                jax.block_until_ready(task())
                seconds.append(time.perf_counter() - begun)
    row = calls + 1
    return [
        statistics.median(s for i, s in enumerate(seconds) if i >= row and i % row)
        for seconds in spent
    ]


def theirs(sites: int, features: int, dtype=None, samples: int = SAMPLES):
    """NetKet's state; without dtype everything but its size as NetKet has it."""
    hilbert = nk.hilbert.Spin(0.5, sites)
    options = {} if dtype is None else {"param_dtype": dtype}
    model = nkx.models.FastGRUNet1D(hilbert, layers=2, features=features, **options)
    state = nk.vqs.MCState(
        nk.sampler.ARDirectSampler(hilbert), model, n_samples=samples, seed=1, sampler_seed=2
    )
    graph = nk.graph.Chain(sites, pbc=False)
    return state, nk.operator.IsingJax(hilbert, graph, h=1.0, J=-1.0)


def ours(sites: int, hidden: int, dtype: str, chosen: bool = False) -> State:
    model = menu.build(
        "recurrent", sites, hidden=hidden, phase=False, even=chosen, ends=chosen, precision=dtype
    )
    return State.initial(model, sites, 1)


def as_large(parameters: int, sites: int) -> int:
    """Hidden units with which our state comes nearest to so many parameters."""
    return min(
        range(1, 129),
        key=lambda hidden: abs(ours(sites, hidden, "float64").parameters - parameters),
    )


def speed(sites: int, features: int) -> dict[str, float]:
    """Ratios of NetKet's time to ours, each printed with the times behind it."""
    found = {}
    pairs = {
        "": (jnp.float64, "float64"),
        ", defaults": (None, "float32"),
    }
    for name, (their_dtype, our_dtype) in pairs.items():
        state, operator = theirs(sites, features, their_dtype)
        parameters = int(state.n_parameters)
        hidden = as_large(parameters, sites) if not name else features
        mine = ours(sites, hidden, our_dtype, chosen=bool(name))
        e = jax.tree.map(jnp.asarray, elements(ising(chain(sites))))
        key = jax.random.key(1)
        bits = draw_directly(mine.model, mine.variables, key, SAMPLES)[0].astype(jnp.int32)

        def resampled(state=state):
            state.reset()
            return state.samples

        def energies(state=state, operator=operator):
            return state.local_estimators(operator)

        resampled()
        their_energy, our_energy = medians(
            energies, partial(local_energies, mine.model, mine.variables, e, bits)
        )
        their_draw, our_draw = medians(
            resampled, partial(draw_directly, mine.model, mine.variables, key, SAMPLES)
        )
        found[f"energies{name}"] = their_energy / our_energy
        found[f"sampling{name}"] = their_draw / our_draw
        print(
            f"N={sites}{name or ', equal parameters and dtype'}: {parameters} and {mine.parameters} "
            f"parameters\n  local energies {1e3 * their_energy:.0f} and {1e3 * our_energy:.0f} ms, "
            f"ratio {found[f'energies{name}']:.1f}; sampling {1e3 * their_draw:.1f} and "
            f"{1e3 * our_draw:.1f} ms, ratio {found[f'sampling{name}']:.2f}",
            flush=True,
        )
    return found


class Clock:
    """Stops once the mean of the last energies is close enough."""

    def __init__(self, exact: float):
        self.exact, self.seconds = exact, 0.0
        self.energies: list[float] = []
        self.best, self.arrived = float("inf"), False

    def reached(self, seconds: float, energies) -> bool:
        """Whether a step of these arrived, which shared the seconds."""
        steps = np.atleast_1d(energies)
        for energy in steps:
            self.seconds += seconds / len(steps)
            self.energies.append(float(energy))
            if len(self.energies) >= WINDOW:
                off = abs(statistics.mean(self.energies[-WINDOW:]) - self.exact) / abs(self.exact)
                self.best = min(self.best, off)
                self.arrived = off <= WANTED
            if self.arrived:
                break
        return self.arrived


def our_time(sites: int, hidden: int, exact: float) -> float:
    """Median over random starts."""
    e = jax.tree.map(jnp.asarray, elements(ising(chain(sites))))
    model = ours(sites, hidden, "float32", chosen=True).model
    teacher = Teacher(model, Draws("direct", FEW), QUICK, joined(np.asarray(e.flips)), 1)

    def begun(seed):
        return started(teacher, State.initial(model, sites, seed).variables, sites, OUR_STEPS)

    def seconds(seed):
        d, clock = begun(seed), Clock(exact)
        while int(d.step) < OUR_STEPS:
            before = time.perf_counter()
            d, curve = descend(teacher, e, None, d)
            jax.block_until_ready(curve)
            if clock.reached(time.perf_counter() - before, curve.energy):
                return clock.seconds
        raise SystemExit(f"we did not reach {WANTED}: {clock.best:.1e} in {clock.seconds:.0f} s.")

    jax.block_until_ready(descend(teacher, e, None, begun(0)))  # compiles
    return statistics.median(map(seconds, range(1, 6)))


def their_driver(state, operator, setting):
    if setting["driver"] == "Adam":
        optimiser = nk.optimizer.Adam(setting["rate"])
        return nk.driver.VMC(operator, optimiser, variational_state=state)
    return nk.driver.VMC_SR(
        operator,
        nk.optimizer.Sgd(setting["rate"]),
        diag_shift=setting["shift"],
        momentum=setting["momentum"],
        variational_state=state,
        use_ntk=True,
    )


def sr(rate: float, shift: float, momentum: float | None = None, samples: int = SAMPLES):
    return {
        "driver": "VMC_SR",
        "rate": rate,
        "shift": shift,
        "momentum": momentum,
        "samples": samples,
    }


def adam(rate: float, samples: int = SAMPLES) -> dict[str, Any]:
    return {"driver": "Adam", "rate": rate, "samples": samples}


GRID = (
    sr(0.05, 1e-2),
    sr(0.05, 1e-3),
    sr(0.05, 1e-3, samples=FEW),
    sr(0.05, 1e-3, 0.9, samples=FEW),
    adam(1e-2),
    adam(3e-3, samples=FEW),
)
"""NetKet's settings: minSR without and with SPRING's momentum, and Adam."""


def their_time(
    make, setting: dict[str, Any], exact: float, limit: float
) -> tuple[float | None, float]:
    """Seconds of steps until reached, None where not, and the best error seen."""
    state, operator = make(samples=setting["samples"])
    clock, before = Clock(exact), 0.0

    def watch(step, logged, driver) -> bool:
        nonlocal before
        now, energy = time.perf_counter(), float(np.real(logged["Energy"].mean))
        if not np.isfinite(energy):
            return False
        # the first step compiles, and its time does not count
        arrived = clock.reached(now - before if before else 0.0, energy)
        before = now
        return not arrived and clock.seconds < limit

    driver = their_driver(state, operator, setting)
    driver.run(_MOST_STEPS, out=(), show_progress=False, callback=watch)
    arrived = clock.seconds if clock.arrived else None
    return arrived, clock.best


def rbm(sites: int, samples: int):
    hilbert = nk.hilbert.Spin(0.5, sites)
    sampler = nk.sampler.MetropolisLocal(hilbert, n_chains=112)
    model = nk.models.RBM(alpha=1, param_dtype=float)
    state = nk.vqs.MCState(sampler, model, n_samples=samples, seed=1, sampler_seed=2)
    graph = nk.graph.Chain(sites, pbc=False)
    return state, nk.operator.IsingJax(hilbert, graph, h=1.0, J=-1.0)


def times(limit: float, features: int) -> float:
    """The ratio of the better of NetKet's settings to ours; a lower bound where none arrives."""
    sites = 40
    exact = ising_chain_energy(np.ones(sites - 1), np.ones(sites))
    mine = our_time(sites, features, exact)
    print(
        f"time to {WANTED:g} at N={sites}: ours {mine:.1f} s with {FEW} samples, "
        f"rate {QUICK.rate:g}, trust {QUICK.trust:g}",
        flush=True,
    )
    best = float("inf")
    for setting in GRID:
        seconds, error = their_time(
            partial(theirs, sites, features), setting, exact, min(limit, best)
        )
        shown = f"{seconds:.0f} s" if seconds else f"not within {min(limit, best):.0f} s"
        name = ", ".join(
            f"{value}" if key == "driver" else f"{key} {value}" for key, value in setting.items()
        )
        print(f"  FastGRU, {name}: {shown}, best error {error:.1e}", flush=True)
        best = min(best, seconds or float("inf"))
    seconds, error = their_time(partial(rbm, sites), sr(0.05, 1e-3), exact, limit)
    print(
        f"  RBM, Metropolis: {f'{seconds:.0f} s' if seconds else 'not reached'}, best {error:.1e}"
    )
    bound = "" if np.isfinite(best) else "more than "
    ratio = min(best, limit) / mine
    print(f"  ratio {bound}{ratio:.1f}", flush=True)
    return ratio


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=("speed", "times"))
    parser.add_argument("--features", type=int, default=16)
    parser.add_argument("--limit", type=float, default=600.0)
    asked = parser.parse_args()
    prepare()
    print(f"NetKet {nk.__version__}, JAX {jax.__version__}, {os.cpu_count()} processors")
    found: dict[str, list[float]] = {}
    if asked.only != "times":
        for sites in (40, 80):
            for name, ratio in speed(sites, asked.features).items():
                found.setdefault(name, []).append(ratio)
    if asked.only != "speed":
        found["time to 1e-4"] = [times(asked.limit, asked.features)]
    for name, bar in BARS.items():
        if name in found:
            least = min(found[name])
            print(f"{name}: {least:.1f} (bar {bar:g}), {'met' if least >= bar else 'NOT MET'}")


if __name__ == "__main__":
    main()
