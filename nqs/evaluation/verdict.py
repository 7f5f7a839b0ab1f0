"""From numbers to a verdict: what is wrong, what it means, what to measure or try next."""

from collections.abc import Sequence
from dataclasses import dataclass

from nqs.evaluation.checks import Check, in_errors, overfitted, refit, skipped, training
from nqs.evaluation.heldout import Estimate
from nqs.evaluation.noise import NoiseTest
from nqs.statistics import SIGNIFICANT, finite

_ERRORS = 2.0
"""By which an exact maximum may be better."""

_FEWEST_HELD_OUT = 20
_MIXED = 1.1
"""R̂ below which chains have mixed well enough to teach: their weights make up for the rest."""

_FEWEST_EFFECTIVE = 100
_DOUBT = 2.0
"""How much larger than that of the shots the error of log Z may be in a comparison."""


@dataclass(frozen=True)
class Findings:
    """What the evaluation of a tomography found; None where it was not computed.

    only_z: every site of every setting is read in Z. positive: the state has no phases. rank,
    directions: real directions of the state that the shots fix. restarts: how many were tried.
    agreement: least fidelity between those equally good on held-out shots, None where none is as
    good as the best. conjugate_excluded: whether ψ* is ruled out. against_baseline: held-out NLL
    of the state minus that of the exact maximum-likelihood state, paired. overfitting: held-out
    NLL minus training NLL. skipped: steps not taken for numbers that were not finite. baseline:
    what against_baseline compares with; baseline_ansatz: where it is one, to be taken instead.
    frozen: of a state too large for a rank, sites that no setting sees change together; unrotated: those that none
    rotates at all. refit_failed: the state kept was not trained on the shots held out; None where none was to be
    trained again. Of a state that is not normalised r_hat and effective_samples of its chains, the error of its log
    Z, and what shots tell: the error of its held-out NLL above the baseline by them alone. built_in:
    symmetries of the ansatz. every_setting: all of X, Y and Z are there.
    """

    only_z: bool
    positive: bool
    letters: frozenset[str]
    most_rotated: int
    sites: int
    rank: int | None
    directions: int
    restarts: int
    agreement: float | None
    same_state: float
    conjugate_excluded: bool | None
    p_value: float | None
    noise: list[NoiseTest]
    against_baseline: Estimate | None
    overfitting: Estimate | None
    shots: int
    held_out_shots: int
    skipped: int
    refit_failed: bool | None
    ended_early: str | None
    baseline: str = "exact maximum likelihood"
    baseline_ansatz: str | None = None
    frozen: tuple[int, ...] | None = None
    unrotated: tuple[int, ...] = ()
    r_hat: float | None = None
    effective_samples: float | None = None
    log_z_error: float | None = None
    told_by_shots: float | None = None
    built_in: tuple[str, ...] = ()
    mixed: bool = False
    every_setting: bool = False

    @property
    def restarts_agree(self) -> bool | None:
        return None if self.agreement is None else self.agreement >= self.same_state

    @property
    def determined(self) -> bool | None:
        """Whether the shots fix the state; None where the rank is out of reach."""
        # where all other restarts are worse nothing disagrees; where there is no other, who knows
        agree = self.restarts_agree if self.restarts == 1 else self.restarts_agree is not False
        answers = (agree, self.conjugate_excluded, self._full_rank)
        if self.only_z or False in answers:
            return False
        return None if None in answers else True

    @property
    def _full_rank(self) -> bool | None:
        if self.rank is None:
            return None if self.frozen is None else not self.frozen
        return self.rank == self.directions


def checks(f: Findings) -> list[Check]:
    """All that a tomography is judged by; those of a misfit first, for the others suppose a fit."""
    worse = f.against_baseline
    rotated = not f.only_z
    return [
        training(f.ended_early),
        Check("goodness of fit, p", f.p_value, f"≥ {SIGNIFICANT:g}", _does_not_fit(f)),
        Check("phases", "measured" if rotated else "not measured", "measured", _phases_assumed(f)),
        Check(
            "directions fixed",
            f.rank if rotated else None,
            f"{f.directions}",
            _directions_open(f),
        ),
        Check("phases linked by the settings", _linked(f), "all", _phases_unlinked(f)),
        Check(
            "complex conjugate",
            _word(f.conjugate_excluded) if rotated else None,
            "excluded",
            _conjugate_open(f),
        ),
        Check(
            "least fidelity of restarts", f.agreement, f"≥ {f.same_state:g}", _restarts_differ(f)
        ),
        Check(
            f"held-out NLL above {f.baseline}, in errors",
            in_errors(worse),
            f"≤ {_ERRORS:g}",
            _baseline_better(f),
        ),
        overfitted(f.overfitting, "a smaller network"),
        Check("shots held out", f.held_out_shots, f"≥ {_FEWEST_HELD_OUT}", _few_held_out(f)),
        skipped(f.skipped),
        refit(f.refit_failed),
        Check("R̂ of the chains", finite(f.r_hat), f"< {_MIXED:g}", _apart(f)),
        Check(
            "effective samples of the chains",
            finite(f.effective_samples),
            f"≥ {_FEWEST_EFFECTIVE}",
            _few_effective(f),
        ),
        Check(
            "error of log Z, nats",
            f.log_z_error,
            f"≤ {_DOUBT:g} × {f.told_by_shots or 0:.2g}, that of the shots",
            _norm_in_doubt(f),
        ),
    ]


def _word(excluded: bool | None) -> str | None:
    return {True: "excluded", False: "open", None: None}[excluded]


def _phases_assumed(f: Findings) -> str | None:
    if not f.only_z:
        return None
    phases = (
        "are assumed to be zero (a positive state)"
        if f.positive
        else "are as they happened to begin and mean nothing"
    )
    return (
        f"All shots are in Z: they fix |ψ|² and say nothing of phases, which {phases}. "
        "Measure settings with X and Y to learn them."
    )


def _directions_open(f: Findings) -> str | None:
    if f.only_z or f.rank is None or f.rank == f.directions:
        return None
    return (
        f"These settings and shots leave {f.directions - f.rank} of the {f.directions} real "
        f"directions of the state open: other states explain them as well. {_what_to_measure(f)}"
    )


def _linked(f: Findings) -> str | None:
    if f.only_z or f.frozen is None:
        return None
    return f"not of {_sites(f.frozen)}" if f.frozen else "all"


def _phases_unlinked(f: Findings) -> str | None:
    if f.only_z or not f.frozen:
        return None
    alone = [site for site in f.frozen if site in f.unrotated]
    together = [site for site in f.frozen if site not in f.unrotated]
    parts = []
    if alone:
        parts.append(
            f"No setting rotates {_sites(alone)}: the phases between outcomes that differ there are "
            "open. Add settings with X and Y on them."
        )
    if together:
        letters = "".join("X" if site in together else "Z" for site in range(f.sites))
        named = letters if f.sites <= 64 else f"X on {_sites(together)}, Z elsewhere"
        parts.append(
            f"The state consists of parts that differ on {_sites(together)} at once, and no setting "
            f"rotates these together: the phases between the parts are open. Add settings such as {named}."
        )
    return " ".join(parts)


def _sites(numbers: Sequence[int]) -> str:
    """Sites in words, neighbours as a range."""
    runs: list[list[int]] = []
    for site in numbers:
        if runs and site == runs[-1][1] + 1:
            runs[-1][1] = site
        else:
            runs.append([site, site])
    shown = [str(a) if a == b else f"{a}-{b}" for a, b in runs]
    return ("site " if len(numbers) == 1 else "sites ") + ", ".join(shown)


def _what_to_measure(f: Findings) -> str:
    missing = sorted({"X", "Y"} - f.letters)
    if missing:
        return f"Add settings with {' and '.join(missing)}."
    if f.most_rotated < f.sites:
        return (
            f"No setting rotates more than {f.most_rotated} of {f.sites} sites: add settings with "
            "X and Y on many sites at once, such as all-X or random Pauli settings."
        )
    if f.every_setting:
        return "All settings of X, Y and Z are there: take more shots of them."
    return "Add all-X, all-Z and further random Pauli settings, or more shots."


def _conjugate_open(f: Findings) -> str | None:
    if f.only_z or f.conjugate_excluded is not False:
        return None
    remedy = "Add settings with Y"
    if "Y" in f.letters:
        more = "" if f.every_setting else ", or add settings with Y on other sites, beside X and Z"
        remedy = f"Take more shots{more}"
    state = "ρ" if f.mixed else "ψ"
    return (
        f"The complex conjugate {state}* explains the shots as well as {state}: the sign of every phase is open. "
        f"{remedy}."
    )


def _restarts_differ(f: Findings) -> str | None:
    if f.restarts_agree is not False:
        return None
    return (
        f"Restarts that are equally good on held-out shots differ (least fidelity {f.agreement:.3f}, "
        f"expected {f.same_state}): the shots do not decide between them. {_what_to_measure(f)}"
    )


def _does_not_fit(f: Findings) -> str | None:
    if f.p_value is None or f.p_value >= SIGNIFICANT:
        return None
    if f.ended_early is not None:
        return (
            f"The shots contradict the state as far as it was trained (p = {f.p_value:.2g}): finish "
            "its training before looking for other causes."
        )
    symmetries = f"symmetries that the ansatz has and the state has not ({', '.join(f.built_in)}), "
    other = "more noise than it can hold" if f.mixed else "a mixed state (decoherence)"
    sentence = (
        f"The shots contradict the fitted {'mixed' if f.mixed else 'pure'} state (p = {f.p_value:.2g}). Candidates: "
        f"{symmetries if f.built_in else ''}{other}, "
        "readout errors, drift between settings, or a wrong order of sites or letters "
        "in the file; `nqs data inspect` shows what was understood."
    )
    likeliest = min(f.noise, key=lambda test: test.p_value, default=None)
    if likeliest is not None and likeliest.p_value < SIGNIFICANT:
        sentence += (
            f" A pure state with {100 * likeliest.strength:.1f} % {likeliest.name} would explain them "
            "better."
        )
    return sentence


def _baseline_better(f: Findings) -> str | None:
    if f.against_baseline is None or f.against_baseline.error is None:
        return None
    worse, error = f.against_baseline.value, f.against_baseline.error
    if worse <= _ERRORS * error or worse < 1e-9:
        return None
    return (
        f"On held-out shots the network is worse than {f.baseline} by {worse:.2g} ± "
        f"{error:.1g} nats per shot: it is too small or stuck. Raise ansatz.hidden, training.steps or "
        "training.restarts"
        + (f", or take --ansatz {f.baseline_ansatz}." if f.baseline_ansatz else ".")
    )


def _few_held_out(f: Findings) -> str | None:
    if f.held_out_shots >= _FEWEST_HELD_OUT:
        return None
    if f.held_out_shots == 0:
        return (
            "No shots were held out: nothing tells when to stop and which restart to keep but the "
            "shots trained on. Take more shots, or set data.held_out to 0.2."
        )
    return (
        f"Only {f.held_out_shots} of {f.shots} shots were held out: the choice of when to stop and "
        "which restart to keep rests on little. Take more shots."
    )


def _apart(f: Findings) -> str | None:
    if f.r_hat is None or f.r_hat < _MIXED:
        return None
    return (
        f"The Markov chains of the state disagree (R̂ = {f.r_hat:.2f}, expected below {_MIXED:g}): it may "
        "consist of parts that they do not cross between, and its samples miss some. Raise "
        "training.sweeps, or take an autoregressive ansatz or mps."
    )


def _few_effective(f: Findings) -> str | None:
    if f.effective_samples is None or f.effective_samples >= _FEWEST_EFFECTIVE:
        return None
    return (
        f"The Markov chains of the state are worth {f.effective_samples:.0f} independent samples: raise "
        "training.chains or training.sweeps."
    )


def _norm_in_doubt(f: Findings) -> str | None:
    """Only where the doubt is what keeps the comparison open."""
    error, told, worse = f.log_z_error, f.told_by_shots or 0.0, f.against_baseline
    if (
        error is None
        or error <= _DOUBT * told
        or (worse and abs(worse.value) > 4 * (worse.error or 0.0))
    ):
        return None
    return (
        f"log Z of the state is known to ±{error:.1g} nats, and the shots tell states apart by {told:.1g}: "
        "the comparison of likelihoods is left open. Take an autoregressive ansatz or mps, which are "
        "normalised."
    )
