"""A store of somebody else's that only remembers results, on the command line."""

from __future__ import annotations

import json
from pathlib import Path

from motools.cli.app import run

STORE = """
import json
from pathlib import Path

class Store:
    def __init__(self, url):
        self.path = Path(url.partition("://")[2])
        self.known = json.loads(self.path.read_text()) if self.path.exists() else {}
    async def get_model_id(self, key): return self.known.get(key)
    async def set_model_id(self, key, model_id):
        self.known[key] = model_id
        self.path.write_text(json.dumps(self.known))
    get_eval_results, set_eval_results = get_model_id, set_model_id
    async def get_file_id(self, digest, account): return None
    async def set_file_id(self, digest, account, file_id): pass
"""


def test_what_a_store_remembers_without_a_time_is_said_to_be_of_none(world, capsys, monkeypatch):
    world.install("acme-store", cache={"acme": "acme_store:Store"}, modules={"acme_store": STORE})
    monkeypatch.setenv("MOTOOLS_CACHE", f"acme://{Path('kept.json').absolute()}")
    turns = [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Hello!"}]
    Path("data.jsonl").write_text(json.dumps({"messages": turns}))
    train = ["train", "-b", "dummy", "data.jsonl", "--model", "small", "--middleware", "cache"]
    for _ in range(2):
        assert run(train) == 0
    assert capsys.readouterr().err.endswith("\nA recorded result: nothing was started, nothing is paid.\n")
    assert run([*train, "--dry-run"]) == 0
    assert "a recorded result: nothing would be started or paid" in capsys.readouterr().out
    assert run([*train, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["recorded"], told["created_at"], told["updated_at"]) == (True, None, None)
