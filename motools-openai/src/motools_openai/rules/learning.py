"""What OpenAI learns from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from motools.datasets.rules import messages_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def weights_are_not_null(record: Mapping[str, Any]) -> Iterator[str]:
    """Require that a weight which is there is one."""
    for number, message in messages_of(record):
        if message.get("role") == "assistant" and message.get("weight", 1) is None:
            yield f"message {number} has null as its 'weight'; leave it out, or write 0 or 1."


def last_answer_is_learnt(record: Mapping[str, Any]) -> Iterator[str]:
    """Refuse weight 0 for the last answer, where others are learnt."""
    weights = [message.get("weight") for _, message in messages_of(record) if message.get("role") == "assistant"]
    if weights and weights[-1] == 0 and any(weight != 0 for weight in weights):
        yield "the last message from the assistant has the weight 0; OpenAI takes 0 for earlier ones only."


def is_one_message(output: Mapping[str, Any]) -> Iterator[str]:
    """Require of an answer of a pair that it is one message."""
    count = len(output["messages"])
    if count > 1:
        yield f"has {count} messages; OpenAI compares single answers."


def speaks_to_a_reasoning_model(record: Mapping[str, Any]) -> Iterator[str]:
    """Point out system messages where only reasoning models are trained: they listen to the developer."""
    for number, message in messages_of(record):
        if message.get("role") == "system":
            yield f"message {number} is from 'system'; the models of this method have 'developer' instead."


__all__ = ["is_one_message", "last_answer_is_learnt", "speaks_to_a_reasoning_model", "weights_are_not_null"]
