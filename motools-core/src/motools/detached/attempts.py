"""What becomes of work that nobody does: another attempt, or its end."""

from __future__ import annotations

import dataclasses
import socket
from typing import TYPE_CHECKING

from motools.detached.status import WorkState

if TYPE_CHECKING:
    from collections.abc import Callable

    from motools.detached.status import WorkStatus

FRUITLESS_ATTEMPTS = 3
"""How many workers in a row may die at one step before the work is given up."""


def next_attempt(
    before: WorkStatus, *, is_cancelled: bool, memory_kills: int, now: float, last_words: Callable[[], str]
) -> WorkStatus:
    """Return the status that follows on `before`: queued for another worker, cancelled, or failed.

    `memory_kills` is what `motools.detached.memory` counts, `last_words` says where the log is and how it ends.
    """
    if is_cancelled:
        return dataclasses.replace(before, state=WorkState.CANCELLED, updated_at=now)
    if before.attempt and before.memory_kills < memory_kills:
        error = (
            f"The worker was ended by the system for lack of memory at step {before.step}. "
            f"Make the work smaller (a smaller batch_size or max_length) or free memory, and ask again."
        )
        return dataclasses.replace(before, state=WorkState.FAILED, error=error, updated_at=now)
    further = before.step > before.attempt_step or before.attempt == 0 or before.error is not None
    fruitless = 0 if further else before.fruitless + 1
    if fruitless >= FRUITLESS_ATTEMPTS:
        # The attempt that came so far died here as well; at step 0 there is no such attempt.
        deaths = fruitless + (before.step > 0)
        error = f"The worker died {deaths} times at step {before.step} without a word. {last_words()}"
        return dataclasses.replace(before, state=WorkState.FAILED, error=error, updated_at=now)
    return dataclasses.replace(
        before,
        state=WorkState.QUEUED,
        attempt=before.attempt + 1,
        attempt_step=before.step,
        fruitless=fruitless,
        pid=None,
        error=None,
        host=socket.gethostname(),
        memory_kills=memory_kills,
        updated_at=now,
    )


__all__ = ["next_attempt"]
