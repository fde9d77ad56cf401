from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import motools
from motools import errors

TYPES = Path(__file__).parent / "types_of_backends.py"


def test_every_public_name_is_there():
    for name in motools.__all__:
        assert getattr(motools, name) is not None, name
    assert set(motools.__all__) <= set(dir(motools))


def test_a_name_that_is_not_public_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'motools' has no attribute 'train'"):
        motools.train  # noqa: B018  (looking it up is what is tested)


def test_every_public_name_says_what_it_is():
    undocumented = [name for name in motools.__all__ if not (getattr(motools, name).__doc__ or "").strip()]
    assert undocumented == []


@pytest.mark.parametrize("name", errors.__all__)
def test_every_error_pickles(name):
    kind = getattr(errors, name)
    arguments = ("x",)
    if issubclass(kind, errors.PluginError):
        arguments = ("acme", "motools.training.v1", "acme 1.0", "of a reason")
    elif kind is errors.BudgetExceeded:
        arguments = (7.5, 5.0)
    error = pickle.loads(pickle.dumps(kind(*arguments)))  # noqa: S301  (our own error)
    assert str(error) == str(kind(*arguments))
    assert error.exit_status in (1, 2)


@pytest.mark.slow
def test_a_type_checker_knows_what_the_official_names_give():
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--no-incremental", str(TYPES)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
