"""What a store of paid work promises, and the ticket that a backend pays with.

Two kinds of store. A `CacheBackend` remembers results, as a dictionary does: a repeated request is answered, but two
processes that ask at the same time both pay. A `Ledger` keeps a record from the first intent to the end, hands out the
right to submit, and refuses whoever has lost it: nothing is paid twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    from motools.cache.states import State
    from motools.status import RunStatus
    from motools.training.limits import Limits


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """What is asked for: all that a ledger needs to begin a record. Every mapping is JSON-safe, nothing is secret."""

    key: str
    """`mk1:…`, the digest of `spec`."""
    kind: str
    """"training" or "eval"."""
    backend: str
    account: Mapping[str, Any]
    model: str
    """The base model of a training, the evaluated model of an evaluation."""
    spec: Mapping[str, Any]
    label: str | None = None
    tags: Sequence[str] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    """What else is worth keeping of the attempt that begins with it, such as the `layers` that it was asked for through."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Record(Draft):
    """What is known of one piece of paid work, as it was when it was read.

    `state` and `epoch` are the guard of every write: a record that has moved on since refuses it.
    """

    state: State
    epoch: int
    """Raised by every claim: who holds a record of a lower epoch has lost the right to write."""
    token: str
    """What the paid call is marked with, the same until the attempt has ended; a new attempt has another."""
    leased_until: float
    """When the right to submit lapses unless it is renewed; 0 when nobody has it."""
    created_at: float
    updated_at: float
    """When the state last changed, in seconds since the epoch."""
    job_id: str = ""
    """What the service calls it; empty before it has a name."""
    model_id: str | None = None
    """The trained model, once there is one."""
    handle: Mapping[str, Any] | None = None
    """What the `save` of the plugin's own run or job wrote."""
    handle_class: str | None = None
    """The class whose `load` reads it: "package.module:Class"."""
    results: Mapping[str, Any] | None = None
    """What the `save` of an evaluation's results wrote. A list of records leaves it out; read one by its key."""
    results_class: str | None = None
    error: str | None = None
    """What went wrong last."""

    @property
    def status(self) -> RunStatus:
        """The state in the words of runs and jobs."""
        return self.state.status

    @property
    def is_unfinished(self) -> bool:
        """Whether whoever comes by, once the lease has lapsed, has something to do before it can be followed."""
        return not self.state.is_ended and not (self.state.is_live and self.handle is not None)


@runtime_checkable
class Ledger(Protocol):
    """A durable record of paid work, shared by any number of processes.

    Every method is atomic, and what it wrote is on disk when it returns. A write that comes too late raises
    `TransitionRefused` and changes nothing.
    """

    async def read(self, key: str) -> Record | None:
        """Return the record under this key. Never waits for a writer; writes nothing."""

    async def claim(self, draft: Draft, *, seconds: float, after: Record | None = None) -> Record | None:
        """Take the right to submit, for so many seconds by the store's clock; None where somebody else has it.

        Without a record, begins one in `intent`. An unfinished record whose lease has lapsed, and whose holder
        is not known to be at work, is taken over as it is, with a higher epoch and the same token. Nothing else is claimed, except an ended record that is still the one
        given as `after`: then another attempt begins, in `intent` with a new token, and the ended one is kept among
        the attempts.
        """

    async def renew(self, record: Record, *, seconds: float) -> None:
        """Extend the lease. Raises `TransitionRefused` where somebody has taken it over."""

    async def move(
        self,
        record: Record,
        target: State,
        *,
        seconds: float | None = None,
        slots: int | None = None,
        **changes: Any,
    ) -> Record:
        """Make one transition, guarded by the state and the epoch of `record`, and return the new record.

        With `seconds` the holder of the lease renews it in the same write; with 0 it gives the lease up.

        With `slots` the transition is refused unless fewer than so many of the record's line have a slot or wait before
        it, judged by `motools.cache.line.check_turn` in the same write: of any number that move at once, no more get one.

        `changes` are any of `job_id`, `model_id`, `handle`, `handle_class`, `results`, `results_class`, `error`, `details`.
        """

    async def release(self, record: Record) -> None:
        """Give the lease up. Does nothing where somebody has taken it over."""

    async def records(
        self,
        *,
        kind: str | None = None,
        backend: str | None = None,
        state: State | str | Collection[State | str] | None = None,
        label: str | None = None,
        tag: str | None = None,
        limit: int | None = None,
    ) -> list[Record]:
        """Return the records that match, latest first."""

    async def find(self, name: str) -> list[Record]:
        """Return the records that somebody may mean by `name`, latest first.

        That is a key or the beginning of one (with or without `mk1:`), a job id, a model id or a label.
        """


class Uploads(Protocol):
    """Which files of ours an account holds, by the sha256 of what is in them. What is remembered may be gone by now."""

    async def get(self, digest: str) -> str | None:
        """Return the id of the file with this digest, or None."""

    async def remember(self, digest: str, file_id: str) -> None:
        """Keep the id of a file that was uploaded, durably."""

    async def forget(self, digest: str) -> None:
        """Drop an id that turned out to be of no use."""


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
    replicate: int
    """Which draw of the request this is."""
    refresh: bool
    """Whether it is asked for anew: a backend that keeps answers of its own must not give those."""
    measured: Mapping[str, Any]
    """What `identify` returned when this evaluation was asked for, as `canonical` has it; empty of a training.

    Since then it may have waited in line for days. A backend that finds something else now must not do that under this key.
    """

    @property
    def uploads(self) -> Uploads:
        """The files that were uploaded before, under this account."""

    async def turn(
        self, *, at_most: int | None = None, reserve: int = 0, limits: Callable[[], Awaitable[Limits]] | None = None
    ) -> None:
        """Wait in line until this work may be submitted; called before all that is not worth repeating. For layers.

        It may be when fewer than `at_most` pieces of work of the same backend, account and base model are live or wait
        before it, and fewer than the service says by `limits`, less the `reserve`, which stays free. From then on the
        window opens only while that holds, and a `NoSlot` that the backend raises brings the work back to its place:
        the backend is called again when its turn has come. With neither it is the turn of whoever finds nobody waiting.
        """

    def paying(self, **notes: Any) -> AbstractAsyncContextManager[Payment]:
        """Open the window: from here on a crash means that something may have been submitted.

        Entering writes `submitting` durably, and with it the `notes`, which `find(token, notes)` is given should the answer
        be lost: JSON-safe facts by which the work can be told where the service does not carry the token. Raises
        `TransitionRefused` if somebody else has taken over the work.
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


__all__ = ["CacheBackend", "Draft", "Ledger", "Payment", "Record", "Ticket", "Uploads"]
