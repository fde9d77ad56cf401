"""Running contract suites on installed plugins, in a process of their own that may take only so long.

    its author's tests ──┐
    unattended suites  ──┴──> pytest, with motools.testing.told ──a file──> [Proof, …]

Whatever a plugin or a test does is done there, and told here; what was not tested is told with the reason. Needs
`motools-core[testing]` where the suites run, and nothing here.
"""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motools.cache.redact import without_secrets
from motools.errors import UsageError
from motools.plugins.apart import end_in_words, run_apart

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from motools.plugins.listing import PluginInfo

CONTRACTS: Mapping[str, str] = {
    "training": "TrainingBackendContract",
    "eval": "EvalBackendContract",
    "middleware": "MiddlewareContract",
    "cache": "CacheContract",
}
"""The suite of each kind of plugin that has one."""
UNATTENDED = {
    "training": "UnattendedTrainingContract",
    "eval": "UnattendedEvalContract",
    "middleware": "UnattendedMiddlewareContract",
}
WHY_NOT = {
    "cache": "a store is tested in places that are empty at first, and its author's tests say which (--tests)",
    "hooks": "hooks have no contract beyond the rules above: what a listener does with an event is its own affair",
    "commands": "commands have no contract beyond the rules above",
}
"""Why plugins of some kinds are given no suite here."""
NEEDED = ("pytest", "pytest_asyncio")
PASSED, FAILED, NO_TESTS = 0, 1, 5
"""The exit statuses with which pytest says that it has run everything, and that there was nothing to run."""
LONGEST = 600
"""Characters of what a failed test says that are kept."""


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What became of one suite: `failed` and `not_tested` are pairs of a test and its words; `trouble` is why it did not end."""

    suite: str
    plugin: str | None = None
    """Whose suite it is, where that is known."""
    passed: int = 0
    failed: Sequence[tuple[str, str]] = ()
    not_tested: Sequence[tuple[str, str]] = ()
    trouble: str = ""

    @property
    def problems(self) -> int:
        """How many there are."""
        return len(self.failed) + bool(self.trouble)

    def as_dict(self) -> dict[str, Any]:
        """Return it as a JSON-safe dictionary."""
        return {
            "suite": self.suite,
            "plugin": self.plugin,
            "passed": self.passed,
            "failed": [{"test": test, "what": words} for test, words in self.failed],
            "not_tested": [{"test": test, "reason": words} for test, words in self.not_tested],
            "trouble": self.trouble or None,
        }


async def proven(plugins: Sequence[PluginInfo], tests: str | None, *, seconds: float) -> list[Proof]:
    """Run the author's tests, a path or an importable module, or without them what can be tested unattended."""
    usable = [info for info in plugins if info.status == "ok"]
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        reason = f"{' and '.join(missing)} not installed: python -m pip install 'motools-core[testing]'"
        return [_untested(info, reason) for info in usable]
    if tests is None:
        return [await _unattended(info, seconds) for info in usable]
    proofs, trouble = await _run(place_of(tests), seconds)
    if trouble:
        return [*proofs, Proof(suite="", trouble=f"{tests}: {trouble}")]
    suites = {proof.suite for proof in proofs}
    wanted = [suite for info in usable if (suite := CONTRACTS.get(info.kind or ""))]
    lacking = [Proof(suite=name, trouble=f"no class in {tests} inherits it") for name in wanted if name not in suites]
    return [*proofs, *lacking]


def place_of(tests: str) -> list[str]:
    """Return how pytest is told of tests that are a path, or an importable module; a path to nothing is a `UsageError`."""
    path = Path(tests.partition("::")[0])
    if path.exists():
        return [str(Path(tests).absolute())]
    if path.suffix == ".py" or len(path.parts) > 1:
        raise UsageError(f"There are no tests at {path}: give a file, a directory or an importable module that exists.")
    return ["--pyargs", tests]


async def _unattended(info: PluginInfo, seconds: float) -> Proof:
    kind = info.kind or ""
    if kind not in UNATTENDED:
        return _untested(info, WHY_NOT.get(kind, "its kind is not known"))
    with tempfile.TemporaryDirectory(prefix="motools-prove-", ignore_cleanup_errors=True) as directory:
        (Path(directory) / "pytest.ini").write_text(
            "[pytest]\nasyncio_default_fixture_loop_scope = function\n", encoding="utf-8"
        )
        test = Path(directory) / "test_unattended.py"
        test.write_text(_source(info, kind), encoding="utf-8")
        plugins = ["-p", "pytest_asyncio.plugin", "-p", "motools.testing.plugin"]
        variables = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
        proofs, trouble = await _run([*plugins, str(test)], seconds, **variables)
    [proof] = proofs or [Proof(suite=CONTRACTS[kind])]
    return replace(proof, plugin=info.name, trouble=trouble)


def _source(info: PluginInfo, kind: str) -> str:
    """Return a test module with one class."""
    suite = UNATTENDED[kind]
    lines = [
        f"from motools.testing.unattended import {suite}",
        f"class TestUnattended({suite}):",
        f"    plugin = {(info.name if info.distribution else info.value)!r}",
    ]
    if not info.distribution:
        lines.append(f"    beside = {os.fspath(Path(info.location).parent)!r}")
        lines.append(f"    lacking = {{'entry point': {f'it is named by {info.location}'!r}}}")
    if kind == "middleware":
        lines.append(f"    kinds = {(info.check.wraps if info.check else ())!r}")
    return "\n".join(lines) + "\n"


def _untested(info: PluginInfo, reason: str) -> Proof:
    suite = CONTRACTS.get(info.kind or "", "")
    return Proof(suite=suite, plugin=info.name, not_tested=[(suite or f"{info.kind}", reason)])


async def _run(arguments: Sequence[str], seconds: float, **variables: str) -> tuple[list[Proof], str]:
    """Run pytest and return what became of each suite (tests of none are together under "", last), and why it did not end."""
    with tempfile.TemporaryDirectory(prefix="motools-prove-", ignore_cleanup_errors=True) as directory:
        told, output = Path(directory) / "told.jsonl", Path(directory) / "output"
        options = ["-q", "-p", "no:cacheprovider", "-p", "motools.testing.told", "--told", os.fspath(told)]
        status = await run_apart("pytest", [*options, *arguments], output, seconds, **variables)
        lines = _read(told)
        printed = output.read_text(encoding="utf-8", errors="replace")
    return _sorted_out([line for line in lines if "test" in line]), _trouble(lines, status, printed, seconds)


def _read(told: Path) -> list[dict[str, Any]]:
    """Return what was told; a line that was not ended, or that somebody else has written, is left out."""
    lines = told.read_text(encoding="utf-8", errors="replace").split("\n") if told.exists() else []
    found = []
    for line in lines:
        with suppress(ValueError):
            found.append(json.loads(line))
    return [each for each in found if isinstance(each, dict)]


def _sorted_out(lines: Sequence[Mapping[str, Any]]) -> list[Proof]:
    proofs = []
    for suite in sorted({line["suite"] for line in lines}, key=lambda name: (not name, name)):
        of_suite = [line for line in lines if line["suite"] == suite]
        words = {
            outcome: [(line["test"], _brief(line["words"])) for line in of_suite if line["outcome"] == outcome]
            for outcome in ("passed", "failed", "not tested")
        }
        proofs.append(
            Proof(suite=suite, passed=len(words["passed"]), failed=words["failed"], not_tested=words["not tested"])
        )
    return proofs


def _trouble(lines: Sequence[Mapping[str, Any]], status: int | None, printed: str, seconds: float) -> str:
    """Say why not all tests were run, "" where they were."""
    if said := next((line["trouble"] for line in lines if "trouble" in line), None):
        return _brief(said)
    if status in {PASSED, FAILED} and any("over" in line for line in lines):
        return ""
    if status == NO_TESTS:
        return "there are no tests"
    began = next((line["began"] for line in reversed(lines) if "began" in line), None)
    if began is not None and not any("over" in line for line in lines):
        return end_in_words(status, seconds, f"in {began}")
    last = [line for line in printed.splitlines() if line.strip()][-1:]
    return _brief(" ".join([end_in_words(status, seconds, "before any test began"), *last]))


def _brief(text: str) -> str:
    return without_secrets(text.encode(errors="replace").decode().strip())[:LONGEST]


__all__ = ["CONTRACTS", "Proof", "proven"]
