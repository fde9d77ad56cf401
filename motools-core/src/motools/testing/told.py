"""The pytest plugin that writes what became of each test, for `motools.testing.proving`: `pytest -p motools.testing.told --told FILE`.

FILE gets one JSON object a line, as soon as it is known: `began` when a test begins, `test` with its `suite`, `outcome` and `words`
when it has ended, `trouble` for what cannot be collected, and `over` at the end.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import TypeAlias

    Following: TypeAlias = Generator[None, pytest.TestReport, pytest.TestReport]

SUITES = ("training", "evals", "middleware", "cache", "hygiene")
"""The modules of `motools.testing` with the suites that authors inherit."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take the option that names the file."""
    parser.addoption("--told", metavar="FILE", help="write what became of each test to FILE")


def pytest_configure(config: pytest.Config) -> None:
    """Tell, where a file is named."""
    if place := config.getoption("--told"):
        config.pluginmanager.register(_Teller(Path(place)))


class _Teller:
    def __init__(self, place: Path) -> None:
        self._place = place

    def _tell(self, **fields: Any) -> None:
        with self._place.open("a", encoding="utf-8") as file:
            file.write(json.dumps(fields) + "\n")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._tell(trouble=_words(report))

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._tell(began=nodeid)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Following:  # noqa: ARG002 (the hook's signature)
        report = yield
        if report.when == "call" or not report.passed:
            fields = {"test": item.name, "suite": _suite_of(getattr(item, "cls", None)), "words": ""}
            reason = getattr(report, "wasxfail", None)
            if report.skipped:
                words = reason or str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
                self._tell(
                    **fields
                    | {"outcome": "not tested", "words": words.removeprefix("reason: ").removeprefix("Skipped: ")}
                )
            elif report.failed:
                self._tell(**fields | {"outcome": "failed", "words": _words(report)})
            else:
                self._tell(**fields | {"outcome": "passed"})
        return report

    def pytest_sessionfinish(self) -> None:
        self._tell(over=True)


def _suite_of(cls: type | None) -> str:
    """Return the name of the suite that a test's class inherits, "" for none."""
    modules = {f"motools.testing.{name}" for name in SUITES}
    return next((base.__name__ for base in getattr(cls, "__mro__", ()) if base.__module__ in modules), "")


def _words(report: pytest.TestReport | pytest.CollectReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(crash.message if crash else report.longrepr)
