"""How the steps of a tomography are taken."""

from nqs.config.tomography import Tomography
from nqs.training.fit import Recipe


def recipe(
    config: Tomography, rate: float, *, together: bool = True, sampled: bool = False
) -> Recipe:
    """Of a config whose gaps are filled. sampled: whether every step looks at other shots."""
    training = config.training
    if training.optimiser != "natural":
        return Recipe(rate, together)
    return natural(rate, float(training.shift or 0), float(training.trust or 0), together, sampled)


def natural(
    rate: float, shift: float, trust: float, together: bool = True, sampled: bool = False
) -> Recipe:
    """Natural gradients with that least shift, which begin with a hundred times as much.

    Without noise there is little for the running average to smooth out, and it would lag behind
    steps as long as these.
    """
    return Recipe(
        rate,
        together,
        optimiser="natural",
        shift=min(100 * shift, 1.0),
        least_shift=shift,
        trust=trust,
        memory=0.9 if sampled else 0.5,
    )
