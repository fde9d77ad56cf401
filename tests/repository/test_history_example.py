"""The listener in examples/, installed as anybody's would be."""

from __future__ import annotations

import json
import os
import shutil
import socketserver
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest

pytestmark = pytest.mark.slow  # it is built and installed

FIELDS = {"happened", "kind", "backend", "key", "job_id", "at", "model", "model_id", "error", "details"}
CONVERSATION = {"messages": [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Hello!"}]}


@pytest.fixture(scope="module")
def installed(root, tmp_path_factory):
    """Where the example is installed."""
    place = tmp_path_factory.mktemp("history")
    shutil.copytree(root / "examples" / "motools-history", place / "motools-history")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--target", place / "site", place / "motools-history"], check=True)
    return place / "site"


@pytest.fixture
def collector():
    """A server that keeps the lines that it is sent."""
    lines = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            lines.extend(json.loads(line) for line in self.rfile)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield SimpleNamespace(lines=lines, address=f"127.0.0.1:{server.server_address[1]}", server=server)
        server.shutdown()


@pytest.fixture
def motools(installed, motools_home, tmp_path, monkeypatch):
    """Return `motools(*arguments, **environment)`, which runs the command with the example installed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.jsonl").write_text(json.dumps(CONVERSATION) + "\n")

    def motools(*arguments, **environment):
        return subprocess.run(
            [sys.executable, "-m", "motools", *arguments],
            env={**os.environ, "PYTHONPATH": str(installed), **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    return motools


TRAIN = ("train", "-b", "dummy", "data.jsonl", "--model", "base")


def test_events_are_written_sent_and_shown(motools, motools_home, collector):
    for _ in range(2):
        done = motools(*TRAIN, HISTORY_COLLECTOR=collector.address)
        assert (done.returncode, "cannot be used" in done.stderr) == (0, False), done.stderr
    written = [json.loads(line) for line in (motools_home / "history.jsonl").read_text().splitlines()]
    assert all(set(event) == FIELDS for event in written)
    assert [event["happened"] for event in written] == ["submitted", "succeeded", "cache_hit"]
    collector.server.server_close()  # waits for what is being received
    assert sorted(collector.lines, key=lambda event: event["at"]) == written
    shown = motools("history", "--last", "2")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert [line.split()[2] for line in shown.stdout.splitlines()] == ["succeeded", "cache_hit"]


def test_whoever_requires_it_pays_for_nothing_that_is_not_told(motools, tmp_path, collector):
    (tmp_path / "motools.toml").write_text('[plugins]\nrequired = ["collector"]\n')
    collector.server.shutdown()
    collector.server.server_close()
    done = motools(*TRAIN, HISTORY_COLLECTOR=collector.address)
    assert done.returncode == 2
    assert "Plugin 'collector' (motools.hooks.v1) of motools-history 0.1.0 cannot be used" in done.stderr
    assert "ConnectionRefusedError" in done.stderr
    assert json.loads(motools("runs", "--json", "--state", "submitted").stdout) == []
    assert json.loads(motools("runs", "--json").stdout)[0]["state"] == "absent"


def test_the_history_can_be_switched_off(motools, motools_home):
    assert motools(*TRAIN, MOTOOLS_PLUGINS="-history").returncode == 0
    assert not (motools_home / "history.jsonl").exists()
    assert "MOTOOLS_PLUGINS='-history' switches it off" in motools("history", MOTOOLS_PLUGINS="-history").stderr
