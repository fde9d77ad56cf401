# ruff: noqa: S101  (a contract is spoken in asserts)
"""What every store remembers: models, results and uploaded files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from motools.cache.base import Ledger
from motools.cache.states import State
from motools.errors import MotoolsError
from motools.testing.store import EXACT, STRANGE, StoreContract, brought_to, exactly, key_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from motools.cache.base import CacheBackend
    from motools.testing.store import Elsewhere

MODEL, RESULTS = key_of("model"), key_of("results")


class RememberingContract(StoreContract):
    """What was set is read back, and nothing else is."""

    async def test_what_was_never_set_is_none(self, remembering: CacheBackend) -> None:
        assert await remembering.get_model_id(MODEL) is None
        assert await remembering.get_eval_results(RESULTS) is None
        assert await remembering.get_file_id("digest", "account") is None

    async def test_what_was_set_is_read_back_and_by_a_store_that_is_opened_again(
        self, remembering: CacheBackend, open_again: Callable[[], Any]
    ) -> None:
        await _set(remembering)
        for store in (remembering, open_again()):
            assert await store.get_model_id(MODEL) == STRANGE
            assert exactly(await store.get_eval_results(RESULTS)) == exactly(EXACT)
            assert await store.get_file_id("digest", "account") == "file-1"

    async def test_what_was_set_is_read_by_another_process(
        self, remembering: CacheBackend, elsewhere: Elsewhere
    ) -> None:
        [other] = await elsewhere(1)
        assert await other.call("get_model_id", MODEL) is None
        await _set(remembering)
        assert await other.call("get_model_id", MODEL) == STRANGE
        assert exactly(await other.call("get_eval_results", RESULTS)) == exactly(EXACT)
        assert await other.call("get_file_id", "digest", "account") == "file-1"
        await other.call("set_file_id", "digest", "account", "file-2")
        assert await remembering.get_file_id("digest", "account") == "file-2"

    async def test_models_and_results_do_not_stand_in_for_each_other(self, remembering: CacheBackend) -> None:
        await _set(remembering)
        assert await remembering.get_eval_results(MODEL) is None
        assert await remembering.get_model_id(RESULTS) is None

    async def test_what_is_set_again_takes_the_place_of_what_was(self, remembering: CacheBackend) -> None:
        await _set(remembering)
        await remembering.set_model_id(MODEL, "second")
        await remembering.set_eval_results(RESULTS, {"metrics": {}})
        await remembering.set_file_id("digest", "account", "file-2")
        assert await remembering.get_model_id(MODEL) == "second"
        assert await remembering.get_eval_results(RESULTS) == {"metrics": {}}
        assert await remembering.get_file_id("digest", "account") == "file-2"

    async def test_a_file_is_remembered_for_one_account(self, remembering: CacheBackend) -> None:
        await remembering.set_file_id("digest", "account", "file-1")
        await remembering.set_file_id("digest", "another", "file-2")
        assert await remembering.get_file_id("digest", "account") == "file-1"
        assert await remembering.get_file_id("another", "account") is None

    async def test_results_that_are_not_json_are_refused(self, remembering: CacheBackend) -> None:
        if "JSON" in self.lacking:
            self.not_tested("JSON", "whether results are kept as JSON and nothing else")
        for value in (object(), {1}, b"bytes", float("nan")):
            with pytest.raises((TypeError, ValueError, MotoolsError)):
                await remembering.set_eval_results(RESULTS, {"value": value})
        assert await remembering.get_eval_results(RESULTS) is None

    async def test_what_a_record_came_to_is_remembered_and_what_failed_is_not(self, remembering: CacheBackend) -> None:
        if not isinstance(remembering, Ledger):
            self.not_tested("ledger", "whether what is under way is paid for twice")
        await brought_to(remembering, State.RUNNING, "running", model_id="too early", results={"too": "early"})
        await brought_to(remembering, State.FAILED, "failed", model_id="failed", results={"failed": 1})
        await brought_to(remembering, State.SUCCEEDED, "succeeded", model_id="model", results={"a": 1})
        for word in ("running", "failed"):
            assert await remembering.get_model_id(key_of(word)) is None
            assert await remembering.get_eval_results(key_of(word)) is None
        assert await remembering.get_model_id(key_of("succeeded")) == "model"
        assert await remembering.get_eval_results(key_of("succeeded")) == {"a": 1}


async def _set(store: CacheBackend) -> None:
    await store.set_model_id(MODEL, STRANGE)
    await store.set_eval_results(RESULTS, EXACT)
    await store.set_file_id("digest", "account", "file-1")


__all__ = ["RememberingContract"]
