"""Ground states: a Hamiltonian in; an energy with its error, its V-score and its alarms out."""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from nqs.config import toml
from nqs.config.ground_state import GroundState
from nqs.config.summary import write_summary
from nqs.jobs import energy_checks, energy_choices
from nqs.jobs import folder as place
from nqs.jobs.hamiltonian import ON_LATTICE, PATHS, System, pauli_system, system


def ground_state(
    hamiltonian: Any, ansatz: Any = None, *, out: str | Path | None = None, **settings: Any
):
    """Train a neural state towards the lowest energy of a Hamiltonian, and judge it.

    hamiltonian: a NetKet operator on spins 1/2 or qubits, a PauliSum, or the path of a
    config; of the first two, lattice="square", size=[4, 4], periodic=True may say where
    the sites lie. ansatz: a name, or any Flax linen module from bits (batch, sites) to
    complex log ψ (batch,); one whose parameters change |ψ| alone may say so by an
    attribute real = True. out: run folder; nothing is written without one. settings: keys
    of the config, such as seed=1, steps=500, samples=1024 or budget="5m", or whole tables,
    such as evaluation={"samples": 100_000}; they win over a file. Returns a Result. ValueError names what is wrong.

    Carleo and Troyer, Science 355, 602 (2017).
    """
    from nqs.jobs.start import prepare

    if isinstance(hamiltonian, str | Path):
        path = Path(hamiltonian).expanduser().resolve()
        tables = toml.read(path)
        toml.absolute(tables, path.parent, PATHS)
        given = toml.from_keywords(GroundState, settings).model_dump(exclude_unset=True)
        config = toml.checked(GroundState, toml.merged(tables, given), str(path))
        found = system(config.hamiltonian)
    else:
        config = toml.from_keywords(GroundState, settings)
        prepare()
        found = given_system(hamiltonian, config)
    model = None
    if isinstance(ansatz, str):
        config.ansatz.name = ansatz
    elif ansatz is not None:
        from nqs.ansatz import own_module

        prepare()  # a module may build arrays as soon as it is looked at
        model = own_module(ansatz, found.total.sites)
        config.ansatz.name = type(model).__name__
    config, made = chosen(config, found, model)
    problem = prepared(config, found, model)
    folder = None if out is None else place.new_folder(Path(out))
    return carry_out(problem, made, folder)


def given_system(operator: Any, config: GroundState) -> System:
    """A Hamiltonian that is in memory; ValueError where the config says something else of it."""
    from nqs.systems.operator import from_netket
    from nqs.systems.pauli import PauliSum

    for key in config.hamiltonian.model_dump(exclude_defaults=True):
        if key not in ON_LATTICE:
            raise ValueError(
                f"hamiltonian.{key} has no effect beside a Hamiltonian in memory; leave it out."
            )
    if isinstance(operator, PauliSum):
        return pauli_system(operator, config.hamiltonian)
    ansatz = config.ansatz
    constrained = getattr(getattr(operator, "hilbert", None), "constrained", False)
    if constrained and ansatz.magnetisation is None and not ansatz.free_magnetisation:
        raise ValueError(
            "the operator's Hilbert space is constrained, which is not taken over; say magnetisation=… "
            "(Σ Z, twice NetKet's total_sz) or free_magnetisation=True."
        )
    return pauli_system(from_netket(operator), config.hamiltonian)


def chosen(config: GroundState, found: System, model: Any = None):
    """The config with its gaps filled and checked, and what was filled in.

    model: the ansatz where it is a module of the user's.
    """
    known = energy_choices.facts(found, len(config.excited.above))
    own = None
    if model is not None:
        from nqs.ansatz.autoregressive import Normalised

        own = isinstance(model, Normalised)
    config, made = energy_choices.choose(config, known, own)
    made = energy_choices.couplings(config, found) + made
    energy_checks.check(config, known, own)
    return config, made


def continued(folder: Path, ansatz: Any, time_limit: str | float | None) -> Callable[..., Any]:
    """What goes on with a ground state, all checked; called with `watch` and `tell`."""
    from nqs.jobs.start import prepare

    config, found = read_run(folder, time_limit)
    model = None
    if ansatz is not None:
        from nqs.ansatz import own_module

        prepare()
        model = own_module(ansatz, found.total.sites, held=config.ansatz.name)
    config, made = chosen(config, found, model)
    return partial(carry_out, prepared(config, found, model), made, folder, resume=True)


def read_run(folder: Path, time_limit: str | float | None) -> tuple[GroundState, System]:
    """Config and Hamiltonian of a run to go on with; ValueError where they are not as they were."""
    tables = place.resolved(folder, time_limit)
    config = toml.checked(GroundState, tables, str(folder / "config.toml"))
    found = system(config.hamiltonian)
    place.refuse_changed(folder, source_of(config, found))
    return config, found


def source_of(config: GroundState, found: System) -> dict[str, Any]:
    """What a resumed run must find unchanged."""
    return {"file": config.hamiltonian.file, "sha256": found.total.sha256()}


def prepared(config: GroundState, found: System, model: Any = None):
    """What a chosen config trains; ValueError where it needs more memory than there is."""
    from nqs.jobs.start import prepare

    prepare()  # before anything of JAX is built
    from nqs.jobs import beginning, excited
    from nqs.jobs.energy_cost import refuse_too_large
    from nqs.jobs.optimise import problem, refuse_other_shapes

    beginning.refuse_other_ansatz(config)
    excited.refuse_other_runs(config, found)
    begun = beginning.beginning(config)
    made = problem(config, found, model, excited.lower_states(config), begun)
    refuse_other_shapes(made)
    refuse_too_large(made)
    return made


def carry_out(
    problem: Any,
    made: list,
    folder: Path | None,
    *,
    watch: Callable[[dict], None] = lambda row: None,
    tell: Callable[[str], None] = lambda text: None,
    resume: bool = False,
):
    """Train, judge and write; the way of every ground state, new or resumed."""
    from nqs.jobs import energy_judge, optimise
    from nqs.jobs.choices import Choice
    from nqs.jobs.result import Result, write_state
    from nqs.jobs.start import meanwhile
    from nqs.training.run import NumericalFailure, Run

    config, found = problem.config, problem.system
    if folder is not None:
        tell(f"the run lies in {folder}")
    tell("double precision is switched on; the network trains in " + problem.precision)
    for choice in made:
        tell(f"{choice.key} = {choice.shown}  ({choice.why})")
    if folder is not None:
        if not resume:
            if config.hamiltonian.name is None:
                place.keep_terms(folder, config.hamiltonian, found.total)
            source = source_of(config, found)
            place.begin(folder, config, source, made, "nqs ground-state THIS-FILE")
        made = [Choice(*choice) for choice in place.begun(folder).chosen]
    run = Run(folder, budget=config.budget, time_limit=config.time_limit, watch=watch)
    if resume:
        complaint = run.restore(problem.templates())
        if complaint:
            tell(complaint)
    if folder is not None:
        meanwhile(partial(import_module, "nqs.report.page"))
    with run.listening():
        try:
            trained = optimise.optimise(problem, run)
            with run.judging():
                summary, seen, drawn = energy_judge.judge(trained, problem, made, run)
        except (NumericalFailure, FloatingPointError) as failure:
            if folder is not None:
                write_summary(folder, energy_judge.failed(failure, problem, made, run))
            raise NumericalFailure(str(failure)) from failure
    draw = partial(_drawings, trained.state, summary, run.rows, found, seen, drawn)
    if folder is not None:
        write_state(folder, trained.state, str(config.ansatz.name), problem.options)
        write_summary(folder, summary)
        from nqs.report import page

        page.write(folder, summary, draw())
    return Result(trained.state, summary, folder, draw)


def _drawings(
    state: Any,
    summary: dict,
    rows: list[dict],
    found: System,
    seen: dict[str, list[dict]],
    drawn: Any,
) -> list:
    from nqs.evaluation.extrapolation import checkpoints, lined_up
    from nqs.jobs.properties import properties
    from nqs.report import figures

    exact = (summary.get("exact") or {}).get("energy")
    points = checkpoints(rows, state.sites, found.total.constant if found.spin_model else None)
    lengths = found.lattice.lengths if found.lattice else None
    tables = {
        "variance": figures.variance_table(points, lined_up(points), exact),
        **seen,
        **properties(state, None, summary["seed"], lengths, drawn),
    }
    curve = figures.energy_curve(rows, exact)
    return [curve, *figures.of_tables(tables)]


def plan(config: GroundState, found: System) -> dict[str, Any]:
    """What a run would do: the resolved config, its parameters, memory (MB) and time (s)."""
    problem = prepared(config, found)
    from nqs.jobs.energy_cost import cost

    return {
        "config": config.model_dump(exclude_none=True),
        "parameters": problem.parameters,
        **cost(problem),
    }
