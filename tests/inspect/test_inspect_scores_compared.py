"""A comparison reads scores as Inspect's own metrics do."""

from __future__ import annotations

import logging

import pytest

from motools.comparison.values import as_number

pytestmark = pytest.mark.slow

VALUES = [
    *("C", "P", "I", "N", "c", "p", "i", "n", "yes", "YES", "No", "true", "False", "correct", "", " ", "A"),
    *("1", "0.5", "-3", "1e-3", " 2 ", "1,5", "nan", "inf", "-Infinity", "half"),
    *(0, 1, -2, 0.25, True, False),
]


def test_words_and_numbers_are_those_of_value_to_float(caplog):
    from inspect_ai.scorer import value_to_float

    inspects = value_to_float()
    for value in VALUES:
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            expected = inspects(value)
        if caplog.records:
            assert expected == 0, "what Inspect cannot read it counts as 0, with a warning"
            assert _unread(value), f"{value!r} is left out, and reported"
        else:
            assert as_number(value) == expected, repr(value)


def _unread(value):
    try:
        return as_number(value) is None
    except ValueError:
        return True
