"""Files are named by what is in them, and uploaded once."""

from __future__ import annotations

import asyncio
import hashlib

import pytest

from motools.errors import DatasetError, SubmitRejected, SubmitUnavailable
from motools.testing.tickets import RecordingTicket
from motools_openai.files import HashingReader

pytestmark = pytest.mark.slow

MODEL = "gpt-4.1-nano-2025-04-14"


def sent(service):
    return {item["id"]: item["body"]["filename"] for item in service.bill("file")}


async def test_a_file_is_named_by_its_digest_and_found_by_the_record_the_second_time(openai_backend, service, data):
    backend, ticket = openai_backend(), RecordingTicket()
    run = await backend.train(data, MODEL, ticket=ticket)
    digest = hashlib.sha256(data.read_bytes()).hexdigest()
    assert sent(service) == {run.metadata["training_file"]: f"motools-{digest[:32]}.jsonl"}
    assert run.metadata["dataset"] == digest
    assert ticket.uploads.ids == {digest: run.metadata["training_file"]}
    again = await backend.train(data, MODEL, seed=1, ticket=ticket)
    assert again.metadata["training_file"] == run.metadata["training_file"]
    assert service.requests()["GET /files"] == 1


async def test_without_a_record_a_file_is_found_in_the_list(openai_backend, service, data):
    first = await openai_backend().train(data, MODEL)
    second = await openai_backend().train(data, MODEL, seed=1)
    assert first.metadata["training_file"] == second.metadata["training_file"]
    assert len(sent(service)) == 1


async def test_ten_at_once_upload_a_file_once(openai_backend, service, data):
    backend = openai_backend()
    await asyncio.gather(*(backend.train(data, MODEL, seed=seed) for seed in range(10)))
    assert len(sent(service)) == 1


async def test_records_and_a_validation_set_are_uploaded_too(openai_backend, service, tmp_path):
    records = [
        {"messages": [{"role": "user", "content": f"{n}"}, {"role": "assistant", "content": "a"}]} for n in range(10)
    ]
    run = await openai_backend().train(records, MODEL, validation=list(reversed(records)))
    assert sent(service).keys() == {run.metadata["training_file"], run.metadata["validation_file"]}
    assert service.bill()[0]["body"]["validation_file"] == run.metadata["validation_file"]
    assert list(tmp_path.iterdir()) == []


async def test_a_file_that_was_deleted_at_the_service_is_uploaded_again(openai_backend, service, client, data):
    backend, ticket = openai_backend(), RecordingTicket()
    first = await backend.train(data, MODEL, ticket=ticket)
    await client.files.delete(first.metadata["training_file"])
    second = await backend.train(data, MODEL, seed=1, ticket=ticket)
    assert second.metadata["training_file"] != first.metadata["training_file"]
    assert list(ticket.uploads.ids.values()) == [second.metadata["training_file"]]


async def test_a_file_of_another_project_is_uploaded_to_this_one(openai_backend, service, data):
    ticket = RecordingTicket()
    await openai_backend(project="proj-one").train(data, MODEL, ticket=ticket)
    await openai_backend(project="proj-two").train(data, MODEL, ticket=ticket)
    assert [item["project"] for item in service.bill("file")] == ["proj-one", "proj-two"]


async def test_a_file_that_goes_in_the_last_moment_is_forgotten_and_nothing_is_started(
    openai_backend, service, client, data
):
    class Ticket(RecordingTicket):
        def paying(self, **notes):
            return super().paying(**notes)

    backend, ticket = openai_backend(), Ticket()
    first = await backend.train(data, MODEL, ticket=ticket)

    def paying(**notes):
        return deleting(RecordingTicket.paying(ticket, **notes))

    class deleting:  # noqa: N801 (a context around a context)
        def __init__(self, inner):
            self.inner = inner

        async def __aenter__(self):
            await client.files.delete(first.metadata["training_file"])
            return await self.inner.__aenter__()

        async def __aexit__(self, *error):
            return await self.inner.__aexit__(*error)

    ticket.paying = paying
    with pytest.raises(SubmitUnavailable, match="has not got the uploaded file any more"):
        await backend.train(data, MODEL, seed=1, ticket=ticket)
    assert ticket.uploads.ids == {}
    assert len(service.bill()) == 1


async def test_processing_is_waited_for(openai_backend, service, data, monkeypatch):
    monkeypatch.setattr("motools_openai.files.PAUSES", (0.02, 0.05))
    service.set(file_processing=0.3)
    await openai_backend().train(data, MODEL)
    assert service.requests()["GET /files/{id}"] >= 2
    assert len(service.bill()) == 1


async def test_a_file_that_the_service_cannot_use_is_refused_with_its_words(openai_backend, service, data):
    service.set(file_error="line 3 is no JSON")
    with pytest.raises(SubmitRejected, match=r"train\.jsonl: the service cannot use it.*line 3 is no JSON"):
        await openai_backend().train(data, MODEL)
    assert service.bill() == []


async def test_a_large_file_is_uploaded_in_parts_and_is_the_same_file(
    openai_backend, service, client, data, monkeypatch
):
    monkeypatch.setattr("motools_openai.files.PART", 300)
    run = await openai_backend(parts_above=500).train(data, MODEL)
    content = await client.files.content(run.metadata["training_file"])
    assert content.content == data.read_bytes()
    assert service.requests()["POST /uploads/{id}/parts"] == -(-data.stat().st_size // 300)
    assert service.requests()["POST /files"] == 0
    again = await openai_backend(parts_above=500).train(data, MODEL, seed=1)
    assert again.metadata["training_file"] == run.metadata["training_file"]


async def test_an_upload_in_parts_that_fails_is_cancelled(openai_backend, service, data, monkeypatch):
    monkeypatch.setattr("motools_openai.server.RETRIES", 0)
    service.fault("POST", "/uploads/*/parts", "error_before_accepting")
    with pytest.raises(SubmitUnavailable):
        await openai_backend(parts_above=500).train(data, MODEL)
    assert service.requests()["POST /uploads/{id}/cancel"] == 1
    assert service.bill() == []


async def test_an_upload_is_tried_again_and_arrives_whole(openai_backend, service, client, data):
    service.fault("POST", "/files", "close_before_reading")
    run = await openai_backend().train(data, MODEL)
    content = await client.files.content(run.metadata["training_file"])
    assert content.content == data.read_bytes()


async def test_data_that_change_while_they_are_uploaded_are_not_left_under_the_name_of_the_old(
    openai_backend, service, data, monkeypatch
):
    read = HashingReader.read

    def changing(self, size=-1):
        if size == 65_536:  # on the way to the service
            data.write_bytes(data.read_bytes()[:-10] + b'"changed"}')
        return read(self, size)

    monkeypatch.setattr(HashingReader, "read", changing)
    with pytest.raises(DatasetError, match="changed while it was being uploaded"):
        await openai_backend().train(data, MODEL)
    assert service.requests()["DELETE /files/{id}"] == 1
    assert service.bill() == []


async def test_data_that_change_while_they_are_uploaded_in_parts_make_no_file(
    openai_backend, service, data, monkeypatch
):
    read = HashingReader.read

    def changing(self, size=-1):
        if size == 300:  # on the way to the service
            data.write_bytes(data.read_bytes().replace(b"World", b"world"))
        return read(self, size)

    monkeypatch.setattr("motools_openai.files.PART", 300)
    monkeypatch.setattr(HashingReader, "read", changing)
    with pytest.raises(DatasetError, match="changed while it was being uploaded"):
        await openai_backend(parts_above=500).train(data, MODEL)
    assert service.requests()["POST /uploads/{id}/complete"] == 0
    assert service.requests()["POST /uploads/{id}/cancel"] == 1
    assert service.bill() == []


async def test_nothing_is_left_in_the_temporary_directory(openai_backend, data, tmp_path, monkeypatch):
    elsewhere = tmp_path / "tmp"
    elsewhere.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(elsewhere))
    await openai_backend(parts_above=0).train(data, MODEL)
    assert list(elsewhere.iterdir()) == []
