from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from motools.errors import PluginBroken, PluginConflict

TRAINING = "motools.training.backends"
EVALS = "motools.evals.backends"
OFFICIAL = [
    (TRAINING, "OpenAITrainingBackend", "motools-openai"),
    (TRAINING, "OpenAITrainingRun", "motools-openai"),
    (TRAINING, "TinkerTrainingBackend", "motools-tinker"),
    (TRAINING, "TinkerTrainingRun", "motools-tinker"),
    (TRAINING, "LocalTrainingBackend", "motools-local"),
    (TRAINING, "LocalTrainingRun", "motools-local"),
    (EVALS, "InspectEvalBackend", "motools-inspect"),
    (EVALS, "InspectEvalJob", "motools-inspect"),
    (EVALS, "InspectEvalResults", "motools-inspect"),
]


def take(gateway, name):
    """Run `from gateway import name`."""
    found = {}
    exec(f"from {gateway} import {name}", found)  # noqa: S102  (the statement is what is tested)
    return found[name]


@pytest.mark.parametrize(
    ("gateway", "names"),
    [
        (
            TRAINING,
            "TrainingBackend TrainingRun DummyTrainingBackend DummyTrainingRun CachedTrainingBackend CachedTrainingRun",
        ),
        (EVALS, "EvalBackend EvalJob EvalResults DummyEvalBackend DummyEvalJob CachedEvalBackend CachedEvalJob"),
    ],
)
def test_cores_own_classes_are_there_whatever_is_installed(world, gateway, names):
    for name in names.split():
        assert take(gateway, name).__name__ == name
        assert name in importlib.import_module(gateway).__all__
        assert name in dir(importlib.import_module(gateway))
        assert name in importlib.import_module(gateway).__doc__


def test_a_gateway_hands_out_the_base_classes_themselves(world):
    import motools

    assert take(TRAINING, "TrainingBackend") is motools.TrainingBackend
    assert take(EVALS, "EvalResults") is motools.EvalResults


@pytest.mark.parametrize(("gateway", "name", "distribution"), OFFICIAL)
def test_a_missing_official_plugin_says_what_to_install(world, gateway, name, distribution):
    with pytest.raises(ImportError, match=f"^{name} is in {distribution}, .* pip install {distribution}$"):
        take(gateway, name)
    assert name not in importlib.import_module(gateway).__all__
    assert name in importlib.import_module(gateway).__doc__


def test_an_installed_official_plugin_is_listed_with_its_run(world):
    world.install("motools-openai", training={"openai": "gone:OpenAITrainingBackend"})
    gateway = importlib.import_module(TRAINING)
    assert {"OpenAITrainingBackend", "OpenAITrainingRun"} <= set(gateway.__all__)
    assert {"OpenAITrainingBackend", "OpenAITrainingRun"} <= set(dir(gateway))


def test_third_parties_classes_appear_too_and_their_runs_beside_them(world, training, evals):
    world.install(
        "acme",
        training={"acme": "acme:AcmeTrainingBackend"},
        evals={"acme": "acme:AcmeEvalBackend"},
        modules={"acme": training.format(name="Acme") + evals.format(name="Acme")},
    )
    world.install(
        "beta", training={"beta": "beta:BetaTrainingBackend"}, modules={"beta": "raise RuntimeError('imported')"}
    )
    assert "AcmeTrainingBackend" in dir(importlib.import_module(TRAINING))
    assert "acme" not in sys.modules
    for gateway, names in [(TRAINING, ["Backend", "Run"]), (EVALS, ["Backend", "Job", "Results"])]:
        for part in names:
            name = f"Acme{'Training' if gateway == TRAINING else 'Eval'}{part}"
            assert take(gateway, name).__module__ == "acme"
    assert "beta" not in sys.modules


def test_a_class_under_any_name_is_found(world, training):
    source = training.format(name="Acme") + "\nTuner = AcmeTrainingBackend\n"
    world.install("acme", training={"acme": "acme:Tuner"}, modules={"acme": source})
    assert take(TRAINING, "Tuner").__name__ == "AcmeTrainingBackend"


def test_a_plugin_that_is_broken_or_contested_says_so(world):
    world.install(
        "acme", training={"acme": "acme:AcmeTrainingBackend"}, modules={"acme": "raise ValueError('no luck')"}
    )
    world.install("one", training={"same": "one:SameTrainingBackend"})
    world.install("two", training={"same": "two:SameTrainingBackend"})
    with pytest.raises(PluginBroken, match=r"acme 1.0 .* ValueError: no luck"):
        take(TRAINING, "AcmeTrainingRun")
    with pytest.raises(PluginConflict, match=r"one 1.0 .* and two 1.0"):
        take(TRAINING, "SameTrainingBackend")


def test_an_unknown_class_says_what_there_is(world, training):
    world.install("acme", training={"acme": "acme:AcmeTrainingBackend"}, modules={"acme": training.format(name="Acme")})
    with pytest.raises(ImportError, match=r"has no 'AcmeTrainigBackend'|cannot import name 'AcmeTrainigBackend'"):
        take(TRAINING, "AcmeTrainigBackend")
    with pytest.raises(
        ImportError, match=r"no 'AcneTrainingBackend'. Did you mean 'AcmeTrainingBackend'\? Installed plugins offer"
    ):
        take(TRAINING, "AcneTrainingBackend")
    with pytest.raises(ImportError, match=r"has no 'AcmeTrainingResults'|cannot import name"):
        take(TRAINING, "AcmeTrainingResults")


def test_any_other_name_is_an_attribute_that_is_not_there(world):
    gateway = importlib.import_module(TRAINING)
    assert not hasattr(gateway, "openai")
    assert not hasattr(gateway, "__wrapped__")
    assert take(TRAINING, "dummy").__name__ == "motools.training.backends.dummy"


def test_everything_is_imported_by_a_star(world):
    world.run(
        """
        from motools.training.backends import *
        from motools.evals.backends import *
        assert DummyTrainingBackend.name == DummyEvalBackend.name == "dummy"
        """
    )


def test_the_module_is_a_command():
    done = subprocess.run([sys.executable, "-m", "motools", "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Usage: " in done.stdout
