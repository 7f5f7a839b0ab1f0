"""The code of every notebook runs from top to bottom, and what it shows can be shown."""

import ast
import json
from pathlib import Path

import pytest

OPTIMISED = True

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))


@pytest.fixture(autouse=True, scope="module")
def figures_are_left_blank():
    """They are drawn here as in the report."""


def shown(code, names):
    """Run a cell; its last line if that is an expression, as a notebook shows it."""
    tree = ast.parse(code)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)
    if last is None:
        return None
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_cell_runs(path, monkeypatch):
    monkeypatch.chdir(path.parent)
    monkeypatch.setenv("NQS_CACHE", "")
    names, pictures = {}, 0
    for cell in json.loads(path.read_text())["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            found = shown("".join(cell["source"]), names)
            assert repr(found)
            pictures += hasattr(found, "_repr_html_") and found._repr_html_().count("<svg")
    assert pictures >= 2
