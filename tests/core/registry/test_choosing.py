from __future__ import annotations

import pickle
import sys
from threading import Barrier, Thread

import pytest

from motools.errors import (
    BackendNotFound,
    ConfigError,
    PluginBroken,
    PluginConflict,
    PluginDisabled,
    PluginIncompatible,
    UsageError,
)
from motools.plugins.registry import find_class, get_backend


def refused(kind_of_error, name, kind=None):
    with pytest.raises(kind_of_error) as caught:
        find_class(name, kind)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301  (our own error)
    return str(caught.value)


def test_a_name_imports_its_own_plugin_and_no_other(world, training):
    world.install("acme", training={"acme": "acme:AcmeTrainingBackend"}, modules={"acme": training.format(name="Acme")})
    world.install("beta", training={"beta": "beta:B"}, modules={"beta": "raise RuntimeError('imported')"})
    assert find_class("acme").__qualname__ == "AcmeTrainingBackend"
    assert find_class("acme", "training") is find_class("acme")
    assert "beta" not in sys.modules


def test_a_name_of_both_kinds_asks_which(world):
    assert "kind" in refused(UsageError, "dummy")
    assert find_class("dummy", "eval").__name__ == "DummyEvalBackend"
    assert find_class("dummy", kind="training").__name__ == "DummyTrainingBackend"


def test_a_missing_name_says_what_there_is_and_what_was_probably_meant(world):
    world.install("acme", training={"acmetune": "acme:A"})
    assert refused(BackendNotFound, "acmetoon") == (
        "No backend 'acmetoon'. Installed: acmetune, dummy. Did you mean 'acmetune'?"
    )
    assert refused(BackendNotFound, "zzz", "eval").startswith("No eval backend 'zzz'. Installed: dummy.")


def test_only_our_own_names_come_with_an_install_line(world):
    assert refused(BackendNotFound, "openai").endswith("Install it with: pip install motools-openai")
    assert refused(BackendNotFound, "inspct", "eval").endswith(
        "Did you mean 'inspect'? Install it with: pip install motools-inspect"
    )
    assert "pip install" not in refused(BackendNotFound, "wandb")
    assert "pip install" not in refused(BackendNotFound, "inspect", "training")


def test_a_backend_of_the_other_kind_is_said_to_be_that(world):
    world.install("acme", evals={"acme": "acme:A"})
    assert refused(BackendNotFound, "acme", "training").endswith("'acme' is a backend of the other kind: eval.")


def test_two_distributions_with_one_name_are_an_error_that_says_how_to_pick(world, training):
    one = world.install("acme-one", "1.2", training={"acme": "one:AcmeTrainingBackend"})
    two = world.install("acme-two", "0.3", training={"acme": "two:AcmeTrainingBackend"})
    for module in ("one", "two"):
        world.write(world.site / f"{module}.py", training.format(name="Acme"))
    assert refused(PluginConflict, "acme") == (
        f"Two distributions offer a training backend 'acme': acme-one 1.2 ({one}) and acme-two 0.3 ({two}).\n"
        'Pick one in motools.toml:  [plugins] pin = { acme = "acme-one" }'
    )
    world.configure('[plugins]\npin = { acme = "acme-two" }')
    assert find_class("acme").__module__ == "two"
    assert "one" not in sys.modules


def test_an_official_name_is_not_a_strangers_to_have(world, training):
    world.install(
        "acme", training={"openai": "acme:AcmeTrainingBackend"}, modules={"acme": training.format(name="Acme")}
    )
    said = refused(PluginConflict, "openai")
    assert "reserved for motools-openai" in said
    assert said.endswith('[plugins] pin = { openai = "acme" }')
    world.configure('[plugins]\npin = { openai = "acme" }')
    assert find_class("openai").__module__ == "acme"


def test_the_official_one_is_no_silent_winner_either(world):
    world.install("acme", training={"openai": "acme:A"})
    world.install("motools-openai", "0.1.0", training={"openai": "fake:A"})
    said = refused(PluginConflict, "openai")
    assert "acme 1.0" in said
    assert said.endswith('[plugins] pin = { openai = "motools-openai" }')


def test_a_pin_on_something_else_says_so(world):
    world.install("acme", training={"acme": "acme:A"})
    world.configure('[plugins]\npin = { acme = "gone" }')
    assert f"{world.project / 'motools.toml'} pins 'acme' to gone." in refused(PluginDisabled, "acme")


def test_what_is_switched_off_says_where(world, monkeypatch):
    world.install("acme", training={"acme": "acme:A"})
    world.configure('[plugins]\nblock = ["acme"]')
    assert f"{world.project / 'motools.toml'} [plugins] blocks it" in refused(PluginDisabled, "acme")
    monkeypatch.setenv("MOTOOLS_PLUGINS", "-acme")
    assert "MOTOOLS_PLUGINS='-acme' switches it off" in refused(PluginDisabled, "acme")


@pytest.mark.parametrize(
    ("major", "advice"),
    [
        (9, "Upgrade motools-core, or install a version of acme for v1."),
        (0, "Upgrade acme, or install an older motools-core."),
    ],
)
def test_another_api_major_says_which_side_to_upgrade(world, major, advice):
    world.install("acme", "3.0", **{f"training_v{major}": {"acme": "acme:A"}})
    said = refused(PluginIncompatible, "acme")
    assert f"it is written for v{major} of the plugin API, and this motools-core speaks v1." in said
    assert said.endswith(advice)
    assert "acme 3.0" in said


def test_a_class_has_the_name_of_its_entry_point(world, training):
    source = "name = 'not the entry point'\n" + training.format(name="Acme")
    world.install("acme", training={"acme": "acme:AcmeTrainingBackend"}, modules={"acme": source})
    world.configure("[backends.acme]\nmiddleware = []")
    import acme

    assert find_class(acme.AcmeTrainingBackend) is acme.AcmeTrainingBackend
    assert get_backend(acme.AcmeTrainingBackend).name == "acme"
    assert get_backend("acme:AcmeTrainingBackend").name == "acme"


def test_a_class_that_nothing_offers_is_named_by_its_path(world, training):
    world.write(world.site / "loose.py", training.format(name="Loose"))
    backend = get_backend("loose:LooseTrainingBackend", cache=None)
    assert backend.name == "loose:LooseTrainingBackend"
    assert find_class("loose:LooseTrainingBackend", "training").__qualname__ == "LooseTrainingBackend"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("nowhere:Class", "its module 'nowhere' does not exist"),
        ("json:Class", "module 'json' has no 'Class'"),
        ("json:loads", "not a class"),
        ("json:JSONDecoder", "not a subclass"),
    ],
)
def test_a_path_to_something_else_says_what_it_is(world, path, said):
    assert said in refused(UsageError, path)


def test_a_class_of_the_other_kind_is_refused(world, training):
    world.write(world.site / "loose.py", training.format(name="Loose"))
    assert refused(UsageError, "loose:LooseTrainingBackend", "eval").endswith(
        "is a training backend, not an eval backend."
    )


def test_an_alias_stands_for_another_name(world, training):
    world.install("acme", training={"acme": "acme:AcmeTrainingBackend"}, modules={"acme": training.format(name="Acme")})
    world.configure(
        '[backends.cheap]\nuse = "cheaper"\n[backends.cheaper]\nuse = "acme"\n[backends.lost]\nuse = "gone"'
    )
    assert find_class("cheap", "training").__qualname__ == "AcmeTrainingBackend"
    assert "No backend 'gone'" in refused(BackendNotFound, "lost")


def test_an_alias_of_an_alias_does_not_lose_what_that_one_says(world):
    world.configure('[backends.a]\nuse = "b"\nsteps = 5\n[backends.b]\nuse = "dummy"\nduration = 9\n')
    words = refused(ConfigError, "a")
    assert (
        "motools.toml [backends.a]: it uses 'b', an alias with options of its own (duration), which would be lost"
        in words
    )
    assert words.endswith("Write use = 'dummy' here, and those options that are meant.")


def test_an_alias_that_leads_nowhere_is_named(world):
    world.configure('[backends.lost]\nuse = "gone"\n[backends.self]\nuse = "self"')
    assert "motools.toml [backends.lost] names it" in refused(BackendNotFound, "lost")
    assert "Did you mean 'self'" not in refused(BackendNotFound, "self")


def test_aliases_in_a_circle_are_an_error(world):
    world.configure('[backends.a]\nuse = "b"\n[backends.b]\nuse = "a"')
    assert "a -> b -> a" in refused(ConfigError, "a")


def test_what_is_installed_while_the_program_runs_is_found(world, training):
    refused(BackendNotFound, "acme")
    world.install("acme", training={"acme": "acme:AcmeTrainingBackend"}, modules={"acme": training.format(name="Acme")})
    assert find_class("acme").__qualname__ == "AcmeTrainingBackend"


def test_many_threads_that_load_one_name_get_one_class(world, training):
    source = "import time\ntime.sleep(0.05)\n" + training.format(name="Slow")
    world.install("slow", training={"slow": "slow:SlowTrainingBackend"}, modules={"slow": source})
    barrier, found = Barrier(8), []

    def load():
        barrier.wait()
        found.append(find_class("slow"))

    threads = [Thread(target=load) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


BROKEN = {
    "raises": ("raise ValueError('out of luck')", "importing 'plugin' raised ValueError: out of luck", ValueError),
    "exits": ("raise SystemExit(3)", "its module 'plugin' called sys.exit(3) when it was imported", SystemExit),
    "base": ("raise BaseException('odd')", "importing 'plugin' raised BaseException: odd", BaseException),
    "syntax": ("def :", "importing 'plugin' raised SyntaxError", SyntaxError),
    "dependency": (
        "import no_such_sdk.client",
        "it needs the module 'no_such_sdk', which is not installed",
        ModuleNotFoundError,
    ),
    "inner": ("import plugin.part", "importing 'plugin' raised ModuleNotFoundError", ModuleNotFoundError),
    "name": ("Other = 1", "module 'plugin' has no 'Backend'", AttributeError),
    "value": ("Backend = lambda: None", "plugin:Backend is not a class but of type function", None),
    "other": ("class Backend: pass", "plugin:Backend is not a subclass of motools.TrainingBackend", None),
    "kind": ("from motools import EvalBackend as Backend", "not a subclass of motools.TrainingBackend", None),
    "abstract": ("from motools import TrainingBackend as Backend", "plugin:Backend does not implement train", None),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_plugin_fails_alone_with_its_cause_and_distribution(world, case):
    source, said, cause = BROKEN[case]
    world.install("acme-plugin", "0.3", training={"acme": "plugin:Backend"}, modules={"plugin": source})
    with pytest.raises(PluginBroken) as caught:
        find_class("acme")
    assert said in str(caught.value)
    assert "'acme' (motools.training.v1) of acme-plugin 0.3" in str(caught.value)
    assert type(caught.value.__cause__) is (cause or type(None))
    assert find_class("dummy", "training").__name__ == "DummyTrainingBackend"


def test_a_value_that_names_no_module_is_broken(world):
    world.install("acme", training={"a": "gone.away:Backend", "b": ":Backend", "c": "x y:Backend", "d": "gone [extra]"})
    for name in "abcd":
        assert "cannot be used" in refused(PluginBroken, name)


def test_an_interrupt_while_importing_is_no_fault_of_the_plugin(world):
    world.install("acme", training={"acme": "plugin:A"}, modules={"plugin": "raise KeyboardInterrupt"})
    with pytest.raises(KeyboardInterrupt):
        find_class("acme")


def test_a_plugin_that_is_mended_works_without_a_restart(world, training):
    world.install("acme", training={"acme": "plugin:AcmeTrainingBackend"}, modules={"plugin": "raise ValueError"})
    refused(PluginBroken, "acme")
    world.write(world.site / "plugin.py", training.format(name="Acme") + "# mended\n")
    assert find_class("acme").__qualname__ == "AcmeTrainingBackend"
