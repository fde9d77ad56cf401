"""Words of an error without the credentials that a service may have quoted in them."""

from __future__ import annotations

import os
import re

from motools.words import sentence_of

_NAMED = re.compile(r"KEY|TOKEN|SECRET|PASSWORD", re.IGNORECASE)
_LOOKS_LIKE = re.compile(r"\b(sk|tml|hf|ak|rk|gsk|xai)[-_][A-Za-z0-9_*-]{12,}|(?i:bearer)\s+\S{8,}")
_SHORTEST = 8
_LONGEST = 4000


def without_secrets(text: str) -> str:
    """Return `text` with what the environment holds as a credential, and what looks like one, replaced by a mark."""
    for name, value in os.environ.items():
        if _NAMED.search(name) and len(value) >= _SHORTEST:
            text = text.replace(value, f"[{name}]")
    return _LOOKS_LIKE.sub("[credential]", text)[:_LONGEST]


def named_secret(text: str) -> str | None:
    """Return the name of an environment variable that holds a credential which `text` contains, or None."""
    values = ((name, value) for name, value in os.environ.items() if _NAMED.search(name) and len(value) >= _SHORTEST)
    return next((name for name, value in values if value in text), None)


def in_words(error: BaseException) -> str:
    """Return what an error says, with its type where it is not one of ours, safe to be stored and shown."""
    return without_secrets(sentence_of(error).strip())


__all__ = ["in_words", "named_secret", "without_secrets"]
