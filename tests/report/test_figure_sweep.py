"""The figure of a sweep."""

from nqs.report.figure_sweep import sweep_figure


def test_the_figure_has_a_panel_for_everything():
    """A point that failed leaves a gap; values that are no numbers are named."""
    row = {"sites": 4, "per_site_error": None, "v_score": 1e-4, "exact": -4.0, "energy": -4.0}
    rows = [
        {"size": [4], "per_site": -1.0, "X0": 0.5, "X0 error": 0.1, **row},
        {"size": [6], "per_site": None, "X0": None, "X0 error": None, **row, "v_score": None},
    ]
    drawing = sweep_figure(rows, "size", ["X0"])
    for word in ("energy a site", "V-score", "X0", "[6]"):
        assert word in drawing.svg
    assert drawing.csv.splitlines()[0].startswith("size,per_site,X0")
