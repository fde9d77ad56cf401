"""One line as a process sees it, looked at and kept moving for all who wait in it.

A line moves when what has a slot ends. Somebody has to notice that: a run that nobody waits for, and a submission whose
process died, are looked after by those who wait for their slots.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from motools.cache.flight import flights_of
from motools.cache.line import IN_LINE, QUEUE, WITH_A_SLOT, name_of, same_line, standing
from motools.cache.states import State
from motools.errors import CacheError, SettingError
from motools.training.limits import Limits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from motools.cache.base import Ledger, Record
    from motools.cache.line import Standing
    from motools.cache.recovery import Caretaker
    from motools.cache.waiting import Outlook

    Ask = Callable[[], Awaitable[Limits]]

log = logging.getLogger("motools.queue")

PAUSES = (0.1, 5.0)
"""Seconds between two looks at the line, at first and, while nothing changes in it, at most."""
LOOK_SECONDS = 0.05
"""For how long a look at the line serves all who wait in it."""
SHARE = 20
"""A look that takes one second serves for so many seconds: a long line costs no more than a short one."""
LOOK_AFTER = (30.0, 300.0)
"""Seconds between two times that those with a slot are looked after: where the next in line waits, and elsewhere; sooner
where somebody is expected to have ended."""
SHORTEST = 1.0
"""Seconds between two such times, at least."""


class Line:
    """The line that a record stands in, shared by all who wait in it on one loop."""

    def __init__(self, ledger: Ledger, record: Record, caretaker: Caretaker, clock: Callable[[], float]) -> None:
        self._ledger, self._clock = ledger, clock
        self._like = record
        self._caretaker = caretaker
        self._records: list[Record] = []
        self._good_until = self._asked_at = float("-inf")
        self._limits = Limits()
        self._had_one: set[str] = set()
        """Who had a slot when the service was asked."""
        self._asking = asyncio.Lock()
        self._ends: dict[str, float] = {}
        self._unclear: set[str] = set()
        self._waiting = 0
        self._keeping: list[asyncio.Task[None]] = []
        self._changed = asyncio.Event()
        self._cost = 0.0
        self._next_is_here = asyncio.Event()

    async def standing(self, record: Record) -> Standing:
        """Return how a request stands, as of a moment ago."""
        return standing(await self._look(), record, self._clock())

    async def waiting(self, record: Record) -> Standing:
        """Return how a request stands among those that wait alone: enough where nobody knows of a limit, and much quicker."""
        like = self._like
        return standing(
            await self._ledger.records(kind=like.kind, backend=like.backend, state=State.QUEUED), record, self._clock()
        )

    async def _look(self) -> list[Record]:
        now = asyncio.get_running_loop().time
        if (began := now()) >= self._good_until:
            like = self._like
            alike = await self._ledger.records(kind=like.kind, backend=like.backend, state=IN_LINE)
            self._records = [record for record in alike if same_line(record, like)]
            self._cost = now() - began
            self._good_until = began + max(LOOK_SECONDS, SHARE * self._cost)
        return self._records

    async def limits(self, ask: Ask | None, age: float) -> Limits:
        """Return the service's limits, as of no more than `age` seconds ago, with what was started since counted in.

        `live` are only those runs that are not in the record. What cannot be asked is no reason to lose one's place: the
        last answer holds.
        """
        if ask is not None:
            async with self._asking:
                now = asyncio.get_running_loop().time()
                if now - self._asked_at >= age:
                    self._asked_at = now
                    await self._ask(ask)
        said, since = self._limits, len(self._with_a_slot() - self._had_one)
        started = None if said.started_today is None else said.started_today + since
        return replace(said, live=max(0, (said.live or 0) - len(self._had_one)), started_today=started)

    async def _ask(self, ask: Ask) -> None:
        had_one = self._with_a_slot()
        try:
            self._limits, self._had_one = await ask(), had_one
        except SettingError:  # such as a missing key: the submission would meet it as well
            raise
        except Exception as error:  # noqa: BLE001 (whatever a plugin raises)
            log.warning("%s was asked for its limits, and did not answer: %s", self._like.backend, error)

    def _with_a_slot(self) -> set[str]:
        return {record.key for record in self._records if record.state in WITH_A_SLOT}

    def expected(self, number: int) -> float | None:
        """Return when so many of those with a slot, at least one, will have ended, as far as is known."""
        ends = sorted(self._ends[key] for key in self._with_a_slot() & self._ends.keys())
        if number == 1 and self._limits.free_at is not None:
            ends = [min([*ends[:1], self._limits.free_at])]
        found = ends[number - 1] if number <= len(ends) else None
        return found if found is not None and found > self._clock() else None

    def hurry(self) -> None:
        """Note that the next in line waits here, who looks after those with a slot more often than others do."""
        self._next_is_here.set()

    @asynccontextmanager
    async def kept_moving(self) -> AsyncIterator[None]:
        """Look after those with a slot, for as long as somebody on this loop waits."""
        self._good_until = float("-inf")  # somebody has just got in line
        self._waiting += 1
        if not self._keeping:
            self._keeping = [asyncio.create_task(each) for each in (self._watch(), self._keep_moving())]
        try:
            yield
        finally:
            self._waiting -= 1
            if not self._waiting:
                keeping, self._keeping = self._keeping, []
                await _ended(keeping)

    async def change(self, until: float | None, *, within: float) -> None:
        """Wait until something in the line has changed or the time `until` has come, and no longer than so many seconds."""
        seconds = within if until is None else min(within, max(0.0, until - self._clock()))
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()

    async def _watch(self) -> None:
        """Look again and again, and wake all who wait when something has changed."""
        pause, longest = PAUSES
        seen: object = None
        while True:
            try:
                found = self._fingerprint(await self._look())
            except CacheError:  # whoever waits meets it as well, and ends
                found = None
            if found is None or found != seen:
                seen, (pause, _) = found, PAUSES
                changed, self._changed = self._changed, asyncio.Event()
                changed.set()
            await asyncio.sleep(max(pause, SHARE * self._cost))
            pause = min(pause * 1.5, longest)

    def _fingerprint(self, records: Sequence[Record]) -> list[tuple[object, ...]]:
        now = self._clock()
        return [
            (each.key, each.epoch, each.state, each.leased_until > now, each.details.get(QUEUE)) for each in records
        ]

    async def _keep_moving(self) -> None:
        often, seldom = LOOK_AFTER
        while True:
            self._next_is_here.clear()
            with suppress(CacheError):  # the same
                for record in await self._look():
                    if record.state in WITH_A_SLOT:
                        await self._look_at(record)
            await asyncio.sleep(min(often, self._soonest()))
            with suppress(TimeoutError):
                async with asyncio.timeout(seldom - often):
                    await self._next_is_here.wait()

    def _soonest(self) -> float:
        """Return after how many seconds somebody with a slot may have ended."""
        ends = [self._ends[key] - self._clock() for key in self._with_a_slot() & self._ends.keys()]
        return max(min(ends, default=float("inf")), SHORTEST)

    async def _look_at(self, record: Record) -> None:
        try:
            end = await self._caretaker.look_after(record)
        except Exception as error:  # noqa: BLE001 (whatever a plugin raises is told, and the others are looked at)
            if record.key not in self._unclear:
                log.warning("%s has a slot, and how it stands cannot be found out: %s", record.key[:16], error)
            self._unclear.add(record.key)
            end = None
        if end is None:
            self._ends.pop(record.key, None)
        else:
            self._ends[record.key] = end


async def _ended(tasks: list[asyncio.Task[None]]) -> None:
    """Cancel tasks until they have ended: a plugin that is asked how its work stands may swallow it once."""
    while left := [task for task in tasks if not task.done()]:
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=1.0)


@dataclass(frozen=True, kw_only=True)
class Queue:
    """What somebody needs who is to wait: which line, who looks after it, and whom to tell how one stands in it.

    `clock` is the ledger's.
    """

    ledger: Ledger
    caretaker: Callable[[], Caretaker]
    tell: Callable[[Record, Outlook], Awaitable[None]]
    clock: Callable[[], float] = time.time

    def line(self, record: Record) -> Line:
        """Return the line that a record stands in: the one that is there already, or a new one."""
        alive, name = flights_of(self.ledger).alive, ("line", *name_of(record))
        line: Line = alive.get(name) or Line(self.ledger, record, self.caretaker(), self.clock)
        alive[name] = line
        return line


__all__ = ["Line", "Queue"]
