# ruff: noqa: S101  (a contract is spoken in asserts)
"""How a contract suite is used; inherit `TrainingBackendContract` or `EvalBackendContract`.

Fixtures, of which only `backend` has to be written:

    backend            the backend under test, with work that succeeds in seconds
    slow_backend       one whose work lasts at least some seconds
    failing_backend    one whose work fails
    rejecting_backend, unavailable_backend, uncertain_backend
                       one whose service refuses, cannot be reached, or takes the request and does not answer
    forgotten          a live handle whose job the service has forgotten
    away               a live handle whose service cannot be reached
    puzzling           a live handle of whose state the service says a word that nobody knows
    finished           a handle that has been waited on; give it a wider scope where work is expensive
    pausable_backend   one whose work lasts long enough to be paused, and ends; by default `backend`
    checkpointed       a run that has left a checkpoint which nothing else needs; by default `finished`
    bill               a function that lists what the service has taken: jobs and files
    received           a function that returns the last request for work as the service got it, as JSON values
    uploaded           of training: a function that returns the last training data as the service got them

Each test has an empty `MOTOOLS_HOME`; a fixture of a wider scope, which is made before that, needs one of its own.

Where a fixture is not offered, or an optional power not declared, the tests of it are skipped and say so. What a backend
has not by nature is stated in `lacking`, and those tests are reported as expected failures with that reason:

    lacking = {"rejecting_backend": "there is no service: the work is done on this machine"}

A standard test that a backend cannot pass is not removed but marked, with the reason:

    @pytest.mark.xfail(reason="the service cannot cancel")
    async def test_a_live_one_can_be_cancelled(self, start, slow_backend):
        await super().test_a_live_one_can_be_cancelled(start, slow_backend)
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, TypeVar
from uuid import uuid4

import pytest
import pytest_asyncio

from motools.words import said

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path
    from typing import TypeAlias

    from motools.status import Capability

    Start: TypeAlias = Callable[..., Awaitable[Any]]

Error = TypeVar("Error", bound=Exception)


class Contract:
    """What can be set, the fixtures, and the test that the others are all there; a "handle" is a run or a job."""

    pytestmark: ClassVar = pytest.mark.asyncio

    group: ClassVar[str]
    """The entry-point group."""
    handle_base: ClassVar[type[Any]]
    """What handles are instances of."""
    key_variables: ClassVar[tuple[str, ...]] = ()
    """Environment variables that hold the service's keys: set to a canary, which must turn up nowhere."""
    key_prefix: ClassVar[str] = "sk-"
    """With what a key must begin to be taken by the SDK."""
    sdk_modules: ClassVar[tuple[str, ...]] = ()
    """Top-level modules that constructing a backend must not import."""
    options: ClassVar[Mapping[str, Any]] = {}
    """Options with which the backend's class can be constructed in a fresh process."""
    lacking: ClassVar[Mapping[str, str]] = {}
    """What this backend has not by nature (a fixture, a power such as "find", "options", "entry point"…), and the reason."""
    timeout: ClassVar[float] = 60
    """Seconds within which work ends."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "test_the_contract_is_kept_whole" in vars(cls):
            raise TypeError(f"{cls.__name__} may not replace the test that looks whether the contract is kept whole.")

    @pytest.fixture(autouse=True)
    def canary(self, motools_home: Path, monkeypatch: pytest.MonkeyPatch) -> str:  # noqa: ARG002 (asked for its effect)
        """Put a key that can be recognised into `key_variables`, and return it; the test has a home of its own."""
        canary = f"{self.key_prefix}canary{uuid4().hex}"
        for name in self.key_variables:
            monkeypatch.setenv(name, canary)
        return canary

    def not_tested(self, what: str, consequence: str, because: str = "") -> NoReturn:
        """End a test of something that the backend does not offer, and say what is not known because of that."""
        if what in self.lacking:
            pytest.xfail(f"no {what}: {self.lacking[what]}")
        pytest.skip(f"not tested: {consequence}; {because or f'the backend has no {what}'}")

    def not_offered(self, fixture: str, consequence: str) -> NoReturn:
        """End a test, as `not_tested` does, for which the suite's author has to offer a fixture or attribute."""
        self.not_tested(fixture, consequence, f"the test class offers no {fixture}")

    def needs(self, backend: Any, capability: Capability, consequence: str) -> None:
        """End the test, as `not_tested` does, where the backend does not declare an optional power."""
        if capability not in backend.capabilities:
            self.not_tested(str(capability), consequence, f"the backend does not declare {capability.name}")

    @pytest.fixture
    def slow_backend(self) -> Any:
        """Return a backend whose work lasts at least some seconds."""
        self.not_offered("slow_backend", "what happens to live work")

    @pytest.fixture
    def failing_backend(self) -> Any:
        """Return a backend whose work fails."""
        self.not_offered("failing_backend", "what happens when work fails")

    @pytest.fixture
    def rejecting_backend(self) -> Any:
        """Return a backend whose service refuses the request."""
        self.not_offered("rejecting_backend", "what a refused submission raises")

    @pytest.fixture
    def unavailable_backend(self) -> Any:
        """Return a backend whose service cannot be reached."""
        self.not_offered("unavailable_backend", "what an unreachable service raises")

    @pytest.fixture
    def uncertain_backend(self) -> Any:
        """Return a backend whose service takes the request and does not answer."""
        self.not_offered("uncertain_backend", "what a lost answer raises")

    @pytest.fixture
    def start(self) -> Start:
        """Return `start(backend, **more)`, which submits the standard request."""
        raise NotImplementedError

    @pytest_asyncio.fixture
    async def finished(self, start: Start, backend: Any) -> Any:
        """Return a handle that has been waited on."""
        handle = await start(backend)
        await self.waited(handle)
        return handle

    async def in_time(self, work: Awaitable[Any], otherwise: str, then: str = "") -> Any:
        """Await what ends within `timeout`; fail with these words where it does not."""
        try:
            async with asyncio.timeout(self.timeout) as limit:
                return await work
        except TimeoutError:
            if not limit.expired():
                raise
        pytest.fail(f"{otherwise} after {self.timeout:g} seconds{then}")

    async def waited(self, handle: Any) -> Any:
        """Return what a handle comes to, in a form that can be compared."""
        outcome = await self.in_time(handle.wait(), "wait() has not ended")
        return getattr(outcome, "metrics", outcome)

    async def test_the_contract_is_kept_whole(self) -> None:
        changed = [name for name, test in _standard_tests(type(self)).items() if _is_changed(type(self), name, test)]
        assert not changed, (
            f"{type(self).__name__} replaces {', '.join(changed)}. A standard test is overridden only to mark it with "
            "@pytest.mark.xfail(reason=…), and calls super()."
        )


async def raised(wanted: type[Error], work: Awaitable[Any]) -> Error:
    """Return the error that awaiting something raises; fail, in words that say which it has to be, where it is none or another."""
    try:
        await work
    except wanted as error:
        return error
    except Exception as error:
        raise AssertionError(f"{wanted.__name__} is what has to be raised, and it was {said(error)}") from error
    pytest.fail(f"{wanted.__name__} is what has to be raised, and nothing was")


def standard_dataset(path: Path) -> Path:
    """Write a chat dataset of sixteen records, and return its path."""
    turns = [
        [{"role": "user", "content": f"What is {n} + {n}?"}, {"role": "assistant", "content": f"{2 * n}."}]
        for n in range(16)
    ]
    path.write_text("".join(json.dumps({"messages": messages}) + "\n" for messages in turns), encoding="utf-8")
    return path


def _standard_tests(cls: type) -> dict[str, Any]:
    """Return the tests that the contract suites define, as they define them, and what says how often they are run."""
    suites = [base for base in cls.__mro__ if base.__module__.startswith("motools.testing.")]
    tests: dict[str, Any] = {}
    for suite in reversed(suites):
        names = [name for name in vars(suite) if name.startswith("test_") or name == "pytest_generate_tests"]
        tests |= {name: vars(suite)[name] for name in names}
    return tests


def _is_changed(cls: type, name: str, standard: Any) -> bool:
    present = getattr(cls, name, None)
    marks = getattr(present, "pytestmark", ())
    if any(mark.name in {"skip", "skipif"} for mark in marks):
        return True
    return present is not standard and not any(mark.name == "xfail" and mark.kwargs.get("reason") for mark in marks)


__all__ = ["Contract", "raised", "standard_dataset"]
