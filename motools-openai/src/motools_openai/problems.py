"""What an error of the SDK means, in the words of motools, and what to do about it.

Of a submission three things can be true, and what the wire really said decides: an answer of 4xx is a refusal; a
connection that was never made, or a full queue, means that nothing was started; anything after the request was on its
way (a timeout, a broken connection, a 5xx, an answer that is none) may mean that a job was.
"""

from __future__ import annotations

import math
import re
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeVar

from motools.errors import (
    MotoolsError,
    NoSlot,
    ServiceUnavailable,
    SettingError,
    SubmissionError,
    SubmitRejected,
    SubmitUnavailable,
    SubmitUncertain,
    UsageError,
)
from motools_openai.server import OPENAI

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openai import APIStatusError, OpenAIError

E = TypeVar("E", bound=MotoolsError)

NOT_SENT = frozenset({"ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError", "UnsupportedProtocol"})
"""Errors of httpx2, and of httpx, after which not a byte of the request has left."""

DAILY = "daily_rate_limit_exceeded"
NOT_AVAILABLE = "training_not_available"
NO_CREDIT = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})
_SLOTS = re.compile(r"\b(active|concurrent\w*|running|simultaneous\w*|in progress)\b", re.IGNORECASE)
_PER_DAY = re.compile(r"\b(per|a) day\b|\bdaily\b", re.IGNORECASE)
_NOT_ELIGIBLE = re.compile(
    r"not (eligible|permitted|allowed|available|authorized)|no longer|not have access|deprecated", re.IGNORECASE
)
_MISSING_FILE = re.compile(r"\bfile\S* does not exist|no such file", re.IGNORECASE)
_STORAGE = re.compile(r"storage quota", re.IGNORECASE)
_MODERATION = re.compile(r"moderation|refusals_v|usage polic", re.IGNORECASE)

A_DAY_LATER = 3600.0
"""Seconds after which a daily limit is tried again where the service does not say when."""

CLOSING = (
    "OpenAI is closing self-serve fine-tuning: since 2026-05-07 organisations that never fine-tuned cannot start jobs, and "
    "from 2027-01-06 none can. Other servers with the same API work through base_url, Azure through client=."
)
"""Dates as reported at the time; see the README of motools-openai."""


def submission_error(error: OpenAIError, *, model: str, server: str) -> SubmissionError:
    """Return what an error inside the paid window means; the error is its cause."""
    from openai import APIConnectionError, APIStatusError

    if isinstance(error, APIConnectionError):
        reason = _root(error)
        if type(reason).__name__ in NOT_SENT:
            return _caused(SubmitUnavailable(f"{server} cannot be reached ({_said(reason)}). Nothing was sent."), error)
        return _caused(SubmitUncertain(f"{server} did not answer the submission ({_said(reason)})."), error)
    if isinstance(error, APIStatusError):
        return _caused(_answered(error, model, server), error)
    return _caused(SubmitUncertain(f"{server} gave an answer that is none ({type(error).__name__})."), error)


def _answered(error: APIStatusError, model: str, server: str) -> SubmissionError:
    status, said = error.status_code, message_of(error)
    if status == 429:  # noqa: PLR2004 (the codes of HTTP are named by their number)
        return _too_many(error, model)
    if status >= 500 or status == 408:  # noqa: PLR2004
        return SubmitUncertain(f"{server} failed while it took the submission ({status}: {said}).")
    if status == 401:  # noqa: PLR2004
        return SubmitRejected(
            f"{server} refuses the key (401). Check OPENAI_API_KEY, and the organisation and project."
        )
    if status == 409:  # noqa: PLR2004
        return SubmitUnavailable(f"{server} is busy with the same thing (409: {said}). Nothing was started.")
    if _MISSING_FILE.search(said):
        return FileGone(f"{server} has not got the uploaded file any more ({said}). Ask again: it is uploaded anew.")
    if status == 403 or code_of(error) == NOT_AVAILABLE or _NOT_ELIGIBLE.search(said):  # noqa: PLR2004
        is_closing = server == OPENAI or code_of(error) == NOT_AVAILABLE
        advice = CLOSING if is_closing else "Ask for a model that it fine-tunes."
        return SubmitRejected(f"{server} does not let this account fine-tune {model!r} ({status}: {said}). {advice}")
    return SubmitRejected(f"{server} refuses the job ({status}: {said}).")


class FileGone(SubmitUnavailable):
    """The training file was deleted, or belongs to another project."""


def _too_many(error: APIStatusError, model: str) -> SubmissionError:
    """Tell a full account from a full day, and both from too many requests."""
    said, wait = message_of(error), retry_after(error)
    until = None if wait is None else time.time() + wait
    if code_of(error) in NO_CREDIT:
        return SubmitRejected(f"The account has no credit left (429: {said}). Add some, then ask again.")
    if is_daily(error):
        return NoSlot(f"No more trainings of {model!r} can be started today (429: {said}).", until=until)
    if _SLOTS.search(said):
        return NoSlot(f"As many trainings of {model!r} are live as the account may have (429: {said}).", until=until)
    later = "" if wait is None else f" It asks for a pause of {wait:.0f} s."
    return SubmitUnavailable(f"There were too many requests (429: {said}). Nothing was started.{later}")


def is_daily(error: OpenAIError) -> bool:
    """Whether an error says that a day's jobs are used up."""
    from openai import RateLimitError

    return isinstance(error, RateLimitError) and (code_of(error) == DAILY or bool(_PER_DAY.search(message_of(error))))


def unpaid(error: OpenAIError | ValueError, server: str, doing: str, *, submitting: bool = False) -> MotoolsError:
    """Return what an error outside the window means; `doing` says what it kept from being done.

    A `ValueError` is an answer that could not be read: see `motools_openai.answers`.

    Nothing was started by what failed, and what had been started goes on. On the way to a submission it is one of the
    errors of those.
    """
    from openai import APIConnectionError, APIStatusError

    unavailable, refused = (SubmitUnavailable, SubmitRejected) if submitting else (ServiceUnavailable, UsageError)
    if isinstance(error, APIConnectionError):
        return _caused(unavailable(f"{server} cannot be reached to {doing} ({_said(_root(error))})."), error)
    if not isinstance(error, APIStatusError):
        return _caused(unavailable(f"{server} gave an answer that is none, asked to {doing}: {error}"), error)
    status, said = error.status_code, message_of(error)
    if status == 401:  # noqa: PLR2004
        advice = "Check OPENAI_API_KEY, organisation and project."
        return _caused(SettingError(f"{server} refuses the key (401), asked to {doing}. {advice}"), error)
    if status in {408, 429} or status >= 500:  # noqa: PLR2004
        return _caused(unavailable(f"{server} could not {doing} just now ({status}: {said})."), error)
    if _STORAGE.search(said):
        said += ". Delete files that no job needs any more: `client.files.list(purpose='fine-tune')`"
    return _caused(refused(f"{server} refuses to {doing} ({status}: {said})."), error)


def failure_of(job_id: str, message: str | None, code: str | None) -> str:
    """Return the sentence about a job that failed, with what to do where that is known."""
    said = message or "it did not say why"
    text = f"The fine-tuning job {job_id!r} failed{f' ({code})' if code else ''}: {said}"
    if _MODERATION.search(said):
        text += (
            " The trained model did not pass the service's own checks, after the training was paid for. Checkpoints of "
            f"before may be usable (`motools runs checkpoints {job_id}`); check the data against the usage policies."
        )
    return text


def code_of(error: APIStatusError) -> str | None:
    """Return the service's code of an error."""
    body = error.body if isinstance(error.body, dict) else {}
    code = error.code or body.get("code")
    return str(code) if code else None


def message_of(error: APIStatusError) -> str:
    """Return the service's own sentence, in one line and without its last period."""
    body: Any = error.body
    if isinstance(body, dict) and isinstance(body.get("error"), dict):
        body = body["error"]
    said = body.get("message") if isinstance(body, dict) else None
    text = " ".join(str(said or error.message).split())[:500]
    return text.rstrip(".") or "no reason given"


def retry_after(error: APIStatusError) -> float | None:
    """Return for how many seconds the service asks to be left alone."""
    value = error.response.headers.get("retry-after", "")
    try:
        seconds = float(value)
    except ValueError:
        at = _moment(value)
        seconds = math.nan if at is None else at - time.time()
    return max(0.0, seconds) if math.isfinite(seconds) else None


def seconds_ahead(headers: Mapping[str, str]) -> float:
    """Return by how many seconds the clock of a service that gave these headers is ahead of ours; 0 where it does not say."""
    at = _moment(headers.get("date", ""))
    return 0.0 if at is None else at - time.time()


def _moment(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return None


def _root(error: BaseException) -> BaseException:
    """Return the error of the transport, of which the SDK's own is made."""
    return error.__cause__ or error


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _caused(ours: E, theirs: BaseException) -> E:
    ours.__cause__ = theirs
    return ours


__all__ = [
    "A_DAY_LATER",
    "CLOSING",
    "FileGone",
    "code_of",
    "failure_of",
    "is_daily",
    "message_of",
    "retry_after",
    "seconds_ahead",
    "submission_error",
    "unpaid",
]
