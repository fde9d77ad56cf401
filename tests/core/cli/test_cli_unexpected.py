"""An error that no command knows of: one sentence, and what its notes say can be done about it."""

import sys

import pytest

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


SECRET = "hunter2hunter2"
QUOTING = {
    "what nobody expects": "RuntimeError",
    "an error of ours": "__import__('motools').errors.SubmitUnavailable",
    "an error of the system": "__import__('functools').partial(OSError, 5)",
}


@pytest.mark.parametrize("case", QUOTING)
@pytest.mark.parametrize("options", [[], ["--debug"]])
def test_no_secret_that_an_error_quotes_is_printed(cli, chat, tmp_path, monkeypatch, case, options):
    words = f"'https://me:{SECRET}@host/?token={SECRET}'"
    raised = f"error = {QUOTING[case]}({words})\n        error.add_note({words})\n        raise error"
    (tmp_path / "acme_quoting.py").write_text(BROKEN.replace('raise ZeroDivisionError("in the plugin")', raised))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "acme_quoting", raising=False)
    done = cli("train", str(chat), "-b", "acme_quoting:Broken", "--model", "m", *options)
    assert done.returncode == 1
    assert "https://[credential]@host/?token=[credential]" in done.stderr
    assert SECRET not in done.stdout + done.stderr
