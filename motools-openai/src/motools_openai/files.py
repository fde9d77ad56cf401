"""Training files at the service: named by what is in them, found again instead of uploaded again.

`motools-<the first 32 digits of the sha256>.jsonl` is looked for in the record of uploads, then in the list of the
service, and uploaded only if it is in neither. The bytes are hashed once more on their way, so that a file under that
name has that content, whatever happens to the dataset meanwhile.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import time
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any, Final, cast

from motools import Dataset
from motools.errors import DatasetError, SubmitRejected, SubmitUnavailable
from motools_openai.answers import pages_of, whole
from motools_openai.problems import unpaid

if TYPE_CHECKING:
    from io import BufferedIOBase

    from openai import AsyncOpenAI
    from openai.types import FileObject

    from motools.cache.base import Uploads
    from motools.training.base import DatasetLike
    from motools_openai.server import Connection

PURPOSE: Final = "fine-tune"
MEDIA_TYPE = "text/jsonl"
PART = 64 * 2**20
"""Bytes of a part; the service takes no larger ones."""
LONGEST_LOOK = 10
"""Pages of the service's list that are looked through, of up to 10,000 files each."""
UPLOAD_SECONDS = 600.0
"""How long the service may take to answer once it has a file."""
PROCESSING_SECONDS = 1800.0
"""How long the service may take to look through a file."""
PAUSES = (0.5, 5.0)
"""Seconds between two looks at a file that is being processed, at first and at most."""
_BLOCK = 2**20


class TrainingFiles:
    """The files of an account. `uploads` is the record of them; without one only the service's own list is asked."""

    def __init__(self, connection: Connection, uploads: Uploads | None, *, parts_above: int) -> None:
        self._connection = connection
        self._uploads = uploads
        self._parts_above = parts_above

    async def provide(self, source: DatasetLike) -> tuple[str, str]:
        """Return the id of the file at the service that has these data, and their sha256.

        Raises `SubmitRejected` where the service finds fault with the file, and `DatasetError` where the data change.
        """
        from openai import OpenAIError

        dataset = Dataset.of(source)
        digest, size = await asyncio.to_thread(_measured, dataset)
        async with self._connection.lock(digest):  # of those who want it now, one uploads it
            try:
                file = await self._found(digest, size) or await self._uploaded(dataset, digest, size)
                await self._processed(file, dataset.name)
            except (OpenAIError, ValueError) as error:
                doing = f"take the file {dataset.name}"
                raise unpaid(error, self._connection.server.name, doing, submitting=True) from error
            return file.id, digest

    async def forget(self, digest: str) -> None:
        """Drop what is recorded of a file that the service has not got any more."""
        if self._uploads is not None:
            await self._uploads.forget(digest)

    @property
    def _client(self) -> AsyncOpenAI:
        return self._connection.client

    async def _found(self, digest: str, size: int) -> FileObject | None:
        from openai import BadRequestError, NotFoundError

        if self._uploads is not None and (recorded := await self._uploads.get(digest)):
            with suppress(NotFoundError, BadRequestError):  # deleted since, or of another project
                file = whole(await self._client.files.retrieve(recorded))
                if _is_usable(file, size):
                    return file
            await self._uploads.forget(digest)
        pages = 0
        listed = self._client.files.list(purpose=PURPOSE, order="desc", limit=10_000)
        async for page in pages_of(listed):
            for file in page.data:
                if file.filename == file_name(digest) and _is_usable(file, size):
                    await self._remember(digest, file)
                    return file
            pages += 1
            if pages >= LONGEST_LOOK:
                break
        return None

    async def _uploaded(self, dataset: Dataset, digest: str, size: int) -> FileObject:
        with dataset.open() as opened:
            reader = HashingReader(opened)
            if size > self._parts_above:
                file = await self._in_parts(reader, dataset, digest, size)
            else:
                file = await self._at_once(reader, dataset, digest)
        await self._remember(digest, file)
        return file

    async def _at_once(self, reader: HashingReader, dataset: Dataset, digest: str) -> FileObject:
        opened = cast("IO[bytes]", reader)  # typing.IO asks for more than the SDK uses
        sent = (file_name(digest), opened, MEDIA_TYPE)
        file = whole(await self._client.files.create(file=sent, purpose=PURPOSE, timeout=UPLOAD_SECONDS))
        try:
            _check_same(reader, digest, dataset)
        except DatasetError:
            await self._client.files.delete(file.id)
            raise
        return file

    async def _in_parts(self, reader: HashingReader, dataset: Dataset, digest: str, size: int) -> FileObject:
        """Send a file in pieces, each of which is sent again by itself when the connection breaks."""
        uploads, name = self._client.uploads, file_name(digest)
        upload = whole(await uploads.create(bytes=size, filename=name, mime_type=MEDIA_TYPE, purpose=PURPOSE))
        try:
            parts = []
            while piece := await asyncio.to_thread(reader.read, PART):
                part = await uploads.parts.create(upload.id, data=("part", piece), timeout=UPLOAD_SECONDS)
                parts.append(part.id)
            _check_same(reader, digest, dataset)
            done = await uploads.complete(upload.id, part_ids=parts, md5=reader.md5())
        except BaseException:
            with suppress(Exception):  # it goes by itself within the hour
                await asyncio.shield(uploads.cancel(upload.id))
            raise
        if done.file is None:
            raise SubmitUnavailable(f"The service made no file of the upload {upload.id} ({done.status}). Ask again.")
        return whole(done.file)

    async def _processed(self, file: FileObject, name: str) -> None:
        """Wait until the service has looked through a file."""
        pause, longest = PAUSES
        end = time.monotonic() + PROCESSING_SECONDS
        while str(file.status) == "uploaded" and time.monotonic() < end:
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, longest)
            file = whole(await self._client.files.retrieve(file.id))
        if str(file.status) == "uploaded":
            raise SubmitUnavailable(
                f"{name}: the service has been looking through it for {PROCESSING_SECONDS / 60:.0f} minutes, as {file.id}. "
                "Ask again later: it is not uploaded again."
            )
        if str(file.status) == "error":
            details: Any = getattr(file, "status_details", None)
            raise SubmitRejected(
                f"{name}: the service cannot use it, as {file.id}: {details or 'it does not say why'}."
            )

    async def _remember(self, digest: str, file: FileObject) -> None:
        if self._uploads is not None:
            await self._uploads.remember(digest, file.id)


class HashingReader(io.RawIOBase):
    """A file that is hashed as it is read, from its beginning to its end."""

    def __init__(self, file: BufferedIOBase) -> None:
        self._file = file
        self._begin()

    def _begin(self) -> None:
        self._sha256 = hashlib.sha256()
        self._md5 = hashlib.md5(usedforsecurity=False)

    def sha256(self) -> str:
        """Return the hexadecimal sha256 of what has been read since the beginning."""
        return self._sha256.hexdigest()

    def md5(self) -> str:
        """Return the hexadecimal md5 of the same, by which the service checks what it got."""
        return self._md5.hexdigest()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        piece = self._file.read(size)
        self._sha256.update(piece)
        self._md5.update(piece)
        return piece

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        place = self._file.seek(offset, whence)
        if place == 0:  # sent once more, from the beginning
            self._begin()
        return place

    def tell(self) -> int:
        return self._file.tell()


def file_name(digest: str) -> str:
    """Return what a file with this content is called at the service."""
    return f"motools-{digest[:32]}.jsonl"


def _check_same(reader: HashingReader, digest: str, dataset: Dataset) -> None:
    if reader.sha256() != digest:
        raise DatasetError([f"{dataset.name}: changed while it was being uploaded. Ask again when it is complete."])


def _is_usable(file: FileObject, size: int) -> bool:
    return str(file.status) not in {"error", "deleted"} and file.bytes in (size, None)


def _measured(dataset: Dataset) -> tuple[str, int]:
    with dataset.open() as file:
        reader, size = HashingReader(file), 0
        while piece := reader.read(_BLOCK):
            size += len(piece)
        return reader.sha256(), size


__all__ = ["HashingReader", "TrainingFiles", "file_name"]
