"""What a store of paid work promises, and the ticket that a backend pays with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractAsyncContextManager


class Payment(Protocol):
    """The open window of one paid call."""

    job_id: str | None
    """Set it to the service's id as soon as that is known: it is on disk when the window closes."""


class Ticket(Protocol):
    """The right to submit one piece of work, once.

    Handed to `train(..., ticket=…)` and `evaluate(..., ticket=…)` of backends that declare `Capability.FIND`. All that
    can be repeated (validating, waiting for a slot, uploading) comes before the window; the one call that costs money
    stands inside it:

        async with ticket.paying() as payment:
            job = await client.jobs.create(..., metadata={"motools": ticket.token})
            payment.job_id = job.id
    """

    key: str
    """The cache key, `mk1:…`."""
    token: str
    """Unique to this attempt; plant it where `find(token)` can find it again. At most 64 characters of [A-Za-z0-9_-]."""

    def paying(self) -> AbstractAsyncContextManager[Payment]:
        """Open the window: from here on a crash means that something may have been submitted.

        Entering writes `submitting` durably and raises `TransitionRefused` if somebody else has taken over the work.
        """


@runtime_checkable
class CacheBackend(Protocol):
    """The least that a store offers: remembered results, without single flight between processes."""

    async def get_model_id(self, key: str) -> str | None:
        """Return the model trained under this key, or None."""

    async def set_model_id(self, key: str, model_id: str) -> None:
        """Remember the model trained under this key."""

    async def get_eval_results(self, key: str) -> Mapping[str, Any] | None:
        """Return the results stored under this key, as the JSON object that their `save` wrote, or None."""

    async def set_eval_results(self, key: str, results: Mapping[str, Any]) -> None:
        """Remember results under this key."""

    async def get_file_id(self, digest: str, account: str) -> str | None:
        """Return the id under which an account holds a file with this digest, or None."""

    async def set_file_id(self, digest: str, account: str, file_id: str) -> None:
        """Remember that an account holds a file with this digest."""


__all__ = ["CacheBackend", "Payment", "Ticket"]
