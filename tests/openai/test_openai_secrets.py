"""The key is read when it is used, and is nowhere afterwards."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys

import pytest

import motools
from motools.errors import MotoolsError

CANARY = "sk-canary-4f1d0c5f7e2b4b1c"
MODEL = "gpt-4.1-nano-2025-04-14"


def files_with(text, *directories):
    """Return the files, in and below directories, that hold a text."""
    files = (path for directory in directories for path in directory.rglob("*") if path.is_file())
    return [path for path in files if text.encode() in path.read_bytes()]


@pytest.mark.slow
async def test_the_key_is_in_no_file_no_log_no_error_and_no_handle(
    service, data, tmp_path, motools_home, monkeypatch, caplog
):
    service.set(keys={CANARY: "proj_default"}, speed=100)
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    backend = motools.get_backend("openai", base_url=service.base_url, poll=0.02)
    errors = []
    with caplog.at_level(logging.DEBUG):
        run = await backend.train(data, MODEL)
        await run.wait()
        await run.save(tmp_path / "run.json")
        await run.metrics()
        service.set(eligible=False)
        for switches in (
            {"eligible": False},
            {"eligible": True, "daily_jobs": 0},
            {"keys": {"sk-other": "proj_default"}},
        ):
            service.set(**switches)
            with pytest.raises(MotoolsError) as caught:
                await motools.get_backend("openai", base_url=service.base_url, middleware=[]).train(data, MODEL, seed=1)
            errors.append(f"{caught.value!r} {caught.value}")
    await backend.aclose()
    assert len(service.bill()) == 1
    assert files_with(CANARY, motools_home, tmp_path) == []
    ours = [record for record in caplog.records if record.name.startswith("motools")]
    shown = [repr(run), repr(backend), json.dumps(run.metadata), *errors, *(record.getMessage() for record in ours)]
    assert all(CANARY not in text for text in shown)


@pytest.mark.slow
def test_the_key_is_in_nothing_that_the_command_line_prints_or_keeps(service, data, tmp_path, motools_home):
    service.set(keys={CANARY: "proj_default"}, speed=100)
    environment = {**os.environ, "OPENAI_API_KEY": CANARY, "OPENAI_BASE_URL": service.base_url}
    command = [sys.executable, "-m", "motools"]

    def motools_command(*arguments, status=0):
        done = subprocess.run(
            [*command, *arguments],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == status, done.stderr
        return done.stdout + done.stderr

    printed = motools_command(
        "train", str(data), "-b", "openai", "--model", MODEL, "-o", "poll=0.1", "--save", "run.json"
    )
    printed += motools_command("runs", "show", "ft:", status=2) + motools_command("runs", "--json")
    printed += motools_command("config", "--json")
    service.set(eligible=False)
    printed += motools_command("train", str(data), "-b", "openai", "--model", MODEL, "--replicate", "1", status=1)
    assert "closing self-serve fine-tuning" in printed
    assert CANARY not in printed
    assert files_with(CANARY, motools_home, tmp_path) == []
