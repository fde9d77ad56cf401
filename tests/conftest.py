"""What every test stands on: a home of its own, no network, no skip that nobody notices; and what many need."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import gc
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Iterator
    from typing import Any, TypeAlias, TypeVar

    Report = TypeVar("Report")
    Following: TypeAlias = Generator[None, Report, Report]

pytest_plugins = ["pytester"]

CONVERTED_MODELS = Path(__file__).resolve().parents[1] / ".cache" / "models"
"""Where the small model is kept between tests: converting it takes half a minute, and every home would do it again."""
FOUND = pytest.StashKey[frozenset[str]]()
ALLOWED_SKIP = "no device"
"""How the reason of a skip must begin to be accepted in CI: hardware that the machine does not have."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="also run the long searches (marked soak)")
    parser.addini("quick_cpu_seconds", "how long a test may take in CI that is not marked slow", default="10")


def pytest_configure() -> None:
    """Have Ctrl-C heard by every process of the tests: what a shell starts in the background ignores it, with all its children."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long searches out, unless they are asked for; deselected, so that they are no skips."""
    if config.getoption("--soak"):
        return
    left_out = [item for item in items if item.get_closest_marker("soak")]
    if left_out:
        items[:] = [item for item in items if not item.get_closest_marker("soak")]
        config.hook.pytest_deselected(items=left_out)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Spare every later search for garbage what stays to the end: the tests themselves, and what they imported."""
    session.config.stash[FOUND] = frozenset(name.partition(".")[0] for name in sys.modules)
    gc.freeze()


@pytest.fixture(scope="session")
def imported_to_find_the_tests(pytestconfig: pytest.Config) -> frozenset[str]:
    """Return the packages that were imported before the first test began."""
    return pytestconfig.stash[FOUND]


@pytest.fixture
def uncollected(pytester: pytest.Pytester) -> None:
    """Have the suites of faulty plugins run without a search for garbage.

    What such a plugin leaves behind logs a traceback when it is found, for which CPython 3.11 parses the lines; in the midst of
    another text that pytest parses this ends in "AST constructor recursion depth mismatch".
    """
    pytester.makeconftest("import gc\n\ngc.disable()\n")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Let a test fail in CI that takes long and is not marked slow: `make check` would take longer and longer."""
    before = sum(os.times()[:4])
    yield
    spent, allowed = sum(os.times()[:4]) - before, float(item.config.getini("quick_cpu_seconds"))
    if spent > allowed and os.environ.get("CI") == "true" and not item.get_closest_marker("slow"):
        pytest.fail(f"took {spent:.1f} s of CPU time, more than {allowed:g}: make it quicker, or mark it slow")


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


@pytest.fixture(scope="session", autouse=True)
def run_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep the sockets of servers in a directory that all test processes share, and end the servers with the last of them."""
    base = tmp_path_factory.getbasetemp()
    place = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "run"
    place.mkdir(exist_ok=True)
    with (place / "lease").open("a") as lease, pytest.MonkeyPatch.context() as patch:
        fcntl.flock(lease, fcntl.LOCK_SH)
        patch.setenv("XDG_RUNTIME_DIR", str(place))
        yield place
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _end_servers(place)


def _end_servers(place: Path) -> None:
    """Kill what serves at sockets below a directory; nobody is left who uses it."""
    if not any(place.glob("motools-*/*")):
        return
    import psutil

    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"] or []
        if "motools_inspect.server" in command and any(part.startswith(f"{place}/") for part in command):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


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


@pytest.fixture
def until() -> Callable[[Callable[[], Any]], Awaitable[Any]]:
    """Return a function that waits for what happens in another process, and returns what was found."""

    async def until(condition: Callable[[], Any]) -> Any:
        async with asyncio.timeout(90):
            while not (found := condition()):  # noqa: ASYNC110  (nobody here tells when it happens)
                await asyncio.sleep(0.01)
        return found

    return until


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a directory on a file system of two megabytes."""
    directory = tmp_path / "disk"
    directory.mkdir(mode=0o700)
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(directory)]
    if subprocess.run(command, check=False, capture_output=True).returncode != 0:
        pytest.skip("no device: this user may not mount a small disk")
    yield directory
    subprocess.run(["umount", "--lazy", str(directory)], check=True)
