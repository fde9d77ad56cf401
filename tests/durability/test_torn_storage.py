"""Files that are not what was written: what comes out of them is the right answer or a loud error, never a wrong one.

Two things may be lost in silence, because nothing tells them from never having been written: what stands at the end of
a torn write-ahead log (SQLite drops it, so that the record is again what it was a moment before), and a record whose
key is damaged (a miss). Neither gives a wrong answer; both are counted here, so that they stay as rare as they are.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections import Counter

import pytest
from naive import Remembering
from paid_backend import PaidBackend

from motools.cache.base import Draft
from motools.cache.sqlite import SqliteLedger
from motools.cache.states import State
from motools.errors import CacheError, HandleError
from motools.handles import load_run
from motools.training.backends.cached import CachedTrainingBackend

pytestmark = pytest.mark.slow

RECORDS = 8
FLIPS = 400
CUTS = 60


def draft(number):
    return Draft(
        key=f"mk1:{number:064x}", kind="training", backend="paid", account={}, model="base", spec={"number": number}
    )


async def filled(path):
    """Return a ledger with runs that succeeded, each with the model of its own number."""
    ledger = SqliteLedger(path)
    for number in range(RECORDS):
        record = await ledger.claim(draft(number), seconds=60)
        for state in (State.SUBMITTING, State.SUBMITTED, State.RUNNING):
            record = await ledger.move(record, state, job_id=f"job-{number}")
        await ledger.move(record, State.SUCCEEDED, model_id=f"model-{number}", seconds=0)
        await ledger.set_file_id(f"digest-{number}", "account", f"file-{number}")
    return ledger


@pytest.fixture
async def whole(place):
    """A database that was closed, and one as a crash leaves it: with all that matters still in its log."""
    ledger = await filled(place / "closed.db")
    ledger.close()
    with sqlite3.connect(place / "closed.db") as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    ledger = await filled(place / "open.db")
    for suffix in ("", "-wal"):
        shutil.copy(place / f"open.db{suffix}", place / f"crashed.db{suffix}")
    ledger.close()
    return place


async def read_back(path):
    """Read everything as the product does; count what came of it, and fail on a wrong answer."""
    outcome, ledger = Counter(), SqliteLedger(path)
    try:
        for number in range(RECORDS):
            try:
                record = await ledger.read(draft(number).key)
            except CacheError:
                outcome["loud"] += 1
                continue
            if record is None:
                outcome["missed"] += 1
            elif record.state is State.SUCCEEDED:
                assert (record.job_id, record.model_id) == (f"job-{number}", f"model-{number}")
                assert record.spec == {"number": number}
                outcome["right"] += 1
            else:
                assert record.job_id in {"", f"job-{number}"}
                assert record.model_id is None
                outcome["earlier"] += 1
    finally:
        ledger.close()
    return outcome


async def damaged(whole, name, suffix, damage):
    """Read a copy of the database in which one file was damaged."""
    for other in ("", "-wal", "-shm"):
        (whole / f"damaged.db{other}").unlink(missing_ok=True)
        if (whole / f"{name}{other}").exists():
            shutil.copy(whole / f"{name}{other}", whole / f"damaged.db{other}")
    path = whole / f"damaged.db{suffix}"
    path.write_bytes(damage(bytearray(path.read_bytes())))
    return await read_back(whole / "damaged.db")


def flip(chance):
    def damage(content):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        return content

    return damage


def cut(share):
    return lambda content: content[: int(len(content) * share)]


async def test_a_flipped_bit_in_the_database_is_never_a_wrong_answer(whole):
    chance, total = random.Random(1), Counter()  # noqa: S311 (a repeatable choice of bits)
    for _ in range(FLIPS):
        total += await damaged(whole, "closed.db", "", flip(chance))
    assert total["right"] > total["loud"] > 0
    assert total["earlier"] == 0
    assert total["missed"] < 0.02 * total.total()


async def test_a_flipped_bit_in_the_log_is_never_a_wrong_answer(whole):
    chance, total = random.Random(2), Counter()  # noqa: S311 (a repeatable choice of bits)
    for _ in range(FLIPS):
        total += await damaged(whole, "crashed.db", "-wal", flip(chance))
    assert total["right"] > 0


@pytest.mark.parametrize(("name", "suffix"), [("closed.db", ""), ("crashed.db", "-wal"), ("crashed.db", "")])
async def test_a_truncated_file_is_never_a_wrong_answer(whole, name, suffix):
    total = Counter()
    for step in range(CUTS):
        total += await damaged(whole, name, suffix, cut(step / CUTS))
    assert total["loud"] + total["earlier"] + total["missed"] > 0


async def test_a_truncated_database_is_loud_or_empty(whole):
    for step in range(1, CUTS):
        outcome = await damaged(whole, "closed.db", "", cut(step / CUTS))
        assert outcome["missed"] == outcome["earlier"] == 0, (step, outcome)


async def test_without_the_seal_a_flipped_bit_is_a_wrong_answer(whole):
    """What the seals are for: SQLite itself hands out what it finds."""
    path = whole / "closed.db"
    content = path.read_bytes()
    assert b"model-3" in content
    path.write_bytes(content.replace(b"model-3", b"model-2"))
    connection = sqlite3.connect(path)
    [(model,)] = connection.execute("SELECT model_id FROM runs WHERE key = ?", [draft(3).key]).fetchall()
    connection.close()
    assert model == "model-2"
    outcome = await read_back(path)
    assert (outcome["right"], outcome["loud"]) == (RECORDS - 1, 1)


async def test_a_damaged_file_id_is_not_handed_out(whole):
    path = whole / "closed.db"
    content = path.read_bytes()
    assert b"file-3" in content
    path.write_bytes(content.replace(b"file-3", b"file-2"))
    ledger = SqliteLedger(path)
    assert await ledger.get_file_id("digest-3", "account") is None
    assert await ledger.get_file_id("digest-4", "account") == "file-4"
    ledger.close()


async def test_a_torn_handle_is_an_error(service, ledger, data, tmp_path):
    run = await CachedTrainingBackend(PaidBackend(service.url), ledger).train(data, "base", suffix="torn")
    model_id = await run.wait()
    path = tmp_path / "run.json"
    await run.save(path)
    content = path.read_bytes()
    for step in range(20):
        path.write_bytes(cut(step / 20)(content))
        with pytest.raises(HandleError):
            await load_run(path)
    path.write_bytes(content)
    assert (await load_run(path)).model_id == model_id


async def test_a_naive_store_hands_out_what_a_flipped_bit_made_of_it(place, service):
    naive = Remembering(place, service.url)
    await naive.run("flipped")
    path = place / "flipped.json"
    path.write_bytes(path.read_bytes().replace(b"job-", b"jnb-"))
    assert (await naive.run("flipped")).startswith("model:flipped:jnb-")
