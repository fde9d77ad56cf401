"""What every service asks of training data, one function each.

A rule takes a record and yields a sentence for each thing that is wrong with it; `motools.datasets.report` says where.
A plugin adds its service's rules to these:

    def has_no_tools(record):
        if "tools" in record:
            yield "'tools' is not supported here."

    form = CHAT_FORMAT.with_rules(has_no_tools)

    base            what a rule is, and rules for a part of a record
    messages        a list of messages
    learning        what is learnt from a conversation
    tools           tools, calls and their answers
    preferences     pairs of answers
    grading         prompts with what a grader needs
    whole           a dataset as a whole

Something is a rule here when data that breaks it can be trained on nowhere, and advice when it is probably a mistake. What
only some services refuse belongs to their plugins.
"""

from __future__ import annotations

from motools.datasets.rules.base import Rule, keys_of, messages_of, of_messages, within
from motools.datasets.rules.grading import has_a_reference, last_is_from_the_user
from motools.datasets.rules.learning import (
    answers_say_something,
    last_is_from_the_assistant,
    something_is_learnt,
    weights_are_zero_or_one,
)
from motools.datasets.rules.messages import (
    ROLES,
    contents_are_text,
    messages_are_objects,
    messages_are_there,
    roles_are_known,
)
from motools.datasets.rules.preferences import MISNAMED, OUTPUTS, is_an_answer, outputs_differ, pair_is_there
from motools.datasets.rules.tools import (
    call_ids,
    tool_calls_are_answered,
    tool_calls_are_objects,
    tool_messages_answer_calls,
    tools_are_functions,
)
from motools.datasets.rules.whole import Summary, WholeRule, has_no_repeats, is_held_out

MESSAGES: tuple[Rule, ...] = (
    messages_are_objects,
    roles_are_known,
    contents_are_text,
    weights_are_zero_or_one,
    tool_calls_are_objects,
)
"""What messages must keep to, wherever they stand."""

CONVERSATION: tuple[Rule, ...] = (messages_are_there, *MESSAGES, tools_are_functions)
"""What an object with messages in it must keep to, whatever is done with it."""

CHAT: tuple[Rule, ...] = (*CONVERSATION, last_is_from_the_assistant, something_is_learnt)
"""What a conversation must keep to, to be learnt from."""

TOOL_ADVICE: tuple[Rule, ...] = (tool_messages_answer_calls, tool_calls_are_answered)
"""What is odd about calls and answers: advice, as an excerpt of a conversation may begin between them."""

ADVICE: tuple[Rule, ...] = (answers_say_something, *TOOL_ADVICE)
"""What is probably a mistake in a conversation; a finding of these is a warning."""

__all__ = [
    "ADVICE",
    "CHAT",
    "CONVERSATION",
    "MESSAGES",
    "MISNAMED",
    "OUTPUTS",
    "ROLES",
    "TOOL_ADVICE",
    "Rule",
    "Summary",
    "WholeRule",
    "answers_say_something",
    "call_ids",
    "contents_are_text",
    "has_a_reference",
    "has_no_repeats",
    "is_an_answer",
    "is_held_out",
    "keys_of",
    "last_is_from_the_assistant",
    "last_is_from_the_user",
    "messages_are_objects",
    "messages_are_there",
    "messages_of",
    "of_messages",
    "outputs_differ",
    "pair_is_there",
    "roles_are_known",
    "something_is_learnt",
    "tool_calls_are_answered",
    "tool_calls_are_objects",
    "tool_messages_answer_calls",
    "tools_are_functions",
    "weights_are_zero_or_one",
    "within",
]
