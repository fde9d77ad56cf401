"""What several processes make of one request, and what dead ones leave behind."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
from paid_world import BlindBackend, PaidBackend

from motools.cache.sqlite import SqliteLedger
from motools.cache.states import State
from motools.errors import NeedsPerson
from motools.handles import load_run
from motools.training.backends.cached import CachedTrainingBackend

pytestmark = pytest.mark.slow

WORLD = Path(__file__).parent / "paid_world.py"
DIED = 9


def started(ledger, service, data, what):
    code = f"import sys; sys.path.insert(0, {str(WORLD.parent)!r}); import paid_world; paid_world.main(*sys.argv[1:])"
    command = [sys.executable, "-c", code, str(ledger.path), str(service.path), str(data), what]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finished(process):
    out, err = process.communicate(timeout=60)
    return process.returncode, out.strip(), err


def died(ledger, service, data, what):
    code, _, err = finished(started(ledger, service, data, what))
    assert code == DIED, err


async def record_of(ledger):
    [record] = await ledger.records()
    return record


async def test_four_processes_with_one_request_pay_once(ledger, service, data):
    processes = [started(ledger, service, data, "paid") for _ in range(4)]
    answers = [await asyncio.to_thread(finished, process) for process in processes]
    assert [code for code, _, _ in answers] == [0] * 4, answers
    [job] = service.jobs()
    assert {out for _, out, _ in answers} == {f"model-of-{job['id']}"}


async def test_another_process_attaches_to_the_live_run_and_sees_it_end(ledger, service, data):
    _, job_id, _ = await asyncio.to_thread(finished, started(ledger, service, data, "paid:leave"))
    run = await CachedTrainingBackend(PaidBackend(service), ledger).train(data, "base")
    assert run.job_id == job_id
    waiting = asyncio.create_task(run.wait())
    await run.refresh()
    assert (run.status, run.progress.total) == ("running", 2)
    service.end(job_id)
    assert await waiting == f"model-of-{job_id}"
    assert (await record_of(ledger)).state is State.SUCCEEDED
    assert len(service.jobs()) == 1


@pytest.mark.parametrize(
    ("step", "left", "paid"),
    [
        ("before", State.INTENT, 0),
        ("window", State.SUBMITTING, 0),
        ("accepted", State.SUBMITTING, 1),
        ("after", State.SUBMITTED, 1),
    ],
)
async def test_a_killed_submitter_is_followed_by_exactly_one_payment(ledger, service, data, step, left, paid):
    await asyncio.to_thread(died, ledger, service, data, f"paid:{step}")
    assert ((await record_of(ledger)).state, len(service.jobs())) == (left, paid)
    run = await asyncio.wait_for(CachedTrainingBackend(PaidBackend(service), ledger).train(data, "base"), 20)
    assert [job["id"] for job in service.jobs()] == [run.job_id]
    service.end(run.job_id)
    assert await run.wait() == f"model-of-{run.job_id}"


async def test_a_killed_submitter_that_cannot_look_leaves_a_question(ledger, service, data):
    await asyncio.to_thread(died, ledger, service, data, "blind:accepted")
    with pytest.raises(NeedsPerson, match="the process that was submitting it ended"):
        await CachedTrainingBackend(BlindBackend(service), ledger).train(data, "base")
    assert len(service.jobs()) == 1


async def test_a_saved_run_is_loaded_and_waited_for_elsewhere(ledger, service, data, tmp_path):
    run = await CachedTrainingBackend(PaidBackend(service, ended=False), ledger).train(data, "base")
    await run.save(tmp_path / "run.json")
    code = (
        "import asyncio, sys; sys.path.insert(0, sys.argv[1]); import paid_world\n"
        "from motools.plugins.saved import own_class\n"
        "from motools.handles import load_run\n"
        "async def main():\n"
        "    run = await load_run(sys.argv[2])\n"
        "    print(await run.wait(), run.status)\n"
        "asyncio.run(main())"
    )
    fields = (tmp_path / "run.json").read_text().replace('"backend": "paid"', '"backend": "paid_world:PaidBackend"', 1)
    (tmp_path / "run.json").write_text(fields)
    home = tmp_path / "another-machine"
    service.end(run.job_id)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code, str(WORLD.parent), str(tmp_path / "run.json")),
        stdout=subprocess.PIPE,
        env={**os.environ, "MOTOOLS_HOME": str(home)},
    )
    out, _ = await process.communicate()
    assert out.decode().strip() == f"model-of-{run.job_id} succeeded"


async def test_a_saved_run_is_loaded_by_its_record_where_there_is_one(service, data, tmp_path, motools_home):
    ledger = SqliteLedger.open(motools_home / "motools.db")
    run = await CachedTrainingBackend(PaidBackend(service), ledger).train(data, "base")
    model_id = await run.wait()
    await run.save(tmp_path / "run.json")
    loaded = await load_run(tmp_path / "run.json")
    assert (loaded.key, loaded.model_id, await loaded.wait()) == (run.key, model_id, model_id)
    ledger.close()


def test_a_child_process_opens_a_connection_of_its_own(ledger):
    asyncio.run(ledger.set_file_id("digest", "account", "file-1"))
    parents = ledger._database.reader
    child = os.fork()
    if child == 0:
        try:
            found = asyncio.run(ledger.get_file_id("digest", "account"))
            asyncio.run(ledger.set_file_id("digest", "account", "file-2"))
            os._exit(0 if found == "file-1" and ledger._database.reader is not parents else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert asyncio.run(ledger.get_file_id("digest", "account")) == "file-2"
