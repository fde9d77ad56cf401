"""The command: its exit status, and what it prints."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from types import SimpleNamespace

import pytest

from motools.cli.app import run


class Cli:
    """`motools`, in the test's home and working directory."""

    def __call__(self, *arguments, **environment):
        raise NotImplementedError

    def json(self, *arguments, **environment):
        """Return what `--json` printed; nothing else may be on stdout."""
        done = self(*arguments, "--json", **environment)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def refused(self, *arguments, status=2, **environment):
        """Return the sentence of a command that fails as it should: no traceback, and nothing on stdout."""
        done = self(*arguments, **environment)
        assert done.returncode == status, done.stderr
        assert done.stdout == ""
        assert "Traceback" not in done.stderr
        assert "unexpected" not in done.stderr
        start = done.stderr.index("Error: ")
        return done.stderr[start + len("Error: ") :].strip()


class Inside(Cli):
    """The command in this process: what it prints and returns is the same, and it starts at once."""

    def __call__(self, *arguments, **environment):
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            for name, value in environment.items():
                patch.setenv(name, value)
            status = run([str(argument) for argument in arguments])
        return SimpleNamespace(returncode=status, stdout=out.getvalue(), stderr=err.getvalue())


class Outside(Cli):
    """The command as a user runs it: in a process of its own."""

    def __call__(self, *arguments, **environment):
        return subprocess.run(
            [sys.executable, "-m", "motools", *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=os.environ | environment,
            timeout=120,
            check=False,
        )


@pytest.fixture
def cli(motools_home):
    return Inside()


@pytest.fixture
def shell(motools_home):
    return Outside()


@pytest.fixture
def chat():
    """A file with two good conversations, in the working directory."""
    path = Path("chat.jsonl")
    answer = {"role": "assistant", "content": "Hello, World!"}
    asked = [{"messages": [{"role": "user", "content": text}, answer]} for text in ("Hi.", "Bye.")]
    path.write_text("".join(f"{json.dumps(record)}\n" for record in asked))
    return path
