"""The validate layer refuses bad data before the backend hears of it."""

from __future__ import annotations

import pytest

from motools.datasets import CHAT_FORMAT, DPO_FORMAT, Format
from motools.datasets.rules import is_held_out
from motools.errors import DatasetError
from motools.middleware.validate import ValidatedTrainingBackend
from motools.testing.tickets import RecordingTicket
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


class Strict(DummyTrainingBackend):
    """Takes conversations by further rules, and pairs where a request says so."""

    def formats(self):
        def is_not_small(summary):
            if summary.trained_on is None and summary.records < 3:
                yield None, "has too few records."

        strict = Format(name="chat", rules=CHAT_FORMAT.rules, whole=(is_not_small, is_held_out))
        return {"chat": strict, "dpo": DPO_FORMAT}

    def format_of(self, model, arguments):
        return "dpo" if "seed" in arguments else "chat"


def write(path, *texts):
    path.write_text("".join(GOOD.replace("Hi", text) for text in texts))
    return path


async def test_all_errors_of_both_sets_come_at_once(tmp_path):
    train = write(tmp_path / "train.jsonl", "a", "b")
    held_out = write(tmp_path / "held_out.jsonl", "c", "b")
    held_out.write_text(held_out.read_text() + BAD)
    strict = Strict()
    with pytest.raises(DatasetError) as caught:
        await ValidatedTrainingBackend(strict).train(train, "base", validation=held_out)
    assert [finding.replace(f"{tmp_path}/", "").partition(" is the same")[0] for finding in caught.value.findings] == [
        "train.jsonl: has too few records.",
        "held_out.jsonl:3: the last message is from 'user'; a training example must end with an assistant message.",
        "held_out.jsonl:2: is trained on as well: train.jsonl:2",
    ]
    assert strict.service.jobs() == []


async def test_the_format_is_that_of_the_request(tmp_path):
    train = write(tmp_path / "train.jsonl", "a", "b", "c")
    await ValidatedTrainingBackend(Strict()).train(train, "base")
    with pytest.raises(DatasetError, match="has no 'input'"):
        await ValidatedTrainingBackend(Strict()).train(train, "base", seed=1)


async def test_what_looks_wrong_is_logged_and_trained_on(tmp_path, caplog):
    train = write(tmp_path / "train.jsonl", "a", "b", "a")
    held_out = write(tmp_path / "held_out.jsonl", "b")
    run = await ValidatedTrainingBackend(DummyTrainingBackend()).train(train, "base", validation=held_out)
    assert await run.wait()
    assert [(each.name, each.levelname) for each in caplog.records] == [("motools.validate", "WARNING")] * 2
    assert caplog.messages[0].startswith(f"{train}:3: is the same record as line 1.")
    assert caplog.messages[1].startswith(f"{held_out}:1: is trained on as well: {train}:2 is the same record.")


async def test_of_many_warnings_twenty_are_logged(tmp_path, caplog):
    train = tmp_path / "train.jsonl"
    train.write_text("".join(GOOD.replace("Hi", f"{n}").replace("Hello", " ") for n in range(25)))
    await ValidatedTrainingBackend(DummyTrainingBackend()).train(train, "base")
    assert len(caplog.messages) == 21
    assert caplog.messages[-1] == "… and 5 more warnings: `motools validate` lists them."


async def test_data_that_is_refused_is_not_warned_of(tmp_path, caplog):
    train = tmp_path / "train.jsonl"
    train.write_text(GOOD.replace("Hello", " ") + BAD)
    with pytest.raises(DatasetError):
        await ValidatedTrainingBackend(DummyTrainingBackend()).train(train, "base")
    assert caplog.messages == []


async def test_a_request_that_waits_for_a_slot_is_judged_once(tmp_path, caplog):
    train, ticket, other = write(tmp_path / "train.jsonl", "a", "a"), RecordingTicket(), RecordingTicket()
    backend = ValidatedTrainingBackend(DummyTrainingBackend())
    for _ in range(3):  # as the record calls it each time that its turn has come
        await backend.train(train, "base", ticket=ticket)
    assert len(caplog.messages) == 1
    await backend.train(train, "base", ticket=other)
    assert len(caplog.messages) == 2
