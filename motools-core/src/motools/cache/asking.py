"""What the cached backends share: how a request is put to the ledger."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from motools.cache.arguments import takes_ticket
from motools.cache.base import Draft
from motools.cache.digests import DigestMemo, RecentDigests
from motools.cache.flight import flights_of
from motools.cache.hits import Hits
from motools.cache.keys import canonical_account, key_of, package_of
from motools.cache.kinds import TRAINING, class_path
from motools.cache.memory import ledger_of
from motools.cache.missing import NOTE, how_to_train_again
from motools.cache.moving import Queue
from motools.cache.paid import Obtained, Work, obtain
from motools.cache.states import State
from motools.cache.telling import Teller
from motools.errors import DatasetError, SettingError, TransitionRefused, UsageError
from motools.events import Happened
from motools.status import Capability

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
    from typing import TypeVar

    from motools.cache.base import CacheBackend, Ledger, Record
    from motools.cache.cached import CachedHandle
    from motools.cache.digests import Digested
    from motools.cache.kinds import Kind
    from motools.cache.recovery import Caretaker
    from motools.cache.ticket import LedgerTicket
    from motools.cache.waiting import Outlook
    from motools.events import Notify

    C = TypeVar("C", bound=CachedHandle)


log = logging.getLogger("motools.cache")
queue_log = logging.getLogger("motools.queue")

LAYERS = "layers"
"""Where the details of a record keep the names of the layers that it was asked for through, the first outermost."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a caller asks of the cache, beside the work itself."""

    replicate: int = 0
    refresh: bool = False
    retry_failed: bool = False
    label: str | None = None
    tags: Collection[str] = ()

    def __post_init__(self) -> None:
        if type(self.replicate) is not int or self.replicate < 0:
            raise SettingError(f"replicate must be a whole number from 0, not {self.replicate!r}.")
        if self.label is not None and not isinstance(self.label, str):
            raise SettingError(f"label must be a string, not {self.label!r}.")
        if not isinstance(self.tags, (list, tuple, set, frozenset)) or not all(
            isinstance(tag, str) for tag in self.tags
        ):
            raise SettingError(f"tags must be a list of strings, not {self.tags!r}.")


class Asker:
    """Puts requests to one backend's work to one store."""

    def __init__(
        self,
        backend: Any,
        store: CacheBackend | Ledger,
        kind: Kind,
        notify: Notify | None,
        clock: Callable[[], float] = time.time,
        layers: Sequence[str] = (),
    ) -> None:
        self.ledger = ledger_of(store)
        self.memo = RecentDigests(store) if isinstance(store, DigestMemo) else None
        self.flights = flights_of(self.ledger)
        self.tell = Teller(notify)
        self._hits = Hits.of(self.ledger)
        self._backend = backend
        self._kind = kind
        self._clock = clock
        self._details = {LAYERS: list(layers)} if layers else {}
        self._queue = Queue(ledger=self.ledger, caretaker=self._caretaker, tell=self._waits, clock=clock)
        self.backend_class = type(innermost(backend))

    @property
    def name(self) -> str:
        """What records call the backend: its name, or the path of a class that has none."""
        return self._backend.name or class_path(self.backend_class)

    @property
    def package(self) -> str | None:
        """What tells the backend from others of its name; see `package_of`."""
        return package_of(self.name, self.backend_class)

    def draft(self, asked: Asked, model: str, spec: Mapping[str, Any]) -> Draft:
        """Return the draft of a record of this spec."""
        return Draft(
            key=key_of(spec),
            kind=self._kind.name,
            backend=spec["backend"],
            account=spec["account"],
            model=model,
            spec=spec,
            label=asked.label,
            tags=tuple(asked.tags),
            details=self._details,
        )

    async def ask(
        self,
        draft: Draft,
        asked: Asked,
        start: Callable[[Mapping[str, Any]], Awaitable[Any]],
        made: type[C],
        datasets: Sequence[Digested] = (),
    ) -> C:
        """Have the work done once and return its handle; `start` is given the keywords that the cache adds.

        Raises `DatasetError` where a dataset changes until it has been read: before it is paid for, or after that.
        """
        can_find = Capability.FIND in self._backend.capabilities

        def call(ticket: LedgerTicket | None) -> Awaitable[Any]:
            return start({} if ticket is None else {"ticket": ticket})

        def check_unchanged() -> None:
            for dataset in datasets:
                dataset.check_unchanged()

        work = Work(
            draft=draft,
            kind=self._kind,
            start=call,
            takes_ticket=takes_ticket(self._backend),
            find=self._backend.find_noted if can_find else None,
            find_lag=self._backend.find_lag,
            before_paying=check_unchanged,
            announce=self.tell.announce,
            queue=self._queue,
            refresh=asked.refresh,
            retry_failed=asked.retry_failed,
        )

        async def tell(obtained: Obtained) -> None:
            new = datasets if obtained.happened is Happened.SUBMITTED else ()
            changed = [each.name for each in new if not await each.was_read_unchanged()]
            await self._told(obtained)  # after the look: a listener may leave the directory that names begin in
            if changed:
                raise await self._disowned(obtained.record, changed[0])

        obtained = await obtain(work, self.ledger, tell)
        if obtained.happened is Happened.CACHE_HIT:
            self._note_hit(obtained.record)
        return made(
            obtained.record,
            self.ledger,
            handle=obtained.handle,
            backend_class=self.backend_class,
            tell=self.tell,
            happened=obtained.happened,
        )

    async def _disowned(self, record: Record, dataset: str) -> DatasetError:
        """Record that a run is of other data than was asked for, so that it answers nothing; return the error to raise."""
        words = (
            f"{dataset}: changed while it was being read. The {self._kind.describe(record)} may have other data than was "
            "asked for, so it answers no request. It is paid for and goes on at the service: cancel it there, or use it "
            "by its id."
        )
        while record.state.is_live:
            try:
                record = await self.ledger.move(record, State.FAILED, error=words)
            except TransitionRefused:  # another process has noted that it runs, or how it ended
                present = await self.ledger.read(record.key)
                if present is None or present.token != record.token:
                    break
                record = present
            else:
                await self.tell(Happened.FAILED, record)
        return DatasetError([words])

    def _note_hit(self, record: Record) -> None:
        if self._hits is not None:
            self._hits.count(record.key)
        if NOTE in record.details:
            log.warning(
                "%s: the model %r is recorded, and gone. %s", self.name, record.model_id, how_to_train_again(record)
            )

    async def adopt(self, job_id: str, draft: Draft | None, asked: Asked, made: type[C]) -> C:
        """Record the work that the service has under an id, for a draft's request or for itself, and return its handle.

        Raises `UsageError` where the backend cannot get hold of it, and what `motools.cache.adopting.adopt` raises.
        """
        from motools.cache.adopting import adopt, bare_spec

        if Capability.ADOPT not in self._backend.capabilities:
            raise UsageError(
                f"The backend {self.name!r} cannot take over what was submitted by other means (it does not declare ADOPT)."
            )
        handle = await self._backend.adopt(job_id)
        if draft is None:
            account = canonical_account(self._backend.account(), self.name)
            model = str(handle.metadata.get("model") or "") if self._kind is TRAINING else handle.model_id
            draft = self.draft(asked, model, bare_spec(self._kind.name, self.name, account, job_id))
        record = await adopt(draft, handle, self.ledger)
        found = made(record, self.ledger, handle=handle, backend_class=self.backend_class, tell=self.tell)
        await self.tell(Happened.RECOVERED, record)
        await found.refresh()
        return found

    def _caretaker(self) -> Caretaker:
        from motools.cache.recovery import Caretaker

        return Caretaker(self.ledger, self._backend, self.backend_class, self.tell, self._clock)

    async def _waits(self, record: Record, outlook: Outlook) -> None:
        """Tell how a request stands that waits for its turn."""
        more = {"outlook": str(outlook)}
        queue_log.warning("%s waits for its turn (%s): %s.", self.name, record.key[:16], outlook, extra=more)
        await self.tell(
            Happened.QUEUED, record, {"ahead": outlook.ahead, "expected_at": outlook.expected_at, "words": str(outlook)}
        )

    async def _told(self, obtained: Obtained) -> None:
        await self.tell(obtained.happened, obtained.record)


def innermost(backend: Any) -> Any:
    """Return the plugin's own backend inside its layers."""
    from motools.evals.middleware import EvalMiddleware
    from motools.training.middleware import TrainingMiddleware

    while isinstance(backend, (TrainingMiddleware, EvalMiddleware)):
        backend = backend._backend
    return backend


def cached_in(backend: Any) -> Any:
    """Return the layer that keeps the record among the layers of a backend, or None."""
    from motools.evals.backends.cached import CachedEvalBackend
    from motools.evals.middleware import EvalMiddleware
    from motools.training.backends.cached import CachedTrainingBackend
    from motools.training.middleware import TrainingMiddleware

    while isinstance(backend, (TrainingMiddleware, EvalMiddleware)):
        if isinstance(backend, (CachedTrainingBackend, CachedEvalBackend)):
            return backend
        backend = backend._backend
    return None


__all__ = ["Asked", "Asker", "cached_in", "innermost"]
