"""Settings: declared as dataclasses, checked before anything is started."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import pytest

from motools import Range
from motools.errors import SettingError
from motools.settings import check, declared


@dataclass(frozen=True, kw_only=True)
class Example:
    model: str
    n_epochs: Annotated[int, Range(ge=1, le=50), "passes over the data"] = 3
    learning_rate: Annotated[float, Range(gt=0, lt=1)] = 1e-4
    optimizer: Literal["adamw", "sgd"] = "adamw"
    batch_size: Literal["auto"] | Annotated[int, Range(ge=1)] = "auto"
    seed: int | None = None
    shuffle: bool = True
    betas: tuple[float, ...] = (0.9, 0.999)
    targets: list[str] = field(default_factory=list)
    extra: Any = None
    table: dict[str, int] | None = None


def checked(**given):
    return check(Example, {"model": "m", **given}, who="The example")


def test_defaults_are_filled_in():
    assert checked() == Example(model="m")


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ({"learning_rate": 0.5}, 0.5),
        ({"n_epochs": 50}, 50),
        ({"optimizer": "sgd"}, "sgd"),
        ({"batch_size": "auto"}, "auto"),
        ({"batch_size": 8}, 8),
        ({"seed": None}, None),
        ({"seed": 7}, 7),
        ({"shuffle": False}, False),
        ({"betas": [0, 1]}, (0.0, 1.0)),
        ({"targets": ("q", "v")}, ["q", "v"]),
        ({"extra": object}, object),
        ({"table": {"a": 1}}, {"a": 1}),
    ],
)
def test_what_is_of_the_declared_type_is_taken(given, value):
    (name,) = given
    result = getattr(checked(**given), name)
    assert result == value
    assert type(result) is type(value)


def test_whole_numbers_become_floats_exactly_where_a_float_is_declared():
    @dataclass(frozen=True, kw_only=True)
    class Rates:
        rate: float = 0.5
        count: int = 1

    result = check(Rates, {"rate": 1, "count": 1}, who="The example")
    assert (type(result.rate), type(result.count)) == (float, int)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"n_epochs": 0}, "The example: hyperparameter 'n_epochs' must be at least 1 and at most 50, not 0."),
        ({"n_epochs": 1.0}, "The example: hyperparameter 'n_epochs' must be int, not 1.0."),
        ({"n_epochs": True}, "The example: hyperparameter 'n_epochs' must be int, not True."),
        ({"n_epochs": "3"}, "The example: hyperparameter 'n_epochs' must be int, not '3'."),
        (
            {"learning_rate": 0},
            "The example: hyperparameter 'learning_rate' must be more than 0 and less than 1, not 0.",
        ),
        ({"learning_rate": float("nan")}, "The example: hyperparameter 'learning_rate' must be float, not nan."),
        ({"learning_rate": float("inf")}, "The example: hyperparameter 'learning_rate' must be float, not inf."),
        ({"learning_rate": 10**400}, "The example: hyperparameter 'learning_rate' must be float, not 1000"),
        ({"learning_rate": True}, "The example: hyperparameter 'learning_rate' must be float, not True."),
        ({"optimizer": "adam"}, "The example: hyperparameter 'optimizer' must be \"adamw\" or \"sgd\", not 'adam'."),
        ({"seed": "7"}, "The example: hyperparameter 'seed' must be int or None, not '7'."),
        ({"shuffle": 1}, "The example: hyperparameter 'shuffle' must be bool, not 1."),
        ({"targets": "qv"}, "The example: hyperparameter 'targets' must be a list of str, not 'qv'."),
        ({"betas": [0.9, "x"]}, "The example: hyperparameter 'betas' must be a list of float, not [0.9, 'x']."),
        ({"table": []}, "The example: hyperparameter 'table' must be dict or None, not []."),
        ({"epochs": 3}, "The example has no hyperparameter 'epochs'. Did you mean 'n_epochs'? Known: model, n_epochs,"),
        ({"zzz": 3}, "The example has no hyperparameter 'zzz'. Known: model, n_epochs,"),
        ({1: 3}, "The example has no hyperparameter 1. Known: model"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(given, sentence):
    with pytest.raises(SettingError) as caught:
        check(Example, {"model": "m", **given}, who="The example")
    assert str(caught.value).startswith(sentence)


def test_a_range_holds_inside_a_choice_of_types_too():
    with pytest.raises(SettingError, match="'batch_size' must be"):
        checked(batch_size=0)


def test_what_has_no_default_is_needed():
    with pytest.raises(SettingError, match=r"The example needs the option 'model' \(str\)\."):
        check(Example, {}, who="The example", what="option")


def test_the_declaration_can_be_read():
    settings = {setting.name: setting for setting in declared(Example)}
    assert settings["model"].required
    assert settings["n_epochs"].description == "passes over the data"
    assert settings["n_epochs"].default == 3
    assert settings["n_epochs"].range == Range(ge=1, le=50)
    assert settings["optimizer"].type_name == '"adamw" or "sgd"'
    assert settings["targets"].default == []
    assert not settings["seed"].required
