"""What every test stands on: a home of its own, no network, and no skip that nobody notices."""

from __future__ import annotations

import gc
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import TypeAlias, TypeVar

    Report = TypeVar("Report")
    Following: TypeAlias = Generator[None, Report, Report]

pytest_plugins = ["pytester"]

CONVERTED_MODELS = Path(__file__).resolve().parents[1] / ".cache" / "models"
"""Where the small model is kept between tests: converting it takes half a minute, and every home would do it again."""
ALLOWED_SKIP = "no device"
"""How the reason of a skip must begin to be accepted in CI: hardware that the machine does not have."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="also run the long searches (marked soak)")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long searches out, unless they are asked for; deselected, so that they are no skips."""
    if config.getoption("--soak"):
        return
    left_out = [item for item in items if item.get_closest_marker("soak")]
    if left_out:
        items[:] = [item for item in items if not item.get_closest_marker("soak")]
        config.hook.pytest_deselected(items=left_out)


def pytest_collection_finish() -> None:
    """Spare every later search for garbage what stays to the end: the tests themselves, and what they imported."""
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Following[pytest.TestReport]:
    report = yield
    if not hasattr(report, "wasxfail"):
        _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Following[pytest.CollectReport]:
    report = yield
    _refuse_skip(report)
    return report


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Let what is skipped in CI fail: what CI does not run is not tested."""
    if not report.skipped or os.environ.get("CI") != "true":
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    reason = reason.removeprefix("Skipped: ")
    if not reason.startswith(ALLOWED_SKIP):
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid} was skipped in CI: {reason}"


@pytest.fixture(autouse=True)
def _own_home(motools_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("MOTOOLS_MODELS", str(CONVERTED_MODELS))


@pytest.fixture(scope="session")
def documented() -> Callable[[str], set[str]]:
    """Return what gives the names that docs/files.md has in the first column of the table under a heading."""
    text = (Path(__file__).resolve().parents[1] / "docs" / "files.md").read_text(encoding="utf-8")

    def names(heading: str) -> set[str]:
        section = re.search(rf"^#+ {re.escape(heading)}$(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL)
        assert section, f"docs/files.md has no heading {heading!r}"
        rows = re.findall(r"^\| (`[^|]*`) \|", section[1], re.MULTILINE)
        return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}

    return names
