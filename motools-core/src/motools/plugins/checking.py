"""Importing plugins to see what they do, each in a process of its own that may take only so long.

    check([(name, offer), …]) ──one process each──> motools.plugins.probe ──a file──> Checked

Whatever a plugin does (raise, exit, print, crash, hang, change what everybody shares) is done there, and told here.
"""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motools.cache.redact import without_secrets
from motools.plugins.apart import end_in_words, run_apart
from motools.plugins.probe import IDENTITY
from motools.plugins.rules import Finding
from motools.plugins.watching import SLOW

if TYPE_CHECKING:
    from collections.abc import Sequence

    from motools.plugins.origin import Offer

SECONDS = 30.0
"""How long one plugin may take."""
AT_ONCE = 4
LONGEST = 120
"""Characters of what a plugin printed that are shown."""


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What importing a plugin came to.

    `seconds` is how long that took, None where it did not end. `broken` says why the plugin cannot be used, and is
    empty where it can. `findings` say which rules it breaks beside that. `wraps` are the kinds of backend that a layer is
    for, `key_variables` are those that a backend declares. `answers` says whether its service did, None where that was not asked; `silence` says why not. No
    sentence holds a key.
    """

    seconds: float | None = None
    broken: str = ""
    findings: Sequence[Finding] = ()
    notes: Sequence[str] = ()
    kind: str | None = None
    wraps: Sequence[str] = ()
    key_variables: Sequence[str] = ()
    answers: bool | None = None
    silence: str = ""

    @property
    def did(self) -> list[str]:
        """What it did that a plugin should not do, as sentences without a subject: "printed 'hello'"."""
        return [finding.what for finding in self.findings if finding.is_problem]

    def as_dict(self) -> dict[str, Any]:
        """Return it as a JSON-safe dictionary."""
        return {
            "seconds": self.seconds,
            "broken": self.broken or None,
            "did": self.did,
            "notes": list(self.notes),
        }


async def check(
    subjects: Sequence[tuple[str, Offer]], *, seconds: float = SECONDS, online: bool = False
) -> list[Checked]:
    """Import each of them in a process of its own, some at once, and return what came of it in the same order.

    A subject is a plugin with the name that it is made by: its own, or an alias. With `online`, backends that can be
    asked whether their service answers are.
    """
    free = asyncio.Semaphore(max(1, min(AT_ONCE, os.cpu_count() or 1)))

    async def one(name: str, offer: Offer) -> Checked:
        request = {field: getattr(offer, field) for field in IDENTITY} | {"made_as": name, "online": online}
        async with free:
            return await _check(json.dumps(request), seconds)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(*subject)) for subject in subjects]
    return [task.result() for task in tasks]


async def _check(request: str, seconds: float) -> Checked:
    with tempfile.TemporaryDirectory(prefix="motools-check-", ignore_cleanup_errors=True) as directory:
        report, output = Path(directory) / "report.json", Path(directory) / "output"
        try:
            status = await run_apart("motools.plugins.probe", [request, str(report)], output, seconds)
        except OSError as error:
            return Checked(broken=f"it cannot be looked at in a process of its own: {error.strerror}.")
        told = json.loads(report.read_text(encoding="utf-8")) if report.exists() else {}
        return _judged(told, output.read_text(encoding="utf-8", errors="replace"), status, seconds)


def _judged(told: dict[str, Any], output: str, status: int | None, limit: float) -> Checked:
    seconds = told.get("seconds")
    findings = [Finding(rule=rule, what=without_secrets(what)) for rule, what in told.get("findings", ())]
    broken = told.get("broken", "")
    if not broken and (status or status is None or not told):
        broken = end_in_words(status, limit, f"when it was {'made' if told else 'imported'}")
    lines = [line for line in output.splitlines() if line.strip()]
    if told and lines:
        more = f" and {len(lines) - 1} more lines" if len(lines) > 1 else ""
        findings.append(Finding(rule="output", what=f"printed {_brief(lines[0])!r}{more}"))
    elif lines and status:
        broken = f"{broken} The last that it printed is {_brief(lines[-1])!r}."
    if seconds is not None and seconds > SLOW:
        findings.append(Finding(rule="speed", what=f"took {seconds:.0f} s to be imported"))
    return Checked(
        seconds=seconds,
        broken=without_secrets(broken),
        findings=tuple(findings),
        notes=tuple(map(without_secrets, told.get("notes", ()))),
        kind=told.get("kind"),
        wraps=tuple(told.get("wraps", ())),
        key_variables=tuple(told.get("key_variables", ())),
        answers=told.get("answers"),
        silence=without_secrets(told.get("silence", "")),
    )


def _brief(text: str) -> str:
    """Return a line that was printed, cut where it is long: without a key, and so without a part of one."""
    line = without_secrets(" ".join(text.split()))
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


__all__ = ["SECONDS", "Checked", "check"]
