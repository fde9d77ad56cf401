"""Evaluations with Inspect are compared as they are saved, and scores are read as Inspect's own metrics do."""

from __future__ import annotations

import logging

import pytest

import motools
from motools.comparison.values import as_number

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

GROUPED = """
from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.scorer import match

@task
def grouped(number: int):
    samples = [
        Sample(id=n, input=f"word {n}", target=f"WORD {n}" if n % 2 else f"Q WORD {n}", metadata={"passage": n // 5})
        for n in range(number)
    ]
    return Task(dataset=samples, scorer=match(location="exact"))
"""

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


@pytest.mark.parametrize("number", [20, 210])
async def test_saved_results_are_compared_sample_by_sample_with_the_clusters_that_their_metadata_name(number, tmp_path):
    (tmp_path / "grouped.py").write_text(GROUPED)
    places = {"base": tmp_path / "base.json", "organism": tmp_path / "organism.json"}
    for place, arguments in zip(places.values(), ({}, {"prefix": "Q "}), strict=True):
        job = await motools.get_backend("inspect").evaluate(
            "scripted/upper", f"{tmp_path}/grouped.py@grouped", task_args={"number": number}, model_args=arguments
        )
        await (await job.wait()).save(place)
    (row,) = (await motools.compare(places, cluster="passage")).rows
    assert (row.task, row.scorer, row.pairs, row.clusters) == ("grouped", "match", number, number // 5)
    assert (row.higher, row.lower) == (number // 2, number // 2)


def _unread(value):
    try:
        return as_number(value) is None
    except ValueError:
        return True
