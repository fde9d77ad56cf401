"""Prompts whose answers a grader will judge: what reinforcement fine-tuning learns from.

    {"messages": […, {"role": "user", …}], "reference_answer": …, …}

What stands beside the messages is for the grader, under any name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from motools.datasets.rules.messages import ROLES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

RESERVED = ("messages", "tools")
"""The keys that are not for the grader."""


def last_is_from_the_user(record: Mapping[str, Any]) -> Iterator[str]:
    """Require a question to answer, as the last message."""
    messages = record.get("messages")
    if isinstance(messages, list) and messages and isinstance(messages[-1], dict):
        role = messages[-1].get("role")
        if role in ROLES and role != "user":
            yield f"the last message is from {role!r}; a prompt to be answered and graded must end with a user message."


def has_a_reference(record: Mapping[str, Any]) -> Iterator[str]:
    """Point out records with nothing to grade by: advice, as a grader may need only the answer."""
    if all(key in RESERVED for key in record):
        yield "has nothing beside its messages that a grader could compare an answer with."


__all__ = ["has_a_reference", "last_is_from_the_user"]
