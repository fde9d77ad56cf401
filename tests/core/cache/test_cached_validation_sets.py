"""A keyword that names a dataset is keyed by what is in the dataset."""

from __future__ import annotations

import pytest

from motools.cache.keys import key_of
from motools.errors import DatasetError
from motools.training.backends.cached import CachedTrainingBackend
from motools.training.backends.dummy import DummyTrainingBackend

LINE = '{"messages": [{"role": "user", "content": "%s"}, {"role": "assistant", "content": "Hello"}]}\n'


@pytest.fixture
def held_out(tmp_path):
    path = tmp_path / "held_out.jsonl"
    path.write_text(LINE % "Hi")
    return path


@pytest.fixture
def cached(ledger):
    return CachedTrainingBackend(DummyTrainingBackend(), ledger)


async def test_a_validation_set_is_keyed_by_its_bytes_and_not_by_its_name(cached, data, held_out, tmp_path):
    first = await cached.train(data, "base", validation=held_out)
    await first.wait()
    copy = tmp_path / "copy.jsonl"
    copy.write_bytes(held_out.read_bytes())
    assert (await cached.train(data, "base", validation=str(copy))).is_hit
    held_out.write_text(LINE % "Good morning")
    other = await cached.train(data, "base", validation=held_out)
    assert (other.is_hit, other.key == first.key) == (False, False)
    assert other.metadata["validation"] != first.metadata["validation"]


async def test_records_can_be_a_validation_set(cached, data, held_out):
    record = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}
    run = await cached.train(data, "base", validation=(each for each in [record]))
    assert run.record.spec["arguments"]["validation"] == {"dataset": run.metadata["validation"]}


async def test_no_validation_set_is_the_same_as_none(cached, data):
    draft = await cached.draft(data, "base", validation=None)
    assert draft.key == (await cached.draft(data, "base")).key == key_of(draft.spec)


async def test_a_validation_set_that_changes_before_it_is_paid_for_stops_the_submission(ledger, data, held_out):
    class Slow(DummyTrainingBackend):
        async def train(self, *args, **kwargs):
            held_out.write_text(LINE % "Changed")
            return await super().train(*args, **kwargs)

    backend = Slow()
    with pytest.raises(DatasetError, match=r"held_out\.jsonl: changed while it was being used"):
        await CachedTrainingBackend(backend, ledger).train(data, "base", validation=held_out)
    assert backend.service.jobs() == []
