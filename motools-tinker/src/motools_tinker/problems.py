"""What went wrong between the driver and the service: whose trouble it is, and what is to be done.

    RunFailed       the request itself is at fault: it would be refused again
    CannotGoOn      somebody has to do something first: a key, a bill, a service that is away for too long
    Lost            what the service held for this client is gone or out of reach: go on from the last state

The SDK's errors do not tell these apart by their classes: a refused result is a plain ValueError whose cause has the
status, a client that failed once raises RuntimeError for everything after it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from motools.detached import CancelRequested, CannotGoOn, as_sentence
from motools.errors import MotoolsError, RunFailed
from motools_tinker import keys

if TYPE_CHECKING:
    from collections.abc import Iterator

REFUSED = frozenset({400, 413, 422})
NO_ENTRY = frozenset({401, 403})
UNPAID = 402
GONE = frozenset({404, 410})
KEY_WORDS = ("api_key", "tinker_credential_cmd", "credential")


class Lost(Exception):
    """What the service held for this client is gone or out of reach. The message is a sentence."""


class Stalled(Exception):
    """The service did not answer within the patience. The message is a sentence."""


def judge(error: Exception) -> Exception:
    """Return the error to raise in place of one of the SDK's: `RunFailed`, `CannotGoOn` or `Lost`. Our own stay as they are."""
    if isinstance(error, (MotoolsError, CancelRequested, CannotGoOn, Lost)):
        return error
    said = words(error)
    status = status_of(error)
    if status in NO_ENTRY or (status is None and _is_about_the_key(error)):
        return CannotGoOn(f"The service did not let this key in: {said} {keys.ADVICE} Then wait for the run again.")
    if status == UNPAID:
        return CannotGoOn(
            f"The service asks for payment: {said} Put the account in order at the service, then wait for the run again."
        )
    if status in REFUSED or _is_the_users(error):
        return RunFailed(f"The service refused a request: {said}")
    return Lost(said)


def is_gone(error: Exception) -> bool:
    """Whether the service says that what was asked for is not there."""
    return status_of(error) in GONE


def status_of(error: BaseException) -> int | None:
    """Return the HTTP status that an error or one it came from carries."""
    for one in _chain(error):
        status = getattr(one, "status_code", None)
        if isinstance(status, int):
            return status
    return None


def words(error: BaseException) -> str:
    """Return what an error says, as a sentence of one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    return as_sentence(text if isinstance(error, Stalled) else f"{type(error).__name__}: {text}")


def explain(error: BaseException) -> str | None:
    """Return a sentence for an exception that ended a run, or None where its own words are the best there are."""
    return next((str(one) for one in _chain(error) if isinstance(one, MotoolsError)), None)


def _is_the_users(error: BaseException) -> bool:
    categories = [getattr(one, "category", None) for one in _chain(error)]
    return any(getattr(category, "value", None) == "user" for category in categories)


def _is_about_the_key(error: BaseException) -> bool:
    return type(error).__name__ == "TinkerError" and any(word in str(error).lower() for word in KEY_WORDS)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and those it came from."""
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        yield following
        following = following.__cause__ or following.__context__


__all__ = ["Lost", "Stalled", "explain", "is_gone", "judge", "status_of", "words"]
