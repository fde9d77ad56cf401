import asyncio
import hashlib
import io
import json
import os
import shutil
import time
from pathlib import Path

import pytest
from paid_world import LINE

from motools.cache.digests import Fingerprint, digest
from motools.cache.flight import Flights
from motools.datasets import Dataset
from motools.errors import DatasetError


class Memo:
    def __init__(self):
        self.known, self.asked = {}, []

    async def recall_digest(self, fingerprint):
        self.asked.append(fingerprint)
        return self.known.get(fingerprint)

    async def remember_digest(self, fingerprint, digest):
        self.known[fingerprint] = digest


def rested(path):
    """Wait until a file has been left alone long enough for its digest to be remembered."""
    while not Fingerprint.of(path.stat()).has_rested(time.time_ns()):
        time.sleep(0.05)
    return path


async def test_the_digest_is_that_of_the_bytes(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_text(LINE * 1000)
    assert (await digest(path)).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


async def test_records_have_the_digest_of_the_file_they_would_be_saved_as(tmp_path):
    records = [json.loads(LINE), {"messages": [{"role": "user", "content": "Ünïcode  "}], "more": (1, 2.5)}]
    await Dataset.of(records).save(tmp_path / "saved.jsonl")
    digests = [(await digest(source)).sha256 for source in (records, iter(records), tmp_path / "saved.jsonl")]
    assert len(set(digests)) == 1


async def test_a_file_that_was_just_written_is_not_remembered(tmp_path):
    memo, path = Memo(), tmp_path / "train.jsonl"
    path.write_text(LINE)
    await digest(path, memo)
    assert memo.known == {}


async def test_a_file_that_only_pretends_to_be_old_is_not_remembered(tmp_path):
    memo, path = Memo(), tmp_path / "train.jsonl"
    path.write_text(LINE)
    os.utime(path, (1_600_000_000, 1_600_000_000))
    await digest(path, memo)
    assert memo.known == {}


@pytest.mark.slow
async def test_a_file_is_read_once_and_again_when_it_may_have_changed(tmp_path):
    memo, path = Memo(), tmp_path / "train.jsonl"
    path.write_text(LINE)
    rested(path)
    first = await digest(path, memo)
    assert list(memo.known.values()) == [first.sha256]
    memo.known = dict.fromkeys(memo.known, "from the memo")
    assert (await digest(path, memo)).sha256 == "from the memo"
    before = path.stat()
    path.write_text(LINE.replace("Hi", "Ho"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # as cp -p, tar and rsync -t do
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert (await digest(path, memo)).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


async def test_a_ledger_remembers_one_digest_for_each_file_and_mistrusts_a_damaged_one(ledger, data):
    fingerprint = Fingerprint.of(data.stat())
    for value in ("first", "second"):
        await ledger.remember_digest(fingerprint, value)
    assert await ledger.recall_digest(fingerprint) == "second"
    assert await ledger.recall_digest(fingerprint._replace(size=0)) is None
    ledger._database._writer.execute("UPDATE files SET digest = 'sacond'")
    assert await ledger.recall_digest(fingerprint) is None


async def test_those_who_ask_at_once_share_one_reading(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_text(LINE * 1000)
    memo, flights = Memo(), Flights()
    digests = await asyncio.gather(*(digest(path, memo, flights) for _ in range(10)))
    assert len({each.sha256 for each in digests}) == 1
    assert flights._calls[asyncio.get_running_loop()] == {}


class GrowingFile(io.FileIO):
    """A file that somebody else appends to when its first bytes have been read."""

    def readinto(self, block):
        size = super().readinto(block)
        if self.tell() == size:
            with Path(self.name).open("a") as other:
                other.write(LINE)
        return size


class GrowingDataset(Dataset):
    def open(self):
        return GrowingFile(self.path)


async def test_a_file_that_changes_while_it_is_read_is_an_error(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_text(LINE)
    with pytest.raises(DatasetError, match="changed while it was being used"):
        await digest(GrowingDataset(path))


async def test_what_is_no_file_is_said_in_words(tmp_path):
    for source, words in [
        (tmp_path / "none.jsonl", "there is no such file"),
        (tmp_path, "is a directory"),
        (5, "A dataset is a path"),
    ]:
        with pytest.raises(DatasetError, match=words):
            await digest(source)


async def test_a_moved_file_is_still_found_unchanged_and_a_copy_is_not(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_text(LINE)
    digested = await digest(path)
    digested.check_unchanged()
    shutil.copy2(path, tmp_path / "copy")
    (tmp_path / "copy").replace(path)
    with pytest.raises(DatasetError, match="changed while it was being used"):
        digested.check_unchanged()


async def test_a_file_that_cannot_be_found_any_more_is_said_not_to_be_there(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "train.jsonl").write_text("{}\n")
    monkeypatch.chdir(tmp_path)
    digested = await digest("train.jsonl")
    monkeypatch.chdir("elsewhere")  # as a listener may
    with pytest.raises(DatasetError, match=r"train\.jsonl: is no longer there: it was moved, or"):
        digested.check_unchanged()
