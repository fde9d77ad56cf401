"""Training data: a JSON Lines file, or records, read as a stream.

A dataset is its bytes. That of a path stays in the file and is opened anew for each use; that of records is encoded when
it is made, so that later changes to the list change nothing.
"""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motools.datasets import jsonl
from motools.datasets.findings import Finding
from motools.datasets.formats import CHAT_FORMAT, Format
from motools.datasets.report import Examination
from motools.datasets.rules import ADVICE, CHAT
from motools.errors import DatasetError
from motools.files import replace_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from io import BufferedIOBase

    from motools.datasets.report import Report
    from motools.datasets.rules import Rule
    from motools.training.base import DatasetLike

BUFFER = 2**18
"""Bytes of a file that are read at once."""


class Dataset:
    """Chat records to train on: `Dataset("train.jsonl")`, or `Dataset.from_records([{"messages": […]}, …])`.

    Nothing is opened until it is read. Whatever reads raises `DatasetError`, with file and line, for what is not there or
    is no JSON Lines; `examine` reports everything that is wrong, and also what is wrong with the conversations.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        if not isinstance(path, (str, os.PathLike)):
            raise DatasetError(
                [
                    f"Dataset(…) takes a path, not a {type(path).__name__}; Dataset.of(…) takes a path, a dataset or records."
                ]
            )
        self.path: Path | None = Path(path)
        """The file, or None for records."""
        self._content = b""

    @classmethod
    def from_records(cls, records: Iterable[Mapping[str, Any]]) -> Dataset:
        """Make a dataset of records; what `open` and `sha256` see is the JSONL that `save` would write."""
        dataset = cls("")
        dataset.path = None
        dataset._content = b"".join(_encoded(records))
        return dataset

    @classmethod
    def of(cls, source: DatasetLike) -> Dataset:
        """Return the dataset that a path, a dataset or an iterable of records stands for."""
        if isinstance(source, Dataset):
            return source
        if isinstance(source, (str, os.PathLike)):
            return cls(source)
        try:
            records = iter(source)
        except TypeError as error:
            kind = type(source).__name__
            raise DatasetError(
                [f"A dataset is a path, a motools.Dataset or a list of records, not a {kind}."]
            ) from error
        return cls.from_records(records)

    @property
    def name(self) -> str:
        """What messages call it: the path as it was given."""
        return "<records>" if self.path is None else str(self.path)

    def open(self) -> BufferedIOBase:
        """Open the bytes for reading; the caller closes them."""
        try:
            return self._open()
        except _Unreadable as error:
            raise DatasetError([str(self._finding(str(error)))]) from error.__cause__

    def sha256(self) -> str:
        """Return the hexadecimal sha256 of the bytes, which is what `sha256sum` prints. Reads the whole file."""
        with self.open() as file:
            return jsonl.sha256(file)

    def numbered(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield (line number, record) in order; blank lines are passed over. Memory stays that of one record."""
        for number, record in self._read():
            if number is None or isinstance(record, str):
                raise DatasetError([str(self._finding(str(record), number))])
            yield number, record

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield the records in order."""
        return (record for _, record in self.numbered())

    __iter__ = records

    def size(self) -> int:
        """Return how many bytes there are."""
        if self.path is None:
            return len(self._content)
        with self.open() as file:
            return os.fstat(file.fileno()).st_size

    def count(self) -> int:
        """Return how many records there are, by reading through the file without decoding it."""
        with self.open() as file:
            return sum(1 for line in file if line.strip())

    def examine(self, form: Format = CHAT_FORMAT, *, trained_on: Report | None = None) -> Report:
        """Read it through, and return all that is wrong with it by the rules of a format. Blocks while it reads.

        Of a validation set, `trained_on` is what was found in its training set: the two are compared.
        """
        try:
            size = self.size()
        except DatasetError:
            size = 0  # what cannot be opened is a finding
        return Examination(self.name, size, form, trained_on).read(self._read())

    def validate(self, rules: Sequence[Rule] = CHAT, advice: Sequence[Rule] = ADVICE) -> list[Finding]:
        """Return what is wrong with the records by single rules: errors, then warnings. Blocks while it reads."""
        report = self.examine(Format(name="", rules=tuple(rules), advice=tuple(advice)))
        return [*report.errors, *report.warnings]

    def check(self, rules: Sequence[Rule] = CHAT) -> None:
        """Raise `DatasetError` with all errors that `validate` finds. Blocks while it reads."""
        if errors := [str(finding) for finding in self.validate(rules, advice=())]:
            raise DatasetError(errors)

    async def save(self, path: str | os.PathLike[str]) -> None:
        """Write the bytes to a file, atomically."""
        with self.open() as file:
            await asyncio.to_thread(replace_file, path, file)

    def _open(self) -> BufferedIOBase:
        if self.path is None:
            return io.BytesIO(self._content)
        try:
            if self.path.is_dir():
                raise _Unreadable("is a directory; name the JSONL file in it.")
            if self.path.exists() and not self.path.is_file():
                raise _Unreadable("is not a regular file, so it cannot be read twice; save it to one first.")
            return io.BufferedReader(_Named(self.path), BUFFER)
        except FileNotFoundError as error:
            raise _Unreadable("there is no such file.") from error
        except (OSError, ValueError) as error:
            raise _Unreadable(f"cannot be read: {getattr(error, 'strerror', None) or error}.") from error

    def _read(self) -> Iterator[tuple[int | None, dict[str, Any] | str]]:
        """Yield (line number, record), or in place of a record a sentence about what stands there instead."""
        try:
            file = self._open()
        except _Unreadable as error:
            yield None, str(error)
            return
        with file:
            if mark := _byte_order_mark(file):
                yield 1, mark
                return
            for number, line in jsonl.lines(file):
                try:
                    yield number, jsonl.decode_line(line)
                except ValueError as error:
                    yield number, str(error)

    def _finding(self, message: str, line: int | None = None) -> Finding:
        return Finding(file=self.name, line=line, message=message)

    def __repr__(self) -> str:
        return f"Dataset({self.name!r})" if self.path else f"<Dataset of {self.count()} records>"


class _Named(io.FileIO):
    """A file whose failures to be read name it, as the failure to be opened does."""

    def readinto(self, buffer: Any) -> int | None:
        try:
            return super().readinto(buffer)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self.name)) from error


class _Unreadable(Exception):
    """The bytes cannot be had; the message says why."""


def _encoded(records: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    for number, record in enumerate(records, start=1):
        if not isinstance(record, Mapping):
            raise DatasetError([f"<records>:{number}: is {jsonl.json_type(record)}, not an object."])
        try:
            yield jsonl.encode_record(record)
        except (TypeError, ValueError, RecursionError) as error:
            raise DatasetError([f"<records>:{number}: cannot be written as JSON: {error}."]) from error


def _byte_order_mark(file: BufferedIOBase) -> str | None:
    """Say what is wrong with a file's first bytes; leaves a file that has no mark at its beginning."""
    start = file.read(3)
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "is UTF-16; save the file as UTF-8."
    if start == b"\xef\xbb\xbf":
        return "begins with a byte order mark; save the file as UTF-8 without one."
    file.seek(0)
    return None


__all__ = ["Dataset"]
