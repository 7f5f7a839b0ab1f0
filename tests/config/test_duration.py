"""A duration means the same number of seconds however it is written."""

import pytest

from nqs.config.duration import seconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", 90),
        ("8m", 480),
        ("1h30m", 5400),
        ("1h0.5m", 3630),
        ("2h3m4s", 7384),
        ("1.5h", 5400),
        ("  8m ", 480),
        ("90", 90),
        ("0.25", 0.25),
        ("1e2", 100),
    ],
)
def test_a_duration_is_the_sum_of_its_parts(text, expected):
    assert seconds(text) == expected


@pytest.mark.parametrize(
    "text", ["", "m", "8 m", "8min", "1d", "-8m", "0", "0s", "h1", "8m!", "1h, 3m", "nan", "inf"]
)
def test_what_is_no_duration_is_answered_with_its_form(text):
    with pytest.raises(ValueError, match="90s, 8m or 1h30m"):
        seconds(text)


@pytest.mark.parametrize("number", [1, 0.5, 3600.0])
def test_a_positive_number_is_seconds_already(number):
    assert seconds(number) == number


@pytest.mark.parametrize("number", [0, -1, -0.5, float("nan")])
def test_a_number_of_seconds_is_positive(number):
    with pytest.raises(ValueError, match="more than 0 seconds"):
        seconds(number)


@pytest.mark.parametrize("value", [None, [3], {"h": 1}])
def test_other_types_are_left_to_the_model(value):
    assert seconds(value) is value
