"""Waiting for a run or job with a progress bar, and what Ctrl-C means: the wait ends, the run goes on."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import time
from typing import TYPE_CHECKING, Any, TypeVar

from motools.cache.redact import in_words
from motools.cli.output import results_alone, say
from motools.errors import MotoolsError
from motools.evals.base import EvalJob

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterator

    from motools.training.base import TrainingRun

T = TypeVar("T")

PATIENCE = 0.3
"""Seconds before there is a bar: what is recorded answers sooner, and needs none."""
LOOKS = (0.3, 10.0)
"""Seconds between two looks at the service, at least and at most."""
SHARE = 20
"""A look that takes one second is followed by so many seconds of rest, so that a remote service is asked rarely."""


class Interrupted(MotoolsError):
    """Somebody pressed Ctrl-C. What was started goes on; the message says how to come back to it."""

    exit_status = 130


def finish(work: Coroutine[Any, Any, T], come_back: Callable[[], str]) -> T:
    """Run a command's coroutine to its end. Ctrl-C becomes `Interrupted`, with the sentence that `come_back` gives.

    What plugins print meanwhile is for people: it goes to stderr. A task that nobody awaits any more ends without a word.
    """
    outcome: list[T] = []
    failures: list[BaseException] = []

    async def until_it_ends() -> None:
        """Keep what came of it out of the task, which a runner prints: an error of a plugin may not bear that."""
        try:
            outcome.append(await work)
        except (KeyboardInterrupt, asyncio.CancelledError):
            raise
        except BaseException as error:  # noqa: BLE001  (it is raised where the loop has ended)
            failures.append(error)

    try:
        with results_alone(), asyncio.Runner() as runner:
            runner.get_loop().set_exception_handler(_unless_left_behind)
            runner.run(until_it_ends())
    except KeyboardInterrupt as error:
        raise Interrupted(come_back()) from error
    if failures:
        raise failures[0]
    return outcome[0]


def _unless_left_behind(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Report what goes wrong on the loop, but for the error of a task that was waited for until another one ended all."""
    if "task" not in context and "future" not in context:
        loop.default_exception_handler(context)


class InLine(logging.Handler):
    """Hears where a request stands in line, and says so; `show` says it in another way, as on a bar."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.words: str | None = None
        """What was heard last; None where the request has not had to wait."""
        self.show: Callable[[str], None] = say

    def emit(self, record: logging.LogRecord) -> None:
        words = getattr(record, "outlook", None)
        if words is None:
            say(record.getMessage())
            return
        self.words = f"waits for its turn: {words}"
        self.show(self.words)

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Hear what is said while the body runs."""
        spoken = logging.getLogger("motools.queue")
        spoken.addHandler(self)
        try:
            yield
        finally:
            spoken.removeHandler(self)


async def prepare(request: Awaitable[T], title: str, line: InLine | None = None) -> T:
    """Await the submission of a request; on a terminal, say so where it takes a while (a digest, an upload…).

    Where it waits in line, that is said on any device, and is in `line` afterwards.
    """
    line = line or InLine()
    submission = asyncio.ensure_future(request)
    try:
        with line.listening():
            await asyncio.wait({submission}, timeout=PATIENCE)
            if not submission.done() and sys.stderr.isatty():
                from motools.cli.progress import Bar

                with Bar(title, "") as bar:
                    line.show = bar.note
                    bar.note(line.words or "preparing")
                    await asyncio.wait({submission})
            return await submission
    finally:
        await _stopped(submission)


async def watch(handle: TrainingRun | EvalJob, title: str) -> Any:
    """Wait until the run or job has ended and return what its `wait` does; show how far it is, on a terminal.

    Cancelling the wait does not cancel the run.
    """
    waiter = asyncio.ensure_future(handle.wait())
    try:
        await asyncio.wait({waiter}, timeout=PATIENCE)
        if not waiter.done() and sys.stderr.isatty():
            await _show(handle, waiter, title)
        return await waiter
    finally:
        await _stopped(waiter)


async def _stopped(task: asyncio.Future[Any]) -> None:
    """Cancel a task, unless it has ended, and let it clean up; what it raises now is nobody's business any more."""
    if task.done():
        return
    task.cancel()
    await asyncio.wait({task}, timeout=PATIENCE)
    if not task.done():
        say("Waiting for the answer to what is being submitted. Ctrl-C again leaves without it.")
    with contextlib.suppress(asyncio.CancelledError, Exception):
        await task


async def _show(handle: TrainingRun | EvalJob, waiter: asyncio.Future[Any], title: str) -> None:
    """Keep a bar up to date until the waiter is done."""
    from motools.cli.progress import Bar

    with Bar(title, "samples" if isinstance(handle, EvalJob) else "steps") as bar:
        while not waiter.done():
            began = time.monotonic()
            try:
                await handle.refresh()
            except Exception as error:  # noqa: BLE001  (a look that fails is no end of the run: the waiter says when it ends)
                bar.note(f"cannot look: {in_words(error)}")
            else:
                bar.show(str(handle.status), handle.progress)
            shortest, longest = LOOKS
            pause = min(max(SHARE * (time.monotonic() - began), shortest), longest)
            await asyncio.wait({waiter}, timeout=pause)


__all__ = ["InLine", "Interrupted", "finish", "prepare", "watch"]
