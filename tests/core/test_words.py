"""Whatever a plugin hands over can be told in a sentence."""

from __future__ import annotations

import pytest

from motools.cache.redact import in_words
from motools.errors import UsageError
from motools.words import LONGEST, said, sentence_of, shown


class Mute:
    """Says nothing of itself, in every way."""

    def __init__(self, *_):
        pass

    def _fail(self, *_):
        raise SystemExit("no words")

    __repr__ = __str__ = __eq__ = __format__ = _fail

    def __hash__(self):
        raise SystemExit("no hash")


class MuteError(Mute, Exception):
    pass


class MuteUsageError(Mute, UsageError):
    pass


NotText = type("NotText", (Exception,), {"__str__": lambda _: 7})


def test_an_error_is_told_by_its_type_and_its_words():
    assert said(ValueError("no luck")) == "ValueError: no luck"
    assert said(ValueError()) == "ValueError"
    assert sentence_of(UsageError("Do it otherwise.")) == "Do it otherwise."
    assert sentence_of(KeyError("x")) == "KeyError: 'x'"


@pytest.mark.parametrize("tell", [said, sentence_of, in_words])
@pytest.mark.parametrize("error", [MuteError(), MuteUsageError(), NotText()])
def test_an_error_that_cannot_be_told_is_told_by_its_type(tell, error):
    assert tell(error).startswith(f"{type(error).__name__}, whose text cannot be had: str() of it raised ")


def test_an_object_is_shown_as_it_shows_itself_and_by_its_type_where_it_does_not():
    assert shown("text") == "'text'"
    assert shown(Mute()) == "a Mute, whose repr() raised SystemExit"
    assert shown([Mute()]) == "a list, whose repr() raised SystemExit"
    long = shown("x" * 10**6)
    assert len(long) == LONGEST
    assert long.endswith("…")


def test_an_interrupt_is_no_fault_of_an_object():
    class Slow:
        def __repr__(self):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shown(Slow())
