"""The validate layer refuses bad data before the backend hears of it."""

from __future__ import annotations

import pytest

from motools.errors import DatasetError
from motools.middleware.validate import ValidatedTrainingBackend
from motools.training.backends.dummy import DummyTrainingBackend

GOOD = '{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}\n'
BAD = '{"messages": [{"role": "user", "content": "Hi"}]}\n'


async def test_good_data_passes_with_every_keyword(tmp_path):
    (tmp_path / "train.jsonl").write_text(GOOD)
    backend = ValidatedTrainingBackend(DummyTrainingBackend())
    run = await backend.train(tmp_path / "train.jsonl", "base", {"n_epochs": 2}, "mine", seed=4)
    assert run.metadata["seed"] == 4
    assert run.metadata["hyperparameters"]["n_epochs"] == 2
    assert (await run.wait()).startswith("dummy:base:mine:")


async def test_bad_data_is_refused_with_its_line_and_nothing_is_submitted(tmp_path):
    (tmp_path / "train.jsonl").write_text(GOOD + BAD)
    dummy = DummyTrainingBackend()
    with pytest.raises(DatasetError, match=r"train\.jsonl:2: the last message is from 'user'"):
        await ValidatedTrainingBackend(dummy).train(tmp_path / "train.jsonl", "base")
    assert dummy.service.jobs() == []


async def test_records_that_can_be_read_once_are_trained_on_all_the_same():
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    records = ({"messages": messages} for _ in range(2))
    run = await ValidatedTrainingBackend(DummyTrainingBackend()).train(records, "base")
    again = await DummyTrainingBackend().train([{"messages": messages}] * 2, "base")
    assert run.metadata["dataset"] == again.metadata["dataset"]


async def test_a_bad_validation_set_is_refused_with_its_line(tmp_path):
    (tmp_path / "train.jsonl").write_text(GOOD)
    (tmp_path / "held_out.jsonl").write_text(BAD)
    dummy = DummyTrainingBackend()
    with pytest.raises(DatasetError, match=r"held_out\.jsonl:1: the last message is from 'user'"):
        await ValidatedTrainingBackend(dummy).train(
            tmp_path / "train.jsonl", "base", validation=tmp_path / "held_out.jsonl"
        )
    assert dummy.service.jobs() == []
