# ruff: noqa: S101  (a contract is spoken in asserts)
"""What is asked of training and evaluation backends alike."""

from __future__ import annotations

import asyncio
import json
import pickle
from typing import TYPE_CHECKING, Any

import pytest

from motools.errors import (
    MotoolsError,
    RunCancelled,
    RunFailed,
    RunLost,
    ServiceUnavailable,
    SubmitRejected,
    SubmitUnavailable,
    SubmitUncertain,
    UsageError,
)
from motools.evals.middleware import EvalMiddleware
from motools.status import TERMINAL, Capability, RunStatus
from motools.testing.contract import Contract
from motools.testing.elsewhere import modules_of_construction, wait_elsewhere
from motools.testing.tickets import RecordingTicket
from motools.training.middleware import TrainingMiddleware

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from pathlib import Path

    from motools.testing.contract import Start


class BackendContract(Contract):
    """The tests that training runs and evaluation jobs have in common."""

    async def test_starting_gives_a_handle_with_a_job_id(self, start: Start, backend: Any) -> None:
        handle = await start(backend)
        assert isinstance(handle, self.handle_base)
        declared = getattr(backend, "run_type", None) or getattr(backend, "job_type", None)
        assert declared is None or type(handle) is declared
        assert isinstance(handle.job_id, str)
        assert handle.job_id
        await self.waited(handle)

    async def test_starting_does_not_wait_for_the_end(self, start: Start, slow_backend: Any) -> None:
        handle = await start(slow_backend)
        assert not await handle.is_complete()
        assert handle.status not in TERMINAL
        await handle.cancel()

    async def test_after_waiting_it_has_succeeded(self, finished: Any) -> None:
        assert finished.status == RunStatus.SUCCEEDED
        assert await finished.is_complete()
        progress = finished.progress
        assert progress is None or progress.total is None or progress.step <= progress.total

    async def test_it_can_be_waited_on_again_and_by_many(self, finished: Any) -> None:
        first = await self.waited(finished)
        assert await asyncio.gather(*[self.waited(finished) for _ in range(3)]) == [first] * 3

    async def test_a_refresh_after_the_end_changes_nothing(self, finished: Any) -> None:
        outcome = await self.waited(finished)
        before = (finished.job_id, finished.model_id, finished.progress)
        await finished.refresh()
        assert finished.status == RunStatus.SUCCEEDED
        assert (finished.job_id, finished.model_id, finished.progress) == before
        assert await self.waited(finished) == outcome

    async def test_a_saved_handle_goes_on(self, finished: Any, tmp_path: Path) -> None:
        await finished.save(tmp_path / "handle.json")
        loaded = await type(finished).load(tmp_path / "handle.json")
        assert type(loaded) is type(finished)
        assert loaded.job_id == finished.job_id
        assert await self.waited(loaded) == await self.waited(finished)
        assert loaded.status == RunStatus.SUCCEEDED

    async def test_a_saved_handle_goes_on_in_another_process(self, finished: Any, tmp_path: Path) -> None:
        await finished.save(tmp_path / "handle.json")
        expected = json.loads(json.dumps(await self.waited(finished)))
        async with asyncio.timeout(self.timeout):
            assert await wait_elsewhere(type(finished), tmp_path / "handle.json") == expected

    async def test_live_work_is_waited_for_in_another_process(self, start: Start, backend: Any, tmp_path: Path) -> None:
        handle = await start(backend)
        await handle.save(tmp_path / "handle.json")
        async with asyncio.timeout(self.timeout):
            elsewhere = await wait_elsewhere(type(handle), tmp_path / "handle.json")
        assert elsewhere == json.loads(json.dumps(await self.waited(handle)))

    async def test_a_saved_handle_is_a_json_object_and_nothing_is_left_beside_it(
        self, finished: Any, tmp_path: Path
    ) -> None:
        directory = tmp_path / "handles"
        directory.mkdir()
        await finished.save(directory / "handle.json")
        await finished.save(directory / "handle.json")
        fields = json.loads((directory / "handle.json").read_text(encoding="utf-8"))
        assert isinstance(fields, dict)
        assert [path.name for path in directory.iterdir()] == ["handle.json"]
        if "schema" in fields:
            assert {"kind", "backend", "job_id", "model_id", "status", "metadata"} <= fields.keys()

    async def test_no_key_turns_up_in_what_is_kept_or_shown(
        self, finished: Any, backend: Any, canary: str, tmp_path: Path
    ) -> None:
        await finished.save(tmp_path / "handle.json")
        kept = (tmp_path / "handle.json").read_text(encoding="utf-8")
        shown = [
            repr(finished),
            repr(backend),
            json.dumps(dict(finished.metadata)),
            json.dumps(dict(backend.account())),
        ]
        assert all(canary not in text for text in [kept, *shown])

    async def test_cancelling_what_has_ended_changes_nothing(self, finished: Any) -> None:
        before = await self.waited(finished)
        await finished.cancel()
        assert finished.status == RunStatus.SUCCEEDED
        assert await self.waited(finished) == before

    async def test_a_live_one_can_be_cancelled(self, start: Start, slow_backend: Any) -> None:
        handle = await start(slow_backend)
        await handle.cancel()
        with pytest.raises(RunCancelled):
            await self.waited(handle)
        assert handle.status == RunStatus.CANCELLED
        assert await handle.is_complete()
        await handle.cancel()

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

    async def test_waiting_can_be_limited_in_time(self, start: Start, slow_backend: Any) -> None:
        handle = await start(slow_backend)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await handle.wait()
        assert not await handle.is_complete()
        await handle.cancel()

    async def test_two_at_once_do_not_mix(self, start: Start, backend: Any) -> None:
        one, two = await asyncio.gather(start(backend), start(backend))
        ids = (one.job_id, two.job_id)
        assert one.job_id != two.job_id
        await asyncio.gather(self.waited(one), self.waited(two))
        assert (one.job_id, two.job_id) == ids

    async def test_failed_work_raises_each_time_and_the_error_pickles(self, start: Start, failing_backend: Any) -> None:
        handle = await start(failing_backend)
        for _ in range(2):
            await self._raises_and_pickles(RunFailed, self.waited(handle))
        assert handle.status == RunStatus.FAILED
        assert await handle.is_complete()

    async def test_constructing_imports_no_sdk(self, backend: Any) -> None:
        modules = await modules_of_construction(type(innermost(backend)), dict(self.options))
        assert [name for name in self.sdk_modules if name in modules] == []

    async def test_the_name_is_that_of_the_entry_point(self, backend: Any) -> None:
        if "entry point" in self.lacking:
            self.not_tested("entry point", "whether it can be found by its name")
        from motools.plugins.discovery import scan

        subject = type(innermost(backend))
        value = f"{subject.__module__}:{subject.__qualname__}"
        names = [entry.name for entry in scan() if entry.group == self.group and entry.value.replace(" ", "") == value]
        assert names, f"no entry point of {self.group} is {value}"
        assert backend.name in {"", *names}

    async def test_what_was_submitted_is_found_by_its_token(self, start: Start, backend: Any) -> None:
        self.needs(backend, Capability.FIND, "whether an interrupted submission heals itself")
        ticket, other = RecordingTicket(), RecordingTicket()
        handle = await start(backend, ticket=ticket)
        assert [payment.job_id for payment in ticket.payments] == [handle.job_id]
        assert [found.job_id for found in await backend.find(ticket.token)] == [handle.job_id]
        assert list(await backend.find(other.token)) == []
        await self.waited(handle)

    async def test_what_is_adopted_by_its_id_is_the_same_work(self, finished: Any, backend: Any) -> None:
        self.needs(backend, Capability.ADOPT, "whether work can be taken over")
        adopted = await backend.adopt(finished.job_id)
        assert type(adopted) is type(finished)
        assert (adopted.job_id, adopted.status) == (finished.job_id, RunStatus.SUCCEEDED)
        assert isinstance(json.loads(json.dumps(dict(adopted.metadata), allow_nan=False)), dict)
        assert await self.waited(adopted) == await self.waited(finished)

    async def test_what_the_service_does_not_know_is_not_adopted(self, finished: Any, backend: Any) -> None:
        self.needs(backend, Capability.ADOPT, "what adopting an unknown id raises")
        job_id = finished.job_id
        await self._raises_and_pickles(RunLost, backend.adopt(job_id[:-1] + ("1" if job_id.endswith("0") else "0")))

    async def test_a_refused_submission_is_rejected(self, start: Start, rejecting_backend: Any) -> None:
        await self._raises_and_pickles(SubmitRejected, start(rejecting_backend))

    async def test_an_unreachable_service_is_unavailable(self, start: Start, unavailable_backend: Any) -> None:
        await self._raises_and_pickles(SubmitUnavailable, start(unavailable_backend))

    async def test_a_lost_answer_is_uncertain_and_what_was_submitted_can_be_found(
        self, start: Start, uncertain_backend: Any
    ) -> None:
        ticket = RecordingTicket()
        more = {"ticket": ticket} if Capability.FIND in uncertain_backend.capabilities else {}
        await self._raises_and_pickles(SubmitUncertain, start(uncertain_backend, **more))
        if more:
            assert len(ticket.payments) == 1
            assert len(await uncertain_backend.find(ticket.token)) == 1

    async def _raises_and_pickles(self, error_class: type[MotoolsError], work: Awaitable[Any]) -> None:
        """Await what must raise an error of a class, or for `UsageError` of one of its kinds."""
        with pytest.raises(error_class) as caught:
            await work
        assert type(caught.value) is error_class or error_class is UsageError
        assert str(caught.value)
        assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301 (made on the same line)

    async def test_the_log_has_lines(self, finished: Any, backend: Any) -> None:
        self.needs(backend, Capability.LOGS, "whether there is a log")
        async with asyncio.timeout(self.timeout):
            lines = [line async for line in finished.logs(follow=True)]
        assert lines
        assert all(isinstance(line, str) and "\n" not in line for line in lines)

    async def test_an_unknown_option_is_an_error_that_names_the_known(self, backend: Any) -> None:
        declared = getattr(backend.Settings, "Options", None)
        if declared is None:
            self.not_tested("options", "what a misspelt option raises")
        from motools.plugins.construct import check_options
        from motools.settings import declared as settings_of

        with pytest.raises(MotoolsError) as caught:
            check_options(type(innermost(backend)), {"no_such_option": 1}, "The backend")
        assert all(setting.name in str(caught.value) for setting in settings_of(declared))

    async def test_the_account_is_json(self, backend: Any) -> None:
        assert isinstance(json.loads(json.dumps(dict(backend.account()), allow_nan=False)), dict)

    async def test_a_service_that_is_there_answers(self, backend: Any) -> None:
        self.needs(backend, Capability.PING, "whether the service can be asked if it is there")
        async with asyncio.timeout(self.timeout):
            await backend.ping()

    async def test_a_service_that_is_not_there_does_not_answer(self, unavailable_backend: Any) -> None:
        self.needs(unavailable_backend, Capability.PING, "whether an absent service is noticed")
        await self._raises_and_pickles(ServiceUnavailable, unavailable_backend.ping())

    async def test_closing_leaves_the_work_alone(self, finished: Any, backend: Any) -> None:
        await backend.aclose()
        await finished.refresh()
        assert finished.status == RunStatus.SUCCEEDED


def innermost(backend: Any) -> Any:
    """Return the backend inside all layers."""
    while isinstance(backend, (TrainingMiddleware, EvalMiddleware)):
        backend = backend._backend
    return backend


__all__ = ["BackendContract", "innermost"]
