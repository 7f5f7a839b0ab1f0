"""What answers at once does not wait for JAX."""

import subprocess
import sys
from pathlib import Path

import pytest

LIGHT = [
    "nqs",
    "nqs.cli.main",
    "nqs.measurement.formats",
    "nqs.state.simulate",
    "nqs.systems.exact",
    "nqs.systems.hamiltonians",
    "nqs.systems.known",
]
REPORT = "import sys, {module}; print([m for m in ('jax', 'netket', 'flax') if m in sys.modules])"


@pytest.mark.parametrize("module", LIGHT)
def test_reading_and_simulating_need_no_jax(module):
    code = REPORT.format(module=module)
    root = Path(__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
