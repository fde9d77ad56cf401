"""What went wrong in a worker, in words for whoever asked for the run."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from motools.errors import MotoolsError

if TYPE_CHECKING:
    from collections.abc import Iterator

FULL_DISK = (errno.ENOSPC, errno.EDQUOT)
FULL_DISK_WORDS = ("no space left on device", "disk quota exceeded", "os error 28", "os error 122")
SHORT_WRITE_WORDS = ("unexpected pos", "failed writing file")
"""How torch puts it when less was written than it meant to write."""
NO_MEMORY_WORDS = ("out of memory", "can't allocate memory", "cannot allocate memory", "unable to allocate")


def explain(error: BaseException) -> str | None:
    """Return a sentence for an exception, or None where its own words are the best there are."""
    chain = list(_chain(error))
    for one in chain:
        if isinstance(one, MotoolsError):
            return str(one)
    if any(_is_full_disk(one) for one in chain):
        return "The disk is full. Free some space and ask again; finished checkpoints are kept."
    if any(_is_no_memory(one) for one in chain):
        return (
            "Out of memory. Make the work smaller (a smaller batch_size or max_length, with gradient_accumulation to "
            "make up for it) or free memory, and ask again."
        )
    return None


def _is_full_disk(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno in FULL_DISK:
        return True
    # torch and safetensors write files outside Python, and raise errors of their own kinds.
    return any(words in str(error).lower() for words in FULL_DISK_WORDS + SHORT_WRITE_WORDS)


def _is_no_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in NO_MEMORY_WORDS)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and those it came from."""
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        yield following
        following = following.__cause__ or following.__context__


__all__ = ["explain"]
