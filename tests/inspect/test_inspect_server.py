"""Workers that are forked from one server: many at once, apart from one another, and never on old code."""

from __future__ import annotations

import asyncio
import importlib
import os
import re
import shutil
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest

import motools
from motools.errors import MotoolsError, RunCancelled, RunFailed
from motools.status import RunStatus
from motools_inspect import InspectEvalBackend, launching
from motools_inspect.environment import fingerprint, variables
from motools_inspect.imported import Imported

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
SUITE = "scripted/shouting"


@pytest.fixture
def own_server(monkeypatch):
    """Have a server of the test's own, and return a function that finds it."""
    place = Path(tempfile.mkdtemp(prefix="motools"))  # a short path, as sockets have
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(place))

    def servers() -> list[psutil.Process]:
        found = [
            process
            for process in psutil.process_iter(["cmdline", "ppid", "status"])
            if "motools_inspect.server" in (process.info["cmdline"] or [])
            and any(part.startswith(f"{place}/") for part in process.info["cmdline"])
            and process.info["status"] != psutil.STATUS_ZOMBIE
        ]
        # A worker is a fork of its server, and goes by its name.
        return [process for process in found if process.info["ppid"] not in {each.pid for each in found}]

    yield servers
    for process in servers():
        process.kill()
    shutil.rmtree(place)


async def until(condition, seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 (another process makes it true)
            await asyncio.sleep(0.02)


async def progress_of(job, steps: int) -> None:
    async with asyncio.timeout(60):
        while (await job.refresh()) or job.progress.step < steps:  # noqa: ASYNC110 (as above)
            await asyncio.sleep(0.05)


def worker_of(job) -> psutil.Process:
    return psutil.Process(job._work.status().pid)


async def test_twenty_at_once_are_apart_and_cancelling_five_or_killing_one_leaves_the_others_alone(tmp_path):
    backend = InspectEvalBackend()
    jobs = [
        await backend.evaluate(
            f"scripted/slow{number}",
            SUITE,
            task_args={"words": 4 + number % 3},
            max_connections=1,
            epochs=1 + number % 2,
            model_args={"calls": str(tmp_path / f"calls{number}"), "prefix": f"{number} "},
        )
        for number in range(20)
    ]
    cancelled, killed, rest = jobs[:5], jobs[5], jobs[6:]
    await asyncio.gather(*(progress_of(job, 1) for job in [*cancelled, killed]))
    worker_of(killed).kill()
    await asyncio.gather(*(job.cancel() for job in cancelled))
    assert {job.status for job in cancelled} == {RunStatus.CANCELLED}
    for number, results in enumerate(await asyncio.gather(*(job.wait() for job in [killed, *rest])), 5):
        expected = (4 + number % 3) * (1 + number % 2)
        assert results.model_id == f"scripted/slow{number}"
        assert len(results.samples) == expected
        assert all(sample["output"].startswith(f"{number} A") for sample in results.samples), number
        asked = (tmp_path / f"calls{number}").read_text().splitlines()
        again = number == 5  # the one that was being asked when its worker was killed
        assert expected <= len(asked) <= expected + again, number
    with pytest.raises(RunCancelled):
        await cancelled[0].wait()


async def test_an_error_ends_its_own_job_alone(task_file):
    backend = InspectEvalBackend()
    jobs = [await backend.evaluate("scripted/slow", f"{task_file}@capitals", limit=2) for _ in range(2)]
    failing = await backend.evaluate("scripted/broken", f"{task_file}@capitals")
    with pytest.raises(RunFailed, match="the script says no"):
        await failing.wait()
    assert [len((await job.wait()).samples) for job in jobs] == [2, 2]


async def test_a_worker_has_the_environment_of_its_caller(monkeypatch, task_file):
    said = []
    for value in ("one", "two"):
        monkeypatch.setenv("MOTOOLS_SAID", value)
        job = await InspectEvalBackend().evaluate("scripted/NAME_MOTOOLS_SAID", f"{task_file}@capitals", limit=1)
        said.append((await job.wait()).samples[0]["output"])
    assert said == ["one", "two"]


async def test_those_beyond_the_number_of_workers_wait_in_order_and_can_be_cancelled_meanwhile(own_server):
    backend = InspectEvalBackend(workers=1)
    first, second, third = [
        await backend.evaluate("scripted/slow", SUITE, task_args={"words": 6}, max_connections=1) for _ in range(3)
    ]
    await progress_of(first, 1)
    async with asyncio.timeout(20):  # the first one has seconds to go
        await second.cancel()
    await third.refresh()
    assert (first.status, second.status, third.status) == ("running", "cancelled", "queued")
    await asyncio.gather(first.wait(), third.wait())


MANY = """
import asyncio, os, resource
resource.setrlimit(resource.RLIMIT_NOFILE, (int(os.environ["FILES"]),) * 2)
from motools_inspect import InspectEvalBackend

async def main():
    backend, many = InspectEvalBackend(workers=1, keep_warm=1), range(int(os.environ["MANY"]))
    jobs = await asyncio.gather(*(backend.evaluate("scripted/upper", "scripted/shouting", limit=1) for _ in many))
    results = await asyncio.gather(*(job.wait() for job in jobs))
    print([len(each.samples) for each in results], {job._work.status().attempt for job in jobs})

asyncio.run(main())
"""


async def test_more_can_wait_than_a_server_may_have_files_open(own_server):
    processes = [  # each request has three: one of these has no room for all of one
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            MANY,
            stdout=asyncio.subprocess.PIPE,
            env=os.environ | {"FILES": str(number), "MANY": "20"},
        )
        for number in (48, 49, 50)
    ]
    for process in processes:
        assert (await process.communicate())[0].decode() == f"{[1] * 20} {{1}}\n"


async def test_more_can_be_on_their_way_to_a_server_than_the_system_lets_a_user_hand_over_at_once(own_server):
    as_a_user = ["setpriv", "--bounding-set", "-sys_resource,-sys_admin"] if os.geteuid() == 0 else []
    process = await asyncio.create_subprocess_exec(
        *as_a_user,
        sys.executable,
        "-c",
        MANY,
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"FILES": "48", "MANY": "40"},
    )
    assert (await process.communicate())[0].decode() == f"{[1] * 40} {{1}}\n"


INHERITED = """
import asyncio, os, resource, sys
from pathlib import Path
from motools_inspect import InspectEvalBackend

def mine():
    return [sorted(os.sched_getaffinity(0)), os.getpriority(os.PRIO_PROCESS, 0), *map(resource.getrlimit, (7, 9))]

if sys.argv[1] == "less":
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    os.nice(5)
    resource.setrlimit(resource.RLIMIT_AS, (2**43, 2**44))
if sys.argv[1] != "all":
    resource.setrlimit(resource.RLIMIT_NOFILE, (300, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))

async def main():
    job = await InspectEvalBackend().evaluate("scripted/upper", f"{sys.argv[2]}@inherited")
    print((await job.wait()).samples[0]["input"] == str(mine()))

asyncio.run(main())
"""
INHERITED_TASK = """
import os, resource
from inspect_ai import Task, task
from inspect_ai.dataset import Sample

@task
def inherited():
    mine = [sorted(os.sched_getaffinity(0)), os.getpriority(os.PRIO_PROCESS, 0), *map(resource.getrlimit, (7, 9))]
    return Task(dataset=[Sample(input=str(mine))])
"""


async def test_a_worker_has_the_processors_the_priority_and_the_limits_of_its_caller(own_server, tmp_path, monkeypatch):
    site, file = tmp_path / "site", tmp_path / "inherited.py"
    site.mkdir()
    file.write_text(INHERITED_TASK)
    monkeypatch.setenv("PYTHONPATH", f"{site}{os.pathsep}{os.environ['PYTHONPATH']}")
    for number, amount in enumerate(["less", "all", "few files", "few files"]):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", INHERITED, amount, str(file), stdout=asyncio.subprocess.PIPE
        )
        assert (await process.communicate())[0].decode() == "True\n", (number, amount)
        (site / f"new{number}.py").touch()  # so that a server begins again
    assert len(own_server()) == 2


async def test_without_their_server_workers_go_on_and_those_that_wait_for_one_begin_elsewhere(own_server):
    backend = InspectEvalBackend(workers=1)
    first, second = [
        await backend.evaluate("scripted/slow", SUITE, task_args={"words": 6}, max_connections=1) for _ in range(2)
    ]
    await progress_of(first, 1)
    worker = worker_of(first)
    psutil.Process(worker.ppid()).kill()
    results = await asyncio.gather(first.wait(), second.wait())
    assert [len(each.samples) for each in results] == [6, 6]
    assert [job._work.status().attempt for job in (first, second)] == [1, 2]


async def test_a_worker_never_runs_older_code_than_there_is(own_server, tmp_path, monkeypatch):
    package = tmp_path / "site" / "tricks.py"
    package.parent.mkdir()
    package.write_text("ANSWER = 'old'\n")
    registry = tmp_path / "site" / "tricky.py"
    registry.write_text(
        "import tricks\nfrom inspect_ai import Task, task\nfrom inspect_ai.dataset import Sample\n"
        "from inspect_ai.scorer import match\n\n@task\ndef trick():\n"
        "    return Task(dataset=[Sample(input=tricks.ANSWER, target='x')], scorer=match())\n"
    )
    metadata = tmp_path / "site" / "tricky-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: tricky\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[inspect_ai]\ntricky = tricky\n")
    monkeypatch.setenv("PYTHONPATH", f"{package.parent}{os.pathsep}{os.environ['PYTHONPATH']}")
    task = f"{registry}@trick"
    backend = InspectEvalBackend()
    for answer in ("old", "new", "newer"):
        package.write_text(f"ANSWER = {answer!r}\n")
        job = await backend.evaluate("scripted/upper", task)
        assert [sample["output"] for sample in (await job.wait()).samples] == [answer.upper()]
        assert len(own_server()) == 1


async def test_a_server_that_begins_again_takes_along_what_it_was_asked_however_long_that_is(
    own_server, tmp_path, monkeypatch
):
    (tmp_path / "long.py").write_text(
        "from inspect_ai import Task, task\nfrom inspect_ai.dataset import Sample\n\n@task\ndef long(text):\n"
        "    return Task(dataset=[Sample(input=str(len(text)))])\n"
    )
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.setenv("PYTHONPATH", f"{site}{os.pathsep}{os.environ['PYTHONPATH']}")
    backend, task = InspectEvalBackend(), f"{tmp_path}/long.py@long"
    before = await backend.identify("scripted/upper", task, task_args={"text": "short"})
    (server,) = own_server()
    (site / "new.py").write_text("")
    found = await backend.identify("scripted/upper", task, task_args={"text": "x" * 150_000})
    assert found["tasks"]["long"]["samples"] != before["tasks"]["long"]["samples"]
    assert own_server() == [server]


def test_an_edit_that_keeps_size_and_time_is_seen(tmp_path, monkeypatch):
    module = tmp_path / "edited_in_secret.py"
    module.write_text("A = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.import_module(module.stem)
    imported, status = Imported(since=time.time_ns()), module.stat()
    module.write_text("A = 2\n")
    os.utime(module, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert imported.has_changed(may_be_late=False)


async def test_a_server_ends_when_nothing_has_been_asked_of_it_for_some_time_and_announcing_starts_none(own_server):
    launching.announce()
    assert not own_server()
    job = await InspectEvalBackend(keep_warm=1).evaluate("scripted/upper", SUITE)
    await job.wait()
    (server,) = own_server()
    for _ in range(3):
        launching.announce()
    await until(lambda: not server.is_running(), 10)
    launching.announce()
    assert not own_server()
    again = await InspectEvalBackend(keep_warm=1).evaluate("scripted/upper", SUITE)
    assert len((await again.wait()).samples) == 3


async def test_those_who_wait_for_a_server_that_is_killed_again_and_again_have_not_died_with_it(own_server):
    backend, killed = InspectEvalBackend(), set()
    jobs = [await backend.evaluate("scripted/upper", SUITE) for _ in range(3)]
    waiting = [asyncio.create_task(job.wait()) for job in jobs]
    while len(killed) < 4:
        await until(lambda: {server.pid for server in own_server()} - killed)
        for server in own_server():
            server.kill()
            killed.add(server.pid)
    assert [len((await each).samples) for each in waiting] == [3, 3, 3]


@pytest.mark.parametrize("length", [1, 1_000_000])  # the longer one is not taken off a caller's hands before it is read
async def test_who_asks_a_server_that_is_about_to_end_is_served_by_the_next(own_server, length):
    place = launching._place(launching._directory(), variables())
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(place))
    listener.listen()

    def end() -> None:
        listener.accept()[0].close()
        place.unlink()
        listener.close()

    asking = InspectEvalBackend().identify("scripted/upper", SUITE, model_args={"padding": "x" * length})
    found, _ = await asyncio.gather(asking, asyncio.to_thread(end))
    assert list(found["tasks"]) == [SUITE]


async def test_what_ends_the_building_of_a_task_ends_it_once(tmp_path):
    (tmp_path / "ends.py").write_text(
        "import os\nfrom inspect_ai import task\n\n@task\ndef ends(log):\n"
        "    with open(log, 'a') as file:\n        file.write('x')\n    os._exit(0)\n"
    )
    with pytest.raises(RunFailed, match=r"was to build .* ended without an answer"):
        await InspectEvalBackend().identify(
            "scripted/upper", f"{tmp_path}/ends.py@ends", task_args={"log": f"{tmp_path}/log"}
        )
    assert (tmp_path / "log").read_text() == "x"


async def test_a_program_that_outlives_the_building_of_a_task_does_not_keep_its_caller_waiting(own_server, tmp_path):
    (tmp_path / "forks.py").write_text(
        "import os, time\nfrom inspect_ai import Task, task\nfrom inspect_ai.dataset import Sample\n\n@task\ndef forks(log):\n"
        "    if (pid := os.fork()) == 0:\n        time.sleep(600)\n        os._exit(0)\n"
        "    open(log, 'w').write(str(pid))\n    return Task(dataset=[Sample(input='x')])\n"
    )
    asking = InspectEvalBackend().identify(
        "scripted/upper", f"{tmp_path}/forks.py@forks", task_args={"log": f"{tmp_path}/log"}
    )
    try:
        async with asyncio.timeout(30):
            assert (await asking)["tasks"]["forks"]["samples"]["number"] == 1
    finally:
        os.kill(int((tmp_path / "log").read_text()), signal.SIGKILL)


@pytest.mark.parametrize("is_there", [True, False])
async def test_a_session_whose_directory_of_sockets_is_of_no_use_has_its_server_elsewhere(
    own_server, monkeypatch, is_there
):
    place = Path(os.environ["XDG_RUNTIME_DIR"])
    of_session = place / "run"
    if is_there:
        of_session.touch()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(of_session))
    monkeypatch.setenv("TMPDIR", str(place))
    monkeypatch.setattr(tempfile, "tempdir", None)  # it is asked for again
    job = await InspectEvalBackend().evaluate("scripted/upper", SUITE)
    assert len((await job.wait()).samples) == 3
    assert len(own_server()) == 1


async def test_without_keeping_warm_each_worker_is_a_new_process(own_server):
    job = await InspectEvalBackend(keep_warm=0).evaluate("scripted/upper", SUITE)
    assert len((await job.wait()).samples) == 3
    assert not own_server()


async def test_the_end_of_a_job_is_heard_of_at_once():
    late = []
    for _ in range(3):
        job = await InspectEvalBackend().evaluate("scripted/slow", SUITE, task_args={"words": 4}, max_connections=1)
        await job.wait()
        late.append(time.time() - job._work.status().updated_at)
        if late[-1] < 0.2:  # of a look now and then it would be more, and more so later
            return
    raise AssertionError(late)


async def test_a_directory_of_sockets_that_others_can_enter_is_refused(own_server):
    place = Path(os.environ["XDG_RUNTIME_DIR"]) / f"motools-{os.geteuid()}"
    place.mkdir()
    place.chmod(0o755)
    with pytest.raises(MotoolsError, match="no worker can be started: is open to other users"):
        await InspectEvalBackend().evaluate("scripted/upper", SUITE)


def test_servers_are_told_apart_by_what_modules_may_read_when_they_are_imported(monkeypatch):
    before = fingerprint(variables())
    for name in ("MOTOOLS_HOME", "PWD", "SSH_AUTH_SOCK"):
        monkeypatch.setenv(name, "another")
        assert fingerprint(variables()) == before
    for name in ("HF_HOME", "EVAL_MAX_TOKENS", "TASK_API_KEY"):
        monkeypatch.setenv(name, "another")
        assert fingerprint(variables()) != before
        monkeypatch.delenv(name)
    assert re.fullmatch("[0-9a-f]{64}", before)


IMPORTED = """
import os
from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.scorer import match
from huggingface_hub.constants import HF_HOME

@task
def told():
    return Task(dataset=[Sample(input=HF_HOME, target="x")], scorer=match())
"""


async def test_what_a_package_reads_when_it_is_imported_may_stand_in_the_env_file(own_server, tmp_path, monkeypatch):
    (tmp_path / "told.py").write_text(IMPORTED)
    monkeypatch.chdir(tmp_path)
    asked = []
    for name in ("one", "two"):
        (tmp_path / ".env").write_text(f"HF_HOME={tmp_path}/{name}\n")
        job = await motools.get_backend("inspect").evaluate("scripted/upper", f"{tmp_path}/told.py@told")
        asked.append([sample["input"] for sample in (await job.wait()).samples])
    assert asked == [[f"{tmp_path}/one"], [f"{tmp_path}/two"]]
