"""What `make check` runs stays quick: no test that takes long is among it, and nothing heavy is imported for its sake."""

from __future__ import annotations

from pathlib import Path

import pytest

BUSY = """
import pytest

def work():
    return sum(range(20_000_000))

def test_that_is_not_marked():
    work()

@pytest.mark.slow
def test_that_is_marked():
    work()

def test_that_is_quick():
    pass
"""
HEAVY = {"inspect_ai", "matplotlib", "pandas", "peft", "statsmodels", "tinker", "torch", "transformers"}
"""Packages that take a second or more to import, which every process that runs tests would pay for each of."""


@pytest.fixture
def failures(pytester, monkeypatch):
    """Return a function that runs three tests, with or without CI, and returns the lines of those that failed."""
    pytester.makeconftest((Path(__file__).parents[1] / "conftest.py").read_text(encoding="utf-8"))
    pytester.makeini(
        "[pytest]\nasyncio_default_fixture_loop_scope = function\nmarkers =\n    soak: long\n    slow: slow\nquick_cpu_seconds = 0.05"
    )
    pytester.makepyfile(BUSY)

    def run(ci):
        monkeypatch.setenv("CI", ci)
        return [line for line in pytester.runpytest_subprocess("-p", "no:xdist").outlines if line.startswith("FAILED")]

    return run


@pytest.mark.slow
def test_in_ci_a_test_that_takes_long_and_is_not_marked_slow_fails(failures):
    (line,) = failures("true")
    assert "test_that_is_not_marked" in line
    assert "mark it slow" in line


@pytest.mark.slow
def test_elsewhere_nobody_is_held_to_that(failures):
    assert failures("") == []


def test_no_heavy_package_is_imported_to_find_the_tests(imported_to_find_the_tests):
    assert HEAVY & imported_to_find_the_tests == set()
