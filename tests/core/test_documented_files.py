"""A file that MOTools writes has exactly the fields that docs/files.md says."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest

import motools
from motools.cache.exchange import export
from motools.cache.hits import Hits
from motools.cache.schema import MIGRATIONS
from motools.cache.sqlite import SqliteLedger
from motools.detached import WorkDirectory
from motools.evals.samples import Samples

DATA = [{"messages": [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Hello!"}]}]


@pytest.fixture
async def run():
    run = await motools.get_backend("dummy", kind="training").train(DATA, "small")
    await run.wait()
    return run


@pytest.fixture
async def results():
    job = await motools.get_backend("dummy", kind="eval").evaluate("small", "task")
    return await job.wait()


async def saved(thing, tmp_path):
    await thing.save(tmp_path / "saved.json")
    return json.loads((tmp_path / "saved.json").read_text())


async def test_a_saved_run(run, tmp_path, documented):
    mine = documented("Every saved run or job")
    recorded = mine | documented("Saved through the record")
    fields = await saved(run, tmp_path)
    assert set(fields) == recorded - {"job_class", "results", "results_class"}
    assert set(fields["handle"]) == mine | {"service"}
    assert "service" in documented("Saved by a backend itself")


async def test_a_saved_job(tmp_path, documented):
    job = await motools.get_backend("dummy", kind="eval").evaluate("small", "task")
    await job.wait()
    recorded = documented("Every saved run or job") | documented("Saved through the record")
    assert set(await saved(job, tmp_path)) == recorded - {"run_class"}


async def test_saved_results(results, tmp_path, documented):
    fields = await saved(results, tmp_path)
    assert set(fields) == documented("Results of an evaluation") - {"samples_file"}
    assert set(Samples(tmp_path / "samples.jsonl", 3).fields()) == {"path", "count"}
    assert set(fields["samples"][0]) <= documented("A sample")


@pytest.mark.slow  # it loads scipy
async def test_a_saved_comparison(tmp_path, documented):
    pytest.importorskip("scipy")
    samples = [{"id": number, "scores": {"match": number % 2}} for number in range(4)]
    both = [motools.EvalResults(model_id=name, metrics={"hello": {}}, samples=samples) for name in ("base", "organism")]
    fields = await saved(await motools.compare(both), tmp_path)
    assert set(fields) == documented("A comparison")
    assert set(fields["scores"][0]) == documented("A comparison: each of its scores")
    assert set(fields["differences"][0]) == documented("A comparison: each of its differences")


async def test_exported_records(run, motools_home, tmp_path, documented):
    await run.wait()
    with closing(SqliteLedger(motools_home / "motools.db")) as ledger:
        await export(ledger, tmp_path / "records.jsonl")
    first, record, last = map(json.loads, (tmp_path / "records.jsonl").read_text().splitlines())
    assert set(first) == documented("Exported records: the first line")
    assert set(record) == documented("Exported records: each further line")
    assert last == {"end": 1}


async def test_the_record_of_paid_work(run, motools_home, documented):
    await run.wait()
    with closing(sqlite3.connect(motools_home / "motools.db")) as store:
        tables = {name for (name,) in store.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        assert tables == documented("The record: its tables")
        for table in tables:
            columns = {row[1] for row in store.execute(f"PRAGMA table_info({table})")}
            assert columns == documented(f"The record: {table}"), table
        (version,) = store.execute("PRAGMA user_version").fetchone()
    assert version == len(MIGRATIONS)
    assert f"schema version {version}" in documented("The versions")


async def test_the_counts_of_hits(motools_home, documented):
    hits = Hits(motools_home / "motools.db")
    motools_home.mkdir(exist_ok=True)
    hits.count("mk1:0")
    hits.flush()
    with closing(sqlite3.connect(motools_home / "motools-hits.db")) as store:
        assert {row[1] for row in store.execute("PRAGMA table_info(hits)")} == documented("The counts of hits")


def test_a_directory_of_detached_work(tmp_path, documented):
    work = WorkDirectory.create(tmp_path / "work", spec={}, module="none")
    assert {path.name for path in work.path.iterdir()} <= documented("Every directory of work")
    assert set(json.loads((work.path / "status.json").read_text())) == documented(
        "Every directory of work: status.json"
    )


async def test_a_job_of_the_dummy_service(run, motools_home, documented):
    (job,) = (motools_home / "dummy").glob("dummy-*.json")
    assert set(json.loads(job.read_text())) == documented("A job of the dummy service")


def test_the_keys_of_motools_toml(documented):
    from motools import config

    assert set(config.KEYS) <= documented("motools.toml")
    assert set(config.PLUGIN_KEYS) <= documented("motools.toml: plugins")


def test_every_version_that_a_file_carries_is_the_documented_one(documented):
    from motools import handles
    from motools.cache import keys, transfer
    from motools.comparison import report

    versions = {f"schema {handles.SCHEMA}", f"version {transfer.VERSION}", keys.PREFIX, f"schema {report.SCHEMA}"}
    assert versions <= documented("The versions")
