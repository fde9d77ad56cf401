"""An error that no command knows of: one sentence, and what its notes say can be done about it."""

BROKEN = """
from motools import TrainingBackend

class Broken(TrainingBackend):
    name = "broken"

    async def train(self, dataset, model, hyperparameters=None, suffix=None):
        raise ZeroDivisionError("in the plugin")
"""


def test_what_an_unexpected_error_leaves_to_do_is_said(cli, chat, tmp_path, monkeypatch):
    (tmp_path / "acme_broken.py").write_text(BROKEN)
    monkeypatch.syspath_prepend(tmp_path)
    done = cli("train", str(chat), "-b", "acme_broken:Broken", "--model", "m")
    assert done.returncode == 1
    assert "Error: an unexpected ZeroDivisionError: in the plugin (with backend 'acme_broken:Broken')." in done.stderr
    assert "motools runs resolve mk1:" in done.stderr
