"""Rendered conversations on disk: made once for a run, in flat memory, and read in any order.

    data.tokens     for each conversation its length (uint32), its tokens (int32) and their weights (float32)
    data.index      a line of JSON with what there is to know, then where each conversation begins (uint64)

The index is written last and whole, so where it is, the tokens are too. A run that is taken up again needs no tokenizer.
"""

from __future__ import annotations

import json
import os
from array import array
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Self

from motools.errors import DatasetError
from motools.files import sync_directory
from motools_tinker.rendering import Example, RenderError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path
    from typing import Any

    from motools_tinker.rendering import Messages

TOLD_EVERY = 500
"""Conversations between two words about how far the rendering is."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What there is to know of a rendered dataset."""

    examples: int
    truncated: int
    """How many conversations were longer than `max_length`."""
    left_out: int
    """How many had nothing to learn in what was kept."""
    tokens: int
    longest: int
    tokenizer: str | None = None
    """Where the tokenizer that made them came from: a directory, or a name on the model hub."""


class EncodedFile:
    """A rendered dataset. Not to be used by two threads at once."""

    def __init__(self, path: Path) -> None:
        with path.with_suffix(".index").open("rb") as file:
            self.facts = Facts(**json.loads(file.readline()))
            self._places = array("Q")
            self._places.frombytes(file.read())
        self._file = path.with_suffix(".tokens").open("rb")

    def __len__(self) -> int:
        return self.facts.examples

    def __getitem__(self, number: int) -> Example:
        self._file.seek(self._places[number])
        (length,) = array("I", self._file.read(4))
        tokens, weights = array("i"), array("f")
        tokens.fromfile(self._file, length)
        weights.fromfile(self._file, length)
        return Example(tokens=tokens, weights=weights)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @classmethod
    def there(cls, path: Path) -> Self | None:
        """Return the rendered dataset at a path, if it was made already."""
        return cls(path) if path.with_suffix(".index").exists() else None

    @classmethod
    def make(
        cls,
        path: Path,
        records: Iterable[tuple[int, Mapping[str, Any]]],
        render: Callable[[Messages], Example],
        *,
        max_length: int,
        name: str,
        tokenizer: str | None,
        told: Callable[[int], None],
    ) -> Self:
        """Render numbered records. Raises `DatasetError` that names file and line, also when nothing is left to learn.

        `told` hears every few hundred conversations how many are done, and may raise to stop.
        """
        places = array("Q")
        seen = truncated = tokens = longest = 0
        with path.with_suffix(".tokens").open("wb") as file:
            path.with_suffix(".tokens").chmod(0o600)
            for seen, (number, record) in enumerate(records, start=1):
                example = _rendered(render, record["messages"], f"{name}:{number}")
                truncated += len(example.tokens) > max_length
                example = example.cut(max_length)
                if example.weight:
                    places.append(file.tell())
                    _write(file, example)
                    tokens += len(example.tokens)
                    longest = max(longest, len(example.tokens))
                if seen % TOLD_EVERY == 0:
                    told(seen)
            file.flush()
            os.fsync(file.fileno())
        if not places:
            raise DatasetError([f"{name}: no conversation has anything to learn in its first {max_length} tokens."])
        facts = Facts(
            examples=len(places),
            truncated=truncated,
            left_out=seen - len(places),
            tokens=tokens,
            longest=longest,
            tokenizer=tokenizer,
        )
        _write_index(path.with_suffix(".index"), facts, places)
        return cls(path)


def facts_of(path: Path) -> Facts | None:
    """Return what there is to know of the rendered dataset at a path, if it is there."""
    try:
        with path.with_suffix(".index").open("rb") as file:
            return Facts(**json.loads(file.readline()))
    except FileNotFoundError:
        return None


def forget(path: Path) -> None:
    """Remove the rendered dataset at a path; what it was rendered from stays."""
    for suffix in (".index", ".tokens"):
        path.with_suffix(suffix).unlink(missing_ok=True)


def _rendered(render: Callable[[Messages], Example], messages: Messages, where: str) -> Example:
    try:
        return render(messages)
    except RenderError as error:
        raise DatasetError([f"{where}: {error}"]) from error


def _write(file: Any, example: Example) -> None:
    array("I", [len(example.tokens)]).tofile(file)
    array("i", example.tokens).tofile(file)
    array("f", example.weights).tofile(file)


def _write_index(path: Path, facts: Facts, places: array[int]) -> None:
    draft = path.with_suffix(".draft")
    with draft.open("wb") as file:
        draft.chmod(0o600)
        file.write(json.dumps(asdict(facts)).encode() + b"\n")
        places.tofile(file)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
    sync_directory(path.parent)


__all__ = ["EncodedFile", "Facts", "facts_of", "forget"]
