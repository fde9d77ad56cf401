from __future__ import annotations

import sys

import pytest

from motools.errors import BackendNotFound, PluginBroken, PluginConflict
from motools.plugins.registry import find_class, get_backend, list_backends

MINE = """
from motools import TrainingBackend
from neighbour import LENGTH

class Mine(TrainingBackend):
    length = LENGTH

    async def train(self, dataset, model, hyperparameters=None, suffix=None, **kwargs):
        import late_neighbour
        return late_neighbour.RUN
"""


async def test_a_class_beside_motools_toml_is_a_backend(world):
    world.configure(
        '[plugins.backends]\nmine = "mine:Mine"', mine=MINE, neighbour="LENGTH = 7", late_neighbour="RUN = 'run'"
    )
    before = list(sys.path)
    backend = get_backend("mine", middleware=[])
    assert (backend.name, backend.length) == ("mine", 7)
    assert sys.path == before
    assert await backend.train([], "model") == "run"


def test_it_is_found_from_a_directory_below(world, training, monkeypatch):
    world.configure('[plugins.backends]\nown = "own:OwnTrainingBackend"', own=training.format(name="Own"))
    below = world.project / "deep" / "down"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert find_class("own").__qualname__ == "OwnTrainingBackend"
    assert find_class("own", "training") is find_class("own")


def test_a_name_in_the_file_goes_before_an_installed_one(world, training):
    world.install("acme", training={"acme": "acme:A"})
    world.configure('[plugins.backends]\nacme = "own:OwnTrainingBackend"', own=training.format(name="Own"))
    assert find_class("acme").__qualname__ == "OwnTrainingBackend"
    [installed] = [row for row in list_backends() if row.distribution == "acme"]
    assert (installed.status, installed.reason) == (
        "disabled",
        f"{world.project / 'motools.toml'} names a backend 'acme' of its own.",
    )


def test_an_official_name_needs_a_pin_to_be_the_files_own(world, training):
    world.install("motools-openai", "0.1.0", training={"openai": "official:A"})
    own = '[plugins.backends]\nopenai = "own:OwnTrainingBackend"\n'
    world.configure(own, own=training.format(name="Own"))
    with pytest.raises(PluginConflict) as caught:
        find_class("openai")
    assert str(caught.value) == (
        f"{world.project / 'motools.toml'} names a training backend 'openai' of its own, a name that is reserved for "
        "motools-openai.\nGive it another name, or pick it in motools.toml:  "
        '[plugins] pin = { openai = "own:OwnTrainingBackend" }'
    )
    world.configure(own + '[plugins]\npin = { openai = "own:OwnTrainingBackend" }')
    assert find_class("openai").__qualname__ == "OwnTrainingBackend"


def test_a_pin_on_a_distribution_puts_the_files_own_aside(world, training):
    world.install("acme", training={"acme": "acme:AcmeTrainingBackend"}, modules={"acme": training.format(name="Acme")})
    own = '[plugins.backends]\nacme = "own:OwnTrainingBackend"\n'
    world.configure(own + '[plugins]\npin = { acme = "acme" }', own=training.format(name="Own"))
    assert find_class("acme").__qualname__ == "AcmeTrainingBackend"


def test_the_kind_of_a_class_is_known_at_the_latest_when_it_is_imported(world, evals):
    world.configure(
        '[plugins.backends]\nown = "own:Judge"',
        own=evals.format(name="Own") + "\nBase = OwnEvalBackend\nclass Judge(Base):\n    pass\n",
    )
    assert [row.kind for row in list_backends() if row.name == "own"] == [None]
    with pytest.raises(BackendNotFound, match="of the other kind: eval"):
        find_class("own", "training")
    assert find_class("own", "eval").__qualname__ == "Judge"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("gone:Own", "its module 'gone' does not exist"),
        ("own:Gone", "has no 'Gone'"),
        ("own:LENGTH", "not a class but of type int"),
    ],
)
def test_what_cannot_be_used_names_the_file(world, value, said):
    world.configure(f'[plugins.backends]\nown = "{value}"', own="LENGTH = 7")
    with pytest.raises(PluginBroken, match=said) as caught:
        find_class("own")
    assert str(world.project / "motools.toml") in str(caught.value)


def test_a_module_that_is_hidden_by_another_of_its_name_is_not_used(world, training):
    world.write(world.site / "hidden.py", training.format(name="Own"))
    world.configure('[plugins.backends]\nown = "hidden:OwnTrainingBackend"', hidden=training.format(name="Own"))
    with pytest.raises(PluginBroken, match="is hidden by") as caught:
        find_class("own")
    assert str(world.site / "hidden.py") in str(caught.value)


def test_the_variable_switches_it_off_as_any_other(world, monkeypatch):
    world.configure('[plugins.backends]\nown = "own:Own"')
    monkeypatch.setenv("MOTOOLS_PLUGINS", "")
    assert {row.name: row.status for row in list_backends()}["own"] == "disabled"
