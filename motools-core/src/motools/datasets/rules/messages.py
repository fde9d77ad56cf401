"""What every service asks of a list of messages: objects, each of which says whose it is and has text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from motools.datasets.jsonl import json_type
from motools.datasets.rules.base import keys_of, messages_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROLES = ("system", "developer", "user", "assistant", "tool", "function")


def messages_are_there(record: Mapping[str, Any]) -> Iterator[str]:
    """Require a list of messages with something in it."""
    if "messages" not in record:
        yield f"has no 'messages'; its keys are {keys_of(record)}."
    elif not isinstance(record["messages"], list):
        yield f"'messages' is {json_type(record['messages'])}, not a list."
    elif not record["messages"]:
        yield "'messages' is empty."


def messages_are_objects(record: Mapping[str, Any]) -> Iterator[str]:
    """Require that each message is an object."""
    messages = record.get("messages")
    if isinstance(messages, list):
        for number, message in enumerate(messages, start=1):
            if not isinstance(message, dict):
                yield f"message {number} is {json_type(message)}, not an object."


def roles_are_known(record: Mapping[str, Any]) -> Iterator[str]:
    """Require that each message says whose it is."""
    for number, message in messages_of(record):
        if "role" not in message:
            yield f"message {number} has no 'role'; the roles are {', '.join(ROLES)}."
        elif message["role"] not in ROLES:
            yield f"message {number} has the role {message['role']!r}; the roles are {', '.join(ROLES)}."


def contents_are_text(record: Mapping[str, Any]) -> Iterator[str]:
    """Require content: text or a list of parts, and none where an assistant calls a tool."""
    for number, message in messages_of(record):
        if complaint := _about_content(message):
            yield f"message {number} {complaint}"


def calls_a_tool(message: Mapping[str, Any]) -> bool:
    """Say whether a message calls a tool: then it needs no content."""
    return bool(message.get("tool_calls") or message.get("function_call"))


def _about_content(message: Mapping[str, Any]) -> str | None:
    content = message.get("content")
    if isinstance(content, str):
        return None if _is_unicode(content) else "holds half of a surrogate pair, which is no character."
    if content is None:
        if message.get("role") == "assistant" and calls_a_tool(message):
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


def _is_unicode(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


__all__ = [
    "ROLES",
    "calls_a_tool",
    "contents_are_text",
    "messages_are_objects",
    "messages_are_there",
    "roles_are_known",
]
