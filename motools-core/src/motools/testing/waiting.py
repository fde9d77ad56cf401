# ruff: noqa: S101  (a contract is spoken in asserts)
"""What is asked of waiting and cancelling, of training runs and evaluation jobs alike."""

from __future__ import annotations

import asyncio
import os
import pickle
from typing import TYPE_CHECKING, Any

import pytest

from motools.errors import MotoolsError, RunCancelled, RunError, RunFailed, RunLost, ServiceUnavailable, UsageError
from motools.status import TERMINAL, RunStatus
from motools.testing.blocking import blocking_connections
from motools.testing.contract import Contract, raised
from motools.testing.elsewhere import busy_elsewhere

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from motools.testing.contract import Start

LOOKED = 0.2
"""Seconds for which somebody waits before it is looked what that does."""
LOOKS, BETWEEN_LOOKS = 50, 0.04
"""How often, and how many seconds apart, it is looked how live work stands, at most."""


class WaitingContract(Contract):
    """Part of `BackendContract`."""

    @pytest.fixture
    def forgotten(self) -> Any:
        """Return a live handle whose job the service has forgotten since."""
        self.not_offered("forgotten", "what happens when the service forgets a job")

    @pytest.fixture
    def away(self) -> Any:
        """Return a live handle whose service cannot be reached since."""
        self.not_offered("away", "what happens while the service cannot be reached")

    @pytest.fixture
    def puzzling(self) -> Any:
        """Return a live handle of whose state the service says a word that nobody knows since."""
        self.not_offered("puzzling", "what happens when the service has a new word for how work stands")

    async def test_it_can_be_waited_on_again_and_by_many(self, finished: Any) -> None:
        first = await self.waited(finished)
        assert await asyncio.gather(*[self.waited(finished) for _ in range(3)]) == [first] * 3

    async def test_whoever_only_asks_sees_the_end(self, start: Start, backend: Any) -> None:
        handle = await start(backend)
        try:
            async with asyncio.timeout(self.timeout):
                while not await handle.is_complete():  # noqa: ASYNC110 (this is how its users ask)
                    await asyncio.sleep(BETWEEN_LOOKS)
        except TimeoutError:
            pytest.fail("is_complete() does not see the end: it asks the service, as refresh() does")
        await handle.refresh()
        assert handle.status == RunStatus.SUCCEEDED, f"refresh() brings status up to date, and it is {handle.status}"

    async def test_waiting_can_be_limited_in_time(self, start: Start, slow_backend: Any) -> None:
        handle = await start(slow_backend)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await handle.wait()
        assert not await handle.is_complete()
        await handle.cancel()

    async def test_waiting_leaves_the_event_loop_to_others(
        self, start: Start, slow_backend: Any, tmp_path: Path
    ) -> None:
        handle = await start(slow_backend)
        await handle.save(tmp_path / "handle.json")
        busy = await busy_elsewhere(type(handle), tmp_path / "handle.json")
        await handle.cancel()
        assert not busy, f"wait() keeps the event loop busy at {busy}: what blocks belongs in asyncio.to_thread"

    async def test_how_live_work_stands_never_goes_back(self, start: Start, slow_backend: Any) -> None:
        handle = await start(slow_backend)
        stood = [handle.status]
        for _ in range(LOOKS):
            await handle.refresh()
            stood.append(handle.status)
            if stood.count(RunStatus.RUNNING) > LOOKS / 10:
                break
            await asyncio.sleep(BETWEEN_LOOKS)
        await handle.cancel()
        strange = [status for status in stood if status not in list(RunStatus)]
        assert not strange, f"a status is one of {', '.join(RunStatus)}, and one of its words here is {strange[0]!r}"
        assert not TERMINAL.intersection(stood), f"the work of slow_backend lasts some seconds, and it was {stood[-1]}"
        assert stood == sorted(stood, key=[RunStatus.QUEUED, RunStatus.RUNNING].index), "it was running, and is queued"

    async def test_cancelling_the_waiter_does_not_cancel_the_work(self, start: Start, slow_backend: Any) -> None:
        handle = await start(slow_backend)
        waiter = asyncio.create_task(handle.wait())
        done, _ = await asyncio.wait([waiter], timeout=0.2)
        assert not done
        waiter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiter
        await handle.refresh()
        assert handle.status in {RunStatus.QUEUED, RunStatus.RUNNING}
        await handle.cancel()

    async def test_of_those_who_wait_one_may_leave_and_the_others_hear_of_the_cancellation(
        self, start: Start, slow_backend: Any
    ) -> None:
        handle = await start(slow_backend)
        leaving, staying = (asyncio.create_task(handle.wait()) for _ in range(2))
        done, _ = await asyncio.wait([leaving, staying], timeout=LOOKED)
        assert not done
        leaving.cancel()
        await asyncio.wait([leaving])
        await handle.refresh()
        assert handle.status not in TERMINAL
        assert not staying.done()
        await handle.cancel()
        async with asyncio.timeout(self.timeout):
            await raised(RunCancelled, staying)

    async def test_a_live_one_can_be_cancelled(self, start: Start, slow_backend: Any) -> None:
        handle = await start(slow_backend)
        await handle.cancel()
        await raised(RunCancelled, self.waited(handle))
        assert handle.status == RunStatus.CANCELLED
        assert await handle.is_complete()
        await handle.cancel()

    async def test_what_is_cancelled_is_so_for_every_handle(
        self, start: Start, slow_backend: Any, tmp_path: Path
    ) -> None:
        handle = await start(slow_backend)
        await handle.save(tmp_path / "handle.json")
        await handle.cancel()
        await raised(RunCancelled, self.waited(handle))
        loaded = await type(handle).load(tmp_path / "handle.json")
        await loaded.refresh()
        assert loaded.status == RunStatus.CANCELLED, (
            "cancel() has not reached the service: a handle loaded elsewhere goes on"
        )

    async def test_cancelling_what_has_ended_changes_nothing(self, finished: Any) -> None:
        before = await self.waited(finished)
        await finished.cancel()
        assert finished.status == RunStatus.SUCCEEDED
        assert await self.waited(finished) == before

    async def test_cancelling_what_has_failed_changes_nothing(self, start: Start, failing_backend: Any) -> None:
        handle = await start(failing_backend)
        for _ in range(2):
            await raised(RunFailed, self.waited(handle))
            await handle.cancel()
            assert handle.status == RunStatus.FAILED

    async def test_failed_work_raises_each_time_and_the_error_pickles(self, start: Start, failing_backend: Any) -> None:
        handle = await start(failing_backend)
        for _ in range(2):
            await self._raises_and_pickles(RunFailed, self.waited(handle))
        assert handle.status == RunStatus.FAILED
        assert await handle.is_complete()

    async def test_what_the_service_has_forgotten_is_lost(self, forgotten: Any) -> None:
        for ask in (forgotten.refresh, forgotten.wait):
            async with asyncio.timeout(self.timeout):
                await self._raises_and_pickles(RunLost, ask())
        assert forgotten.status not in TERMINAL, "nobody knows how it ended"

    async def test_nothing_has_ended_because_the_service_is_away(self, away: Any) -> None:
        said = []
        for ask in (away.refresh, away.is_complete, away.wait):
            try:
                async with asyncio.timeout(LOOKED):
                    await ask()
            except (TimeoutError, ServiceUnavailable):
                continue
            except RunError as error:
                said.append(f"{ask.__name__}() raised {type(error).__name__}")
        assert not said, f"{', '.join(said)}: raise ServiceUnavailable, or go on asking, for the work may go on as well"
        assert away.status not in TERMINAL, f"nobody knows how it stands, and status says {away.status}"

    async def test_a_word_that_nobody_knows_is_no_end(self, puzzling: Any) -> None:
        ended = [await self._ends(ask) for ask in (puzzling.refresh, puzzling.is_complete, puzzling.wait)]
        assert puzzling.status not in TERMINAL, f"a new word of the service's is not {puzzling.status}: work may go on"
        assert not any(ended), "a new word of the service's for how work stands is no end: go on asking"

    @staticmethod
    async def _ends(ask: Callable[[], Awaitable[Any]]) -> bool:
        """Whether asking says that work has ended; whoever does not know may say so, or go on."""
        try:
            async with asyncio.timeout(LOOKED):
                return bool(await ask()) or ask.__name__ == "wait"
        except (RunFailed, RunCancelled, RunLost):
            return True
        except (TimeoutError, MotoolsError):
            return False

    async def test_what_is_asked_leaves_the_event_loop_to_others(self, start: Start, slow_backend: Any) -> None:
        with blocking_connections() as places:
            handle = await start(slow_backend)
            await handle.refresh()
            await handle.is_complete()
            await handle.cancel()
        assert not places, (
            f"the event loop waits for a service at {places[0]}: what blocks belongs in asyncio.to_thread"
        )

    async def _raises_and_pickles(self, error_class: type[MotoolsError], work: Awaitable[Any]) -> MotoolsError:
        """Await what must raise an error of a class, or for `UsageError` of one of its kinds; return it."""
        error = await raised(error_class, work)
        assert type(error) is error_class or error_class is UsageError
        assert str(error), f"{type(error).__name__} says what happened, and this one says nothing"
        assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301 (made on the same line)
        keys = [os.environ[name] for name in self.key_variables if os.environ.get(name)]
        assert not any(key in str(error) for key in keys), "the error shows a key: leave it out of the sentence"
        return error


__all__ = ["WaitingContract"]
