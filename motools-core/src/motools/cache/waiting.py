"""Waiting in line: when it is a request's turn, and what can be said meanwhile."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from motools.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from motools.cache.base import Record
    from motools.cache.moving import Ask, Line

LIMITS_SECONDS = (10.0, 30.0, 300.0)
"""How old what a service says of its limits may be: for whoever is about to go, for the next in line, for others."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outlook:
    """How a request stands in its line."""

    ahead: int
    """How many wait before it."""
    taken: int
    """How many slots are taken, by whomever."""
    slots: int | None
    """How many there are; None where that is not known, and one after the other tries."""
    until: float | None = None
    """Before when the service takes nothing, in seconds since the epoch."""
    expected_at: float | None = None
    """When it is likely to have its turn, where that can be told."""
    is_used_up: bool = False
    """Whether as many were started today as may be."""

    @property
    def is_turn(self) -> bool:
        """Whether it may be submitted."""
        if self.until is not None or self.is_used_up:
            return False
        return self.ahead == 0 if self.slots is None else self.taken + self.ahead < self.slots

    def __str__(self) -> str:
        place = f"{self.ahead} before it" if self.ahead else "it is next"
        if self.expected_at is not None:
            return f"{place}; a slot is expected about {_at(self.expected_at)}"
        if self.is_used_up:
            return f"{place}; as many were started today as may be"
        return f"{place}; {self.taken} of {self.slots} slots are taken" if self.slots is not None else place


def _at(seconds: float) -> str:
    day = "%H:%M" if time.localtime(seconds)[:3] == time.localtime()[:3] else "%Y-%m-%d %H:%M"
    return time.strftime(day, time.localtime(seconds))


class Turn:
    """What one request waits for: that fewer than so many have a slot, by the user's word or by the service's."""

    def __init__(self, line: Line, *, at_most: int | None, reserve: int, limits: Ask | None) -> None:
        self._line = line
        self._at_most, self._reserve, self._limits = at_most, reserve, limits
        self.slots: int | None = None
        """How many slots there are for what is in the record, as of the last outlook; None where that is not known."""

    async def is_open(self, record: Record) -> bool:
        """Whether nobody waits and no limit is known, so that there is no line to get into.

        Raises `SettingError` where there can never be a turn.
        """
        if self._at_most is None and self._limits is None:
            found = await self._line.waiting(record)
            if not found.ahead and found.until is None and found.limit is None:
                return True
        outlook = await self.outlook(record)
        if outlook.slots is not None and outlook.slots < 1:
            raise SettingError(
                f"reserve = {self._reserve} leaves nothing of the {outlook.slots + self._reserve} runs of "
                f"{record.model!r} that may be live at once."
            )
        return outlook.slots is None and outlook.is_turn

    async def outlook(self, record: Record) -> Outlook:
        """Return how a request stands at the moment."""
        going, following, other = LIMITS_SECONDS
        outlook = await self._outlook(record, following)
        if outlook.ahead:
            return await self._outlook(record, other)
        return await self._outlook(record, going) if outlook.is_turn else outlook

    async def _outlook(self, record: Record, age: float) -> Outlook:
        found, line = await self._line.standing(record), self._line
        limits = await line.limits(self._limits, age)
        foreign = limits.live or 0
        known = [each for each in (self._at_most, limits.concurrent, found.limit) if each is not None]
        slots = min(known) - self._reserve if known else None
        self.slots = None if slots is None else slots - foreign
        taken = found.taken + foreign
        to_end = 0 if slots is None else taken + found.ahead + 1 - slots
        expected = line.expected(to_end) if 0 < to_end <= taken else None
        left = None if limits.per_day is None else limits.per_day - (limits.started_today or 0)
        return Outlook(
            ahead=found.ahead,
            taken=taken,
            slots=slots,
            until=found.until,
            expected_at=max((each for each in (found.until, expected) if each is not None), default=None),
            is_used_up=left is not None and found.ahead >= left,
        )

    async def come(
        self, record: Record, check: Callable[[], Awaitable[None]], tell: Callable[[Outlook], Awaitable[None]]
    ) -> None:
        """Return when it is the turn of a queued record. Whoever waits is told, at first and when something changes.

        `check` is called whenever something has changed, and ends the wait by raising.
        """
        line, told = self._line, None
        async with line.kept_moving():
            while not (outlook := await self.outlook(record)).is_turn:
                about = (outlook.ahead, outlook.until, outlook.expected_at is None, outlook.is_used_up)
                if about != told:
                    told = about
                    await tell(outlook)
                if not outlook.ahead:
                    line.hurry()
                _, following, other = LIMITS_SECONDS
                await line.change(outlook.until, within=other if outlook.ahead else following)
                await check()


__all__ = ["Outlook", "Turn"]
