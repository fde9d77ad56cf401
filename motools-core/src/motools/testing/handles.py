# ruff: noqa: S101  (a contract is spoken in asserts)
"""What is asked of handles that are saved: that they go on anywhere, hold no key, and take nobody's key elsewhere."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from motools.errors import MotoolsError
from motools.status import RunStatus
from motools.testing.construction import names_of
from motools.testing.contract import Contract
from motools.testing.elsewhere import wait_elsewhere

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from motools.testing.contract import Start

SECONDS = 5.0
"""For which a handle that leads elsewhere is watched, at most."""
NOWHERE = "0.0.0.0"  # noqa: S104  (connected to, and not bound)
SERVER = re.compile(r"https?://[^/\"\s?#]+")


class HandlesContract(Contract):
    """Part of `BackendContract`."""

    async def test_a_saved_handle_goes_on(self, finished: Any, tmp_path: Path) -> None:
        await finished.save(tmp_path / "handle.json")
        loaded = await type(finished).load(tmp_path / "handle.json")
        assert type(loaded) is type(finished)
        assert await self.waited(loaded) == await self.waited(finished)
        assert loaded.status == RunStatus.SUCCEEDED
        for name in ("job_id", "model_id", "metadata"):
            was, now = getattr(finished, name), getattr(loaded, name)
            assert now == was, f"save() or load() loses the {name}: it was {was!r}, and is {now!r}"

    async def test_a_saved_handle_goes_on_in_another_process(self, finished: Any, tmp_path: Path) -> None:
        await finished.save(tmp_path / "handle.json")
        expected = json.loads(json.dumps(await self.waited(finished)))
        async with asyncio.timeout(self.timeout):
            assert await wait_elsewhere(type(finished), tmp_path / "handle.json") == expected

    async def test_live_work_is_waited_for_in_another_process(self, start: Start, backend: Any, tmp_path: Path) -> None:
        handle = await start(backend)
        await handle.save(tmp_path / "handle.json")
        async with asyncio.timeout(self.timeout):
            elsewhere = await wait_elsewhere(type(handle), tmp_path / "handle.json")
        assert elsewhere == json.loads(json.dumps(await self.waited(handle)))

    async def test_a_saved_handle_is_a_json_object_and_nothing_is_left_beside_it(
        self, finished: Any, tmp_path: Path
    ) -> None:
        directory = tmp_path / "handles"
        directory.mkdir()
        await finished.save(directory / "handle.json")
        await finished.save(directory / "handle.json")
        fields = json.loads((directory / "handle.json").read_text(encoding="utf-8"))
        assert isinstance(fields, dict)
        assert [path.name for path in directory.iterdir()] == ["handle.json"]
        if "schema" in fields:
            assert {"kind", "backend", "job_id", "model_id", "status", "metadata"} <= fields.keys()

    async def test_no_key_turns_up_in_what_is_kept_or_shown(
        self, finished: Any, backend: Any, canary: str, tmp_path: Path
    ) -> None:
        await finished.save(tmp_path / "handle.json")
        kept = (tmp_path / "handle.json").read_text(encoding="utf-8")
        shown = [
            repr(finished),
            repr(backend),
            json.dumps(dict(finished.metadata)),
            json.dumps(dict(backend.account())),
        ]
        assert all(canary not in text for text in [kept, *shown])

    async def test_a_saved_handle_names_its_backend(self, finished: Any, backend: Any, tmp_path: Path) -> None:
        await finished.save(tmp_path / "handle.json")
        fields = json.loads((tmp_path / "handle.json").read_text(encoding="utf-8"))
        if "schema" not in fields:
            self.not_tested("envelope", "whether load_run and load_job find whose a saved handle is")
        kind = {"motools.training.v1": "training", "motools.evals.v1": "eval"}[self.group]
        assert fields["kind"] == kind, f"its kind is {kind!r}, and save() writes {fields['kind']!r}"
        names = names_of(backend, self.group)
        assert not names or fields["backend"] in names, (
            f"whoever loads it looks for the backend {fields['backend']!r}, and this one is {' or '.join(names)}"
        )

    async def test_no_key_is_sent_to_where_a_saved_handle_leads(
        self, start: Start, slow_backend: Any, canary: str, tmp_path: Path
    ) -> None:
        handle = await start(slow_backend)
        await handle.save(tmp_path / "handle.json")
        text = (tmp_path / "handle.json").read_text(encoding="utf-8")
        async with _listening() as (address, heard):
            (tmp_path / "handle.json").write_text(SERVER.sub(f"http://{address}", text), encoding="utf-8")
            with suppress(MotoolsError, OSError):  # it is refused, or nobody answers in time
                async with asyncio.timeout(SECONDS):
                    await (await type(handle).load(tmp_path / "handle.json")).refresh()
        await handle.cancel()
        assert canary not in heard.decode(errors="replace"), (
            "whoever loads a handle sends their key to the server that it names: load() raises HandleError where that is "
            "not the one that they have named themselves"
        )


@asynccontextmanager
async def _listening() -> AsyncIterator[tuple[str, bytearray]]:
    """Keep what is sent to an address where nobody answers.

    It leads to this machine, and does not look like it: who trusts whatever listens here may do so.
    """
    heard = bytearray()

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.extend(await reader.read(1 << 16))
        writer.close()

    server = await asyncio.start_server(hear, "127.0.0.1", 0)
    async with server:
        yield f"{NOWHERE}:{server.sockets[0].getsockname()[1]}", heard


__all__ = ["HandlesContract"]
