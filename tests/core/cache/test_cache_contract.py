"""The stores that motools ships keep the contract that is shipped for authors of others, and faulty ones do not."""

from __future__ import annotations

import shutil
from typing import ClassVar

import pytest

from motools.cache.memory import MemoryLedger, PlainLedger
from motools.testing.cache import CacheContract

ONE_PROCESS = "it lasts as long as its process"
AS_OBJECTS = "it keeps the objects that it is given"


class Dictionary:
    """The least that a store can be."""

    def __init__(self):
        self.found = {}

    async def get_model_id(self, key):
        return self.found.get(("model", key))

    async def set_model_id(self, key, model_id):
        self.found["model", key] = model_id

    async def get_eval_results(self, key):
        return self.found.get(("results", key))

    async def set_eval_results(self, key, results):
        self.found["results", key] = results

    async def get_file_id(self, digest, account):
        return self.found.get((digest, account))

    async def set_file_id(self, digest, account, file_id):
        self.found[digest, account] = file_id


class TestSqlite(CacheContract):
    @pytest.fixture
    def opener(self, tmp_path, empty_database):
        shutil.copy(empty_database, tmp_path / "motools.db")
        return f"sqlite://{tmp_path}/motools.db"


class TestMemory(CacheContract):
    lacking: ClassVar = {
        "results": "it is a record alone",
        "other processes": ONE_PROCESS,
        "JSON": AS_OBJECTS,
    }

    @pytest.fixture
    def opener(self):
        ledger = MemoryLedger()
        return lambda: ledger


class TestPlain(TestMemory):
    @pytest.fixture
    def opener(self):
        ledger = PlainLedger(Dictionary())
        return lambda: ledger


class TestDictionary(CacheContract):
    lacking: ClassVar = {
        "ledger": "it only remembers results",
        "other processes": ONE_PROCESS,
        "JSON": AS_OBJECTS,
    }

    @pytest.fixture
    def opener(self):
        store = Dictionary()
        return lambda: store


FAULTY = '''
import asyncio, json
from dataclasses import replace
from motools.cache import table
from motools.cache.line import check_turn
from motools.cache.rows import to_fields
from motools.cache.memory import MemoryLedger
from motools.cache.sqlite import SqliteLedger
from motools.cache.states import State
from motools.errors import TransitionRefused

class MoveWithoutEpoch(SqliteLedger):
    async def move(self, record, target, **changes):
        present = await self.read(record.key)
        return await super().move(replace(record, epoch=present.epoch), target, **changes)

class ReadThenClaim(SqliteLedger):
    async def claim(self, draft, *, seconds, after=None):
        if await self.read(draft.key) is not None:
            return await super().claim(draft, seconds=seconds, after=after)
        def work(connection):
            connection.execute("DELETE FROM runs WHERE key = ?", (draft.key,))
            return self._begin(connection, draft, self._clock(), seconds)
        return await self._database.write(work)

class ReadThenTakeOver(SqliteLedger):
    async def claim(self, draft, *, seconds, after=None):
        record = await self.read(draft.key)
        if record is None or record.leased_until > self._clock() or not record.is_unfinished:
            return await super().claim(draft, seconds=seconds, after=after)
        lease = (record.epoch + 1, self._clock() + seconds, draft.key)
        statement = "UPDATE runs SET epoch = ?, leased_until = ? WHERE key = ?"
        def work(connection):
            connection.execute(statement, lease)
            return replace(record, epoch=lease[0], leased_until=lease[1])
        return await self._database.write(work)

class ReadThenMove(SqliteLedger):
    async def move(self, record, target, **changes):
        present = await self.read(record.key)
        if (present.state, present.epoch) != (record.state, record.epoch):
            raise TransitionRefused("late")
        def work(connection):
            stored, _ = table.present(connection, record.key)
            return table.store(connection, {**to_fields(stored), **changes, "state": target}, previous=stored)
        return await self._database.write(work)

class MoveInTwoWrites(SqliteLedger):
    async def move(self, record, target, **changes):
        moved = await super().move(record, target)
        await asyncio.sleep(0.01)
        return await super().move(moved, target, **changes)

class WritesBehind(SqliteLedger):
    """Says that it is stored, and stores it together with the next ones."""
    waiting = ()
    async def move(self, record, target, **changes):
        self.waiting = (*self.waiting, (record, target, changes))
        if len(self.waiting) == 7:
            for record, target, changes in self.waiting:
                moved = await super().move(record, target, **changes)
            self.waiting = ()
            return moved
        return replace(record, state=target, **changes)

class OfThisProcess(SqliteLedger):
    async def set_model_id(self, key, model_id):
        self.__dict__.setdefault("models", {})[key] = model_id
    async def get_model_id(self, key):
        return self.__dict__.get("models", {}).get(key)

class OfTheLastOpening(MemoryLedger):
    def __init__(self, path):
        super().__init__()

class Floats(SqliteLedger):
    async def move(self, record, target, *, seconds=None, **changes):
        changes = json.loads(json.dumps(changes), parse_int=float)
        return await super().move(record, target, seconds=seconds, **changes)

class Words(SqliteLedger):
    async def move(self, record, target, *, seconds=None, **changes):
        return await super().move(record, target, seconds=seconds, **json.loads(json.dumps(changes, default=str)))

class NeverLapses(MemoryLedger):
    async def claim(self, draft, *, seconds, after=None):
        record = self._records.get(draft.key)
        return None if record and record.leased_until and not after else await super().claim(draft, seconds=seconds)

class LapsesEarly(MemoryLedger):
    async def claim(self, draft, *, seconds, after=None):
        if record := self._records.get(draft.key):
            self._put(replace(record, leased_until=record.leased_until - 0.1))
        return await super().claim(draft, seconds=seconds, after=after)

class NewToken(MemoryLedger):
    async def claim(self, draft, *, seconds, after=None):
        record = await super().claim(draft, seconds=seconds, after=after)
        return record and self._put(replace(record, token=f"{record.epoch}-of-{draft.key[4:20]}"))

class SameToken(MemoryLedger):
    async def claim(self, draft, *, seconds, after=None):
        record = await super().claim(draft, seconds=seconds, after=after)
        return record and self._put(replace(record, token=draft.key[4:20]))

class RenewsNothing(MemoryLedger):
    async def renew(self, record, *, seconds):
        pass

class RenewsForAnybody(MemoryLedger):
    async def renew(self, record, *, seconds):
        await super().renew(self._records[record.key], seconds=seconds)

class ReleasesForAnybody(MemoryLedger):
    async def release(self, record):
        await super().release(self._records.get(record.key, record))

class AnyTransition(MemoryLedger):
    async def move(self, record, target, *, seconds=None, **changes):
        return self._put(replace(self._records[record.key], state=target, **changes))

class AnyStart(MemoryLedger):
    async def move(self, record, target, **changes):
        return await super().move(replace(record, state=self._records[record.key].state), target, **changes)

class AfterAnything(MemoryLedger):
    async def claim(self, draft, *, seconds, after=None):
        return await super().claim(draft, seconds=seconds, after=after and self._records[draft.key])

class AgainUnasked(MemoryLedger):
    async def claim(self, draft, *, seconds, after=None):
        return await super().claim(draft, seconds=seconds, after=after or self._records.get(draft.key))

class TakesTheLive(MemoryLedger):
    async def claim(self, draft, *, seconds, after=None):
        if (record := self._records.get(draft.key)) and record.state.is_live:
            return self._put(replace(record, epoch=record.epoch + 1))
        return await super().claim(draft, seconds=seconds, after=after)

class OldestFirst(MemoryLedger):
    def _latest(self):
        return list(self._records.values())

class SlotsForAnybody(MemoryLedger):
    async def move(self, record, target, *, slots=None, **changes):
        return await super().move(record, target, **changes)

class LooksThenMoves(SqliteLedger):
    async def move(self, record, target, *, slots=None, **changes):
        if slots is not None:
            check_turn(await self.records(), record, slots, self._clock())
        return await super().move(record, target, **changes)

class WaitsForTheDead(MemoryLedger):
    async def move(self, record, target, *, slots=None, **changes):
        if slots is not None:
            line = [replace(each, leased_until=self._clock() + 1) for each in self._latest()]
            check_turn(line, record, slots, self._clock())
        return await super().move(record, target, **changes)

class ForgetsPlaces(MemoryLedger):
    async def claim(self, draft, *, seconds, after=None):
        record = await super().claim(draft, seconds=seconds, after=after)
        return record and self._put(replace(record, updated_at=self._clock()))

class FindsParts(MemoryLedger):
    async def find(self, name):
        return [each for each in self._latest() if name in f"{each.key} {each.job_id} {each.model_id} {each.label}"]
'''

FAULTS = {
    "MoveWithoutEpoch": "who_has_lost_the_lease_makes_no_transition",
    "ReadThenClaim": "only_one_of_many_processes_that_claim_at_once_gets_it",
    "ReadThenTakeOver": "only_one_of_many_processes_takes_over_or_begins_again",
    "ReadThenMove": "of_many_processes_that_make_one_transition_at_once_one_does",
    "MoveInTwoWrites": "a_process_that_is_killed_while_it_writes_leaves_every_record_whole",
    "WritesBehind": "a_process_that_is_killed_while_it_writes_leaves_every_record_whole",
    "OfThisProcess": "what_was_set_is_read_by_another_process",
    "OfTheLastOpening": "json_comes_back_exactly",
    "Floats": "json_comes_back_exactly",
    "Words": "what_is_not_json_is_refused_and_changes_nothing",
    "NeverLapses": "a_lease_lapses_and_is_taken_over_with_a_higher_epoch_and_the_same_token",
    "LapsesEarly": "a_lease_does_not_lapse_before_its_time",
    "NewToken": "a_lease_lapses_and_is_taken_over_with_a_higher_epoch_and_the_same_token",
    "SameToken": "what_has_ended_is_claimed_again_only_after_the_attempt_that_is_named",
    "RenewsNothing": "renewing_extends_a_lease",
    "RenewsForAnybody": "who_has_lost_the_lease_does_not_renew_it",
    "ReleasesForAnybody": "who_has_lost_the_lease_does_not_release_it",
    "AnyTransition": "every_other_transition_is_refused_and_changes_nothing",
    "AnyStart": "a_transition_is_made_from_the_state_that_was_read",
    "AfterAnything": "an_attempt_is_followed_by_one_other",
    "AgainUnasked": "what_has_ended_is_claimed_again_only_after_the_attempt_that_is_named",
    "TakesTheLive": "what_is_live_and_can_be_followed_is_not_claimed",
    "OldestFirst": "records_are_listed_latest_first_and_filtered",
    "SlotsForAnybody": "a_record_is_submitted_only_while_there_is_a_slot",
    "LooksThenMoves": "of_many_processes_that_move_at_once_no_more_get_a_slot_than_there_are",
    "WaitsForTheDead": "who_has_left_is_in_nobodys_way_and_has_its_place_when_it_comes_back",
    "ForgetsPlaces": "who_has_left_is_in_nobodys_way_and_has_its_place_when_it_comes_back",
    "FindsParts": "a_record_is_found_by_whatever_it_is_called",
}

SUITE = """
import pytest
from functools import partial
import faulty
from motools.testing.cache import CacheContract

class Suite(CacheContract):
    timeout = 1

    @pytest.fixture
    def opener(self, tmp_path):
        store = getattr(faulty, type(self).__name__.removeprefix("Test"))
        if issubclass(store, faulty.SqliteLedger) or store is faulty.OfTheLastOpening:
            return partial(store, tmp_path / "store.db")
        ledger = store()
        return lambda: ledger
"""


@pytest.fixture
def author(pytester):
    """Set up an author's project, whose pytest leaves asyncio strict."""
    pytester.makepyprojecttoml("[tool.pytest.ini_options]\nasyncio_default_fixture_loop_scope = 'function'\n")


@pytest.mark.slow
def test_each_faulty_store_fails_the_test_that_says_so(pytester, author):
    classes = "".join(f"\nclass Test{fault}(Suite):\n    pass\n" for fault in FAULTS)
    pytester.makepyfile(faulty=FAULTY, test_faulty=SUITE + classes)
    nodes = [f"test_faulty.py::Test{fault}::test_{test}" for fault, test in FAULTS.items()]
    result = pytester.runpytest_subprocess("-rf", "--tb=no", "-W", "error", *nodes)
    failed = {line.split()[1] for line in result.outlines if line.startswith("FAILED")}
    assert sorted(failed) == sorted(nodes)


@pytest.mark.slow
def test_an_author_is_told_what_a_store_that_cannot_be_opened_elsewhere_needs(pytester, author):
    tests = SUITE + "\nclass TestNewToken(Suite):\n    pass\n"
    pytester.makepyfile(faulty=FAULTY, test_faulty=tests)
    result = pytester.runpytest_subprocess("-k", "claim_at_once or read_by_another or kept_whole")
    assert result.parseoutcomes() == {"passed": 2, "failed": 1, "skipped": 1, "deselected": 54}
    result.stdout.fnmatch_lines(["*cannot be called in another process. Let the fixture `opener` return a URL or*"])
