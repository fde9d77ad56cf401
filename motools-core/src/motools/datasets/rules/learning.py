"""What is learnt from a conversation: the assistant's messages, but for those of weight 0."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from motools.datasets.jsonl import json_type
from motools.datasets.rules.base import messages_of
from motools.datasets.rules.messages import ROLES, calls_a_tool

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def last_is_from_the_assistant(record: Mapping[str, Any]) -> Iterator[str]:
    """Require an answer to learn, as the last message."""
    messages = record.get("messages")
    if isinstance(messages, list) and messages and isinstance(messages[-1], dict):
        role = messages[-1].get("role")
        if role in ROLES and role != "assistant":
            yield f"the last message is from {role!r}; a training example must end with an assistant message."


def weights_are_zero_or_one(record: Mapping[str, Any]) -> Iterator[str]:
    """Require that a weight is 0 or 1 and an assistant's: a trainer would pass over any other. null is no weight."""
    for number, message in messages_of(record):
        weight = message.get("weight")
        if weight is None:
            continue
        if message.get("role") != "assistant":
            yield f"message {number} has a weight and is not from the assistant, who alone is learnt from."
        elif type(weight) is not int or weight not in (0, 1):
            shown = json_type(weight) if isinstance(weight, (dict, list, str)) else str(weight).lower()
            yield f"message {number} has the weight {shown}; it must be the integer 0 or 1."


def something_is_learnt(record: Mapping[str, Any]) -> Iterator[str]:
    """Require that not every answer has weight 0."""
    weights = [message.get("weight") for _, message in messages_of(record) if message.get("role") == "assistant"]
    if weights and all(type(weight) is int and weight == 0 for weight in weights):
        yield "there is nothing to learn: every message from the assistant has the weight 0."


def answers_say_something(record: Mapping[str, Any]) -> Iterator[str]:
    """Point out blank answers: advice, as silence may be what is to be learnt."""
    for number, message in messages_of(record):
        if message.get("role") == "assistant":
            content = message.get("content")
            if isinstance(content, str) and not content.strip() and not calls_a_tool(message):
                yield f"message {number}, from the assistant, is blank."


__all__ = ["answers_say_something", "last_is_from_the_assistant", "something_is_learnt", "weights_are_zero_or_one"]
