"""Trained models that are gone: found out late, noted in the record, trained again only when asked.

A record says what was paid for, and goes on saying it when the model has been deleted since. Who comes upon that (an
evaluation that does not find the model, `motools cache verify --models`) adds a note; whoever asks for the same training
again is told, and `refresh` trains it again.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from motools.cache.kinds import TRAINING
from motools.cache.states import State
from motools.errors import ModelNotFound
from motools.words import sentence_of

if TYPE_CHECKING:
    from motools.cache.base import Ledger, Record

NOTE = "model_missing_since"
"""The entry of a record's `details`: when it was found out, in seconds since the epoch."""


async def note_model(record: Record, ledger: Ledger, *, is_there: bool) -> None:
    """Note in a record whether its model is gone, where that is news."""
    if (NOTE in record.details) is not is_there:
        return
    details = {name: value for name, value in record.details.items() if name != NOTE}
    await ledger.move(record, record.state, details=details if is_there else details | {NOTE: time.time()})


async def missed(error: ModelNotFound, model_id: str, ledger: Ledger) -> ModelNotFound | None:
    """Return the error for an evaluation whose model is gone, having noted that in the record of its training.

    None where the error is about another model, or where none of that name is recorded as trained.
    """
    if model_id not in sentence_of(error):
        return None
    for record in await ledger.find(model_id):
        is_its = (record.kind, record.state, record.model_id) == (TRAINING.name, State.SUCCEEDED, model_id)
        if is_its:
            await note_model(record, ledger, is_there=False)
            return ModelNotFound(f"{sentence_of(error)} {how_to_train_again(record)}")
    return None


def how_to_train_again(record: Record) -> str:
    """Say that a model is gone whose training is recorded, and what brings it back."""
    when = time.strftime("%Y-%m-%d", time.localtime(record.updated_at))
    name = f" {record.label!r}" if record.label else ""
    return (
        f"It was trained on {when} ({record.key[:16]}{name}) and has been deleted since; that training with refresh=True "
        "(--refresh) pays for it again."
    )


async def is_there(record: Record, ledger: Ledger, backend: Any) -> bool:
    """Ask a backend whether a record's model is still there, and note the answer where it is news."""
    found = bool(await backend.has_model(record.model_id))
    await note_model(record, ledger, is_there=found)
    return found


__all__ = ["NOTE", "how_to_train_again", "is_there", "missed", "note_model"]
