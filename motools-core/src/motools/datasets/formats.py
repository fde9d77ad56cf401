"""The formats of training data: which rules a file must keep to, by a name that people use.

    chat    {"messages": […, {"role": "assistant", …}]}                     imitate the assistant
    dpo     {"input": {"messages": […]}, "preferred_output": […],           prefer one answer to another
             "non_preferred_output": […]}
    rft     {"messages": […, {"role": "user", …}], "for the grader": …}     answer, and be graded

A plugin makes those of its service of these:

    CHAT_FORMAT.with_rules(has_no_tools)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from motools.datasets.rules import (
    ADVICE,
    CHAT,
    CONVERSATION,
    MESSAGES,
    OUTPUTS,
    TOOL_ADVICE,
    answers_say_something,
    has_a_reference,
    has_no_repeats,
    is_an_answer,
    is_held_out,
    last_is_from_the_user,
    of_messages,
    outputs_differ,
    pair_is_there,
    within,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from motools.datasets.rules import Rule, WholeRule


@dataclass(frozen=True, kw_only=True)
class Format:
    """A format of training data, and what records in it must keep to."""

    name: str
    """What people call it: `chat`, `dpo`, `rft`."""
    rules: tuple[Rule, ...]
    """What a record must keep to: a finding of these forbids training."""
    advice: tuple[Rule, ...] = ()
    """What is probably a mistake in a record: a finding of these is a warning."""
    whole: tuple[WholeRule, ...] = ()
    """What the dataset as a whole must keep to, as a number of records: a finding of these forbids training."""
    whole_advice: tuple[WholeRule, ...] = ()
    """What is probably a mistake in the dataset as a whole: a finding of these is a warning."""

    def with_rules(
        self,
        *rules: Rule,
        advice: tuple[Rule, ...] = (),
        whole: tuple[WholeRule, ...] = (),
        whole_advice: tuple[WholeRule, ...] = (),
    ) -> Format:
        """Return this format with further rules and advice."""
        return replace(
            self,
            rules=(*self.rules, *rules),
            advice=(*self.advice, *advice),
            whole=(*self.whole, *whole),
            whole_advice=(*self.whole_advice, *whole_advice),
        )


CHAT_FORMAT = Format(name="chat", rules=CHAT, advice=ADVICE, whole_advice=(has_no_repeats, is_held_out))
"""Conversations to imitate: one `{"messages": […]}` object a line."""

DPO_FORMAT = Format(
    name="dpo",
    rules=(
        pair_is_there,
        within("input", *CONVERSATION),
        *(of_messages(key, *MESSAGES, is_an_answer) for key in OUTPUTS),
    ),
    advice=(
        outputs_differ,
        within("input", *TOOL_ADVICE),
        *(of_messages(key, answers_say_something) for key in OUTPUTS),
    ),
    whole_advice=(has_no_repeats, is_held_out),
)
"""Pairs of answers, of which one is preferred."""

RFT_FORMAT = Format(
    name="rft",
    rules=(*CONVERSATION, last_is_from_the_user),
    advice=(has_a_reference, *TOOL_ADVICE),
    whole_advice=(has_no_repeats, is_held_out),
)
"""Prompts whose answers are graded."""

FORMATS: Mapping[str, Format] = MappingProxyType({each.name: each for each in (CHAT_FORMAT, DPO_FORMAT, RFT_FORMAT)})
"""The formats that services share, by the rules that hold everywhere."""

__all__ = ["CHAT_FORMAT", "DPO_FORMAT", "FORMATS", "RFT_FORMAT", "Format"]
