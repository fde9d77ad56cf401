"""What a rule is, and how one that is made for a chat record is used on a part of another record."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

Rule: TypeAlias = Callable[[Mapping[str, Any]], Iterator[str]]
"""Takes a record and yields a sentence for each thing that is wrong with it. The record is any JSON object: what another
rule finds at fault must not make this one fail."""


def messages_of(record: Mapping[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (number from 1, message) for the messages that are objects."""
    messages = record.get("messages")
    if isinstance(messages, list):
        for number, message in enumerate(messages, start=1):
            if isinstance(message, dict):
                yield number, message


def keys_of(record: Mapping[str, Any]) -> str:
    """Return the keys of an object for a sentence."""
    return ", ".join(map(repr, record)) or "none"


def within(key: str, *rules: Rule) -> Rule:
    """Return a rule that asks for these of the object that a record has under a key, if it has one."""

    def inside(record: Mapping[str, Any]) -> Iterator[str]:
        value = record.get(key)
        if isinstance(value, dict):
            for rule in rules:
                yield from (f"{key!r}: {sentence}" for sentence in rule(value))

    return inside


def of_messages(key: str, *rules: Rule) -> Rule:
    """Return a rule that asks for these of the list of messages that a record has under a key, if it has one."""

    def inside(record: Mapping[str, Any]) -> Iterator[str]:
        messages = record.get(key)
        if isinstance(messages, list):
            for rule in rules:
                yield from (f"{key!r}: {sentence}" for sentence in rule({"messages": messages}))

    return inside


__all__ = ["Rule", "keys_of", "messages_of", "of_messages", "within"]
