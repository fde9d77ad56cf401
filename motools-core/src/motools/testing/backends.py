# ruff: noqa: S101  (a contract is spoken in asserts)
"""What is asked of training and evaluation backends alike."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from motools.errors import RunLost, ServiceUnavailable, SubmitRejected, SubmitUnavailable, SubmitUncertain
from motools.status import TERMINAL, Capability, Progress, RunStatus
from motools.testing.construction import ConstructionContract
from motools.testing.handles import HandlesContract
from motools.testing.requests import RequestsContract
from motools.testing.tickets import RecordingTicket
from motools.testing.waiting import WaitingContract

if TYPE_CHECKING:
    from pathlib import Path

    from motools.testing.contract import Start


class BackendContract(HandlesContract, WaitingContract, RequestsContract, ConstructionContract):
    """The tests that training runs and evaluation jobs have in common."""

    async def test_starting_gives_a_handle_with_a_job_id(self, start: Start, backend: Any) -> None:
        handle = await start(backend)
        assert isinstance(handle, self.handle_base)
        declared = getattr(backend, "run_type", None) or getattr(backend, "job_type", None)
        assert declared is None or type(handle) is declared
        assert isinstance(handle.job_id, str), (
            f"a job_id is a string that is not empty, and this one is {handle.job_id!r}"
        )
        assert handle.job_id, "a job_id is a string that is not empty, and this one is empty"
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
        if progress is not None:
            assert isinstance(progress, Progress)
            assert isinstance(progress.step, int), "steps are counted"
            assert progress.total is None or isinstance(progress.total, int), "steps are counted"
            assert progress.total is None or progress.step <= progress.total

    async def test_a_refresh_after_the_end_changes_nothing(self, finished: Any) -> None:
        outcome = await self.waited(finished)
        before = (finished.job_id, finished.model_id, finished.progress)
        await finished.refresh()
        assert finished.status == RunStatus.SUCCEEDED
        assert (finished.job_id, finished.model_id, finished.progress) == before
        assert await self.waited(finished) == outcome

    async def test_two_at_once_do_not_mix(self, start: Start, backend: Any) -> None:
        one, two = await asyncio.gather(start(backend), start(backend))
        ids = (one.job_id, two.job_id)
        assert one.job_id != two.job_id
        await asyncio.gather(self.waited(one), self.waited(two))
        assert (one.job_id, two.job_id) == ids

    async def test_what_was_submitted_is_found_by_its_token(self, start: Start, backend: Any) -> None:
        self.needs(backend, Capability.FIND, "whether an interrupted submission heals itself")
        ticket, other = RecordingTicket(), RecordingTicket()
        handle = await start(backend, ticket=ticket)
        assert [payment.job_id for payment in ticket.payments] == [handle.job_id]
        found = list(await backend.find(ticket.token))
        assert [one.job_id for one in found] == [handle.job_id], (
            "one submission is one job: more were paid for, or find(token) does not give it"
        )
        assert type(found[0]) is type(handle), (
            f"find() gives handles as they were: {type(handle)}, not {type(found[0])}"
        )
        assert list(await backend.find(other.token)) == []
        assert await self.waited(found[0]) == await self.waited(handle)
        assert found[0].model_id == handle.model_id, "what find() gives knows its model, as what was started does"

    async def test_what_is_adopted_by_its_id_is_the_same_work(self, finished: Any, backend: Any) -> None:
        self.needs(backend, Capability.ADOPT, "whether work can be taken over")
        adopted = await backend.adopt(finished.job_id)
        assert type(adopted) is type(finished)
        assert (adopted.job_id, adopted.status, adopted.model_id) == (
            finished.job_id,
            RunStatus.SUCCEEDED,
            finished.model_id,
        ), "adopt() returns the work up to date: refresh it before"
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

    async def test_what_the_service_said_is_chained_to_the_error(self, start: Start, unavailable_backend: Any) -> None:
        error = await self._raises_and_pickles(SubmitUnavailable, start(unavailable_backend))
        assert error.__cause__ is not None, "raise it `from` the error that the SDK or the system raised"

    async def test_a_lost_answer_is_uncertain_and_what_was_submitted_can_be_found(
        self, start: Start, uncertain_backend: Any
    ) -> None:
        ticket = RecordingTicket()
        more = {"ticket": ticket} if Capability.FIND in uncertain_backend.capabilities else {}
        await self._raises_and_pickles(SubmitUncertain, start(uncertain_backend, **more))
        if more:
            assert len(ticket.payments) == 1
            assert len(await uncertain_backend.find(ticket.token)) == 1

    async def test_the_log_has_lines(self, finished: Any, backend: Any, canary: str) -> None:
        self.needs(backend, Capability.LOGS, "whether there is a log")
        async with asyncio.timeout(self.timeout):
            lines = [line async for line in finished.logs(follow=True)]
        assert lines, "a backend that declares LOGS has at least a line of each piece of work"
        assert all(isinstance(line, str) and "\n" not in line for line in lines), (
            "logs() yields lines without their end"
        )
        assert not any(canary in line for line in lines), "a key stands in the log: leave it out"

    async def test_a_log_can_be_followed_to_the_end(self, start: Start, backend: Any) -> None:
        self.needs(backend, Capability.LOGS, "whether a log can be followed")
        handle = await start(backend)
        async with asyncio.timeout(self.timeout):
            lines = [line async for line in handle.logs(follow=True)]
        assert await handle.is_complete(), "logs(follow=True) goes on until the work has ended"
        assert lines

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

    async def test_closing_leaves_live_work_alone(self, start: Start, slow_backend: Any, tmp_path: Path) -> None:
        handle = await start(slow_backend)
        await handle.save(tmp_path / "handle.json")
        await slow_backend.aclose()
        loaded = await type(handle).load(tmp_path / "handle.json")
        await loaded.refresh()
        assert loaded.status not in TERMINAL, f"aclose() releases connections, and ended the work: {loaded.status}"
        await loaded.cancel()


__all__ = ["BackendContract"]
