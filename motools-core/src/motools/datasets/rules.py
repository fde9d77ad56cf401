"""What every service asks of a chat record, one function each.

A rule takes a record and yields a sentence for each thing that is wrong with it; `motools.datasets.findings` says where.
A plugin adds its service's rules to these:

    def has_no_tools(record):
        if "tools" in record:
            yield "'tools' is not supported here."

    findings = dataset.validate(rules=[*CHAT, has_no_tools])
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from motools.datasets.jsonl import json_type

Rule: TypeAlias = Callable[[Mapping[str, Any]], Iterator[str]]

ROLES = ("system", "developer", "user", "assistant", "tool", "function")


def messages_are_there(record: Mapping[str, Any]) -> Iterator[str]:
    """Require a list of messages with something in it."""
    if "messages" not in record:
        yield f"has no 'messages'; its keys are {', '.join(map(repr, record)) or 'none'}."
    elif not isinstance(record["messages"], list):
        yield f"'messages' is {json_type(record['messages'])}, not a list."
    elif not record["messages"]:
        yield "'messages' is empty."


def messages_are_objects(record: Mapping[str, Any]) -> Iterator[str]:
    """Require that each message is an object."""
    for number, message in _numbered(record):
        if not isinstance(message, dict):
            yield f"message {number} is {json_type(message)}, not an object."


def roles_are_known(record: Mapping[str, Any]) -> Iterator[str]:
    """Require that each message says whose it is."""
    for number, message in _numbered(record):
        if not isinstance(message, dict):
            continue
        if "role" not in message:
            yield f"message {number} has no 'role'; the roles are {', '.join(ROLES)}."
        elif message["role"] not in ROLES:
            yield f"message {number} has the role {message['role']!r}; the roles are {', '.join(ROLES)}."


def contents_are_text(record: Mapping[str, Any]) -> Iterator[str]:
    """Require content: text or a list of parts, and none where an assistant calls a tool."""
    for number, message in _numbered(record):
        if isinstance(message, dict) and (complaint := _about_content(message)):
            yield f"message {number} {complaint}"


def last_is_from_the_assistant(record: Mapping[str, Any]) -> Iterator[str]:
    """Require an answer to learn, as the last message."""
    messages = record.get("messages")
    if isinstance(messages, list) and messages and isinstance(messages[-1], dict):
        role = messages[-1].get("role")
        if role in ROLES and role != "assistant":
            yield f"the last message is from {role!r}; a training example must end with an assistant message."


def answers_say_something(record: Mapping[str, Any]) -> Iterator[str]:
    """Point out blank answers: advice, as silence may be what is to be learnt."""
    for number, message in _numbered(record):
        if isinstance(message, dict) and message.get("role") == "assistant":
            content = message.get("content")
            if isinstance(content, str) and not content.strip() and not _calls_a_tool(message):
                yield f"message {number}, from the assistant, is blank."


CHAT: tuple[Rule, ...] = (
    messages_are_there,
    messages_are_objects,
    roles_are_known,
    contents_are_text,
    last_is_from_the_assistant,
)
"""What a record must keep to be trained on."""

ADVICE: tuple[Rule, ...] = (answers_say_something,)
"""What is probably a mistake; a finding of these is a warning."""


def _numbered(record: Mapping[str, Any]) -> Iterator[tuple[int, Any]]:
    messages = record.get("messages")
    return enumerate(messages, start=1) if isinstance(messages, list) else iter(())


def _about_content(message: Mapping[str, Any]) -> str | None:
    content = message.get("content")
    if isinstance(content, str):
        return None if _is_unicode(content) else "holds half of a surrogate pair, which is no character."
    if content is None:
        if message.get("role") == "assistant" and _calls_a_tool(message):
            return None
        return "has no 'content'." if "content" not in message else "has null as its 'content'; it must be text."
    if not isinstance(content, list):
        return f"has {json_type(content)} as its 'content'; it must be text."
    if not content:
        return "has an empty list as its 'content'; it must be text or parts."
    return next((complaint for part in content if (complaint := _about_part(part))), None)


def _about_part(part: object) -> str | None:
    if not isinstance(part, dict) or not isinstance(part.get("type"), str):
        return "has a part of content that is no object with a 'type'."
    if part["type"] != "text":
        return None
    text = part.get("text")
    if not isinstance(text, str):
        return "has a part of type 'text' without text."
    return None if _is_unicode(text) else "holds half of a surrogate pair, which is no character."


def _calls_a_tool(message: Mapping[str, Any]) -> bool:
    return bool(message.get("tool_calls") or message.get("function_call"))


def _is_unicode(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


__all__ = [
    "ADVICE",
    "CHAT",
    "ROLES",
    "Rule",
    "answers_say_something",
    "contents_are_text",
    "last_is_from_the_assistant",
    "messages_are_objects",
    "messages_are_there",
    "roles_are_known",
]
