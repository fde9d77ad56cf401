"""A ticket for tests, which keeps what it was used for."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sized

    from motools.training.limits import Limits


class RecordingPayment:
    """The window of one paid call, and the notes that it was opened with."""

    job_id: str | None = None
    opened = 0
    """What the service had taken when the window was opened, where that is counted."""
    closed = 0
    """What it had taken when the window was closed."""

    def __init__(self, notes: Mapping[str, Any] | None = None) -> None:
        self.notes = dict(notes or {})


class RecordingUploads:
    """`motools.cache.base.Uploads` in memory."""

    def __init__(self) -> None:
        self.ids: dict[str, str] = {}
        """By digest."""

    async def get(self, digest: str) -> str | None:
        return self.ids.get(digest)

    async def remember(self, digest: str, file_id: str) -> None:
        self.ids[digest] = file_id

    async def forget(self, digest: str) -> None:
        self.ids.pop(digest, None)


class RecordingTicket:
    """A `motools.Ticket` without a store behind it. `bill` lists what the service has taken."""

    def __init__(self, bill: Callable[[], Sized] = tuple) -> None:
        self._bill = bill
        self.key = f"mk1:{uuid4().hex}"
        self.token = f"mt-{uuid4().hex}"
        self.payments: list[RecordingPayment] = []
        """The windows that were opened, in order."""
        self.opened = asyncio.Event()
        """Set when the first one is."""
        self.replicate = 0
        self.refresh = False
        self.measured: dict[str, Any] = {}
        self.uploads = RecordingUploads()
        self.turns: list[dict[str, Any]] = []
        """What each turn was asked for, in order; `limits` as the backend gave them."""

    async def turn(
        self, *, at_most: int | None = None, reserve: int = 0, limits: Callable[[], Awaitable[Limits]] | None = None
    ) -> None:
        """Keep what was asked for; it is always one's turn."""
        said = None if limits is None else await limits()
        self.turns.append({"at_most": at_most, "reserve": reserve, "limits": said})

    @asynccontextmanager
    async def paying(self, **notes: Any) -> AsyncIterator[RecordingPayment]:
        """Open a window, and keep it."""
        payment = RecordingPayment(notes)
        self.payments.append(payment)
        payment.opened = len(self._bill())
        self.opened.set()
        yield payment
        payment.closed = len(self._bill())


__all__ = ["RecordingPayment", "RecordingTicket", "RecordingUploads"]
