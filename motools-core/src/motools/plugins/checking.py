"""Importing plugins to see what they do, each in a process of its own that may take only so long.

    check([(name, offer), …]) ──one process each──> motools.plugins.probe ──a file──> Checked

Whatever a plugin does (raise, exit, print, crash, hang, change what everybody shares) is done there, and told here.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motools.cache.redact import without_secrets
from motools.plugins.probe import IDENTITY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from motools.plugins.origin import Offer

SECONDS = 30.0
"""How long one plugin may take."""
SLOW = 5.0
"""Seconds of importing that are worth a word: nobody waits that long to be told of a misspelt option."""
AT_ONCE = 4
LONGEST = 120
"""Characters of what a plugin printed that are shown."""


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What importing a plugin came to.

    `seconds` is how long that took, None where it did not end. `broken` says why the plugin cannot be used, and is
    empty where it can. `did` are sentences without a subject: "printed 'hello'". `key_variables` are those that its
    backend declares. `answers` says whether its service did, None where that was not asked; `silence` says why not. No
    sentence holds a key.
    """

    seconds: float | None = None
    broken: str = ""
    did: Sequence[str] = ()
    notes: Sequence[str] = ()
    kind: str | None = None
    key_variables: Sequence[str] = ()
    answers: bool | None = None
    silence: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return it as a JSON-safe dictionary."""
        return {
            "seconds": self.seconds,
            "broken": self.broken or None,
            "did": list(self.did),
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
        status = await _run([request, str(report)], output, seconds)
        told = json.loads(report.read_text(encoding="utf-8")) if report.exists() else {}
        return _judged(told, output.read_text(encoding="utf-8", errors="replace"), status, seconds)


async def _run(arguments: Sequence[str], output: Path, seconds: float) -> int | None:
    """Run the probe and return its exit status, None where it had to be ended; nothing of it is left."""
    with output.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            *[sys.executable, "-P", "-m", "motools.plugins.probe", *arguments],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(place or os.curdir for place in sys.path)},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    try:
        return await asyncio.wait_for(process.wait(), seconds)
    except TimeoutError:
        return None
    finally:
        _end(process)
        await process.wait()


def _end(process: asyncio.subprocess.Process) -> None:
    """Kill the process and whatever it has started in its session."""
    with suppress(ProcessLookupError, PermissionError):
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


def _judged(told: dict[str, Any], output: str, status: int | None, limit: float) -> Checked:
    seconds, did = told.get("seconds"), list(told.get("did", ()))
    broken = told.get("broken", "") or _end_in_words(status, limit, is_imported=bool(told))
    lines = [line for line in output.splitlines() if line.strip()]
    if told and lines:
        did.append(f"printed {_brief(lines[0])!r}{f' and {len(lines) - 1} more lines' if len(lines) > 1 else ''}")
    elif lines and status:
        broken = f"{broken} The last that it printed is {_brief(lines[-1])!r}."
    if seconds is not None and seconds > SLOW:
        did.append(f"took {seconds:.0f} s to be imported")
    return Checked(
        seconds=seconds,
        broken=without_secrets(broken),
        did=tuple(map(without_secrets, did)),
        notes=tuple(map(without_secrets, told.get("notes", ()))),
        kind=told.get("kind"),
        key_variables=tuple(told.get("key_variables", ())),
        answers=told.get("answers"),
        silence=without_secrets(told.get("silence", "")),
    )


def _end_in_words(status: int | None, limit: float, *, is_imported: bool) -> str:
    """Say how the process ended, where that was not as it should."""
    when = "when it was made" if is_imported else "when it was imported"
    if status is None:
        return f"it had not ended after {limit:g} s, {when}."
    if status < 0:
        return f"it ended the process by {_signal_name(-status)} {when}."
    if status > 0 or not is_imported:
        return f"it ended the process with exit status {status} {when}."
    return ""


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _brief(text: str) -> str:
    """Return a line that was printed, cut where it is long: without a key, and so without a part of one."""
    line = without_secrets(" ".join(text.split()))
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


__all__ = ["SECONDS", "Checked", "check"]
