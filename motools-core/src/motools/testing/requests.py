# ruff: noqa: S101  (a contract is spoken in asserts)
"""What is asked of a request on its way: that it reaches the service whole, and that the one paid call stands alone."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import pytest

from motools.errors import SettingError, UsageError
from motools.settings import check, declared
from motools.status import Capability
from motools.testing.contract import Contract
from motools.testing.tickets import RecordingTicket

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence, Sized

    from motools.testing.contract import Start

PECULIAR = (7, 11, 13, 0.0625, 0.4375, 3, 2, 0.5, 1, 0)
"""Numbers that a request is made with, where they are in range: those first that nothing else in it is likely to be."""


class RequestsContract(Contract):
    """Part of `BackendContract`."""

    @pytest.fixture
    def bill(self) -> Callable[[], Sized]:
        """Return a function that lists what the service has taken from anybody: jobs, and files."""
        self.not_offered("bill", "whether more is submitted than is asked for")

    @pytest.fixture
    def received(self) -> Callable[[], Any]:
        """Return a function that returns the last request for work as the service got it, as JSON values."""
        self.not_offered("received", "whether what is asked for reaches the service")

    def changed(self, name: str, value: Any) -> dict[str, Any]:
        """Return the keywords of `start` that set one of `Settings.Hyperparameters`."""
        raise NotImplementedError

    @property
    def standard_values(self) -> list[tuple[str, Any]]:
        """What the service is told by the standard request, by what it is."""
        raise NotImplementedError

    async def test_an_unknown_keyword_is_an_error_that_names_it(self, start: Start, backend: Any) -> None:
        ticket = RecordingTicket()
        more = {"ticket": ticket} if Capability.FIND in backend.capabilities else {}
        said = None
        try:
            await start(backend, no_such_keyword=1, **more)
        except (UsageError, TypeError) as error:
            said = str(error)
        assert said is not None, (
            "a keyword that nobody knows is swallowed: check() keywords, or take those that you know"
        )
        assert "no_such_keyword" in said, f"the error names the keyword, and says: {said}"
        assert ticket.payments == []

    async def test_the_paid_call_is_the_one_thing_in_its_window(
        self, start: Start, backend: Any, request: pytest.FixtureRequest
    ) -> None:
        self.needs(backend, Capability.FIND, "whether uploads stay out of the window of the paid call")
        bill: Callable[[], Sized] = request.getfixturevalue("bill")
        ticket = RecordingTicket(bill)
        handle = await start(backend, ticket=ticket)
        [payment] = ticket.payments
        taken = payment.closed - payment.opened
        assert taken == 1, (
            f"the service took {taken} things while the window was open: it holds the one paid call, and uploads come before"
        )
        assert len(bill()) == payment.closed, "the service took more after the window was closed"
        await handle.cancel()

    async def test_what_is_asked_for_reaches_the_service(
        self, start: Start, backend: Any, received: Callable[[], Any]
    ) -> None:
        await self.reaches(self.standard_values, start(backend), received)
        for name, values, changed in self.changes(backend):
            for value in values:
                asked = changed(name, value)
                given = deepcopy(asked)
                with suppress(UsageError):  # it is not for the standard request, or not this value
                    await self.reaches([(name, value)], start(backend, **asked), received)
                    assert asked == given, f"what is given belongs to whoever asks: it was {given}, and is {asked}"
                    break

    async def test_whoever_is_cancelled_while_work_is_submitted_hears_of_it(
        self, start: Start, slow_backend: Any
    ) -> None:
        self.needs(slow_backend, Capability.FIND, "whether a submission ends with its caller")
        ticket = RecordingTicket()
        submission = asyncio.ensure_future(start(slow_backend, ticket=ticket))
        opened = asyncio.create_task(ticket.opened.wait())
        await asyncio.wait([submission, opened], return_when=asyncio.FIRST_COMPLETED)
        opened.cancel()
        is_too_late = submission.done()
        submission.cancel()
        await asyncio.wait([submission])
        for handle in await slow_backend.find(ticket.token):
            await handle.cancel()
        assert is_too_late or submission.cancelled(), (
            "whoever was cancelled goes on as if nothing had happened: let CancelledError pass, and find(token) finds the work"
        )

    def changes(self, backend: Any) -> Iterator[tuple[str, list[Any], Callable[[str, Any], dict[str, Any]]]]:
        """Yield what each declared setting can be changed to, and what makes keywords of `start` of such a value."""
        for name, values in _other_values(backend, "Hyperparameters").items():
            yield name, values, self.changed
        for name, values in _other_values(backend, "Keywords").items():
            yield name, values, lambda name, value: {name: value}

    async def reaches(
        self, wanted: Sequence[tuple[str, Any]], started: Awaitable[Any], received: Callable[[], Any]
    ) -> None:
        """Assert that work, once it is started, has brought these values to the service, anywhere in what it got."""
        handle = await started
        told = list(_leaves(received()))
        await handle.cancel()
        missing = [f"{name}={value!r}" for name, value in wanted if value not in told]
        assert not missing, f"{', '.join(missing)} has not reached the service"


def _other_values(backend: Any, part: str) -> dict[str, list[Any]]:
    """Return values in range, and not the default, of each declared setting that is a number or one of some words."""
    declaration = getattr(backend.Settings, part, None)
    if declaration is None:
        return {}
    return {
        setting.name: [
            value
            for value in _candidates(setting.type)
            if value != setting.default and _is_taken(declaration, setting.name, value)
        ]
        for setting in declared(declaration)
    }


def _candidates(hint: Any) -> list[Any]:
    """Return numbers for what may be a number, or the words of what may be one of some."""
    kinds = [hint] if get_origin(hint) is Literal else [hint, *get_args(hint)]
    words = [word for kind in kinds if get_origin(kind) is Literal for word in get_args(kind)]
    return [number for number in PECULIAR if type(number) in kinds] or words


def _is_taken(declaration: type[Any], name: str, value: Any) -> bool:
    try:
        check(declaration, {name: value}, who="The contract")
    except SettingError:
        return False
    return True


def _leaves(value: Any) -> Iterator[Any]:
    """Yield what stands in JSON values at any depth."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)
    else:
        yield value


__all__ = ["RequestsContract"]
