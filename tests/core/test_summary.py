"""Results as a table."""

from __future__ import annotations

import math

from motools import EvalResults


def summary(metrics):
    return EvalResults(model_id="model", metrics=metrics).summary()


def test_columns_are_aligned_and_names_not_repeated():
    text = summary(
        {
            "hello": {"match": {"accuracy": 0.95, "stderr": 0.05, "mean": 0.9}, "f1": {"mean": 0.5}},
            "a_long_task_name": {"match": {"accuracy": 1}},
        }
    )
    assert text.splitlines() == [
        "task              scorer  metric    value",
        "hello             match   accuracy  0.950 ± 0.050",
        "                          mean      0.900",
        "                  f1      mean      0.500",
        "a_long_task_name  match   accuracy  1",
    ]


def test_a_standard_error_stands_beside_what_it_belongs_to():
    assert summary({"t": {"s": {"stderr": 0.1, "std": 0.3, "mean": 0.5}}}).splitlines()[1:] == [
        "t     s       std     0.300",
        "              mean    0.500 ± 0.100",
    ]
    assert "f1      0.500 ± 0.100" in summary({"t": {"s": {"f1": 0.5, "stderr": 0.1}}})
    assert summary({"t": {"s": {"stderr": 0.1}}}).splitlines()[1:] == ["t     s       stderr  0.100"]


def test_what_is_no_number_and_what_is_small_is_shown_as_it_is():
    lines = summary(
        {"t": {"s": {"a": None, "b": math.nan, "c": 1e-5, "d": 0.0, "e": -2.5, "stderr": None}}}
    ).splitlines()
    assert [line.split()[-1] for line in lines[1:]] == ["-", "nan", "1.00e-05", "0.000", "-2.500"]


def test_nothing_measured_is_said():
    assert summary({}) == "No metrics for model."
    assert summary({"t": {}}) == "No metrics for model."
