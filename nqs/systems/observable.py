"""Observables as a person writes them; known without loading JAX."""

import re

from nqs.systems.pauli import PauliSum


def observable(text: str, sites: int) -> PauliSum:
    """A Pauli string such as "X0 Z3", or a sum such as "0.5 X0 X1 - Z2"; ValueError where it is none."""
    spaced = re.sub(r"(?<!\S)([+-])(?=[A-Za-z])", r"\1 ", text.replace("*", " "))
    terms: list[tuple[float, list[str]]] = []
    sign, begun = 1.0, False
    for word in spaced.split():
        if word in ("+", "-"):
            if terms and not begun:
                raise ValueError(f"observable {text!r} has two signs in a row.")
            sign, begun = (1.0 if word == "+" else -1.0), False
        elif (number := _number(word)) is not None:
            if begun and word[0] not in "+-":
                raise ValueError(
                    f"observable {text!r} has the number {word!r} within a term; a factor comes first: "
                    "0.5 X0 X1 - Z2."
                )
            terms.append((sign * number, []))
            sign, begun = 1.0, True
        else:
            if not begun:
                terms.append((sign, []))
                sign, begun = 1.0, True
            terms[-1][1].append(word)
    if not terms or not begun:
        raise ValueError(
            f"observable {text!r} ends too early; expected such as X0 X1 or 0.5 Z0 - Z1."
        )
    try:
        return PauliSum.from_terms([(c, " ".join(letters)) for c, letters in terms], sites)
    except ValueError as problem:
        raise ValueError(f"observable {text!r}: {problem}") from None


def _number(word: str) -> float | None:
    return float(word) if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", word) else None
