"""What a score counts as."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import pytest

from motools.comparison.values import as_number, values_of


@pytest.mark.parametrize(
    ("value", "number"),
    [
        *(
            (True, 1),
            (False, 0),
            (3, 3),
            (-0.25, -0.25),
            (Decimal("0.5"), 0.5),
            (np.float32(0.5), 0.5),
            (np.int8(2), 2),
        ),
        *(("C", 1), ("P", 0.5), ("I", 0), ("N", 0), ("yes", 1), ("True", 1), ("NO", 0), ("false", 0), ("0.75", 0.75)),
    ],
)
def test_numbers_letters_and_words_are_numbers(value, number):
    assert as_number(value) == number


@pytest.mark.parametrize("value", [None, math.nan, math.inf, "nan", "-inf"])
def test_what_is_none_or_not_finite_is_no_score(value):
    assert as_number(value) is None


@pytest.mark.parametrize("value", ["excellent", "c", "", object(), 10**400, 1j])
def test_anything_else_cannot_be_read(value):
    with pytest.raises(ValueError, match=r"number|float"):
        as_number(value)


def test_a_score_with_parts_is_a_score_for_each():
    assert dict(values_of("C", "match")) == {"match": "C"}
    assert dict(values_of({"style": 3, "truth": {"a": "I", "b": None}}, "judge")) == {
        "judge/style": 3,
        "judge/truth/a": "I",
        "judge/truth/b": None,
    }
    assert dict(values_of([1, 0], "rubric")) == {"rubric/0": 1, "rubric/1": 0}
    assert dict(values_of({}, "judge")) == {}
