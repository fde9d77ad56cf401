# ruff: noqa: S101  (a contract is spoken in asserts)
"""What the tests of all stores stand on: how a store is opened, here and in other processes, and what is asked of it."""

from __future__ import annotations

import asyncio
import inspect
import json
from dataclasses import asdict
from hashlib import sha256
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
import pytest_asyncio

from motools.cache.base import CacheBackend, Draft, Ledger, Record
from motools.cache.states import FOLLOWS, State
from motools.testing.contract import Contract
from motools.testing.processes import StoreElsewhere, opened

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from typing import TypeAlias

    from motools.testing.processes import Opener

    Elsewhere: TypeAlias = Callable[[int], Awaitable[list[StoreElsewhere]]]

LONG = 3600.0
"""Seconds of a lease that does not lapse while a test lasts."""
STRANGE = "ü 猫 😀 '\"; % _ \\ \n\t\x7f\u2028"
"""Text that a store must neither interpret nor change."""
EXACT: Mapping[str, Any] = {
    STRANGE: [STRANGE, "", "\x00", {"deep": [[[{"er": []}]]], "empty": {}}],
    "numbers": [0.1, 1 / 3, 1e308, 5e-324, -0.0, 1.0, 1, 2**53 + 1, 2**70, -1],
    "others": [True, False, None],
    "mk1:x": {"a": "Record"},
}
"""A JSON object that comes back exactly only from a store that keeps JSON as it is."""


class StoreContract(Contract):
    """The fixtures, and what can be set."""

    group: ClassVar[str] = "motools.cache.v1"
    short: ClassVar[float] = 0.2
    """Seconds of a lease whose lapse is waited for."""
    processes: ClassVar[int] = 4
    """How many processes use the store at the same time."""
    rounds: ClassVar[int] = 10
    """How often they compete."""

    @pytest.fixture
    def opener(self) -> Opener:
        """Return what opens the store under test, empty at first and the same each time: see `motools.testing.cache`."""
        raise NotImplementedError(
            f"{type(self).__name__} needs a fixture `opener`, which returns what opens its store."
        )

    @pytest_asyncio.fixture
    async def open_again(self, opener: Opener) -> AsyncIterator[Callable[[], Any]]:
        """Return a function that opens the store once more in this process."""
        stores = []

        def open_again() -> Any:
            stores.append(opened(opener))
            return stores[-1]

        yield open_again
        for store in stores:
            closed = store.close() if hasattr(store, "close") else None
            if inspect.isawaitable(closed):
                await closed

    @pytest.fixture
    def store(self, open_again: Callable[[], Any]) -> Any:
        """Return the store, opened."""
        return open_again()

    @pytest.fixture
    def ledger(self, store: Any) -> Ledger:
        """Return the store as a ledger."""
        if not isinstance(store, Ledger):
            self.not_tested("ledger", "whether what is under way is paid for twice")
        return store

    @pytest.fixture
    def remembering(self, store: Any) -> CacheBackend:
        """Return the store as one that remembers results."""
        if not isinstance(store, CacheBackend):
            self.not_tested("results", "whether a repeated request is answered")
        return store

    @pytest_asyncio.fixture
    async def elsewhere(self, opener: Opener) -> AsyncIterator[Elsewhere]:
        """Return `elsewhere(count)`, which opens the store in so many other processes."""
        if "other processes" in self.lacking:
            self.not_tested("other processes", "what happens between processes")
        running: list[StoreElsewhere] = []

        async def elsewhere(count: int) -> list[StoreElsewhere]:
            started = await asyncio.gather(*(StoreElsewhere.start(opener) for _ in range(count)))
            running.extend(started)
            return started

        yield elsewhere
        await asyncio.gather(*(store.kill() for store in running))

    async def when_lapsed(self, claim: Callable[[], Awaitable[Record | None]]) -> Record:
        """Claim until the lease of whoever has it has lapsed."""
        try:
            async with asyncio.timeout(self.timeout):
                while (record := await claim()) is None:  # noqa: ASYNC110 (a store tells nobody when a lease lapses)
                    await asyncio.sleep(self.short / 10)
        except TimeoutError:
            pytest.fail(f"A lease of {self.short} seconds did not lapse within {self.timeout}.")
        return record


def key_of(word: str) -> str:
    """Return the key of a request that is told from others by a word."""
    return f"mk1:{sha256(word.encode()).hexdigest()}"


def request(word: str = "one", **more: Any) -> Draft:
    """Return what is asked for under `key_of(word)`."""
    fields: dict[str, Any] = {"kind": "training", "backend": "acme", "account": {"organization": "o"}, "model": "base"}
    return Draft(**{**fields, "key": key_of(word), "spec": {"word": word}, **more})


async def brought_to(ledger: Ledger, state: State, word: str = "one", **changes: Any) -> Record:
    """Return a new record that was led to a state; the last transition makes the changes.

    What succeeded has a model, as every training that succeeds.
    """
    claimed = await ledger.claim(request(word), seconds=LONG)
    assert claimed is not None, f"a new record was not to be had for {word!r}"
    if state is State.SUCCEEDED:
        changes = {"model_id": "model", **changes}
    *path, last = ways()[state] or [State.INTENT]
    for each in path:
        claimed = await ledger.move(claimed, each)
    return await ledger.move(claimed, last, **changes)


def ways() -> dict[State, list[State]]:
    """Return for each state the shortest way to it from `intent`."""
    found: dict[State, list[State]] = {State.INTENT: []}
    for source in (queue := [State.INTENT]):
        for target in sorted(FOLLOWS[source] - found.keys()):
            found[target] = [*found[source], target]
            queue.append(target)
    return found


def plain(record: Record | None) -> Any:
    """Return a record in a form that can be compared, whichever process read it."""
    return None if record is None else json.loads(json.dumps(asdict(record)))


def exactly(value: Any) -> str:
    """Return JSON as text, in which 1 and 1.0, and 0.0 and -0.0, are not equal."""
    return json.dumps(value, sort_keys=True)


__all__ = ["EXACT", "LONG", "STRANGE", "StoreContract", "brought_to", "exactly", "key_of", "plain", "request", "ways"]
