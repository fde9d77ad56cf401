# ruff: noqa: S101  (a contract is spoken in asserts)
"""The contract of training backends.

    class TestAcme(TrainingBackendContract):
        sdk_modules = ("acme",)
        key_variables = ("ACME_API_KEY",)
        model = "acme-small"

        @pytest.fixture
        def backend(self):
            return AcmeTrainingBackend()

See `motools.testing.contract` for all that can be set.
"""

from __future__ import annotations

import asyncio
import json
from copy import deepcopy
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import uuid4

import pytest

from motools.errors import SettingError
from motools.settings import declared
from motools.testing.contract import raised, standard_dataset
from motools.testing.estimates import EstimatesContract
from motools.testing.powers import TrainingPowersContract
from motools.training.base import TrainingBackend, TrainingRun
from motools.training.middleware import TrainingMiddleware

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from motools.testing.contract import Start


class CountingTrainingBackend(TrainingMiddleware):
    """Count what reaches the backend inside."""

    def __init__(self, backend: TrainingBackend) -> None:
        super().__init__(backend)
        self.submissions = 0

    async def train(self, *args: Any, **kwargs: Any) -> TrainingRun:
        self.submissions += 1
        return await super().train(*args, **kwargs)


class TrainingBackendContract(EstimatesContract, TrainingPowersContract):
    """What is asked of a training backend and its runs."""

    group: ClassVar[str] = "motools.training.v1"
    handle_base: ClassVar[type[Any]] = TrainingRun
    hyperparameters: ClassVar[Mapping[str, Any] | None] = None
    """Hyperparameters of the standard request."""

    @pytest.fixture
    def dataset(self, tmp_path: Path) -> Path:
        """Return a chat dataset of sixteen records."""
        return standard_dataset(tmp_path / "standard.jsonl")

    @pytest.fixture
    def start(self, dataset: Path) -> Start:
        async def start(backend: TrainingBackend, **more: Any) -> TrainingRun:
            work = backend.train(dataset, self.model, **{"hyperparameters": self.hyperparameters, **more})
            run: TrainingRun = await self.in_time(
                work, "train() has not returned", ": it starts the work, and wait() waits"
            )
            return run

        return start

    def changed(self, name: str, value: Any) -> dict[str, Any]:
        return {"hyperparameters": {**(self.hyperparameters or {}), name: value}}

    @property
    def standard_values(self) -> list[tuple[str, Any]]:
        return [("model", self.model)]

    @pytest.fixture
    def request_made(self, dataset: Path) -> Mapping[str, Any]:
        return {"arguments": [str(dataset), self.model, self.hyperparameters], "keywords": {}}

    async def test_the_model_has_an_id_once_it_is_trained(self, finished: TrainingRun) -> None:
        model_id = await self.waited(finished)
        assert isinstance(model_id, str)
        assert model_id
        assert finished.model_id == model_id

    async def test_a_dataset_may_be_a_path_a_dataset_or_records(self, backend: TrainingBackend, dataset: Path) -> None:
        from motools.datasets import Dataset

        records = list(Dataset(dataset))
        given = deepcopy((records, self.hyperparameters))
        for form in (str(dataset), Dataset(dataset), records):
            async with asyncio.timeout(self.timeout):
                run = await backend.train(form, self.model, self.hyperparameters)
            assert await self.waited(run)
        assert (records, self.hyperparameters) == given, (
            "records and hyperparameters belong to whoever asks: train() leaves them as they are"
        )

    @pytest.fixture
    def uploaded(self) -> Callable[[], Any]:
        """Return a function that returns the last training data as the service got them: text, bytes or JSON values."""
        self.not_offered("uploaded", "whether the data reach the service")

    async def test_the_data_reach_the_service_whole(
        self, start: Start, backend: TrainingBackend, dataset: Path, uploaded: Callable[[], Any]
    ) -> None:
        wanted = _made_unmistakable(dataset)
        await self.waited(await start(backend))
        found = [text for text in _texts(uploaded()) if text in set(wanted)]
        assert found == wanted, (
            f"of {len(wanted)} messages of the data, {len({*found} & {*wanted})} reach the service, and {len(found)} texts "
            "altogether: they are all sent, once and in order"
        )

    async def test_there_is_no_model_before_the_end(self, start: Start, slow_backend: TrainingBackend) -> None:
        run = await start(slow_backend)
        early = [run.model_id]
        await run.refresh()
        early.append(run.model_id)
        await run.cancel()
        assert early == [None, None], f"model_id is None until there is a model, and not {early}"

    async def test_the_standard_data_keep_to_the_format_of_the_request(
        self, backend: TrainingBackend, dataset: Path
    ) -> None:
        from motools.datasets import Dataset

        form = backend.formats()[backend.format_of(self.model, {})]
        assert [str(error) for error in Dataset(dataset).examine(form).errors] == []

    async def test_a_suffix_is_taken(self, start: Start, backend: TrainingBackend) -> None:
        assert await self.waited(await start(backend, suffix="suffix"))

    async def test_a_suffix_reaches_the_service(
        self, start: Start, backend: TrainingBackend, received: Callable[[], Any]
    ) -> None:
        await self.reaches([("suffix", "a-suffix")], start(backend, suffix="a-suffix"), received)

    async def test_an_unknown_hyperparameter_is_an_error_that_names_the_known(
        self, backend: TrainingBackend, dataset: Path
    ) -> None:
        known = getattr(backend.Settings, "Hyperparameters", None)
        if known is None:
            self.not_tested("hyperparameters", "what a misspelt hyperparameter raises")
        error = await raised(SettingError, backend.train(dataset, self.model, {"no_such_hyperparameter": 1}))
        unsaid = [setting.name for setting in declared(known) if setting.name not in str(error)]
        assert not unsaid, f"the error names the hyperparameters that there are, and leaves out {', '.join(unsaid)}"

    async def test_the_model_can_stand_in_a_key(self, backend: TrainingBackend) -> None:
        identity = await backend.identify(self.model)
        assert json.loads(json.dumps(identity, allow_nan=False)) is not None
        assert await backend.identify(self.model) == identity

    async def test_the_same_request_is_paid_once_under_the_cache(
        self, backend: TrainingBackend, start: Start, tmp_path: Path
    ) -> None:
        from motools.cache.sqlite import SqliteLedger
        from motools.training.backends.cached import CachedTrainingBackend

        counting = CountingTrainingBackend(backend)
        ledger = SqliteLedger.open(tmp_path / "ledger.db")
        cached = CachedTrainingBackend(counting, ledger)
        first = await self.waited(await start(cached))
        assert await self.waited(await start(cached)) == first
        assert counting.submissions == 1


def _made_unmistakable(dataset: Path) -> list[str]:
    """Mark each record of a chat dataset as no other is, and return what its turns say."""
    records = [json.loads(line) for line in dataset.read_text(encoding="utf-8").splitlines()]
    for record in records:
        record["messages"][0]["content"] += f" \N{WAVE DASH} {uuid4()}"
    dataset.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return [turn["content"] for record in records for turn in record["messages"]]


def _texts(value: Any) -> Iterator[str]:
    """Yield the strings in data, in order; those of JSON Lines are their records'."""
    if isinstance(value, (bytes, bytearray)):
        value = value.decode("utf-8", errors="replace")
    if isinstance(value, str):
        for line in value.splitlines():
            try:
                record = json.loads(line)
            except ValueError:
                record = None
            yield from _texts(record) if isinstance(record, (dict, list)) else [line]
    elif isinstance(value, dict):
        yield from _texts([*value.values()])
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from [item] if isinstance(item, str) else _texts(item)


__all__ = ["CountingTrainingBackend", "TrainingBackendContract"]
