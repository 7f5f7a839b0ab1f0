"""The house stands: rooms import rooms below them, never above or beside them."""

import ast
from pathlib import Path

NQS = Path(__file__).parent.parent / "nqs"
FLOORS = [
    {"config", "groups", "statistics"},
    {"measurement", "systems", "ansatz"},
    {"state"},
    {"training", "evaluation"},
    {"report"},
    {"jobs"},
    {"cli"},
    {"__main__"},
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}


def wrong_imports(source: str, room: str) -> list[str]:
    """Modules of nqs that a file of this room imports from its own floor or above."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            found += [f"{base}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
    inside = [name for name in found if name.split(".")[0] in ("nqs", "")]
    others = [name for name in inside if name.split(".")[1] != room]
    return [name for name in others if FLOOR.get(name.split(".")[1], 99) >= FLOOR[room]]


def test_every_import_points_downwards():
    files = [path for path in NQS.rglob("*.py") if path != NQS / "__init__.py"]
    wrong = {}
    for path in files:
        room = path.relative_to(NQS).parts[0].removesuffix(".py")
        assert room in FLOOR, f"{path.name} lies in no room of the house"
        wrong[str(path)] = wrong_imports(path.read_text(encoding="utf-8"), room)
    assert len(files) > 20
    assert {path: names for path, names in wrong.items() if names} == {}


def test_a_wrong_import_is_found_wherever_it_hides():
    assert wrong_imports("from nqs.state import born", "ansatz") == ["nqs.state.born"]
    assert wrong_imports("def f():\n    import nqs.evaluation.fidelity", "training")
    assert wrong_imports("from nqs import systems", "measurement") == ["nqs.systems"]
    assert wrong_imports("from .. import jobs", "state")
    assert not wrong_imports("from nqs import statistics\nimport numpy", "state")
    assert not wrong_imports("from nqs.state import born", "state")
