"""A ticket for tests, which keeps what it was used for."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class RecordingPayment:
    """The window of one paid call."""

    job_id: str | None = None


class RecordingTicket:
    """A `motools.Ticket` without a store behind it."""

    def __init__(self) -> None:
        self.key = f"mk1:{uuid4().hex}"
        self.token = f"mt-{uuid4().hex}"
        self.payments: list[RecordingPayment] = []
        """The windows that were opened, in order."""

    @asynccontextmanager
    async def paying(self) -> AsyncIterator[RecordingPayment]:
        """Open a window, and keep it."""
        payment = RecordingPayment()
        self.payments.append(payment)
        yield payment


__all__ = ["RecordingPayment", "RecordingTicket"]
