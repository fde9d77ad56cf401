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
UNBEGUN_ATTEMPTS = 10
"""How many in a row may end before they have begun: with a process that was to start many, say, which is no fault of the work."""


def next_attempt(
    before: WorkStatus, *, is_cancelled: bool, memory_kills: int, now: float, last_words: Callable[[], str]
) -> WorkStatus:
    """Return the status that follows on `before`: queued for another worker, cancelled, or failed.

    `memory_kills` is what `motools.detached.memory` counts, `last_words` says where the log is and how it ends.
    """
    if is_cancelled:
        return dataclasses.replace(before, state=WorkState.CANCELLED, updated_at=now)
    has_begun = before.state is not WorkState.QUEUED or before.error is not None
    unbegun = 0 if has_begun or before.attempt == 0 else before.unbegun + 1
    further = before.step > before.attempt_step or before.attempt == 0 or before.error is not None
    fruitless = 0 if further else before.fruitless + has_begun
    error = None
    if has_begun and before.memory_kills < memory_kills:
        error = (
            f"The worker was ended by the system for lack of memory at step {before.step}. "
            f"Make the work smaller (a smaller batch_size or max_length) or free memory, and ask again."
        )
    elif unbegun >= UNBEGUN_ATTEMPTS:
        error = f"The worker ended {unbegun} times before it had begun. {last_words()}"
    elif fruitless >= FRUITLESS_ATTEMPTS:
        # The attempt that came so far died here as well; at step 0 there is no such attempt.
        deaths = fruitless + (before.step > 0)
        error = f"The worker died {deaths} times at step {before.step} without a word. {last_words()}"
    if error is not None:
        return dataclasses.replace(before, state=WorkState.FAILED, error=error, updated_at=now)
    return dataclasses.replace(
        before,
        state=WorkState.QUEUED,
        attempt=before.attempt + 1,
        attempt_step=before.step,
        fruitless=fruitless,
        unbegun=unbegun,
        pid=None,
        error=None,
        host=socket.gethostname(),
        memory_kills=memory_kills,
        updated_at=now,
    )


__all__ = ["next_attempt"]
