"""Errors: one tree, sentences that help, and attributes that survive pickling."""

from __future__ import annotations

import copy
import pickle
import re

import pytest

from motools import errors
from motools.errors import BackendNotFound, DatasetError, MotoolsError, PluginBroken, PluginConflict, UsageError

CLASSES = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, MotoolsError)]
ARGUMENTS = {
    DatasetError: (["a.jsonl:1: is no record."],),
    errors.BudgetExceeded: (7.5, 5.0, "USD", ("A token is a word.",)),
    BackendNotFound: ("opanai", "training", ["dummy"]),
    **{
        plugin_error: ("acme", "motools.training.v1", "acme-openai 0.3", "it does not import")
        for plugin_error in CLASSES
        if issubclass(plugin_error, errors.PluginError)
    },
}


def example_of(error_class):
    return error_class(*ARGUMENTS.get(error_class, ("What happened, and what to do.",)))


def pickled(error):
    return pickle.loads(pickle.dumps(error))  # noqa: S301 (pickled on the same line)


def drawn_tree():
    """Return class name -> parent's name, as the module's docstring draws them."""
    parents, path = {}, []
    for line in errors.__doc__.splitlines():
        if match := re.match(r"    ((?:│   |├── |└── |    )*)(\w+)(\s{2,}\S|$)", line):
            depth = len(match[1]) // 4
            path = [*path[:depth], match[2]]
            parents[match[2]] = path[depth - 1] if depth else None
    return parents


def test_the_tree_that_is_drawn_is_the_tree_that_is():
    drawn = drawn_tree()
    assert drawn.pop("MotoolsError") is None
    assert drawn == {cls.__name__: cls.__base__.__name__ for cls in CLASSES if cls is not MotoolsError}


def test_all_errors_are_public():
    assert sorted(errors.__all__) == sorted(cls.__name__ for cls in CLASSES)


@pytest.mark.parametrize("error_class", CLASSES)
@pytest.mark.parametrize("duplicate", [pickled, copy.copy])
def test_every_error_survives_pickling_with_its_attributes(error_class, duplicate):
    error = example_of(error_class)
    again = duplicate(error)
    assert type(again) is error_class
    assert str(again) == str(error)
    assert vars(again) == vars(error)
    assert str(error)


@pytest.mark.parametrize("error_class", CLASSES)
def test_wrong_usage_exits_with_2_and_failed_work_with_1(error_class):
    assert error_class.exit_status == (2 if issubclass(error_class, UsageError) else 1)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            BackendNotFound("opanai", None, ["dummy", "local"]),
            "No backend 'opanai'. Installed: dummy, local. Did you mean 'openai'? Install it with: pip install motools-openai",
        ),
        (
            BackendNotFound("openai", "training", ["dummy"]),
            "No training backend 'openai'. Installed: dummy. Install it with: pip install motools-openai",
        ),
        (BackendNotFound("dumy", "eval", ["dummy"]), "No eval backend 'dumy'. Installed: dummy. Did you mean 'dummy'?"),
        (
            BackendNotFound("zzz"),
            "No backend 'zzz'. Installed: none. `motools backends` lists them with their origin.",
        ),
        (
            PluginBroken("acme", "motools.training.v1", "acme-tools 0.3", "No module named 'acme'."),
            "Plugin 'acme' (motools.training.v1) of acme-tools 0.3 cannot be used: No module named 'acme'.",
        ),
        (PluginConflict("acme", "g", "d", "Two distributions offer 'acme'."), "Two distributions offer 'acme'."),
    ],
)
def test_a_sentence_says_what_happened_what_there_is_and_what_to_do(error, sentence):
    assert str(error) == sentence


def test_only_our_own_names_are_ever_suggested_for_installation():
    assert "pip install" not in str(BackendNotFound("acme", None, ["acme2"]))


def test_a_dataset_error_shows_twenty_findings_and_keeps_all():
    error = DatasetError([f"a.jsonl:{n}: is no record." for n in range(1, 26)])
    assert str(error).splitlines()[19:] == ["a.jsonl:20: is no record.", "… and 5 more."]
    assert len(error.findings) == 25


def test_a_full_account_keeps_when_it_may_take_more_through_pickling():
    error = pickle.loads(pickle.dumps(errors.NoSlot("full", until=17.0, limit=3)))  # noqa: S301 (our own error)
    assert (str(error), error.until, error.limit) == ("full", 17.0, 3)
    assert isinstance(error, errors.SubmitUnavailable)


@pytest.mark.parametrize(
    ("name", "known", "meant"),
    [
        ("evaluate", ["validate", "eval"], "eval"),
        ("temp", ["tempo", "template", "temperature"], "tempo"),
        ("model", ["model_args", "models"], "models"),
        ("opanai", ["openai", "dummy"], "openai"),
        ("acme", ["openai"], None),
    ],
)
def test_a_name_is_meant_that_begins_like_it_or_else_looks_like_it(name, known, meant):
    assert errors.nearest(name, known) == meant
