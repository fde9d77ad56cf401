"""What the cached backends share: how a request is put to the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from motools.cache.base import Draft
from motools.cache.cached import CachedHandle, Teller
from motools.cache.digests import DigestMemo
from motools.cache.flight import flights_of
from motools.cache.keys import key_of
from motools.cache.kinds import class_path
from motools.cache.memory import ledger_of
from motools.cache.paid import Obtained, Work, obtain
from motools.errors import SettingError
from motools.events import Happened
from motools.status import Capability

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from typing import TypeVar

    from motools.cache.base import CacheBackend, Ledger
    from motools.cache.kinds import Kind
    from motools.cache.ticket import LedgerTicket
    from motools.events import Notify

    C = TypeVar("C", bound=CachedHandle)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a caller asks of the cache, beside the work itself."""

    replicate: int = 0
    refresh: bool = False
    retry_failed: bool = False
    label: str | None = None
    tags: Sequence[str] = ()

    def __post_init__(self) -> None:
        if type(self.replicate) is not int or self.replicate < 0:
            raise SettingError(f"replicate must be a whole number from 0, not {self.replicate!r}.")
        if self.label is not None and not isinstance(self.label, str):
            raise SettingError(f"label must be a string, not {self.label!r}.")
        if isinstance(self.tags, str) or not all(isinstance(tag, str) for tag in self.tags):
            raise SettingError(f"tags must be a list of strings, not {self.tags!r}.")

    def draft(self, kind: Kind, model: str, spec: Mapping[str, Any]) -> Draft:
        """Return the draft of a record of this spec."""
        return Draft(
            key=key_of(spec),
            kind=kind.name,
            backend=spec["backend"],
            account=spec["account"],
            model=model,
            spec=spec,
            label=self.label,
            tags=tuple(self.tags),
        )


class Asker:
    """Puts requests to one backend's work to one store."""

    def __init__(self, backend: Any, store: CacheBackend | Ledger, kind: Kind, notify: Notify | None) -> None:
        self.ledger = ledger_of(store)
        self.memo = store if isinstance(store, DigestMemo) else None
        self.flights = flights_of(self.ledger)
        self.tell = Teller(notify)
        self._backend = backend
        self._kind = kind
        self.backend_class = type(innermost(backend))

    @property
    def name(self) -> str:
        """What records call the backend: its name, or the path of a class that has none."""
        return self._backend.name or class_path(self.backend_class)

    async def ask(
        self,
        draft: Draft,
        asked: Asked,
        start: Callable[[Mapping[str, Any]], Awaitable[Any]],
        made: type[C],
        before_paying: Callable[[], None] = lambda: None,
    ) -> C:
        """Have the work done once and return its handle; `start` is given the keywords that the cache adds."""
        can_find = Capability.FIND in self._backend.capabilities

        def call(ticket: LedgerTicket | None) -> Awaitable[Any]:
            return start({} if ticket is None else {"ticket": ticket})

        work = Work(
            draft=draft,
            kind=self._kind,
            start=call,
            takes_ticket=can_find,
            find=self._backend.find if can_find else None,
            find_lag=self._backend.find_lag,
            before_paying=before_paying,
            refresh=asked.refresh,
            retry_failed=asked.retry_failed,
        )
        obtained = await obtain(work, self.ledger, self._told)
        return made(
            obtained.record,
            self.ledger,
            handle=obtained.handle,
            backend_class=self.backend_class,
            tell=self.tell,
            is_hit=obtained.happened is Happened.CACHE_HIT,
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


__all__ = ["Asked", "Asker", "innermost"]
