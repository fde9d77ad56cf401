"""Following live jobs, for all who wait on one connection together.

One look asks for pages of the service's list, newest first, until every job that somebody waits for has been seen: a
thousand jobs are ten requests. Those that the list does not show (it may lag, and older ones are far down) are asked for
one by one, a few at each look, so that all get their turn. Few jobs are asked for singly, and with their latest metrics.

Time between looks: a tenth of what the service expects the next job to take, within `pause` and twelve times that; without
such a word it grows while nothing changes. Up to a fifth is added at random, so that processes do not ask in step.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from typing import TYPE_CHECKING, Protocol

from motools.errors import MotoolsError, RunLost, ServiceUnavailable
from motools_openai.answers import pages_of, whole
from motools_openai.events import latest_metrics
from motools_openai.jobs import made_at, status_of
from motools_openai.problems import unpaid

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from openai import AsyncOpenAI
    from openai.types.fine_tuning import FineTuningJob

    from motools_openai.server import Connection

log = logging.getLogger("motools.openai")

FEW = 3
"""How many jobs are asked for one by one, with their metrics."""
PAGE = 100
SINGLY = 20
"""How many jobs that no page has shown are asked for at one look."""
LONGEST = 12.0
"""How many times `pause` may pass between two looks."""
SHARE = 10.0
GROWTH = 1.3
JITTER = 0.2


class Follower(Protocol):
    """Whoever wants to know how a job stands."""

    job_id: str
    metadata: dict[str, Any]

    def take(self, job: FineTuningJob, metrics: Mapping[str, Any] | None = None) -> None:
        """Hear how the job stands, and what was measured last where that was asked for."""


class Poller:
    """Looks at the jobs that somebody waits for, as long as somebody does."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._waiting: dict[str, dict[asyncio.Future[None], Follower]] = {}
        self._task: asyncio.Task[None] | None = None
        self._joined = asyncio.Event()
        self._unseen: dict[str, float] = {}
        """When a job that the pages do not show was last asked for."""
        self._is_down = False
        self.pause = 60.0

    async def followed(self, follower: Follower) -> None:
        """Return when the job has ended; `take` has been called with its end. Raises `RunLost` where it is not known."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(follower.job_id, {})[future] = follower
        self._joined.set()
        if self._task is None or self._task.done() or self._task.cancelling():
            self._task = asyncio.create_task(self._run())
        try:
            await future
        finally:
            self._leave(follower.job_id, future)

    def _leave(self, job_id: str, future: asyncio.Future[None]) -> None:
        followers = self._waiting.get(job_id, {})
        followers.pop(future, None)
        if not followers:
            self._waiting.pop(job_id, None)
            self._unseen.pop(job_id, None)
        if not self._waiting and self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        pause = self.pause
        try:
            while self._waiting:
                self._joined.clear()
                changed, finish = await self._look()
                left = None if finish is None else finish - time.time()
                pause = next_pause(self.pause, pause, left, has_changed=changed)
                await self._rest(pause)
        except Exception as error:  # noqa: BLE001 (whatever it is, those who wait have to hear of it)
            self._tell_all(error)

    async def _rest(self, pause: float) -> None:
        """Let time pass; whoever joins meanwhile has a look of their own after the shortest one."""
        shortest = self.pause * (1 + JITTER * random.random())  # noqa: S311 (spreads requests; nothing secret)
        await asyncio.sleep(shortest)
        rest = pause * (1 + JITTER * random.random()) - shortest  # noqa: S311 (the same)
        if rest > 0:
            try:
                async with asyncio.timeout(rest):
                    await self._joined.wait()
            except TimeoutError:
                return

    async def _look(self) -> tuple[bool, float | None]:
        """Look once. Returns whether a job has ended, and when the next is expected to; trouble on the way is waited out."""
        from openai import OpenAIError

        before = len(self._waiting)
        try:
            wanted = list(self._waiting)
            jobs = await (self._one_by_one(wanted) if len(wanted) <= FEW else self._by_pages(set(wanted)))
        except (OpenAIError, ValueError) as error:
            ours = unpaid(error, self._connection.server.name, "say how jobs stand")
            if not isinstance(ours, ServiceUnavailable):
                raise ours from error
            if not self._is_down:
                log.warning("%s The jobs go on; it is asked again.", ours)
            self._is_down = True
            return False, None
        self._is_down = False
        expected = [job.estimated_finish for job in jobs if isinstance(job.estimated_finish, (int, float))]
        coming = [finish for finish in expected if finish > time.time()]
        return len(self._waiting) != before, min(coming, default=None)

    async def _one_by_one(self, wanted: list[str]) -> list[FineTuningJob]:
        jobs = []
        for job_id in wanted:
            if (job := await self._retrieved(job_id)) is not None:
                metrics = None if status_of(job).is_terminal else await latest_metrics(self._client, job_id)
                self._deliver(job, metrics)
                jobs.append(job)
        return jobs

    async def _by_pages(self, wanted: set[str]) -> list[FineTuningJob]:
        jobs, oldest = [], self._oldest()
        async for page in pages_of(self._client.fine_tuning.jobs.list(limit=PAGE)):
            for job in page.data:
                if job.id in wanted:
                    wanted.discard(job.id)
                    self._deliver(job)
                    jobs.append(job)
            if not wanted or not page.data or made_at(page.data[-1]) < oldest:
                break
        for job_id in self._next_unseen(wanted):
            if (single := await self._retrieved(job_id)) is not None:
                self._deliver(single)
                jobs.append(single)
        return jobs

    def _oldest(self) -> float:
        """Return when the oldest job was made that somebody waits for; where one does not know, the list is read to its end."""
        made = [
            follower.metadata.get("created_at")
            for followers in self._waiting.values()
            for follower in followers.values()
        ]
        return min((float(each or 0.0) for each in made), default=0.0)

    def _next_unseen(self, wanted: set[str]) -> list[str]:
        """Return those jobs whose turn it is to be asked for singly, and note that they are."""
        turn = sorted(wanted, key=lambda job_id: self._unseen.get(job_id, 0.0))[:SINGLY]
        self._unseen |= dict.fromkeys(turn, time.monotonic())
        return turn

    async def _retrieved(self, job_id: str) -> FineTuningJob | None:
        from openai import NotFoundError

        try:
            return whole(await self._client.fine_tuning.jobs.retrieve(job_id))
        except NotFoundError as error:
            lost = RunLost(f"{self._connection.server.name} does not know the fine-tuning job {job_id!r}.")
            lost.__cause__ = error
            self._end(job_id, lost)
            return None

    def _deliver(self, job: FineTuningJob, metrics: Mapping[str, Any] | None = None) -> None:
        for follower in dict.fromkeys(self._waiting.get(job.id, {}).values()):
            follower.take(job, metrics)
        if status_of(job).is_terminal:
            self._end(job.id, None)

    def _end(self, job_id: str, error: MotoolsError | None) -> None:
        for future in self._waiting.pop(job_id, {}):
            _resolve(future, error)

    def _tell_all(self, error: Exception) -> None:
        waiting, self._waiting = self._waiting, {}
        for followers in waiting.values():
            for future in followers:
                _resolve(future, error)

    @property
    def _client(self) -> AsyncOpenAI:
        return self._connection.client


def next_pause(shortest: float, before: float, left: float | None, *, has_changed: bool) -> float:
    """Return the seconds until the next look; `left` are those until the next job is expected to end, where that is known."""
    longest = shortest * LONGEST
    if left is not None:
        return min(max(left / SHARE, shortest), longest)
    return shortest if has_changed else min(before * GROWTH, longest)


def _resolve(future: asyncio.Future[None], error: Exception | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)


__all__ = ["Follower", "Poller", "next_pause"]
