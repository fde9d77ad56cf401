# ruff: noqa: S101  (a contract is spoken in asserts)
"""What a record says: guarded transitions, what they write, and how records are listed and found."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from motools.cache.states import FOLLOWS, State, may_follow
from motools.errors import MotoolsError, TransitionRefused
from motools.testing.store import (
    EXACT,
    LONG,
    STRANGE,
    StoreContract,
    brought_to,
    exactly,
    key_of,
    plain,
    request,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from motools.cache.base import Ledger

NOT_JSON: tuple[Any, ...] = (object(), {1, 2}, b"bytes", float("nan"), State)


class TransitionContract(StoreContract):
    """A record moves as the table of states says, once, and keeps exactly what it was given."""

    async def test_every_transition_of_the_table_can_be_made(self, ledger: Ledger) -> None:
        for source, targets in FOLLOWS.items():
            for target in sorted(targets | {source}):
                record = await brought_to(ledger, source, f"{source} to {target}")
                moved = await ledger.move(record, target, error=f"at {target}", model_id="model")
                assert (moved.state, moved.error) == (target, f"at {target}"), f"{source} -> {target}"
                assert (moved.epoch, moved.token) == (record.epoch, record.token)
                assert plain(await ledger.read(record.key)) == plain(moved)

    async def test_every_other_transition_is_refused_and_changes_nothing(self, ledger: Ledger) -> None:
        for source in State:
            record = await brought_to(ledger, source, source)
            for target in State:
                if not may_follow(source, target):
                    with pytest.raises(TransitionRefused):
                        await ledger.move(record, target, job_id="no", seconds=LONG)
                    assert plain(await ledger.read(record.key)) == plain(record), f"{source} -> {target}"

    async def test_a_transition_is_made_from_the_state_that_was_read(self, ledger: Ledger) -> None:
        read = await brought_to(ledger, State.INTENT)
        queued = await ledger.move(read, State.QUEUED)
        for target in (State.QUEUED, State.SUBMITTING, State.INTENT):
            with pytest.raises(TransitionRefused):
                await ledger.move(read, target, error="late")
        assert plain(await ledger.read(read.key)) == plain(queued)

    async def test_of_many_that_make_one_transition_at_once_one_does(self, ledger: Ledger) -> None:
        read = await brought_to(ledger, State.INTENT)
        moves = (ledger.move(read, State.SUBMITTING, job_id=str(number)) for number in range(10))
        outcomes = await asyncio.gather(*moves, return_exceptions=True)
        [made] = [outcome for outcome in outcomes if not isinstance(outcome, TransitionRefused)]
        assert not isinstance(made, BaseException)
        assert plain(await ledger.read(read.key)) == plain(made)

    async def test_what_is_not_there_is_not_moved_renewed_or_released(
        self, ledger: Ledger, open_again: Callable[[], Any]
    ) -> None:
        record = await brought_to(ledger, State.INTENT)
        gone = type(record)(**{**_fields(record), "key": key_of("gone")})
        with pytest.raises(TransitionRefused):
            await ledger.move(gone, State.QUEUED)
        with pytest.raises(TransitionRefused):
            await ledger.renew(gone, seconds=LONG)
        await ledger.release(gone)
        assert await open_again().read(gone.key) is None

    async def test_a_transition_keeps_what_it_does_not_change(self, ledger: Ledger) -> None:
        handle: dict[str, Any] = {"handle": {"job": 1}, "handle_class": "acme:Run"}
        submitted = await brought_to(ledger, State.SUBMITTED, job_id="job", details={"a": 1}, **handle)
        ended = await ledger.move(submitted, State.SUCCEEDED, model_id="model")
        assert (ended.job_id, ended.details, ended.model_id) == ("job", {"a": 1}, "model")
        assert (ended.handle, ended.handle_class) == ({"job": 1}, "acme:Run")

    async def test_it_is_told_when_a_record_was_made_and_when_its_state_changed(self, ledger: Ledger) -> None:
        first = await brought_to(ledger, State.INTENT)
        stayed = await ledger.move(first, State.INTENT, details={"a": 1})
        moved = await ledger.move(stayed, State.QUEUED)
        assert first.created_at == stayed.created_at == moved.created_at
        assert first.created_at <= first.updated_at == stayed.updated_at <= moved.updated_at

    async def test_json_comes_back_exactly(self, ledger: Ledger, open_again: Callable[[], Any]) -> None:
        asked = request(spec=EXACT, account=EXACT, label=STRANGE, tags=(STRANGE,))
        record = await ledger.claim(asked, seconds=LONG)
        assert record is not None
        more: dict[str, Any] = {"job_id": STRANGE, "error": STRANGE, "model_id": STRANGE, "results_class": STRANGE}
        for state in (State.SUBMITTING, State.SUBMITTED, State.SUCCEEDED):
            record = await ledger.move(record, state, handle=EXACT, results=EXACT, details=EXACT, **more)
        found = await open_again().read(asked.key)
        for name in ("spec", "account", "handle", "results", "details"):
            assert exactly(getattr(found, name)) == exactly(EXACT), name
        assert {name: getattr(found, name) for name in more} == more
        assert (found.label, list(found.tags)) == (STRANGE, [STRANGE])

    async def test_what_is_not_json_is_refused_and_changes_nothing(self, ledger: Ledger) -> None:
        self._needs_json()
        record = await brought_to(ledger, State.INTENT)
        for value in NOT_JSON:
            for name in ("handle", "results", "details"):
                changes: dict[str, Any] = {name: {"value": value}}
                with pytest.raises((TypeError, ValueError, MotoolsError)):
                    await ledger.move(record, State.QUEUED, seconds=None, **changes)
            with pytest.raises((TypeError, ValueError, MotoolsError)):
                await ledger.claim(request("two", spec={"value": value}), seconds=LONG)
        assert plain(await ledger.read(record.key)) == plain(record)
        assert await ledger.read(key_of("two")) is None

    async def test_what_is_done_to_a_value_afterwards_is_not_in_the_record(self, ledger: Ledger) -> None:
        self._needs_json()
        details = {"list": [1]}
        record = await brought_to(ledger, State.QUEUED, details=details)
        details["list"].append(2)
        record.details["list"].append(3)
        found = await ledger.read(record.key)
        assert found is not None
        assert found.details == {"list": [1]}

    async def test_records_are_listed_latest_first_and_filtered(self, ledger: Ledger) -> None:
        for word, more in _LISTED.items():
            assert await ledger.claim(request(word, **more), seconds=LONG)
        failed = await brought_to(ledger, State.FAILED, "failed")

        async def listed(**wanted: Any) -> list[str]:
            names = {key_of(word): word for word in (*_LISTED, "failed")}
            return [names[record.key] for record in await ledger.records(**wanted)]

        assert await listed() == ["failed", "labelled", "evaluated", "tagged"]
        assert await listed(limit=2) == ["failed", "labelled"]
        assert await listed(kind="eval") == ["evaluated"]
        assert await listed(backend="other") == ["tagged"]
        assert await listed(label="mine") == ["labelled"]
        assert await listed(tag="x") == ["labelled", "tagged"]
        assert await listed(tag="x", limit=1, kind="training") == ["labelled"]
        assert await listed(state="failed") == await listed(state=failed.state) == ["failed"]
        assert await listed(state=[State.INTENT, "queued"], limit=2) == ["labelled", "evaluated"]
        assert await listed(tag="x", label="other") == await listed(tag="%") == await listed(label="min") == []

    async def test_a_record_is_found_by_whatever_it_is_called(self, ledger: Ledger) -> None:
        names: dict[str, Any] = {"job_id": "job-é%", "model_id": "ft:model_1"}
        record = await ledger.claim(request(label="my label"), seconds=LONG)
        assert record is not None
        for state in (State.SUBMITTING, State.SUBMITTED, State.SUCCEEDED):
            record = await ledger.move(record, state, **names)
        await brought_to(ledger, State.SUBMITTED, "other", job_id="job-é", model_id="ft:model-1")
        digest = record.key.removeprefix("mk1:")
        for name in (record.key, digest, digest[:10], f"mk1:{digest[:10]}", *names.values(), "my label"):
            assert [found.key for found in await ledger.find(name)] == [record.key], name
        for name in ("nothing", "%", "_", "my", "ft:model", f"mk1:{digest[:10]}x", digest[10:30]):
            assert await ledger.find(name) == [], name

    async def test_all_that_a_name_means_is_found_latest_first(self, ledger: Ledger) -> None:
        for word in ("one", "two", "three"):
            assert await ledger.claim(request(word, label="series"), seconds=LONG)
        found = [record.key for record in await ledger.find("series")]
        assert found == [key_of(word) for word in ("three", "two", "one")]

    def _needs_json(self) -> None:
        if "JSON" in self.lacking:
            self.not_tested("JSON", "whether values are kept as JSON and nothing else")


_LISTED: dict[str, dict[str, Any]] = {
    "tagged": {"tags": ("x", "y"), "backend": "other"},
    "evaluated": {"kind": "eval"},
    "labelled": {"label": "mine", "tags": ("x",)},
}


def _fields(record: Any) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__dataclass_fields__}


__all__ = ["TransitionContract"]
