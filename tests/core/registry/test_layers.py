from __future__ import annotations

import pytest

from motools import TrainingMiddleware
from motools.errors import ConfigError, PluginBroken, SettingError, UsageError
from motools.plugins.registry import get_backend

LOUD = """
from dataclasses import dataclass
from typing import Annotated

from motools import EvalMiddleware, Range, TrainingMiddleware

class Loud(TrainingMiddleware):
    pass

@dataclass(frozen=True, kw_only=True)
class Options:
    volume: Annotated[int, Range(ge=1)] = 3
    steps: int = 7

class Tuned(TrainingMiddleware):
    Options = Options

    def __init__(self, backend, options):
        super().__init__(backend)
        self.options = options

class Quiet(EvalMiddleware):
    pass

class Fails(TrainingMiddleware):
    def __init__(self, backend):
        raise OSError("no luck")

nothing = None
"""


def chain(backend):
    names = [type(backend).__name__]
    while hasattr(backend, "_backend"):
        backend = backend._backend
        names.append(type(backend).__name__)
    return names


@pytest.fixture(autouse=True)
def layers(world):
    names = {
        "loud": "loud:Loud",
        "quiet": "loud:Quiet",
        "fails": "loud:Fails",
        "nothing": "loud:nothing",
        "tuned": "loud:Tuned",
    }
    world.install("acme-layers", "0.2", middleware=names, modules={"loud": LOUD})


def test_by_default_the_record_of_paid_work_is_outermost_and_validation_inside():
    assert chain(get_backend("dummy", kind="training")) == [
        "CachedTrainingBackend",
        "ValidatedTrainingBackend",
        "LimitedTrainingBackend",
        "DummyTrainingBackend",
    ]
    assert chain(get_backend("dummy", kind="eval")) == ["CachedEvalBackend", "LimitedEvalBackend", "DummyEvalBackend"]


def test_without_a_cache_that_layer_falls_away(world):
    assert chain(get_backend("dummy", kind="training", cache=None)) == [
        "ValidatedTrainingBackend",
        "LimitedTrainingBackend",
        "DummyTrainingBackend",
    ]
    world.configure('cache = "none"')
    assert chain(get_backend("dummy", kind="eval")) == ["LimitedEvalBackend", "DummyEvalBackend"]


def test_layers_are_those_listed_the_first_outermost(world):
    world.configure('[backends.dummy]\nmiddleware = ["validate", "loud"]')
    assert chain(get_backend("dummy", kind="training")) == ["ValidatedTrainingBackend", "Loud", "DummyTrainingBackend"]
    listed = ["loud", "cache", TrainingMiddleware]
    assert chain(get_backend("dummy", kind="training", middleware=listed)) == [
        "Loud",
        "CachedTrainingBackend",
        "TrainingMiddleware",
        "DummyTrainingBackend",
    ]


def refused(kind_of_error, middleware, **options):
    with pytest.raises(kind_of_error) as caught:
        get_backend("dummy", kind="training", middleware=middleware, **options)
    return str(caught.value)


def test_an_unknown_layer_names_the_nearest():
    assert refused(SettingError, ["cahce"]) == (
        "No middleware layer is called 'cahce'. Did you mean 'cache'? Known: cache, validate, budget, limit, log, fails, loud, nothing, quiet, tuned."
    )


def test_a_layer_that_cannot_be_used_says_why():
    assert "is for eval backends, not for training backends" in refused(SettingError, ["quiet"])
    assert "acme-layers 0.2" in refused(SettingError, ["quiet"])
    assert "its constructor raised OSError: no luck" in refused(PluginBroken, ["fails"])
    assert "loud:nothing is not a class" in refused(PluginBroken, ["nothing"])
    assert "made a int" in refused(SettingError, [lambda backend: 3])


@pytest.mark.parametrize(
    ("declared", "sentence"),
    [
        ('inside = {"cache"}', "what it declares as inside is {'cache'}, and not a mapping of layers to reasons"),
        ("needs = 3", "what it declares as needs is 3, and not a mapping of layers to reasons"),
        ("Options = 3", "its Options cannot be read: "),
    ],
)
def test_a_layer_that_declares_nonsense_is_named_with_its_distribution(world, declared, sentence):
    source = f"from motools import TrainingMiddleware\nclass Odd(TrainingMiddleware):\n    {declared}\n"
    world.install("acme-odd", "0.3", middleware={"odd": "odd_layer:Odd"}, modules={"odd_layer": source})
    words = refused(PluginBroken, ["cache", "odd"])
    assert "acme-odd 0.3" in words
    assert sentence in words


def test_a_list_of_layers_is_asked_for():
    assert "Write ['cache']" in refused(SettingError, "cache")


def test_a_cache_that_no_layer_would_use_is_refused():
    assert "Add 'cache' to them" in refused(SettingError, ["validate"], cache="sqlite")


def test_the_same_store_is_behind_every_backend_of_a_process(world):
    one, two = get_backend("dummy", kind="training"), get_backend("dummy", kind="eval")
    assert one._asker.ledger is two._asker.ledger


class TestOptionsOfLayers:
    def test_they_stand_in_the_backends_table_and_above_it_are_the_callers(self, world):
        world.configure('[backends.dummy]\nmiddleware = ["tuned"]\nvolume = 5\nduration = 2')
        backend = get_backend("dummy", kind="training")
        assert (backend.options.volume, backend._backend._options.duration) == (5, 2.0)
        assert get_backend("dummy", kind="training", volume=6).options.volume == 6

    def test_those_that_are_not_given_have_their_defaults(self):
        assert get_backend("dummy", kind="training", middleware=["tuned"]).options.volume == 3

    def test_they_are_checked(self, world):
        assert (
            refused(SettingError, ["tuned"], volume=0) == "Backend 'dummy': option 'volume' must be at least 1, not 0."
        )
        world.configure('[backends.dummy]\nmiddleware = ["tuned"]\nvolume = "loud"')
        with pytest.raises(
            SettingError, match=r"motools.toml \[backends.dummy\]\): option 'volume' must be int, not 'loud'"
        ):
            get_backend("dummy", kind="training")

    def test_an_unknown_option_names_the_nearest_of_the_backends_and_the_layers(self):
        words = refused(SettingError, ["tuned"], volum=1)
        assert "has no option 'volum'. Did you mean 'volume'? Known: service" in words
        assert words.endswith("; of its layers: volume, steps.")

    def test_an_option_that_the_backend_itself_has_is_the_backends(self):
        backend = get_backend("dummy", kind="training", middleware=["tuned"], steps=4)
        assert (backend.options.steps, backend._backend._options.steps) == (7, 4)

    def test_an_option_of_a_layer_that_is_left_out_is_left_out_of_the_table_and_refused_of_the_caller(self, world):
        world.configure('[backends.dummy]\nmiddleware = ["tuned"]\nvolume = 5')
        assert chain(get_backend("dummy", kind="training", middleware=[])) == ["DummyTrainingBackend"]
        words = refused(SettingError, ["loud"], volume=1)
        assert words == (
            "'volume' is an option of the layer 'tuned', which is not among the layers ['loud']. Add 'tuned' to them."
        )

    def test_a_constructor_that_takes_anything_is_not_given_those_of_layers(self, world, training):
        source = training.format(name="Acme") + "    def __init__(self, **options):\n        self.options = options\n"
        world.install("acme", training={"acme": "acme:AcmeTrainingBackend"}, modules={"acme": source})
        backend = get_backend("acme", kind="training", middleware=["tuned"], volume=9, other=1)
        assert (backend.options.volume, backend._backend.options) == (9, {"other": 1})


STORE = """
class Store:
    def __init__(self, url):
        self.url = url
    async def get_model_id(self, key): ...
    async def set_model_id(self, key, model_id): ...
    async def get_eval_results(self, key): ...
    async def set_eval_results(self, key, results): ...
    async def get_file_id(self, digest, account): ...
    async def set_file_id(self, digest, account, file_id): ...

def broken(url):
    raise OSError("no route")

def odd(url):
    return [url]
"""


class TestStores:
    @pytest.fixture(autouse=True)
    def stores(self, world):
        names = {"acmedb": "acme_store:Store", "brokendb": "acme_store:broken", "odddb": "acme_store:odd"}
        world.install("acme-store", cache=names, modules={"acme_store": STORE})

    def open(self, cache):
        from motools.plugins.registry import open_store

        return open_store(cache)

    def test_a_store_is_opened_by_its_urls_scheme(self, world):
        assert self.open("acmedb://host/db").url == "acmedb://host/db"
        world.configure('cache = "acmedb"')
        from motools.plugins.registry import open_store

        assert open_store().url == "acmedb"

    def test_a_store_is_returned_as_it_is_and_none_is_none(self):
        store = self.open("acmedb:")
        assert self.open(store) is store
        assert self.open(None) is None

    def test_sqlite_is_in_the_home_or_where_its_url_says(self, motools_home, tmp_path):
        assert self.open("sqlite") is self.open("sqlite")
        assert self.open("sqlite").path == motools_home / "motools.db"
        assert self.open(f"sqlite://{tmp_path}/other.db").path == tmp_path / "other.db"
        with pytest.raises(ConfigError, match=r"Write sqlite:///absolute/path.db"):
            self.open("sqlite://relative.db")

    def test_what_is_no_store_says_what_it_lacks(self):
        with pytest.raises(UsageError, match="dict is no store: it lacks get_model_id, "):
            self.open({})
        with pytest.raises(PluginBroken, match="what it opened is no store"):
            self.open("odddb://")

    def test_a_store_that_cannot_be_opened_names_its_distribution(self):
        with pytest.raises(
            PluginBroken, match=r"acme-store 1.0 cannot be used: opening the store raised OSError: no route"
        ):
            self.open("brokendb://")

    def test_an_unknown_scheme_names_the_nearest(self):
        with pytest.raises(
            ConfigError, match=r"'sqlit3'.*Did you mean 'sqlite'\? Known: sqlite, acmedb, brokendb, odddb."
        ):
            self.open("sqlit3")
