"""Data are judged by the rules of any backend without its SDK, a key or a home."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize("backend", ["dummy", "openai", "tinker", "local"])
def test_no_key_no_sdk_and_no_home_is_needed(backend, tmp_path):
    turns = [[{"role": "user", "content": f"{n}"}, {"role": "assistant", "content": "Hello"}] for n in range(10)]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps({"messages": messages}) + "\n" for messages in turns))
    program = (
        "import sys\n"
        "from motools.cli.app import run\n"
        f"status = run(['validate', 'train.jsonl', '-b', {backend!r}])\n"
        "print(status, sorted({'openai', 'tinker', 'torch', 'transformers', 'sqlite3'} & set(sys.modules)))\n"
    )
    variables = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=variables | {"MOTOOLS_HOME": "/dev/null/none"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "0 []\n"
