"""Numbers in a report: the error in brackets stands for the last digits."""

import pytest

from nqs.report.wording import duration, measured, plain, printable, probability, with_error


@pytest.mark.parametrize(
    ("value", "error", "shown"),
    [
        (1.06483, 0.00123, "1.0648(12)"),
        (-4.7581, 0.0132, "−4.758(13)"),
        (0.5, 0.0996, "0.50(10)"),
        (0.5, 0.00999, "0.500(10)"),
        (2.3456, 1.34, "2.3(1.3)"),
        (2.3456, 0.996, "2.3(1.0)"),
        (123.4, 57.0, "123(57)"),
        (12345.0, 567.0, "12340(570)"),
        (1.2345e-9, 3.21e-11, "1.234(32)×10⁻⁹"),
        (0.0, 0.002, "0.0000(20)"),
    ],
)
def test_short_form(value, error, shown):
    assert with_error(value, error) == shown


def test_a_number_carries_its_error_or_says_why_not():
    assert measured({"value": 1.5, "error": 0.1}) == "1.50(10)"
    assert measured({"value": 1.5, "error": None}) == "1.5 (exact)"
    assert measured({"value": -33.83169341, "error": None}) == "−33.83169341 (exact)"
    assert measured({"value": 2.2e-7, "error": None}) == "2.20×10⁻⁷ (exact)"
    assert measured({"value": 0.9, "error": None, "interval": [0.8, 1.0]}) == "0.9"
    assert measured(0.98712345) == "0.98712"
    for unknown in (None, {"value": None, "error": 1.0}, float("nan"), "much", True, {}):
        assert measured(unknown) == "not computed"


def test_small_words():
    assert probability(3e-6) == "below 0.0001"
    assert probability(0.0312) == "0.031"
    assert plain(-1.5e-7) == "−1.50×10⁻⁷"
    assert plain(0.0) == "0"
    assert [duration(s) for s in (3.21, 83.2, 7325, None)] == [
        "3.2 s",
        "1 min 23 s",
        "2 h 2 min",
        "not computed",
    ]
    assert printable("a\x1b[0m\nb\u202e") == "a[0m b"
