"""How often clean shots raise an alarm of the goodness of fit, design by design.

    python scripts/goodness_table.py [--sets 60]

Shots of a known pure state are fitted exactly (begun at the truth to be quick) and, as a training
that stopped early would be, four tenths of the way from the truth. A calibrated test says p < 0.01
of one set in a hundred; the error is that of so many sets. Where the fit could follow the shots,
the likelihood ratio says nothing, and sets simulated from the state judge, cautiously.
"""

import argparse
import os
from multiprocessing import get_context

import numpy as np

ALARM = 0.01
DESIGNS = {
    "2 sites, 9 settings × 100": (2, "all", 100),
    "3 sites, 27 settings × 20": (3, "all", 20),
    "4 sites, 81 settings × 100": (4, "all", 100),
    "4 sites, 3 settings × 300": (4, "XXXX,YYYY,ZZZZ", 300),
    "6 sites, 40 settings × 300": (6, "pauli:40", 300),
    "6 sites, 40 settings × 2000": (6, "pauli:40", 2000),
    "6 sites, 8 settings × 200": (6, "pauli:8", 200),
    "8 sites, 50 settings × 300": (8, "pauli:50", 300),
    "8 sites, 50 settings × 2000": (8, "pauli:50", 2000),
    "8 sites, Z alone × 2000": (8, "Z", 2000),
}
PARTS = (0.4, 1.0)
"""How far the state has come from the truth to the most likely one."""


def truth(sites: int) -> np.ndarray:
    """Complex, without symmetry, and of small amplitudes where many bits are 1."""
    rng = np.random.default_rng(sites)
    ones = np.bitwise_count(np.arange(2**sites))
    vector = rng.normal(size=(2, 2**sites)) * np.exp(-0.8 * ones * rng.uniform(0.5, 1.5, 2**sites))
    return (vector[0] + 1j * vector[1]) / np.linalg.norm(vector)


def p_values(job: tuple[str, int]) -> list[tuple[float | None, str]]:
    """p and the method, for each of PARTS of one data set."""
    import jax

    jax.config.update("jax_enable_x64", True)
    from nqs.evaluation.goodness import likelihood_ratio_test, simulated_test
    from nqs.evaluation.identifiability import fisher_rank
    from nqs.evaluation.maximum_likelihood import pure_maximum_likelihood
    from nqs.measurement.effects import outcome_probabilities
    from nqs.state.simulate import chosen_settings, simulate

    design, seed = job
    sites, settings, shots = DESIGNS[design]
    true = truth(sites)
    data = simulate(true, chosen_settings(settings, sites, 1), shots, seed)
    counts = data.table()
    best = pure_maximum_likelihood(data, 1, also_from=true, starts=0)
    rank = fisher_rank(best.vector, data).rank
    likely = best.vector * np.exp(-1j * np.angle(np.vdot(true, best.vector)))
    found = []
    for part in PARTS:
        psi = true + part * (likely - true)
        psi = psi / np.linalg.norm(psi)
        p = np.array([outcome_probabilities(psi, setting) for setting in data.settings])
        seen = counts > 0
        nll = -(counts[seen] * np.log(p[seen])).sum() / data.shots
        slack = 2 * data.shots * (nll - best.nll)
        tested = likelihood_ratio_test(counts, p, rank=rank, slack=slack, seed=seed)
        tested = tested or simulated_test(counts, p, seed)
        found.append((tested.p_value, tested.method))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=int, default=60, help="data sets of each design")
    sets = parser.parse_args().sets
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    with get_context("spawn").Pool(os.cpu_count()) as pool:
        for design in DESIGNS:
            found = pool.map(p_values, [(design, seed) for seed in range(sets)])
            for number, part in enumerate(PARTS):
                p = np.array([each[number][0] for each in found], float)
                share = np.mean(p < ALARM)
                error = np.sqrt(max(share, ALARM) * (1 - share) / sets)
                methods = ", ".join(sorted({each[number][1] for each in found}))
                print(
                    f"{design:<30} {part:.1f} of the way   p < {ALARM:g} in {100 * share:4.1f} ± "
                    f"{100 * error:.1f} %   median {np.median(p):.2f}   {methods}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
