"""The figures of a report, shown in a notebook."""

from collections.abc import Iterable
from html import escape

from nqs.report.drawing import Drawing


class Figures:
    """Figures by name, each an SVG with its caption; a notebook shows them as they are."""

    def __init__(self, drawings: Iterable[Drawing]):
        self._drawings = {drawing.name: drawing for drawing in drawings}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._drawings)

    def __getitem__(self, name: str) -> Drawing:
        """svg, csv and caption of one figure; KeyError names those there are."""
        if name not in self._drawings:
            raise KeyError(f"there is no figure {name!r}; there are {', '.join(self.names)}")
        return self._drawings[name]

    def _repr_html_(self) -> str:
        return "".join(
            f'<figure style="max-width: 36em">{drawing.svg}'
            f"<figcaption>{escape(drawing.caption)}</figcaption></figure>"
            for drawing in self._drawings.values()
        )

    def __repr__(self) -> str:
        return f"Figures: {', '.join(self.names)}"
