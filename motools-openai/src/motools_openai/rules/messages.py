"""Messages as OpenAI takes them: the keys that a role has, and the parts that its content can have.

Text and images alone can be trained on, and images only where a user sends them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from motools.datasets.rules import messages_of
from motools.errors import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from motools.datasets.rules import Rule

_SPOKEN = ("role", "content", "name")
KEYS = {
    "system": _SPOKEN,
    "developer": _SPOKEN,
    "user": _SPOKEN,
    "assistant": (*_SPOKEN, "weight", "tool_calls", "function_call", "refusal"),
    "tool": ("role", "content", "tool_call_id"),
    "function": _SPOKEN,
}
"""The keys of a message, by its role."""
PARTS = dict.fromkeys(KEYS, ("text",)) | {"user": ("text", "image_url"), "assistant": ("text", "refusal")}
"""The types of the parts of a content, by its role."""
DETAILS = ("auto", "low", "high")
"""In how much detail an image can be looked at."""


def has_only(*known: str) -> Rule:
    """Return a rule that refuses other keys: a misspelt one must not be passed over in silence."""

    def keys_are_known(record: Mapping[str, Any]) -> Iterator[str]:
        for key in record:
            if key not in known:
                yield f"has the key {key!r}, which OpenAI does not know here. {_meant(key, known)}"

    return keys_are_known


def message_keys_are_known(record: Mapping[str, Any]) -> Iterator[str]:
    """Require of each message no keys but those of its role, and text for a name and a refusal."""
    for number, message in messages_of(record):
        role = message.get("role")
        if not isinstance(role, str) or role not in KEYS:
            continue
        for key in message:
            if key not in KEYS[role]:
                unknown = f"has the key {key!r}, which OpenAI does not know of a message from {role!r}"
                yield f"message {number} {unknown}. {_meant(key, KEYS[role])}"
        if not isinstance(message.get("name", ""), str):
            yield f"message {number} has a 'name' that is no text."
        if not isinstance(message.get("refusal"), str | None):
            yield f"message {number} has a 'refusal' that is no text."
        if role == "function" and "name" not in message:
            yield f"message {number}, from a function, has no 'name'."


def parts_fit_the_role(record: Mapping[str, Any]) -> Iterator[str]:
    """Require parts of types that the role can have, and that these are whole."""
    for number, message in messages_of(record):
        content, role = message.get("content"), message.get("role")
        if not isinstance(content, list) or not isinstance(role, str) or role not in PARTS:
            continue
        for part in content:
            if isinstance(part, dict) and (complaint := _about_part(part, role)):
                yield f"message {number} {complaint}"


def _about_part(part: Mapping[str, Any], role: str) -> str | None:
    kind = part.get("type")
    if not isinstance(kind, str):
        return None
    if kind not in PARTS[role]:
        return f"has a part of type {kind!r}; from {role!r} OpenAI takes {' and '.join(PARTS[role])} only."
    if kind == "image_url":
        return _about_image(part.get("image_url"))
    if kind == "refusal" and not isinstance(part.get("refusal"), str):
        return "has a part of type 'refusal' without text."
    return None


def _about_image(image: object) -> str | None:
    if not isinstance(image, dict) or not isinstance(image.get("url"), str):
        return f"has an image without an address; it must look like {_IMAGE}."
    if image.get("detail", "auto") not in DETAILS:
        return f"has an image with the 'detail' {image['detail']!r}; OpenAI takes {', '.join(DETAILS)}."
    return None


def _meant(key: str, known: tuple[str, ...]) -> str:
    near = nearest(key, known)
    return f"Did you mean {near!r}?" if near else f"Known: {', '.join(known)}."


_IMAGE = '{"type": "image_url", "image_url": {"url": …}}'

__all__ = ["DETAILS", "KEYS", "PARTS", "has_only", "message_keys_are_known", "parts_fit_the_role"]
