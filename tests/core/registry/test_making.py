from __future__ import annotations

import pytest

from motools.errors import PluginBroken, SettingError
from motools.plugins.registry import get_backend, get_eval_backend, get_training_backend

PLAIN = """
    def __init__(self, base_url="http://default", *, retries=2, client=None):
        self.base_url, self.retries, self.client = base_url, retries, client
"""

DECLARED = """
    def __init__(self, base_url="http://default", *, timeout=1.0, client=None):
        self.base_url, self.timeout, self.client = base_url, timeout, client

from dataclasses import dataclass
from typing import Annotated
from motools import Range, Settings

@dataclass(frozen=True, kw_only=True)
class Options:
    base_url: str = "http://default"
    timeout: Annotated[float, Range(gt=0)] = 60.0

class AcmeSettings(Settings):
    pass

AcmeSettings.Options = Options
AcmeTrainingBackend.Settings = AcmeSettings
"""


@pytest.fixture
def acme(world, training):
    """Install a plugin whose class has this text added to it."""

    def install(text=""):
        source = training.format(name="Acme") + text
        world.install("acme", training={"acme": "acme:AcmeTrainingBackend"}, modules={"acme": source})

    return install


def made(name="acme", **options):
    return get_backend(name, kind="training", middleware=[], **options)


def test_a_minimal_backend_is_made_and_named(acme):
    acme()
    backend = made()
    assert (type(backend).__name__, backend.name) == ("AcmeTrainingBackend", "acme")
    assert type(backend).name == ""


def test_a_class_that_states_its_name_keeps_it(acme):
    acme("    name = 'stated'\n")
    assert made().name == "stated"


def test_options_come_from_the_file_and_above_it_from_the_caller(acme, world):
    acme(PLAIN)
    world.configure('[backends.acme]\nbase_url = "http://file"\nretries = 5\nmiddleware = ["validate"]')
    backend = made(retries=7)
    assert (backend.base_url, backend.retries) == ("http://file", 7)


def test_an_alias_has_options_of_its_own(acme, world):
    acme(PLAIN)
    world.configure('[backends.acme]\nretries = 5\n[backends.cheap]\nuse = "acme"\nbase_url = "http://cheap"')
    backend = made("cheap")
    assert (backend.name, backend.base_url, backend.retries) == ("acme", "http://cheap", 2)


@pytest.mark.parametrize("text", [PLAIN, DECLARED])
def test_an_unknown_option_names_the_nearest(acme, text):
    acme(text)
    with pytest.raises(
        SettingError, match=r"Backend 'acme' has no option 'base_ulr'. Did you mean 'base_url'\? Known: base_url"
    ):
        made(base_ulr="x")


def test_an_unknown_option_of_the_file_names_the_file(acme, world):
    acme()
    world.configure("[backends.acme]\nretires = 5")
    with pytest.raises(SettingError, match=r"motools.toml \[backends.acme\]\) has no option 'retires'. Known: none."):
        made()


def test_declared_options_are_checked_and_converted_and_others_reach_the_constructor(acme):
    acme(DECLARED)
    client = object()
    backend = made(timeout=5, client=client)
    assert (backend.timeout, type(backend.timeout), backend.client) == (5.0, float, client)
    assert made().timeout == 1.0
    with pytest.raises(SettingError, match="option 'timeout' must be more than 0, not -1"):
        made(timeout=-1)
    with pytest.raises(SettingError, match="option 'base_url' must be str, not 3"):
        made(base_url=3)


def test_a_constructor_that_takes_anything_is_given_anything(acme):
    acme("    def __init__(self, **options):\n        self.options = options\n")
    assert made(whatever=1).options == {"whatever": 1}


def test_a_missing_option_is_named(acme):
    acme("    def __init__(self, url):\n        pass\n")
    with pytest.raises(SettingError, match="Backend 'acme' cannot be made: missing a required argument: 'url'"):
        made()


def test_a_constructor_that_fails_is_named_with_its_cause(acme):
    acme("    def __init__(self):\n        raise ValueError('no luck')\n")
    with pytest.raises(PluginBroken, match="its constructor raised ValueError: no luck") as caught:
        made()
    assert isinstance(caught.value.__cause__, ValueError)


def test_a_type_error_of_the_constructors_own_is_not_taken_for_a_missing_option(acme):
    acme("    def __init__(self):\n        len(3)\n")
    with pytest.raises(PluginBroken, match="its constructor raised TypeError: object of type 'int' has no len"):
        made()


def test_the_typed_forms_give_their_kind(world):
    assert type(get_training_backend("dummy", middleware=[])).__name__ == "DummyTrainingBackend"
    assert type(get_eval_backend("dummy", middleware=[])).__name__ == "DummyEvalBackend"
