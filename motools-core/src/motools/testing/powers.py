# ruff: noqa: S101  (a contract is spoken in asserts)
"""What is asked of the powers that a training backend may declare, and of what it says about its data."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from motools.datasets import Dataset, Format
from motools.errors import RunCancelled, UsageError
from motools.status import TERMINAL, Capability
from motools.testing.backends import BackendContract
from motools.testing.contract import raised
from motools.testing.elsewhere import metrics_elsewhere
from motools.testing.tickets import RecordingTicket
from motools.training.checkpoint import Checkpoint
from motools.training.limits import Limits

if TYPE_CHECKING:
    from pathlib import Path

    from motools.testing.contract import Start

HELD = 0.5
"""Seconds for which a paused run is watched."""


class TrainingPowersContract(BackendContract):
    """Part of `TrainingBackendContract`. What is not declared is not tested; see `motools.testing.contract`."""

    model: ClassVar[str] = "base"
    """A base model that the backend knows."""

    @pytest.fixture
    def pausable_backend(self, backend: Any) -> Any:
        """Return a backend whose work lasts long enough to be paused, and ends within `timeout`."""
        return backend

    @pytest.fixture
    def checkpointed(self, finished: Any) -> Any:
        """Return a run that has left a checkpoint which nothing else needs."""
        return finished

    async def test_metrics_are_rows_in_the_order_of_their_steps(self, finished: Any, backend: Any) -> None:
        self.needs(backend, Capability.METRICS, "what was measured while training")
        rows = [dict(row) for row in await finished.metrics()]
        assert rows
        assert _as_json(rows) == rows
        for row in rows:
            assert all(value is None or isinstance(value, (int, float, str)) for value in row.values())
        steps = [row["step"] for row in rows]
        assert all(type(step) is int and step >= 1 for step in steps)
        assert steps == sorted(set(steps))

    async def test_metrics_are_the_same_in_another_process(self, finished: Any, backend: Any, tmp_path: Path) -> None:
        self.needs(backend, Capability.METRICS, "whether a loaded run has metrics")
        await finished.save(tmp_path / "handle.json")
        async with asyncio.timeout(self.timeout):
            elsewhere = await metrics_elsewhere(type(finished), tmp_path / "handle.json")
        assert elsewhere == _as_json([dict(row) for row in await finished.metrics()])

    async def test_a_live_run_may_be_asked_for_metrics_and_checkpoints(self, start: Start, slow_backend: Any) -> None:
        run = await start(slow_backend)
        if Capability.METRICS in slow_backend.capabilities:
            assert isinstance(list(await run.metrics()), list)
        if Capability.CHECKPOINTS in slow_backend.capabilities:
            assert all(isinstance(checkpoint, Checkpoint) for checkpoint in await run.checkpoints())
        await run.cancel()

    async def test_checkpoints_are_in_the_order_of_their_steps(self, checkpointed: Any, backend: Any) -> None:
        self.needs(backend, Capability.CHECKPOINTS, "what its checkpoints look like")
        checkpoints = list(await checkpointed.checkpoints())
        ids = [checkpoint.id for checkpoint in checkpoints]
        assert all(isinstance(checkpoint_id, str) and checkpoint_id for checkpoint_id in ids)
        assert len(set(ids)) == len(ids)
        steps = [checkpoint.step for checkpoint in checkpoints]
        assert steps == sorted(steps)
        for checkpoint in checkpoints:
            assert isinstance(checkpoint, Checkpoint)
            assert _as_json(checkpoint.as_dict()) == checkpoint.as_dict()
            assert checkpoint.model_id is None or checkpoint.model_id

    async def test_a_deleted_checkpoint_is_gone_for_every_handle(
        self, checkpointed: Any, backend: Any, tmp_path: Path
    ) -> None:
        self.needs(backend, Capability.CHECKPOINTS, "whether a checkpoint can be deleted")
        there = list(await checkpointed.checkpoints())
        if not there:
            self.not_tested("checkpointed", "whether a checkpoint can be deleted")
        try:
            await checkpointed.delete_checkpoint(there[0].id)
        except UsageError:
            assert list(await checkpointed.checkpoints()) == there
            self.not_tested("deletion", "whether a deleted checkpoint is gone")
        await checkpointed.save(tmp_path / "handle.json")
        loaded = await type(checkpointed).load(tmp_path / "handle.json")
        for handle in (checkpointed, loaded):
            assert list(await handle.checkpoints()) == there[1:]

    async def test_an_unknown_checkpoint_cannot_be_deleted(self, finished: Any, backend: Any) -> None:
        self.needs(backend, Capability.CHECKPOINTS, "what deleting an unknown checkpoint raises")
        await self._raises_and_pickles(UsageError, finished.delete_checkpoint("no-such-checkpoint"))

    async def test_a_paused_run_is_held_until_it_may_go_on(self, start: Start, pausable_backend: Any) -> None:
        self.needs(pausable_backend, Capability.PAUSE, "whether a run can be paused")
        run = await start(pausable_backend)
        await run.pause()
        assert run.is_paused
        step = getattr(run.progress, "step", None)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(HELD):
                await run.wait()
        await run.refresh()
        assert run.is_paused
        assert run.status not in TERMINAL
        assert getattr(run.progress, "step", None) == step
        await run.unpause()
        assert not run.is_paused
        assert await self.waited(run)

    async def test_a_paused_run_is_paused_for_every_handle_and_can_be_cancelled(
        self, start: Start, slow_backend: Any, tmp_path: Path
    ) -> None:
        self.needs(slow_backend, Capability.PAUSE, "whether others see that a run is paused")
        run = await start(slow_backend)
        await run.pause()
        await run.save(tmp_path / "handle.json")
        loaded = await type(run).load(tmp_path / "handle.json")
        await loaded.refresh()
        assert loaded.is_paused
        await run.cancel()
        await raised(RunCancelled, self.waited(loaded))
        assert not loaded.is_paused

    async def test_pausing_what_has_ended_changes_nothing(self, finished: Any, backend: Any) -> None:
        self.needs(backend, Capability.PAUSE, "what pausing does to a run that has ended")
        before = await self.waited(finished)
        for ask in (finished.pause, finished.unpause):
            await ask()
            assert not finished.is_paused
            assert await self.waited(finished) == before

    async def test_a_trained_model_is_there_and_an_invented_one_is_not(self, finished: Any, backend: Any) -> None:
        self.needs(backend, Capability.MODELS, "whether it is noticed that a model was deleted")
        model_id = await self.waited(finished)
        assert await backend.has_model(model_id)
        assert not await backend.has_model(f"{model_id}-invented")

    async def test_what_is_adopted_does_not_contradict_what_was_asked_for(self, finished: Any, backend: Any) -> None:
        self.needs(backend, Capability.ADOPT, "whether a run can be taken over")
        adopted = await backend.adopt(finished.job_id)
        for name in ("model", "dataset", "hyperparameters", "suffix"):
            if name in adopted.metadata and name in finished.metadata:
                assert adopted.metadata[name] == finished.metadata[name], name

    async def test_limits_are_counts_and_a_time(self, start: Start, slow_backend: Any) -> None:
        self.needs(slow_backend, Capability.LIMITS, "how many runs there may be")
        run = await start(slow_backend)
        limits = await slow_backend.limits(self.model)
        await run.cancel()
        assert isinstance(limits, Limits)
        assert _as_json(asdict(limits)) == asdict(limits)
        counts = (limits.concurrent, limits.live, limits.per_day, limits.started_today)
        assert all(count is None or count >= 0 for count in counts)
        assert limits.live != 0
        assert limits.started_today != 0

    async def test_formats_have_their_names_and_rules_that_say_what_is_wrong(self, backend: Any) -> None:
        formats = backend.formats()
        assert formats
        for name, form in formats.items():
            assert isinstance(form, Format)
            assert form.name == name
            complaints = [complaint for rule in (*form.rules, *form.advice) for complaint in rule({})]
            assert "\n".join(complaints)
            assert all(complaints)
        assert backend.format_of(self.model, {}) == next(iter(formats))

    async def test_the_standard_dataset_is_in_the_format_of_a_plain_request(self, backend: Any, dataset: Path) -> None:
        form = backend.formats()[backend.format_of(self.model, {})]
        report = Dataset(dataset).examine(form)
        assert (report.errors, report.warnings) == ((), ())

    async def test_keywords_that_are_datasets_are_read_before_anything_is_paid(
        self, start: Start, backend: Any, dataset: Path, tmp_path: Path
    ) -> None:
        if not backend.dataset_keywords:
            self.not_tested("dataset_keywords", "whether further datasets are taken")
        ticket = RecordingTicket()
        more = {"ticket": ticket} if Capability.FIND in backend.capabilities else {}
        for name in backend.dataset_keywords:
            await raised(UsageError, start(backend, **{name: tmp_path / "missing.jsonl"}, **more))
            assert ticket.payments == []
            assert await self.waited(await start(backend, **{name: dataset}))


def _as_json(value: Any) -> Any:
    return json.loads(json.dumps(value, allow_nan=False))


__all__ = ["TrainingPowersContract"]
