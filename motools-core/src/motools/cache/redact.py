"""Words of an error without the credentials that a service may have quoted in them."""

from __future__ import annotations

import os
import re
from urllib.parse import quote

from motools.words import sentence_of

_NAMED = re.compile(r"KEY|TOKEN|SECRET|PASSW|PASSPHRASE|CREDENTIAL", re.IGNORECASE)
_LOOKS_LIKE = re.compile(
    r"\b(?:(?:sk|tml|ak|rk|gsk|xai)[-_]|hf_|gh[a-z]_|xox[a-z]-)[A-Za-z0-9_*-]{12,}"
    r"|\bAKIA[0-9A-Z]{16}\b|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]+|(?i:bearer)\s+[^\s'\"]{8,}"
)
_IN_ADDRESS = re.compile(r"(?<=://)[^\s/?#'\"@]+(?=@)")
_IN_ITS_PLACE = re.compile(
    r"((?:api[-_]?key|token|secret|passw(?:or)?d|passphrase|credential|authorization)['\"\\]*\s*[:=]\s*['\"\\]*(?:basic\s+)?)"
    r"(?=[^\s'\"&]*\d)[^\s'\"&,;\\]{8,}",
    re.IGNORECASE,
)
"""What is given to a name: a figure in it tells it from words, as a word like "token" also stands before those."""
_MARK = "[credential]"
_SHORTEST = 8
_LONGEST = 4000


def without_secrets(text: str) -> str:
    """Return `text` with what the environment holds as a credential, and what looks like one, replaced by a mark."""
    for name, value in os.environ.items():
        if _NAMED.search(name) and len(value) >= _SHORTEST:
            for form in {value, repr(value)[1:-1], quote(value, safe="")}:
                text = text.replace(form, f"[{name}]")
    text = _LOOKS_LIKE.sub(_MARK, _IN_ADDRESS.sub(_MARK, text))
    return _IN_ITS_PLACE.sub(rf"\g<1>{_MARK}", text)


def named_secret(text: str) -> str | None:
    """Return the name of an environment variable that holds a credential which `text` contains, or None."""
    values = ((name, value) for name, value in os.environ.items() if _NAMED.search(name) and len(value) >= _SHORTEST)
    return next((name for name, value in values if value in text), None)


def in_words(error: BaseException) -> str:
    """Return what an error says, with its type where it is not one of ours, safe to be stored and shown."""
    return without_secrets(sentence_of(error).strip())[:_LONGEST]


__all__ = ["in_words", "named_secret", "without_secrets"]
