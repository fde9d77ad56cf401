"""Telling of what plugins hand over: an error or an object whose own words may fail, as all of a plugin's code may."""

from __future__ import annotations

from motools.errors import MotoolsError

LONGEST = 200
"""Characters of an object that are shown."""


def said(error: BaseException) -> str:
    """Return the type of an error and what it says, also where saying it fails in its turn."""
    name = type(error).__name__
    try:
        text = str(error)
    except KeyboardInterrupt:
        raise
    except BaseException as failure:  # noqa: BLE001  (whatever it is, it is what this plugin's class does)
        return f"{name}, whose text cannot be had: str() of it raised {type(failure).__name__}"
    return f"{name}: {text}" if text.strip() else name


def sentence_of(error: BaseException) -> str:
    """Return what an error says; its type with it, where it is none of ours or cannot say anything."""
    if not isinstance(error, MotoolsError):
        return said(error)
    try:
        return str(error)
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001  (as above)
        return said(error)


def is_a(value: object, kind: type) -> bool:
    """Whether an object is of a class, by its type alone: `isinstance` asks the object too, which may not bear it."""
    return issubclass(type(value), kind)


def shown(value: object) -> str:
    """Return an object as it shows itself, the beginning of it where that is long; its type where it cannot."""
    try:
        text = repr(value)
    except KeyboardInterrupt:
        raise
    except BaseException as failure:  # noqa: BLE001  (as above)
        return f"a {type(value).__name__}, whose repr() raised {type(failure).__name__}"
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


__all__ = ["is_a", "said", "sentence_of", "shown"]
