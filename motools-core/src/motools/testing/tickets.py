"""A ticket for tests, which keeps what it was used for."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping


class RecordingPayment:
    """The window of one paid call, and the notes that it was opened with."""

    job_id: str | None = None

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
    """A `motools.Ticket` without a store behind it."""

    def __init__(self) -> None:
        self.key = f"mk1:{uuid4().hex}"
        self.token = f"mt-{uuid4().hex}"
        self.payments: list[RecordingPayment] = []
        """The windows that were opened, in order."""
        self.replicate = 0
        self.uploads = RecordingUploads()

    @asynccontextmanager
    async def paying(self, **notes: Any) -> AsyncIterator[RecordingPayment]:
        """Open a window, and keep it."""
        payment = RecordingPayment(notes)
        self.payments.append(payment)
        yield payment


__all__ = ["RecordingPayment", "RecordingTicket", "RecordingUploads"]
