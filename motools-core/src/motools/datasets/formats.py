"""The formats of training data: which rules a file must keep to, by a name that people use.

A plugin makes those of its service of these:

    CHAT_FORMAT.with_rules(has_no_tools)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from motools.datasets.rules import ADVICE, CHAT

if TYPE_CHECKING:
    from motools.datasets.rules import Rule


@dataclass(frozen=True, kw_only=True)
class Format:
    """A format of training data, and what records in it must keep to."""

    name: str
    """What people call it: `chat`, `dpo`, `rft`."""
    rules: tuple[Rule, ...]
    """What a record must keep to: a finding of these forbids training."""
    advice: tuple[Rule, ...] = ()
    """What is probably a mistake: a finding of these is a warning."""

    def with_rules(self, *rules: Rule, advice: tuple[Rule, ...] = ()) -> Format:
        """Return this format with further rules and advice."""
        return replace(self, rules=(*self.rules, *rules), advice=(*self.advice, *advice))


CHAT_FORMAT = Format(name="chat", rules=CHAT, advice=ADVICE)
"""Conversations to imitate: one `{"messages": […]}` object a line."""

__all__ = ["CHAT_FORMAT", "Format"]
