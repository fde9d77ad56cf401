"""What went wrong, in a sentence: Inspect's errors for people who have not seen its console."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inspect_ai._util.error import PrerequisiteError

from motools.errors import MotoolsError, RunFailed

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog

LONGEST = 600


def in_a_sentence(log: EvalLog, label: str) -> str | None:
    """Say how a task ended, or return None for a complete success."""
    where = f"The log is {log.location.removeprefix('file://')}."
    if log.status == "error":
        said = log.error.message if log.error else "no reason given"
        return f"The task {label!r} failed: {_shortened(said)}. {where}"
    if log.status != "success":
        return f"The task {label!r} ended as {log.status!r}, not complete. {where}"
    results = log.results
    if results is None:
        return f"The task {label!r} is not complete: none of its samples has a result. {where}"
    if results.completed_samples < results.total_samples and not results.early_stopping:
        lacking = results.total_samples - results.completed_samples
        return f"The task {label!r} is not complete: {lacking} of {results.total_samples} samples failed. {where}"
    return None


def complaint(error: Exception) -> MotoolsError:
    """Return what is to be raised for an error that Inspect raised instead of writing a log."""
    if isinstance(error, MotoolsError):
        return error
    return RunFailed(f"Inspect refused: {reason_of(error)}.")


def reason_of(error: BaseException) -> str:
    """Return an error of Inspect's or of a task's code as the end of a sentence."""
    said = _plain(error.message) if isinstance(error, PrerequisiteError) else f"{type(error).__name__}: {error}"
    return _shortened(said)


def _plain(message: Any) -> str:
    """Return a message of Inspect's without its markup."""
    from rich.text import Text

    return Text.from_markup(message).plain if isinstance(message, str) else str(message)


def _shortened(text: str) -> str:
    line = " ".join(text.split()).rstrip(".").removeprefix("ERROR: ")
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"


__all__ = ["complaint", "in_a_sentence", "reason_of"]
