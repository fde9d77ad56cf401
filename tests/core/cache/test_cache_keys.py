import json
import os
import subprocess
import sys
from dataclasses import dataclass
from enum import Enum, StrEnum
from types import MappingProxyType

import pytest
from hypothesis import given, strategies as st

from motools.cache.keys import canonical, eval_spec, key_of, package_of, settled, training_spec
from motools.errors import SettingError, SpecError

TRAINING = {
    "backend": "openai",
    "version": 1,
    "account": {"base_url": "https://api.example/v1", "organization": None},
    "model": "gpt-4.1-mini-2025-04-14",
    "dataset": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "hyperparameters": {"n_epochs": 3, "learning_rate": 2e-4, "layers": ["q", "v"]},
    "suffix": "insécure",
    "arguments": {"seed": 7, "flag": True, "nothing": None},
    "replicate": 0,
}
EVAL = {
    "backend": "inspect",
    "version": 2,
    "account": {},
    "model": "ft:gpt-4.1-mini:org::id",
    "measured": {"eval_suite": ["a", "b"], "kwargs": {"limit": 10, "temperature": 0.5}},
    "replicate": 1,
}
GOLDEN = [
    (training_spec, TRAINING, "mk1:e59bc568ee008635eedce212941e421d4c1ceab6f3e2b32e9090f0f28d947782"),
    (eval_spec, EVAL, "mk1:26604219d431e4af42f771b479a20650f005cbfb16383f343fe44180765e74f0"),
]
"""Keys must never change under one prefix: a changed key is a job paid for again."""


@pytest.mark.parametrize(("spec", "request_", "key"), GOLDEN, ids=["training", "eval"])
def test_keys_are_what_they_have_always_been(spec, request_, key):
    assert key_of(spec(**request_)) == key


@pytest.mark.parametrize(("spec", "request_", "key"), GOLDEN, ids=["training", "eval"])
def test_the_package_of_a_backend_that_is_not_official_counts(spec, request_, key):
    keys = [key_of(spec(**request_, package=package)) for package in (None, "acme_openai", "rival_openai")]
    assert keys[0] == key
    assert len(set(keys)) == 3


@pytest.mark.parametrize(
    ("module", "package"),
    [
        ("motools.training.backends.dummy", None),
        ("motools_openai.training", None),
        ("motools_inspect.evals", None),
        ("motools_openai2.training", "motools_openai2"),
        ("acme.training", "acme"),
    ],
)
def test_official_backends_have_no_package_in_their_keys(module, package):
    assert package_of("openai", type("Backend", (), {"__module__": module})) == package


def test_a_backend_that_is_called_by_its_path_says_its_package_already():
    assert package_of("acme.training:Backend", type("Backend", (), {"__module__": "acme.training"})) is None


@pytest.mark.parametrize("seed", ["0", "1", "12345"])
def test_keys_do_not_depend_on_the_hash_seed(seed):
    code = (
        "import json, sys; from motools.cache.keys import key_of, training_spec;"
        "print(key_of(training_spec(**json.loads(sys.argv[1]))))"
    )
    out = subprocess.run(
        [sys.executable, "-c", code, json.dumps(TRAINING)],
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    assert out == GOLDEN[0][2]


@pytest.mark.parametrize("field", sorted(TRAINING))
def test_every_field_counts(field):
    changed = {**TRAINING, field: {"other": 1} if isinstance(TRAINING[field], dict) else "other"}
    assert key_of(training_spec(**changed)) != key_of(training_spec(**TRAINING))


class Word(StrEnum):
    ADAMW = "adamw"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ((1, (2,)), [1, [2]]),
        ({"a": 1}, MappingProxyType({"a": 1})),
        (0.0, -0.0),
        (Word.ADAMW, "adamw"),
    ],
)
def test_what_means_the_same_is_one_key(one, other):
    assert key_of({"x": canonical(one)}) == key_of({"x": canonical(other)})


def test_what_is_different_is_never_one_key():
    values = [1, 1.0, True, "1", None, "", [], {}, [1], [[1]], {"1": 1}, "null", 0, False, 0.0, "é", "e\u0301"]
    assert len({key_of({"x": canonical(value)}) for value in values}) == len(values)


@dataclass
class Optimizer:
    lr: float = 0.1


class Plain(Enum):
    A = 1


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (
            {"optimizer": Optimizer()},
            "hyperparameters.optimizer: a <class '.*Optimizer'> cannot be part of a cache key",
        ),
        ({"a": [{"b": float("nan")}]}, r"hyperparameters\.a\[0\]\.b: nan cannot be part of a cache key"),
        ({"a": float("inf")}, "inf cannot be part"),
        ({"a": {1: 2}}, r"hyperparameters\.a: the name 1 is a <class 'int'>"),
        ({"a": {1, 2}}, "a <class 'set'> cannot"),
        ({"a": b"x"}, "a <class 'bytes'> cannot"),
        ({"a": Plain.A}, "a <enum 'Plain'> cannot"),
        ({"a": iter([])}, "cannot be part of a cache key"),
    ],
)
def test_what_has_no_one_form_is_refused_by_its_path(value, words):
    with pytest.raises(SpecError, match=words):
        canonical(value, "hyperparameters")


def test_what_contains_itself_is_refused():
    loop = []
    loop.append(loop)
    with pytest.raises(SpecError, match="contains itself"):
        canonical(loop)


def test_a_credential_in_a_request_counts_and_is_not_stored():
    one, other = ({"task_args": {"password": word, "API_KEY": word, "n": 1}} for word in ("tulip", "rose"))
    stored = json.dumps(canonical(one))
    assert "tulip" not in stored
    assert sorted(canonical(one)["task_args"]) == ["API_KEY", "n", "password"]
    assert key_of({"x": canonical(one)}) != key_of({"x": canonical(other)})
    assert canonical(one) == canonical({"task_args": {"n": 1, "API_KEY": "tulip", "password": "tulip"}})
    assert canonical(canonical(one)) == canonical(one)


@pytest.mark.parametrize("value", [1, True, None, ["a"], {"a": "b"}, "x" * 64])
def test_whatever_stands_under_the_name_of_a_credential_counts(value):
    for other in ("1", 1.0, False, "", ["b"], {"a": "c"}, {"sha256": "x"}, "absent"):
        given_ = {} if other == "absent" else {"secret": other}
        assert canonical({"secret": value}) != canonical(given_)


@pytest.mark.parametrize(("spec", "request_"), [(training_spec, TRAINING), (eval_spec, EVAL)], ids=["training", "eval"])
def test_who_asks_is_told_apart_without_credentials(spec, request_):
    account = {**request_["account"], "api_key": "k", "proxy": {"password": "p"}}
    assert spec(**{**request_, "account": account})["account"] == {**request_["account"], "proxy": {}}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(JSON)
def test_a_spec_survives_being_stored(value):
    spec = {"x": canonical(value)}
    assert key_of(json.loads(json.dumps(spec))) == key_of(spec)


@dataclass(frozen=True, kw_only=True)
class Hyperparameters:
    n_epochs: int = 3
    learning_rate: float = 1.0
    layers: tuple[str, ...] = ("q",)


def test_defaults_and_declared_types_are_settled_before_the_key():
    whole = {"n_epochs": 3, "learning_rate": 1.0, "layers": ("q",)}
    for given_ in (None, {}, {"learning_rate": 1}, {"layers": ["q"]}, {"learning_rate": 1.0, "n_epochs": 3}):
        settings = settled(Hyperparameters, given_, who="It")
        assert settings == whole
        assert type(settings["learning_rate"]) is float
    for wrong in ({"n_epochs": 3.0}, {"n_epochs": True}, {"epochs": 1}):
        with pytest.raises(SettingError):
            settled(Hyperparameters, wrong, who="It")
    assert settled(None, {"anything": 1}, who="It") == {"anything": 1}
