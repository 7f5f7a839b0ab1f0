"""Figures that are painted and not rendered, which takes longer than most tests."""


def left_blank(patch):
    def blank(self, file, **_):
        file.write("<svg></svg>")

    patch.setattr("matplotlib.figure.Figure.savefig", blank)
