"""Figures are drawn in full here, where they are looked at."""

import pytest


@pytest.fixture(autouse=True, scope="module")
def figures_are_left_blank():
    """They are not."""
