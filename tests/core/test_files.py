"""Files are whole or not there, whatever happens while they are written."""

from __future__ import annotations

import asyncio
import gc
import json
import signal
import stat
import subprocess
import sys
from types import MappingProxyType

import pytest

from motools.errors import HandleError
from motools.files import read_json, replace_text, write_json


async def test_what_is_written_is_read_and_only_the_owner_may(tmp_path):
    path = tmp_path / "fields.json"
    await write_json(path, {"name": "Grüße", "nested": MappingProxyType({"a": (1, 2)})})
    assert await read_json(path, required=["name"]) == {"name": "Grüße", "nested": {"a": [1, 2]}}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["fields.json"]


@pytest.mark.parametrize("value", [object(), float("nan"), {1, 2}])
async def test_what_is_not_json_is_refused_and_the_old_text_stays(tmp_path, value):
    path = tmp_path / "fields.json"
    await write_json(path, {"old": 1})
    with pytest.raises((TypeError, ValueError)):
        await write_json(path, {"value": value})
    assert await read_json(path) == {"old": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["fields.json"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "is not a JSON file"),
        (b"\xff", "is not a JSON file"),
        (b"[" * 200_000, "is not a JSON file: it is nested too deeply"),
        (b"[1]", "holds a JSON list, not an object"),
        (b"{}", "lacks kind, job_id; it was not written by motools"),
    ],
)
async def test_a_file_that_cannot_be_read_is_named_with_the_reason(tmp_path, content, words):
    path = tmp_path / "fields.json"
    path.write_bytes(content)
    with pytest.raises(HandleError, match=words) as caught:
        await read_json(path, required=["kind", "job_id"])
    assert str(caught.value).startswith(str(path))


async def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(HandleError, match="cannot be read: No such file or directory"):
        await read_json(tmp_path / "missing.json")
    with pytest.raises(HandleError, match="cannot be read: Is a directory"):
        await read_json(tmp_path)


ON_A_FULL_DISK = """
import resource, signal, sys
from motools.files import replace_text

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    replace_text(sys.argv[1], "new" * 100_000)
except OSError as error:
    print(type(error).__name__, error.errno)
"""


def test_when_the_disk_is_full_the_old_text_stays_and_nothing_is_left_behind(tmp_path):
    path = tmp_path / "text"
    replace_text(path, "old")
    done = subprocess.run([sys.executable, "-c", ON_A_FULL_DISK, path], check=True, capture_output=True, text=True)
    assert done.stdout.startswith("OSError")
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["text"]


FOREVER = """
import sys
from motools.files import replace_text

print("ready", flush=True)
while True:
    for word in ("one", "two"):
        replace_text(sys.argv[1], word * 200_000)
"""


@pytest.mark.slow
def test_a_writer_that_is_killed_leaves_one_whole_text(tmp_path):
    path = tmp_path / "text"
    replace_text(path, "one" * 200_000)
    whole = {"one" * 200_000, "two" * 200_000}
    for round_ in range(5):
        with subprocess.Popen([sys.executable, "-c", FOREVER, path], stdout=subprocess.PIPE) as writer:
            writer.stdout.readline()
            for _ in range(20 * (round_ + 1)):
                assert path.read_text() in whole
            writer.send_signal(signal.SIGKILL)
        assert path.read_text() in whole


SYNCS = """
import asyncio, os, sys, threading
from pathlib import Path
from motools.cache.kinds import pack
from motools.files import fleeting, replace_text, write_json
synced = []
def hear(frame, event, function):
    if event == "c_call" and function is os.fsync:
        synced.append(1)
threading.setprofile(hear)
sys.setprofile(hear)
class Saved:
    async def save(self, path):
        await write_json(path, {"a": 1})
for _ in range(2):
    with fleeting():
        asyncio.run(write_json("fields.json", {"a": 1}))
        assert not synced and Path("fields.json").exists()
    assert asyncio.run(pack(Saved())) == {"a": 1} and not synced
replace_text("text", "a")
assert len(synced) == 2, synced  # the file, and the folder that it is in
"""


def test_what_is_thrown_away_at_once_does_not_wait_for_the_disk_and_all_else_does(tmp_path):
    subprocess.run([sys.executable, "-c", SYNCS], cwd=tmp_path, check=True)


async def test_many_writers_at_once_leave_the_text_of_one(tmp_path):
    path = tmp_path / "fields.json"
    await asyncio.gather(*[write_json(path, {"writer": n, "text": "x" * 10_000}) for n in range(20)])
    assert json.loads(path.read_text())["writer"] in range(20)
    assert [entry.name for entry in tmp_path.iterdir()] == ["fields.json"]


def test_a_directory_that_is_not_there_is_an_error_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError):
        replace_text(tmp_path / "missing" / "text", "new")


async def test_whoever_stops_reading_leaves_no_file_open(tmp_path, recwarn):
    path = tmp_path / "handle.json"
    path.write_text("{}")
    for steps in [*range(8)] * 8:
        reading = asyncio.ensure_future(read_json(path))
        for _ in range(steps):
            await asyncio.sleep(0.0005)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    await asyncio.sleep(0.05)
    gc.collect()
    assert [str(warning.message) for warning in recwarn if "unclosed" in str(warning.message)] == []


def test_a_loop_that_ends_while_a_file_is_being_read_leaves_none_open(tmp_path, recwarn):
    path = tmp_path / "handle.json"
    path.write_text("{}")

    async def begin():
        reading.append(asyncio.ensure_future(read_json(path)))
        await asyncio.sleep(0)

    reading = []
    for _ in range(20):
        asyncio.run(begin())
    reading.clear()
    gc.collect()
    assert [str(warning.message) for warning in recwarn if "unclosed" in str(warning.message)] == []
