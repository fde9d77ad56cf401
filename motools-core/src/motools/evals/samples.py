"""Samples that stay on the disk: a file with one JSON object on each line, read whenever they are asked for."""

from __future__ import annotations

import json
from array import array
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, overload

from motools.errors import HandleError

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator


class Samples(Sequence[Mapping[str, Any]]):
    """The samples of an evaluation, never all in memory."""

    def __init__(self, path: str | os.PathLike[str], count: int) -> None:
        self.path = Path(path)
        self._count = count
        self._starts: array[int] | None = None

    @classmethod
    def from_fields(cls, fields: Any) -> Self:
        """Return what `fields` said of such samples. Raises `HandleError` where that does not say where they are."""
        match fields:
            case {"path": str(path), "count": int(count)}:
                return cls(path, count)
        raise HandleError(f"The field 'samples_file' must have a path and a count, not {fields!r}.")

    def fields(self) -> dict[str, Any]:
        """Return what saved results keep of them: where they are, and how many."""
        return {"path": str(self.path), "count": self._count}

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        return self._from(0)

    def _from(self, start: int) -> Iterator[Mapping[str, Any]]:
        """Yield the samples from a place in the file on."""
        try:
            with self.path.open("rb") as file:
                file.seek(start)
                for line in file:
                    yield json.loads(line)
        except OSError as error:
            raise HandleError(
                f"The samples of this evaluation cannot be read: {self.path}: {error.strerror or error}. "
                "Its metrics stand; evaluate again, with refresh=True, to have samples."
            ) from error
        except ValueError as error:
            raise HandleError(f"{self.path}: holds something that is not a sample: {error}.") from error

    @overload
    def __getitem__(self, index: int) -> Mapping[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Mapping[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> Mapping[str, Any] | Sequence[Mapping[str, Any]]:
        if isinstance(index, slice):
            return [self[number] for number in range(self._count)[index]]
        return next(self._from(self._start_of(range(self._count)[index])))

    def _start_of(self, number: int) -> int:
        """Return where in the file a sample begins; eight bytes of each are remembered."""
        if self._starts is None:
            self._starts = array("Q", [0])
            with suppress(OSError), self.path.open("rb") as file:  # said when the sample is read
                for line in file:
                    self._starts.append(self._starts[-1] + len(line))
        return self._starts[number] if number < len(self._starts) else 0

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Sequence)
            and len(other) == len(self)
            and all(mine == theirs for mine, theirs in zip(self, other, strict=True))
        )

    __hash__ = None  # type: ignore[assignment]  # compared by content, as a list is

    def __repr__(self) -> str:
        return f"<{self._count} samples in {self.path}>"


__all__ = ["Samples"]
