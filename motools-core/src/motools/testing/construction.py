# ruff: noqa: S101  (a contract is spoken in asserts)
"""What is asked of a backend before it is given any work: how it is made, what it is called and keyed by."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from motools.errors import MotoolsError
from motools.evals.middleware import EvalMiddleware
from motools.plugins.discovery import scan
from motools.plugins.loading import split_value
from motools.testing.contract import Contract
from motools.testing.elsewhere import PROCESSES, keys_elsewhere, modules_of_construction
from motools.training.middleware import TrainingMiddleware

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class ConstructionContract(Contract):
    """Part of `BackendContract`."""

    @pytest.fixture
    def request_made(self) -> Mapping[str, Any]:
        """Return the standard request: its `arguments` and `keywords`."""
        raise NotImplementedError

    async def test_constructing_imports_no_sdk(self, backend: Any) -> None:
        modules = await modules_of_construction(type(innermost(backend)), dict(self.options))
        assert [name for name in self.sdk_modules if name in modules] == []

    async def test_constructing_imports_no_other_plugin(self, backend: Any) -> None:
        subject = type(innermost(backend))
        own = subject.__module__.partition(".")[0]
        others = {split_value(entry.value)[0].partition(".")[0] for entry in scan()} - {own, "motools"}
        modules = await modules_of_construction(subject, dict(self.options))
        assert sorted(others & modules) == []

    async def test_the_name_is_that_of_the_entry_point(self, backend: Any) -> None:
        if "entry point" in self.lacking:
            self.not_tested("entry point", "whether it can be found by its name")
        names = entry_points_of(backend, self.group)
        assert names, f"no entry point of {self.group} is {_path_of(backend)}"
        assert backend.name in {"", *names}, (
            f"it calls itself {backend.name!r}, and its entry point {' or '.join(names)}"
        )

    async def test_an_unknown_option_is_an_error_that_names_the_known(self, backend: Any) -> None:
        declared = getattr(backend.Settings, "Options", None)
        if declared is None:
            self.not_tested("options", "what a misspelt option raises")
        from motools.plugins.construct import check_options
        from motools.settings import declared as settings_of

        with pytest.raises(MotoolsError) as caught:
            check_options(type(innermost(backend)), {"no_such_option": 1}, "The backend")
        assert all(setting.name in str(caught.value) for setting in settings_of(declared))

    async def test_the_account_is_json(self, backend: Any) -> None:
        assert isinstance(json.loads(json.dumps(dict(backend.account()), allow_nan=False)), dict)

    async def test_a_key_is_the_same_in_every_process_and_under_every_hash_seed(
        self, backend: Any, request_made: Mapping[str, Any], tmp_path: Path
    ) -> None:
        try:
            json.dumps(request_made, allow_nan=False)
        except (TypeError, ValueError):
            self.not_tested("request in JSON", "whether another process has the same key for it")
        others = [dict.fromkeys(self.key_variables, f"{self.key_prefix}other{number}") for number in range(PROCESSES)]
        keys = await keys_elsewhere(type(innermost(backend)), dict(self.options), request_made, tmp_path, others)
        assert len(set(keys)) == 1, (
            f"the same request has the keys {', '.join(keys)} in processes with other hash seeds and other keys of the service: "
            "nothing in it comes from either, and account() is never derived from a key"
        )


def entry_points_of(backend: Any, group: str) -> list[str]:
    """Return the names of the entry points that a backend's class has."""
    path = _path_of(backend)
    return [entry.name for entry in scan() if entry.group == group and entry.value.replace(" ", "") == path]


def names_of(backend: Any, group: str) -> list[str]:
    """Return all that a backend is called, as far as that is known."""
    return list(filter(None, dict.fromkeys([backend.name, *entry_points_of(backend, group)])))


def _path_of(backend: Any) -> str:
    subject = type(innermost(backend))
    return f"{subject.__module__}:{subject.__qualname__}"


def innermost(backend: Any) -> Any:
    """Return the backend inside all layers."""
    while isinstance(backend, (TrainingMiddleware, EvalMiddleware)):
        backend = backend._backend
    return backend


__all__ = ["ConstructionContract", "entry_points_of", "innermost", "names_of"]
