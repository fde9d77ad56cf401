"""Pairs of answers to one conversation, of which one is preferred: what DPO learns from.

{"input": {"messages": […], "tools": […]}, "preferred_output": [ANSWER], "non_preferred_output": [ANSWER]}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from motools.datasets.jsonl import json_type
from motools.datasets.rules.base import keys_of, messages_of
from motools.datasets.rules.messages import ROLES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

OUTPUTS = ("preferred_output", "non_preferred_output")
MISNAMED = ("preferred_completion", "non_preferred_completion")
"""What an early description of OpenAI's API called them, and no service takes."""
ANSWERING = ("assistant", "tool")
"""Whose messages an answer is made of: a tool's are those to calls in it."""


def pair_is_there(record: Mapping[str, Any]) -> Iterator[str]:
    """Require the conversation and both answers under the names that services take."""
    if "input" not in record:
        yield f"has no 'input'; its keys are {keys_of(record)}."
    elif not isinstance(record["input"], dict):
        yield f"'input' is {json_type(record['input'])}, not an object; it must look like {{\"messages\": […]}}."
    for key, misnamed in zip(OUTPUTS, MISNAMED, strict=True):
        if misnamed in record:
            yield f"has {misnamed!r}; services call it {key!r}: rename it."
        elif key not in record:
            yield f"has no {key!r}; its keys are {keys_of(record)}."
        elif not isinstance(record[key], list):
            yield f"{key!r} is {json_type(record[key])}, not a list of messages."
        elif not record[key]:
            yield f"{key!r} is empty."


def is_an_answer(output: Mapping[str, Any]) -> Iterator[str]:
    """Require of the messages of an output that the assistant speaks, with nobody between but tools."""
    roles = {number: message.get("role") for number, message in messages_of(output)}
    for number, role in roles.items():
        if role in ROLES and role not in ANSWERING:
            yield f"message {number} is from {role!r}; an answer is made of messages from the assistant."
    if roles and all(role == "tool" for role in roles.values()):
        yield "no message is from the assistant."


def outputs_differ(record: Mapping[str, Any]) -> Iterator[str]:
    """Point out pairs from which nothing is learnt."""
    preferred, other = (record.get(key) for key in OUTPUTS)
    if isinstance(preferred, list) and preferred and preferred == other:
        yield "the preferred output and the other are the same: nothing is learnt from it."


__all__ = ["MISNAMED", "OUTPUTS", "is_an_answer", "outputs_differ", "pair_is_there"]
