"""The texts of an example: what must not stand in them, and how long they are together."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from motools.datasets.rules import OUTPUTS, messages_of
from motools_openai.counting import PER_MESSAGE
from motools_openai.tokens import BYTES_A_TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SPECIAL_TOKENS = ("<|endoftext|>", "<|endofprompt|>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>")
"""Those of the encodings cl100k_base and o200k_base, as tiktoken has them."""
_LIKE_A_SPECIAL_TOKEN = re.compile(r"<\|[a-zA-Z0-9_]+\|>")

MOST_TOKENS = 65_536
"""Tokens of an example that are trained on, with gpt-4o, gpt-4.1 and their smaller versions."""


def texts_have_no_special_tokens(record: Mapping[str, Any]) -> Iterator[str]:
    """Refuse the tokens by which the service marks where texts end."""
    for number, token in _marks(record):
        if token in SPECIAL_TOKENS:
            yield f"message {number} contains the special token {token}, which OpenAI refuses in training data."


def texts_look_ordinary(record: Mapping[str, Any]) -> Iterator[str]:
    """Point out what is spelt as special tokens are, and may be refused or read as one."""
    for number, token in _marks(record):
        if token not in SPECIAL_TOKENS:
            yield f"message {number} contains {token}, which is spelt as the special tokens of chat models are."


def fits_the_context(record: Mapping[str, Any]) -> Iterator[str]:
    """Point out examples of which the end is probably cut off."""
    tokens = max(_estimates(record))
    if tokens > MOST_TOKENS:
        yield (
            f"has about {tokens:,} tokens (an estimate: one for every {BYTES_A_TOKEN} bytes); "
            f"OpenAI cuts off what is beyond {MOST_TOKENS:,}, with older models earlier."
        )


def texts_of(message: Mapping[str, Any]) -> Sequence[str]:
    """Return the texts of a message: its content, or those of its parts, and the arguments of its calls."""
    content, calls = message.get("content"), message.get("tool_calls")
    if isinstance(content, str) and not calls:
        return (content,)
    texts = [content] if isinstance(content, str) else []
    for part in content if isinstance(content, list) else ():
        if isinstance(part, dict):
            texts += [part[key] for key in ("text", "refusal") if isinstance(part.get(key), str)]
    for call in calls if isinstance(calls, list) else ():
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict) and isinstance(function.get("arguments"), str):
            texts.append(function["arguments"])
    return texts


def _marks(record: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    """Yield (number of the message, mark), once for each mark in it."""
    for number, message in messages_of(record):
        found = dict[str, None]()
        for text in texts_of(message):
            if "<|" in text:
                found |= dict.fromkeys(_LIKE_A_SPECIAL_TOKEN.findall(text))
        yield from ((number, mark) for mark in found)


def _estimates(record: Mapping[str, Any]) -> Iterator[int]:
    """Yield the estimated tokens of what is trained on as one text: of a pair, of the input with each of the outputs."""
    prompt = record.get("input")
    asked = _estimate(record) + (_estimate(prompt) if isinstance(prompt, dict) else 0)
    yield asked
    yield from (asked + _estimate({"messages": record[key]}) for key in OUTPUTS if key in record)


def _estimate(conversation: Mapping[str, Any]) -> int:
    count = size = 0
    for _, message in messages_of(conversation):
        count += 1
        for text in texts_of(message):
            size += len(text) if text.isascii() else len(text.encode(errors="replace"))
    return size // BYTES_A_TOKEN + PER_MESSAGE * count


__all__ = ["SPECIAL_TOKENS", "fits_the_context", "texts_have_no_special_tokens", "texts_look_ordinary", "texts_of"]
